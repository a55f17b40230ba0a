//! Files that are no good, and locks that others hold.

use std::fs;
use std::time::{Duration, Instant};

use asyncmq::backend::sql::sqlite::SqliteOptions;
use asyncmq::backend::{CallId, Claim, Inspect, Store, Upkeep};
use asyncmq::job::{Name, WorkerId};
use asyncmq::{Client, Clock, Error};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{QUEUE, is_sound, jobs, open, push};
use crate::support::sqlite_url;

fn because(error: &Error) -> String {
    format!("{error:?}")
}

#[tokio::test]
async fn what_is_no_database_is_named_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("notes.txt");
    let text = "dear diary, ".repeat(1_000);
    fs::write(&path, &text).unwrap();
    let error = SqliteOptions::file(&path).open().await.unwrap_err();
    assert!(because(&error).contains("notes.txt") && because(&error).contains("damaged"), "{error:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_file_is_named_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let store = SqliteOptions::file(&path).clock(Clock::manual()).open().await.unwrap();
    push(&store, &jobs(500)).await;
    store.backup(dir.path().join("bad.db")).await.unwrap();
    let path = dir.path().join("bad.db");
    let mut bytes = fs::read(&path).unwrap();
    // All but the first page, which says what the file is.
    bytes[4_096..].fill(0x5a);
    fs::write(&path, &bytes).unwrap();
    let error = match SqliteOptions::file(&path).clock(Clock::manual()).open().await {
        Err(error) => because(&error),
        Ok(store) => {
            let call = CallId { sender: WorkerId::generate(), sequence: 0 };
            let error = store.push(call, &jobs(1)).await.unwrap_err();
            assert!(!error.is_retryable());
            error.to_string()
        }
    };
    assert!(error.contains("bad.db") && error.contains("damaged"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn a_file_of_another_program_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("theirs.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let error = SqliteOptions::file(&path).open().await.unwrap_err();
    assert!(because(&error).contains("another program"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_holds_the_lock_for_six_seconds_is_waited_for() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let store = open(&path).await;
    let mut foreign = Connection::open(&path).unwrap();
    let held = foreign.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let (start, batch) = (Instant::now(), jobs(3));
    let pushing = {
        let (store, batch) = (store.clone(), batch.clone());
        tokio::spawn(async move { push(&store, &batch).await })
    };
    // Readers do not wait for it.
    assert!(store.find(&QUEUE, &batch[0].id).await.unwrap().is_none());
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(!pushing.is_finished());
    drop(held);
    pushing.await.unwrap();
    assert!(Duration::from_secs(6) <= start.elapsed());
    assert!(store.find(&QUEUE, &batch[2].id).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rescue_that_was_held_up_takes_from_nobody() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let (store, other) = (open(&path).await, open(&path).await);
    push(&store, &jobs(1)).await;
    let call = CallId { sender: WorkerId::generate(), sequence: 0 };
    let tasks = [(Name::from_static("t"), 1)].into_iter().collect();
    let lease = Duration::from_millis(500);
    let claim = Claim { call, queues: &[QUEUE], tasks: &tasks, limit: 1, lease };
    assert_eq!(store.claim(claim).await.unwrap().jobs.len(), 1);
    let mut foreign = Connection::open(&path).unwrap();
    let held = foreign.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let rescue = tokio::spawn(async move { other.rescue(3, 10).await });
    // Longer than the lease: nobody could extend it meanwhile.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!rescue.is_finished());
    drop(held);
    assert_eq!(rescue.await.unwrap().unwrap(), 0);
    assert_eq!(store.rescue(3, 10).await.unwrap(), 1, "one that was not held up does");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_a_whole_file_of_its_own() {
    let dir = TempDir::new().unwrap();
    let (path, copy) = (dir.path().join("jobs.db"), dir.path().join("copy.db"));
    let store = open(&path).await;
    let batch = jobs(100);
    push(&store, &batch).await;
    store.backup(&copy).await.unwrap();
    is_sound(&copy);
    push(&store, &jobs(1)).await;
    let restored = open(&copy).await;
    assert_eq!(restored.queue(&QUEUE).await.unwrap().counts.waiting, 100);
    assert!(store.backup(&copy).await.is_err(), "it does not write over what is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_two_prefixes_share_a_file_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    let url = |prefix: &str| format!("{}?prefix={prefix}", sqlite_url(dir.path()));
    let (one, other) = (Client::connect(&url("a")).await.unwrap(), Client::connect(&url("b")).await.unwrap());
    one.queue("q").add(asyncmq::NewJob::new("t")).await.unwrap();
    assert_eq!(one.queue("q").counts().await.unwrap().waiting, 1);
    assert_eq!(other.queue("q").counts().await.unwrap().waiting, 0);
    assert!(other.queues().await.unwrap().is_empty());
}
