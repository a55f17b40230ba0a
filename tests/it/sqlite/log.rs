//! A log that ends anywhere, as a power cut may leave it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use asyncmq::backend::Inspect;
use asyncmq::job::Envelope;
use tempfile::TempDir;

use super::{QUEUE, is_sound, jobs, open, push};

const BATCHES: usize = 40;
const CUTS: u64 = 200;

fn beside(path: &Path, end: &str) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap().to_owned();
    name.push(end);
    path.with_file_name(name)
}

/// Returns batches of jobs, each with how long the log was when it was confirmed, and a copy of the file as it lay then.
async fn history(dir: &Path) -> Vec<(Vec<Arc<Envelope>>, u64)> {
    let path = dir.join("jobs.db");
    let store = open(&path).await;
    let mut history = Vec::new();
    for size in 0..BATCHES {
        let batch = jobs(1 + size % 7);
        push(&store, &batch).await;
        history.push((batch, fs::metadata(beside(&path, "-wal")).unwrap().len()));
    }
    fs::copy(&path, dir.join("copy.db")).unwrap();
    fs::copy(beside(&path, "-wal"), dir.join("copy.db-wal")).unwrap();
    history
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_ends_anywhere_keeps_what_was_confirmed_before() {
    let dir = TempDir::new().unwrap();
    let history = history(dir.path()).await;
    let log = fs::read(dir.path().join("copy.db-wal")).unwrap();
    let length = log.len() as u64;
    for cut in 0..CUTS {
        let end = length * cut / CUTS + cut % 13;
        let path = dir.path().join(format!("cut-{cut}.db"));
        fs::copy(dir.path().join("copy.db"), &path).unwrap();
        fs::write(beside(&path, "-wal"), &log[..usize::try_from(end).unwrap()]).unwrap();
        let store = open(&path).await;
        for (batch, _) in history.iter().filter(|(_, confirmed_at)| *confirmed_at <= end) {
            for job in batch {
                assert!(store.find(&QUEUE, &job.id).await.unwrap().is_some(), "cut at {end} of {length}");
            }
        }
        push(&store, &jobs(1)).await;
        drop(store);
        is_sound(&path);
        fs::remove_file(&path).unwrap();
    }
}
