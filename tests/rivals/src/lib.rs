//! What the programs have in common: the job, and the record of what ran.
//!
//! Each program is called as `NAME produce N` or `NAME work`; `REDIS_URL` names the server and `EFFECTS` the file that gets a
//! line for each job that ran to its end.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

/// How long a job takes.
const LENGTH: Duration = Duration::from_millis(10);
/// How many jobs a worker runs at once.
pub const CONCURRENCY: usize = 10;
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

/// Runs a job: takes its time, then notes that it ran, in one write that survives the death of the process.
///
/// # Panics
///
/// If the file cannot be written.
pub async fn run(id: u64) {
    tokio::time::sleep(LENGTH).await;
    let file = OpenOptions::new().append(true).create(true).open(variable("EFFECTS"));
    file.and_then(|mut file| file.write_all(format!("{id}\n").as_bytes()))
        .expect("the record can be written");
}

/// What a program is asked to do.
pub enum Order {
    /// Enqueue so many jobs.
    Produce(u64),
    /// Work until the process is ended.
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
        _ => panic!("usage: NAME produce N, or NAME work"),
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
