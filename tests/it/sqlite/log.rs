//! A log that ends anywhere, as a power cut may leave it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use asyncmq::backend::Inspect;
use asyncmq::backend::sql::sqlite::{SqliteOptions, Synchronous};
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
async fn history(dir: &Path, synchronous: Synchronous) -> Vec<(Vec<Arc<Envelope>>, u64)> {
    let path = dir.join("jobs.db");
    let store = SqliteOptions::file(&path).synchronous(synchronous).open().await.unwrap();
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

/// Returns the file as it comes back when the log ends after `end` bytes.
fn cut(dir: &Path, log: &[u8], end: u64) -> std::path::PathBuf {
    let path = dir.join(format!("cut-{end}.db"));
    fs::copy(dir.join("copy.db"), &path).unwrap();
    fs::write(beside(&path, "-wal"), &log[..usize::try_from(end).unwrap()]).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_ends_anywhere_keeps_what_was_confirmed_before() {
    let dir = TempDir::new().unwrap();
    let history = history(dir.path(), Synchronous::Full).await;
    let log = fs::read(dir.path().join("copy.db-wal")).unwrap();
    let length = log.len() as u64;
    for number in 0..CUTS {
        let end = length * number / CUTS + number % 13;
        let path = cut(dir.path(), &log, end);
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

/// Under `normal` nothing forces the log to the disk, so a power cut may take any number of the latest steps.
#[tokio::test(flavor = "multi_thread")]
async fn under_normal_a_power_cut_takes_the_latest_steps_whole_and_no_others() {
    let dir = TempDir::new().unwrap();
    let history = history(dir.path(), Synchronous::Normal).await;
    let log = fs::read(dir.path().join("copy.db-wal")).unwrap();
    let length = log.len() as u64;
    for number in 0..20 {
        let path = cut(dir.path(), &log, length * number / 20 + number % 13);
        let store = open(&path).await;
        let mut are_there = Vec::new();
        for job in history.iter().flat_map(|(batch, _)| batch) {
            are_there.push(store.find(&QUEUE, &job.id).await.unwrap().is_some());
        }
        assert!(
            are_there.is_sorted_by(|one, other| one >= other),
            "a later job is there and an earlier one is not"
        );
        let kept = are_there.iter().filter(|is_there| **is_there).count();
        let mut borders = history.iter().scan(0, |sum, (batch, _)| {
            *sum += batch.len();
            Some(*sum)
        });
        assert!(kept == 0 || borders.any(|border| border == kept), "half a batch is there");
        drop(store);
        is_sound(&path);
    }
}
