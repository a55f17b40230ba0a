//! The port: what a store must do, and nothing about how.
//!
//! A [`Backend`] is a [`Store`] (what happens to every job), an [`Upkeep`] (what has to be done from time to time), an
//! [`Inspect`] (what can be seen), a [`Control`] (what people order) and [`Schedules`] (what recurs). Each verb is **one atomic step** under the
//! store's own clock; a refused step changes nothing. Stores hold no policy: what becomes of a job is
//! decided by [`lifecycle`](crate::lifecycle), before the call by the worker or, where only the store knows enough
//! (age, due time, a crash), by the same rules carried out in the store.
//!
//! To bring a store of your own, implement the five traits (a store without schedules leaves the last one empty), hand it to
//! [`Client::with_backend`](crate::Client::with_backend), and run the conformance suite over it.

mod audit;
mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
mod control;
mod finding;
mod gather;
mod handle;
mod inspect;
mod limits;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;
mod scan;
mod schedule_handle;
mod schedules;
#[cfg(feature = "sqlite")]
pub mod sql;
pub(crate) mod store;
mod upkeep;
mod worker_info;

use std::fmt;

pub use audit::{AuditEntry, KEPT_ENTRIES};
pub use batch::MAX_BATCH;
pub use control::{Control, Drain, Force, Ordered};
pub use finding::{Finding, Severity};
pub use handle::DEFAULT_MAX_PAYLOAD;
pub(crate) use handle::{BackendHandle, Pause, jittered};
pub use inspect::{
    Counts, EventStream, Heard, Inspect, KeyWeight, LimitInfo, LimitStanding, MAX_KEY_WEIGHTS, Page,
    QueueInfo,
};
pub use scan::{Cursor, Scanned};
pub use schedules::{DueSchedules, Fired, Firing, Schedules, StoredSchedule};
pub use store::{
    CallId, Claim, Claimed, ClaimedJob, Extension, Fenced, Leases, MAX_OUTPUTS, Pushed, RECALLED_CALLS,
    Report, Settlement, Signal, Signals, Store, TaskSet, Token,
};
pub use upkeep::Upkeep;
pub use worker_info::{DEAD_AFTER, TaskDefaults, TaskInfo, WorkerInfo};

use crate::error::BoxError;

/// A store: all that asyncmq needs of a place where jobs are kept.
pub trait Backend: Store + Upkeep + Inspect + Control + Schedules {
    /// Returns the store's kind, as it stands in URLs and messages: `memory`, `redis`, ….
    fn kind(&self) -> &'static str;

    /// Tells whether the jobs live and die with this process.
    fn is_volatile(&self) -> bool {
        false
    }
}

/// Why a store did not do what it was asked.
#[derive(Debug)]
pub struct StoreError {
    retryable: bool,
    source: BoxError,
}

impl StoreError {
    /// The store could not be reached, or its answer did not come: the step may have happened or not.
    /// Whoever called should repeat the call under the same id.
    #[must_use]
    pub fn unanswered(source: impl Into<BoxError>) -> Self {
        Self { retryable: true, source: source.into() }
    }

    /// The store refused: nothing was changed, and repeating the call would not help.
    #[must_use]
    pub fn refused(source: impl Into<BoxError>) -> Self {
        Self { retryable: false, source: source.into() }
    }

    /// The same error for another caller.
    pub(crate) fn shared(error: &std::sync::Arc<Self>) -> Self {
        Self { retryable: error.retryable, source: Box::new(Shared(error.clone())) }
    }

    /// Tells whether the call should be repeated under the same id.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// Returns what the store or the network said.
    #[must_use]
    pub fn into_source(self) -> BoxError {
        self.source
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.retryable { "the store did not answer" } else { "the store refused" };
        write!(f, "{what}: {}", self.source)
    }
}

/// An error that several callers got.
#[derive(Debug)]
struct Shared(std::sync::Arc<StoreError>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.source, f)
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.source()
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}
