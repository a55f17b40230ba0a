//! Processes that are killed in the middle of anything. `ASYNCMQ_KILLS` sets how many; 5 unless set.

use std::collections::HashSet;
use std::time::Duration;

use asyncmq::backend::Upkeep;
use asyncmq::backend::sql::sqlite::{SqliteOptions, Synchronous};
use asyncmq::{Clock, JobId};
use rusqlite::Connection;
use tempfile::TempDir;

use super::process::Process;
use super::{count, is_sound};

fn kills() -> u64 {
    std::env::var("ASYNCMQ_KILLS").map_or(5, |kills| kills.parse().unwrap())
}

/// Returns the ids of the jobs that a file keeps, and of those that have completed.
fn kept(path: &std::path::Path) -> (HashSet<String>, HashSet<String>) {
    let conn = Connection::open(path).unwrap();
    let mut all = conn.prepare("SELECT lower(hex(id)), state = 'completed' FROM jobs").unwrap();
    let rows = all.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))).unwrap();
    let rows: Vec<(String, bool)> = rows.map(Result::unwrap).collect();
    let completed = rows.iter().filter(|(_, completed)| *completed).map(|(id, _)| id.clone()).collect();
    (rows.into_iter().map(|(id, _)| id).collect(), completed)
}

#[test]
fn what_was_confirmed_survives_kill_9_at_any_moment() {
    survives_kills(Synchronous::Full);
}

#[test]
fn a_process_that_is_killed_loses_nothing_under_normal_either() {
    survives_kills(Synchronous::Normal);
}

fn survives_kills(synchronous: Synchronous) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let (mut pushed, mut settled) = (Vec::new(), Vec::new());
    for kill in 0..kills() {
        let mut producer = Process::start_with(&path, "produce", &[20], synchronous);
        let mut worker = Process::start_with(&path, "work", &[10], synchronous);
        pushed.extend(producer.line());
        settled.extend(worker.line());
        // The moment is anything: the time is not waited for, it is where the blow falls.
        std::thread::sleep(Duration::from_micros(kill * 7_919 % 60_000));
        let (first, second) = if kill % 2 == 0 {
            (producer.kill(), worker.kill())
        } else {
            let said = worker.kill();
            (producer.kill(), said)
        };
        pushed.extend(first);
        settled.extend(second);
        is_sound(&path);
    }
    let (all, completed) = kept(&path);
    let bytes = |id: &String| id.parse::<JobId>().unwrap().replace('-', "");
    assert!(pushed.iter().map(bytes).all(|id| all.contains(&id)), "a confirmed job is gone");
    assert!(settled.iter().map(bytes).all(|id| completed.contains(&id)), "a confirmed end is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_held_waits_again() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let mut producer = Process::start(&path, "produce", &[100]);
    producer.line().unwrap();
    producer.kill();
    let mut holder = Process::start(&path, "wait", &[1_000_000]);
    // It holds ten once it has said so: it never settles.
    assert_eq!(holder.line().as_deref(), Some("ready"));
    let mut nudge = Process::start(&path, "produce", &[1]);
    holder.line().unwrap();
    nudge.line().unwrap();
    holder.kill();
    nudge.kill();
    let held = count(&Connection::open(&path).unwrap(), "SELECT count(*) FROM jobs WHERE state = 'active'");
    assert!(0 < held);
    let clock = Clock::manual();
    clock.advance(Duration::from_secs(60));
    let later = SqliteOptions::file(&path).clock(clock).open().await.unwrap();
    let rescued = later.rescue(3, 1_000).await.unwrap();
    assert_eq!(i64::try_from(rescued).unwrap(), held);
    is_sound(&path);
}
