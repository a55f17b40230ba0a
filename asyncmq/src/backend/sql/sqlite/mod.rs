//! The SQLite store: jobs that outlive the process, for several processes on one machine, without a server.
//!
//! Each process has one writer, a thread that carries out in one transaction whatever has gathered while the last one was
//! under way; so a lone job is on the disk at once, and a flood goes in large transactions. Between processes the
//! right to write goes by a lock beside the file, so that none starves. Readers have connections of their own.
//!
//! The writer does not wait for the disk: one thread beside it syncs the log and answers all calls that are in it,
//! another copies the log into the file from time to time.
//!
//! What is confirmed has been committed: it survives the death of any process and, unless [`Synchronous::Normal`] is
//! chosen, a power cut. Others may see a step a moment before its caller is answered. Claims and leases are not forced to
//! the disk: a power cut undoes them together with the workers that held them. The file must lie on a disk of this
//! machine; beside it lie its log (`-wal`, `-shm`), the lock (`.lock`) and the directory in which processes wake each
//! other (`.wake`).

mod backup;
mod checkpoint;
mod claim;
mod control;
mod diagnose;
mod engine;
mod fault;
mod file;
#[cfg(feature = "conformance")]
pub(super) mod fuzz;
mod hold;
mod inbox;
mod inspect;
mod keys;
mod kin;
mod limit_text;
mod line;
mod list;
mod listeners;
mod migrate;
mod names;
mod options;
mod pins;
mod process_state;
mod prune;
mod push;
mod replies;
mod room;
mod row;
mod schedules;
mod settle;
mod store;
mod sync;
#[cfg(test)]
mod tests;
mod time;
mod tx;
mod upkeep;
mod wakeup;
mod wakeup_message;
mod watch;
mod writer;

use std::fmt;
use std::sync::Arc;

pub use file::Synchronous;
pub use options::SqliteOptions;

use self::engine::Engine;
use crate::backend::Backend;

/// A store in a file, or in this process's memory.
pub struct SqliteStore {
    engine: Arc<Engine>,
    space: i64,
}

impl Backend for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn is_volatile(&self) -> bool {
        self.engine.place().file().is_none()
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("place", self.engine.place()).finish_non_exhaustive()
    }
}
