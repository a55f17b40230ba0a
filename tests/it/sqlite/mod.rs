//! What only a file can suffer: killed processes, a log that ends early, locks that others hold, damage.

mod crowd;
mod damage;
mod fair;
mod kill;
mod log;
mod process;
mod space;
mod trouble;
mod wake;

use std::path::Path;
use std::sync::Arc;

use asyncmq::backend::sql::sqlite::{SqliteOptions, SqliteStore};
use asyncmq::backend::{CallId, Pushed, Store};
use asyncmq::job::{Envelope, Name, WorkerId};
use asyncmq::{JobId, JobState};
use bytes::Bytes;
use rusqlite::Connection;

pub(crate) const QUEUE: Name = Name::from_static("q");

pub(crate) async fn open(path: &Path) -> Arc<SqliteStore> {
    SqliteOptions::file(path).open().await.unwrap()
}

pub(crate) fn jobs(count: usize) -> Vec<Arc<Envelope>> {
    let job = || Envelope::new(JobId::generate(), QUEUE, Name::from_static("t"), Bytes::from_static(b"{}"));
    (0..count).map(|_| Arc::new(job())).collect()
}

/// Pushes jobs as a sender of its own.
pub(crate) async fn push(store: &SqliteStore, jobs: &[Arc<Envelope>]) -> Vec<Pushed> {
    store.push(CallId { sender: WorkerId::generate(), sequence: 0 }, jobs).await.unwrap()
}

/// Makes sure that a file is sound, and that its counters say what is there.
pub(crate) fn is_sound(path: &Path) {
    let conn = Connection::open(path).unwrap();
    let check: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    for state in JobState::ALL.map(JobState::name) {
        let differ = format!(
            "SELECT count(*) FROM queues q WHERE q.{state} <> \
             (SELECT count(*) FROM jobs j WHERE j.queue = q.queue AND j.state = '{state}')"
        );
        assert_eq!(count(&conn, &differ), 0, "the counter of {state} jobs is wrong");
    }
    for (what, rows) in [
        (
            "lanes that count wrong",
            "SELECT count(*) FROM lanes l WHERE l.waiting <> \
             (SELECT count(*) FROM jobs j WHERE j.lane = l.lane AND j.state = 'waiting')",
        ),
        (
            "running jobs that nobody holds",
            "SELECT count(*) FROM jobs WHERE state = 'active' AND (worker IS NULL OR token IS NULL)",
        ),
        ("jobs without a lane", "SELECT count(*) FROM jobs WHERE lane NOT IN (SELECT lane FROM lanes)"),
        (
            "jobs without arguments",
            "SELECT count(*) FROM jobs WHERE args IS NULL AND job NOT IN (SELECT job FROM payloads)",
        ),
        ("arguments without a job", "SELECT count(*) FROM payloads WHERE job NOT IN (SELECT job FROM jobs)"),
        (
            "notes without a job",
            "SELECT count(*) FROM notes WHERE job NOT IN (SELECT job FROM jobs WHERE noted = 1)",
        ),
        (
            "ended jobs without an end",
            "SELECT count(*) FROM jobs WHERE (finished_at IS NULL) <> (state IN ('waiting', 'delayed', 'active', 'blocked'))",
        ),
    ] {
        assert_eq!(count(&conn, rows), 0, "there are {what}");
    }
}

pub(crate) fn count(conn: &Connection, statement: &str) -> i64 {
    conn.query_row(statement, [], |row| row.get(0)).unwrap()
}
