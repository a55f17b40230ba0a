//! What the programs have in common: the job, and the record of what ran.
//!
//! Each program is called as `NAME produce N`, `NAME work` or `NAME drain N`; `REDIS_URL` names the server. One that works
//! writes a line for each job that ran to its end into the file `EFFECTS`; one that drains runs N jobs that do nothing, a
//! hundred at once, says how long that took, and ends.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a job takes.
const LENGTH: Duration = Duration::from_millis(10);

/// How many jobs are to be drained; not set in a worker that works until it is ended.
static TARGET: OnceLock<u64> = OnceLock::new();
static FIRST: OnceLock<Instant> = OnceLock::new();
static DONE: AtomicU64 = AtomicU64::new(0);

/// How many jobs a worker runs at once.
#[must_use]
pub fn concurrency() -> usize {
    if TARGET.get().is_some() { 100 } else { 10 }
}

/// The name of the queue.
pub const QUEUE: &str = "rivals";

/// What a job is about.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Payload {
    pub id: u64,
    pub to: String,
}

/// Makes the payload of job number `id`.
#[must_use]
pub fn payload(id: u64) -> Payload {
    Payload { id, to: format!("user{id:06}@example.com") }
}

/// Runs a job: takes its time, then notes that it ran, in one write that survives the death of the process. One that is
/// drained is only counted.
///
/// # Panics
///
/// If the file cannot be written.
pub async fn run(id: u64) {
    if let Some(target) = TARGET.get() {
        let first = FIRST.get_or_init(Instant::now);
        if DONE.fetch_add(1, Ordering::Relaxed) + 1 == *target {
            println!("{}", first.elapsed().as_secs_f64());
            std::process::exit(0);
        }
        return;
    }
    tokio::time::sleep(LENGTH).await;
    let file = OpenOptions::new().append(true).create(true).open(variable("EFFECTS"));
    file.and_then(|mut file| file.write_all(format!("{id}\n").as_bytes()))
        .expect("the record can be written");
}

/// What a program is asked to do.
pub enum Order {
    /// Enqueue so many jobs.
    Produce(u64),
    /// Work until the process is ended, by somebody else or because all jobs were drained.
    Work,
}

/// Reads the command line.
///
/// # Panics
///
/// If it asks for nothing that there is.
#[must_use]
pub fn order() -> Order {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["produce", jobs] => Order::Produce(jobs.parse().expect("a number of jobs")),
        ["work"] => Order::Work,
        ["drain", jobs] => {
            TARGET.get_or_init(|| jobs.parse().expect("a number of jobs"));
            Order::Work
        }
        _ => panic!("usage: NAME produce N, NAME work, or NAME drain N"),
    }
}

/// Reads a variable of the environment.
///
/// # Panics
///
/// If it is not set.
#[must_use]
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

/// Says how long it took to enqueue.
pub fn produced(start: Instant) {
    println!("{}", start.elapsed().as_secs_f64());
}
