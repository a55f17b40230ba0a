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

use asyncmq::JobId;
use asyncmq::backend::sql::sqlite::{SqliteOptions, SqliteStore};
use asyncmq::backend::{CallId, Pushed, Store};
use asyncmq::job::{Envelope, Name, WorkerId};
pub(crate) use asyncmq_tests::servers::sqlite_check::is_sound;
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

pub(crate) fn count(conn: &Connection, statement: &str) -> i64 {
    conn.query_row(statement, [], |row| row.get(0)).unwrap()
}
