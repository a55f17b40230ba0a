//! A worker binary that is nothing but `worker::run()`.

use asyncmq::task;

/// Adds.
#[task(queue = "sums", retries = 2)]
async fn add(a: i64, b: Option<i64>) -> i64 {
    a + b.unwrap_or_default()
}

#[task(queue = "mail")]
async fn send(to: String) -> usize {
    to.len()
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    asyncmq::worker::run().await
}
