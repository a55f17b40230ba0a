//! The operator's side: what people do to queues and jobs.

use async_trait::async_trait;

use crate::backend::{AuditEntry, StoreError};
use crate::clock::Timestamp;
use crate::job::{JobId, JobState, Limit, LimitScope, LimitSource, Name};

/// What became of an order about one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordered {
    /// It was carried out.
    Done,
    /// The job is running: it was told, and ends as soon as its handler does.
    Requested,
    /// The job stands where the order does not reach it; nothing was changed.
    Refused(JobState),
    /// There is no such job.
    Missing,
}

/// Which jobs [`Control::drain`] removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Drain {
    /// Those that wait.
    Waiting,
    /// Those that wait and those that are not yet due.
    WaitingAndDelayed,
}

/// What [`Control::obliterate`] does about running jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Force {
    /// Refuses while there are any.
    RefuseActive,
    /// Takes them away from their workers.
    RemoveActive,
}

/// The operator's side of a store.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// Stops a queue from giving out; running jobs go on. Returns whether it changed. Emits `queue:paused`.
    async fn pause(&self, queue: &Name) -> Result<bool, StoreError>;

    /// Lets a queue give out again. Returns whether it changed. Emits `queue:resumed`.
    async fn resume(&self, queue: &Name) -> Result<bool, StoreError>;

    /// Cancels a job that has not ended; a running one is told. Emits `job:cancelled` when it ends.
    async fn cancel(&self, queue: &Name, id: &JobId, reason: Option<&str>) -> Result<Ordered, StoreError>;

    /// Puts a failed, expired or cancelled job back with fresh attempts, crashes and time to live, behind the others.
    /// Emits `job:enqueued`.
    async fn retry(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError>;

    /// Removes a job that no worker holds, with all that is kept of it.
    async fn remove(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError>;

    /// Makes a delayed job due now.
    async fn promote(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError>;

    /// Frees a deduplication key, so that the next job of it is taken in. The job that held it goes on without it, and one
    /// that was blocked behind it waits from now on. Returns whether the key was held.
    async fn free_dedup_key(&self, queue: &Name, key: &str) -> Result<bool, StoreError> {
        let _ = (queue, key);
        Err(StoreError::refused("deduplication keys are not supported by this store"))
    }

    /// Removes jobs that have not started: at most `limit`. Returns how many.
    async fn drain(&self, queue: &Name, which: Drain, limit: usize) -> Result<usize, StoreError>;

    /// Removes jobs of a state that ended (or, if they have not, were due or created) before a time: at most `limit`.
    ///
    /// Running jobs are not touched: callers refuse [`JobState::Active`] before they call. Returns how many.
    async fn clean(
        &self,
        queue: &Name,
        state: JobState,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError>;

    /// Removes a queue with all its jobs: at most `limit` jobs a call, the queue itself with the last.
    ///
    /// Returns how many jobs were removed, or [`Err`] with the number of running ones if those are not to be touched.
    async fn obliterate(
        &self,
        queue: &Name,
        force: Force,
        limit: usize,
    ) -> Result<Result<usize, u64>, StoreError>;

    /// Sets what a queue or its tasks are held to from now on; with `None` one source says nothing any more. What is ordered
    /// goes before what is declared. Returns whether anything changed; whatever may start now is woken.
    ///
    /// Permits are counted from the claims made under the limit: what runs already when a concurrency limit comes is not.
    async fn set_limits(
        &self,
        queue: &Name,
        source: LimitSource,
        limits: &[(LimitScope, Option<Limit>)],
    ) -> Result<bool, StoreError> {
        let _ = (queue, source, limits);
        Err(StoreError::refused("limits across workers are not supported by this store"))
    }

    /// Says how many jobs of a task a key gives in its turn, while each of the others gives one: 1 takes it back. A queue has at most
    /// [`MAX_KEY_WEIGHTS`](crate::backend::MAX_KEY_WEIGHTS) of them; one more is refused. Returns whether anything changed.
    async fn set_key_weight(
        &self,
        queue: &Name,
        task: &Name,
        key: &str,
        weight: u32,
    ) -> Result<bool, StoreError> {
        let _ = (queue, task, key, weight);
        Err(StoreError::refused("weights of keys are not supported by this store"))
    }

    /// Keeps a record of what somebody ordered, with the store's time. Of an order that is on record already it takes the
    /// place of what was recorded before, with the time of its begin. The oldest make way.
    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError>;

    /// Returns the store's time.
    async fn now(&self) -> Result<Timestamp, StoreError>;
}
