//! How soon a lone job starts on an idle worker: `cargo bench -p asyncmq-bench --bench sqlite_pickup`.
//!
//! Once with the worker in the process that enqueues, once with the worker in another process on the same file. `PROBES`
//! sets how many jobs there are, 500 unless set; `SQLITE_DIR` where the file lies.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use asyncmq::{Client, State, Worker, task};
use tokio::sync::mpsc::UnboundedSender;

/// What a process is called with that only works.
const WORKER: &str = "--worker";

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
    let client = Client::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .arg(WORKER)
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let mut waits = Vec::new();
    for number in 0..probes {
        pause(number).await;
        let before = nanos();
        probe::job().enqueue_on(&client).await.unwrap();
        let at: u128 = lines.next().unwrap().unwrap().parse().unwrap();
        waits.push(at - before);
    }
    drop(worker.stdin.take());
    worker.wait().unwrap();
    report("other process", waits);
}

/// The worker in another process: says when it is ready, then when each probe started, until its input ends.
async fn work(path: &str) {
    let client = Client::connect(&format!("sqlite:{path}")).await.unwrap();
    let (sender, mut started) = tokio::sync::mpsc::unbounded_channel::<u128>();
    let worker = Worker::new(&client).queues(["pickup"]).state(sender).start().await.unwrap();
    println!("ready");
    let told = tokio::spawn(async move {
        while let Some(at) = started.recv().await {
            println!("{at}");
        }
    });
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()))
        .await
        .unwrap()
        .unwrap();
    worker.stop().await.unwrap();
    told.abort();
}

#[tokio::main]
async fn main() {
    let mut words = std::env::args().skip_while(|word| word != WORKER);
    if let (Some(_), Some(path)) = (words.next(), words.next()) {
        return work(&path).await;
    }
    let probes = std::env::var("PROBES").map_or(500, |probes| probes.parse().unwrap());
    let dir = match std::env::var("SQLITE_DIR") {
        Ok(dir) => tempfile::tempdir_in(dir).unwrap(),
        Err(_) => tempfile::tempdir().unwrap(),
    };
    same_process(&dir.path().join("same.db"), probes).await;
    other_process(&dir.path().join("other.db"), probes).await;
}
