//! How fast job systems for Rust are on one Redis: `cargo build --release && cargo run --release --bin rates` in this
//! folder (the first builds the other programs), on a machine that is idle.
//!
//! Each system in turn enqueues jobs of about 50 bytes in batches of 1,000 and then drains them, a hundred at once, on a server
//! without persistence; `ROUNDS` times (3). Printed are jobs a second, microseconds of the server's processor time and
//! commands for each job, and bytes for each job that waits. `ONLY=asyncmq,bullmq` leaves the others out. What is kept of
//! jobs that have ended is each system's default.

#[path = "../../../src/servers/redis_server.rs"]
#[allow(dead_code)]
mod redis_server;

use std::process::{Command, Stdio};

use redis_server::RedisServer;

/// The systems, and how many jobs each gets: apalis-redis stops when 8,000 wait.
const SYSTEMS: &[(&str, u64)] =
    &[("asyncmq", 200_000), ("bullmq", 50_000), ("apalis", 7_900), ("oxana", 50_000), ("sidekiq", 50_000)];

/// What the server says of itself.
struct Sample {
    cpu: f64,
    commands: f64,
    memory: f64,
}

fn sample(server: &RedisServer) -> Sample {
    let (commands, memory) = (server.figure("total_commands_processed"), server.figure("used_memory"));
    Sample { cpu: server.cpu(), commands, memory }
}

/// Runs a program of a system and returns how many seconds it says that it took.
fn run(system: &str, what: &str, jobs: u64, server: &RedisServer) -> Option<f64> {
    let own = std::env::current_exe().expect("this program has a place");
    let output = Command::new("timeout")
        .arg("120")
        .arg(own.with_file_name(system))
        .args([what, &jobs.to_string()])
        .env("REDIS_URL", server.url())
        .stderr(Stdio::null())
        .output()
        .expect("it can be started");
    String::from_utf8_lossy(&output.stdout).lines().last()?.parse().ok()
}

fn measure(system: &str, jobs: u64) {
    let server = RedisServer::start(&[]);
    for (what, title) in [("produce", "enqueue"), ("drain", "drain")] {
        let before = sample(&server);
        let Some(seconds) = run(system, what, jobs, &server) else {
            println!("{system:8} {title:8} did not end within 120 s");
            return;
        };
        let after = sample(&server);
        #[expect(clippy::cast_precision_loss, reason = "a mean needs no exact count")]
        let each = |total: f64| total / jobs as f64;
        print!(
            "{system:8} {title:8} {:9.0} jobs/s  server {:6.1} µs  {:5.1} commands",
            1.0 / each(seconds),
            each(after.cpu - before.cpu),
            each(after.commands - before.commands),
        );
        let bytes = each(after.memory - before.memory);
        if what == "produce" { println!("  {bytes:4.0} bytes") } else { println!() }
    }
}

fn main() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let rounds = std::env::var("ROUNDS").map_or(3, |text| text.parse().expect("ROUNDS is a number"));
    for _ in 0..rounds {
        for (system, jobs) in SYSTEMS {
            if only.is_empty() || only.split(',').any(|name| name == *system) {
                measure(system, *jobs);
            }
        }
    }
}
