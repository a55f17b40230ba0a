//! Copies the log into the file beside the writer, so that the log starts anew from time to time and stays small.
//!
//! A checkpoint is mostly waiting for the disk. This thread does most of one while the writer goes on. The log starts
//! anew only when all of it is copied, so the writer copies what little is left, between two of its transactions.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{io, thread};

use rusqlite::Connection;

use super::fault::{Fault, Step};
use super::file;

/// The writer looks at the log once in as many transactions.
const LOOK_EVERY: u32 = 8;
/// How many pages the log has when it is to be copied.
const CHECKPOINT_AFTER: i64 = 4_000;
/// So many the writer copies itself: what comes in while the other thread makes a pass.
const REMAINDER: i64 = 1_000;
/// How many pages the log has when the writer does not wait for the other thread any longer.
const MOST_PAGES: i64 = 32_000;

/// The way to the thread that copies.
pub(super) struct Checkpointer {
    wanted: SyncSender<()>,
    transactions: u32,
}

/// How long the log is, in pages.
#[derive(Debug, Clone, Copy)]
struct Log {
    /// Somebody was in the way, so that not all was done.
    is_busy: bool,
    pages: i64,
    copied: i64,
}

impl Checkpointer {
    /// Starts the thread. It ends when this is dropped.
    pub(super) fn start(path: PathBuf) -> io::Result<Self> {
        let (wanted, receiver) = sync_channel(1);
        thread::Builder::new().name("asyncmq-copy".into()).spawn(move || run(&path, &receiver))?;
        Ok(Self { wanted, transactions: 0 })
    }

    /// Looks after the log once something was committed on a connection.
    pub(super) fn after_commit(&mut self, conn: &Connection) -> Step<()> {
        self.transactions = self.transactions.wrapping_add(1);
        if !self.transactions.is_multiple_of(LOOK_EVERY) {
            return Ok(());
        }
        let log = checkpoint(conn, "PRAGMA wal_checkpoint(NOOP)")?;
        let left = log.pages - log.copied;
        if log.pages < CHECKPOINT_AFTER || left == 0 {
            return Ok(());
        }
        if left < REMAINDER || MOST_PAGES < log.pages {
            checkpoint(conn, "PRAGMA wal_checkpoint(PASSIVE)")?;
        } else {
            // When it is at it already, that is enough.
            let _ = self.wanted.try_send(());
        }
        Ok(())
    }
}

fn run(path: &Path, wanted: &Receiver<()>) {
    let mut conn = None;
    while wanted.recv().is_ok() {
        if let Err(fault) = pass(&mut conn, path) {
            tracing::debug!(%fault, "cannot copy the log into the file yet");
            conn = None;
        }
    }
}

/// Copies as much of the log as can be without waiting for anybody.
fn pass(conn: &mut Option<Connection>, path: &Path) -> Step<()> {
    let conn = match conn {
        Some(conn) => conn,
        None => conn.insert(file::open_reader(path)?),
    };
    checkpoint(conn, "PRAGMA wal_checkpoint(PASSIVE)").map(drop)
}

/// Copies all of the log, and waits for whoever is in the way.
///
/// # Errors
///
/// Something of it is not in the file.
pub(super) fn copy_all(conn: &Connection) -> Step<()> {
    // Once this is through, the log begins anew: nothing is written behind what may be missing on the disk.
    let log = checkpoint(conn, "PRAGMA wal_checkpoint(RESTART)")?;
    if log.is_busy || log.copied < log.pages {
        return Err(Fault::Files(io::Error::new(io::ErrorKind::WouldBlock, "somebody still reads the log")));
    }
    Ok(())
}

fn checkpoint(conn: &Connection, pragma: &str) -> Step<Log> {
    let mut checkpoint = conn.prepare_cached(pragma)?;
    Ok(checkpoint
        .query_row([], |row| Ok(Log { is_busy: row.get(0)?, pages: row.get(1)?, copied: row.get(2)? }))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_somebody_reads_does_not_begin_anew_and_is_not_taken_for_copied() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Connection::open(dir.path().join("log.db")).unwrap();
        let (writer, reader) = (open(), open());
        writer
            .execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (a); INSERT INTO t VALUES (1)")
            .unwrap();
        writer.busy_timeout(std::time::Duration::ZERO).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM t").unwrap();
        assert!(copy_all(&writer).is_err());
        reader.execute_batch("COMMIT").unwrap();
        assert!(copy_all(&writer).is_ok());
    }
}
