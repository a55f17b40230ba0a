//! `cargo run --example worker -- --help` — a worker binary: `asyncmq::worker::run()` is its whole `main`.
//!
//! It serves every task that is linked, until SIGTERM or Ctrl-C. Try `-- --list-tasks`, `-- --print-config`,
//! `-- -q mail -c 4`; each flag is also a variable (`ASYNCMQ_WORKER_CONCURRENCY=4`) and a key of `asyncmq.toml`.
//!
//! Without `ASYNCMQ_URL` its jobs live in its own memory, where no other process can put any. So that `producer` can:
//! `ASYNCMQ_URL=sqlite:jobs.db cargo run --features asyncmq-examples/sqlite --example worker`

use asyncmq::task;

/// Sends a welcome mail.
#[task(queue = "mail", retries = 5, ttl = "1h")]
async fn send_welcome(to: String, name: String) -> String {
    println!("to {to}: welcome, {name}");
    format!("sent to {to}")
}

/// Adds up a day's orders.
#[task(queue = "reports", timeout = "10m", retain = "1d")]
fn daily_report(orders: Vec<f64>) -> f64 {
    orders.iter().sum()
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    asyncmq::worker::run().await
}
