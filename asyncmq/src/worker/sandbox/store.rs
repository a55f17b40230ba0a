//! What a child has for a store: it hands on what its handler enqueues, and refuses all else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::voice::Voice;
use crate::backend::{
    AuditEntry, Backend, CallId, Claim, Claimed, Control, Cursor, Drain, EventStream, Fenced, Finding, Force,
    Inspect, Leases, Ordered, Page, Pushed, QueueInfo, Report, Scanned, Schedules, Settlement, Signals,
    Store, StoreError, Token, Upkeep, WorkerInfo,
};
use crate::clock::Timestamp;
use crate::event::EventFilter;
use crate::job::{Envelope, Job, JobId, JobState, Name, WorkerId};
use crate::lifecycle::Limits;

/// The store of a child.
#[derive(Debug)]
pub(super) struct ChildStore(pub(super) Arc<Voice>);

/// What a handler hears that asks for more.
fn refused<T>() -> Result<T, StoreError> {
    Err(StoreError::refused(
        "a sandboxed handler has no connection to the store and can only enqueue: pass what it is to know as arguments, or leave \
         the work to a task that is not sandboxed",
    ))
}

impl Backend for ChildStore {
    fn kind(&self) -> &'static str {
        "sandbox"
    }
}

#[async_trait]
impl Store for ChildStore {
    async fn push(&self, _: CallId, jobs: &[Arc<Envelope>]) -> Result<Vec<Pushed>, StoreError> {
        let pushed = self.0.push(jobs).await.map_err(StoreError::refused)?;
        Ok(pushed.into_iter().map(super::pushed::PushedText::into_pushed).collect())
    }

    fn takes_flows(&self) -> bool {
        true
    }

    async fn claim(&self, _: Claim<'_>) -> Result<Claimed, StoreError> {
        refused()
    }

    async fn settle(&self, _: CallId, _: &[Settlement]) -> Result<Vec<Fenced>, StoreError> {
        refused()
    }

    async fn report(&self, _: &[(Arc<Envelope>, Token, Report)]) -> Result<Vec<Fenced>, StoreError> {
        refused()
    }

    async fn leases(&self) -> Result<Box<dyn Leases>, StoreError> {
        refused()
    }

    async fn signals(&self, _: WorkerId, _: &[Name]) -> Result<Box<dyn Signals>, StoreError> {
        refused()
    }
}

#[async_trait]
impl Upkeep for ChildStore {
    async fn rescue(&self, _: u32, _: usize) -> Result<usize, StoreError> {
        refused()
    }

    async fn expire(&self, _: usize) -> Result<usize, StoreError> {
        refused()
    }

    async fn prune(&self, _: &Limits, _: usize) -> Result<usize, StoreError> {
        refused()
    }

    async fn register(&self, _: &WorkerInfo, _: Duration) -> Result<(), StoreError> {
        refused()
    }

    async fn deregister(&self, _: WorkerId) -> Result<(), StoreError> {
        refused()
    }
}

#[async_trait]
impl Inspect for ChildStore {
    async fn find(&self, _: &Name, _: &JobId) -> Result<Option<Job>, StoreError> {
        refused()
    }

    async fn find_everywhere(&self, _: &JobId) -> Result<Vec<Job>, StoreError> {
        refused()
    }

    async fn list(&self, _: &Name, _: JobState, _: Page) -> Result<Vec<Job>, StoreError> {
        refused()
    }

    async fn scan(&self, _: &Name, _: JobState, _: Option<&Cursor>, _: usize) -> Result<Scanned, StoreError> {
        refused()
    }

    async fn queue(&self, _: &Name) -> Result<QueueInfo, StoreError> {
        refused()
    }

    async fn queues(&self) -> Result<Vec<Name>, StoreError> {
        refused()
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>, StoreError> {
        refused()
    }

    async fn audit(&self, _: Page) -> Result<Vec<AuditEntry>, StoreError> {
        refused()
    }

    async fn diagnose(&self) -> Result<Vec<Finding>, StoreError> {
        refused()
    }

    async fn subscribe(&self, _: EventFilter) -> Result<EventStream, StoreError> {
        refused()
    }
}

#[async_trait]
impl Control for ChildStore {
    async fn pause(&self, _: &Name) -> Result<bool, StoreError> {
        refused()
    }

    async fn resume(&self, _: &Name) -> Result<bool, StoreError> {
        refused()
    }

    async fn cancel(&self, _: &Name, _: &JobId, _: Option<&str>) -> Result<Ordered, StoreError> {
        refused()
    }

    async fn retry(&self, _: &Name, _: &JobId) -> Result<Ordered, StoreError> {
        refused()
    }

    async fn remove(&self, _: &Name, _: &JobId) -> Result<Ordered, StoreError> {
        refused()
    }

    async fn promote(&self, _: &Name, _: &JobId) -> Result<Ordered, StoreError> {
        refused()
    }

    async fn drain(&self, _: &Name, _: Drain, _: usize) -> Result<usize, StoreError> {
        refused()
    }

    async fn clean(&self, _: &Name, _: JobState, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        refused()
    }

    async fn obliterate(&self, _: &Name, _: Force, _: usize) -> Result<Result<usize, u64>, StoreError> {
        refused()
    }

    async fn record(&self, _: &AuditEntry) -> Result<(), StoreError> {
        refused()
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        refused()
    }
}

impl Schedules for ChildStore {}
