//! How soon a lone job starts on an idle worker: `cargo bench -p asyncmq-tests --bench sqlite_pickup`.
//!
//! Once with the worker in the process that enqueues, once with the worker in another process on the same file. `PROBES`
//! sets how many jobs there are, 500 unless set; `SQLITE_DIR` where the file lies.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use asyncmq::backend::sql::sqlite::SqliteOptions;
use asyncmq::backend::{CallId, Store};
use asyncmq::job::{Envelope, JobId, Name, WorkerId};
use asyncmq::{Client, State, Worker, task};
use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;

fn nanos() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()
}

#[task(queue = "pickup")]
async fn probe(started: State<UnboundedSender<u128>>) {
    let _ = started.send(nanos());
}

/// Waits a while that differs from probe to probe, so that no timer is met again and again.
async fn pause(number: u64) {
    tokio::time::sleep(Duration::from_micros(2_000 + number * 7_919 % 5_000)).await;
}

fn report(what: &str, mut waits: Vec<u128>) {
    waits.sort_unstable();
    let millis = |share: usize| waits[(waits.len() - 1) * share / 100] as f64 / 1e6;
    println!("{what}: p50 {:.3} ms, p90 {:.3} ms, p99 {:.3} ms", millis(50), millis(90), millis(99));
}

async fn same_process(path: &Path, probes: u64) {
    let client = Client::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let (sender, mut started) = tokio::sync::mpsc::unbounded_channel::<u128>();
    let worker = Worker::new(&client).queues(["pickup"]).state(sender).start().await.unwrap();
    let mut waits = Vec::new();
    for number in 0..probes {
        pause(number).await;
        let before = nanos();
        probe::job().enqueue_on(&client).await.unwrap();
        waits.push(started.recv().await.unwrap() - before);
    }
    worker.stop().await.unwrap();
    report("same process", waits);
}

async fn other_process(path: &Path, probes: u64) {
    let store = SqliteOptions::file(path).open().await.unwrap();
    let mut worker = Command::new(env!("CARGO_BIN_EXE_sqlite_process"))
        .arg(path)
        .args(["wait", &probes.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let sender = WorkerId::generate();
    let mut waits = Vec::new();
    for number in 0..probes {
        pause(number).await;
        let args = Bytes::from_static(b"{}");
        let job = Envelope::new(JobId::generate(), Name::from_static("q"), Name::from_static("t"), args);
        let before = nanos();
        store.push(CallId { sender, sequence: number }, &[Arc::new(job)]).await.unwrap();
        let line = lines.next().unwrap().unwrap();
        let at: u128 = line.split(' ').nth(1).unwrap().parse().unwrap();
        waits.push(at - before);
    }
    worker.wait().unwrap();
    report("other process", waits);
}

#[tokio::main]
async fn main() {
    let probes = std::env::var("PROBES").map_or(500, |probes| probes.parse().unwrap());
    let dir = match std::env::var("SQLITE_DIR") {
        Ok(dir) => tempfile::tempdir_in(dir).unwrap(),
        Err(_) => tempfile::tempdir().unwrap(),
    };
    same_process(&dir.path().join("same.db"), probes).await;
    other_process(&dir.path().join("other.db"), probes).await;
}
