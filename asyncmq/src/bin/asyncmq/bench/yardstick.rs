//! What this machine does without a store: a channel that feeds spawned tasks, which decode the same arguments.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore, mpsc};

use super::report::Row;

#[derive(Serialize, Deserialize)]
struct Arguments {
    id: u64,
    to: String,
    subject: String,
    at: u64,
}

/// Feeds `jobs` encoded arguments through a channel, `concurrency` tasks at once.
pub(super) async fn run(jobs: usize, concurrency: usize) -> Row {
    let arguments = |id: usize| Arguments {
        id: id as u64,
        to: format!("user{id:06}@example.com"),
        subject: "Welcome to the new service".into(),
        at: 1_764_000_000_000_000_000,
    };
    let encoded: Vec<Vec<u8>> =
        (0..1_024).map(|id| serde_json::to_vec(&arguments(id)).expect("plain data")).collect();
    let start = Instant::now();
    let (sender, receiver) = mpsc::channel(1_024);
    tokio::spawn(async move {
        for id in 0..jobs {
            if sender.send(encoded[id & 1_023].clone()).await.is_err() {
                return;
            }
        }
    });
    let _ = tokio::spawn(feed(receiver, jobs, concurrency)).await;
    Row::rate("yardstick", "a tokio channel feeding tasks that decode", jobs, start.elapsed())
}

async fn feed(mut receiver: mpsc::Receiver<Vec<u8>>, jobs: usize, concurrency: usize) {
    let permits = Arc::new(Semaphore::new(concurrency));
    let (done, all_done) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    while let Some(encoded) = receiver.recv().await {
        let permit = permits.clone().acquire_owned().await.expect("it is never closed");
        let (done, all_done) = (done.clone(), all_done.clone());
        tokio::spawn(async move {
            std::hint::black_box(serde_json::from_slice::<Arguments>(&encoded).is_ok());
            drop(permit);
            if done.fetch_add(1, Ordering::Relaxed) + 1 == jobs {
                all_done.notify_one();
            }
        });
    }
    all_done.notified().await;
}
