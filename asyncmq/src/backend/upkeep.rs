//! The duties: what somebody has to do from time to time. Any worker may, and several at once do no harm.

use std::time::Duration;

use async_trait::async_trait;

use crate::backend::{StoreError, WorkerInfo};
use crate::job::WorkerId;
use crate::lifecycle::Limits;

/// The work that jobs leave behind, and the list of workers.
#[async_trait]
pub trait Upkeep: Send + Sync + 'static {
    /// Lets the jobs of workers whose lease has run out wait again, keeping their priority and age.
    ///
    /// What becomes of each is [`after_crash`](crate::lifecycle::after_crash)'s decision; the jobs of a worker
    /// that was draining are released instead. Does at most `limit` jobs and returns how many.
    /// Emits `job:stalled` or `job:failed`.
    async fn rescue(&self, max_crashes: u32, limit: usize) -> Result<usize, StoreError>;

    /// Moves expired jobs to the dead letters, in paused and unserved queues too.
    ///
    /// Does at most `limit` jobs and returns how many. Emits `job:expired`.
    async fn expire(&self, limit: usize) -> Result<usize, StoreError>;

    /// Drops records of ended jobs that are past their time or their number, and deduplication keys whose window is over.
    ///
    /// Does at most `limit` of them together and returns how many. Emits `job:dropped` for dead letters.
    async fn prune(&self, limits: &Limits, limit: usize) -> Result<usize, StoreError>;

    /// Lists a worker, or brings its entry up to date, and extends its lease. Emits `worker:started` the first time.
    async fn register(&self, worker: &WorkerInfo, lease: Duration) -> Result<(), StoreError>;

    /// Strikes a worker from the list and releases whatever it still holds. Emits `worker:stopped`.
    async fn deregister(&self, worker: WorkerId) -> Result<(), StoreError>;
}
