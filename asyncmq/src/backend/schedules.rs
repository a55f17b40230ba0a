//! Recurring jobs: what a store keeps of schedules, and the step that fires.
//!
//! A store decides nothing: what fires when is [`schedule::plan`](crate::schedule::plan)'s decision. It keeps records, finds
//! those whose time has come, and changes one only for whoever shows the revision that it has.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::{CallId, Pushed, StoreError};
use crate::clock::Timestamp;
use crate::job::{Envelope, JobId, Name};
use crate::schedule::ScheduleId;

/// A schedule as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSchedule {
    /// The queue that its jobs go to.
    pub queue: Name,
    /// Its id, unique in its queue; schedules and jobs may share one.
    pub id: ScheduleId,
    /// Which state of it this is: a number that is drawn by lot at each change.
    pub revision: u64,
    /// When it is due; never while there is none.
    pub next: Option<Timestamp>,
    /// What it is: opaque to the store.
    pub record: Bytes,
}

/// The schedules whose time has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DueSchedules {
    /// The store's time.
    pub now: Timestamp,
    /// Those that are due, the one that is longest due first.
    pub due: Vec<StoredSchedule>,
    /// How long until the next one after `now` is due; none if there is none.
    pub next_in: Option<Duration>,
}

/// Fires a schedule: changes it and pushes its jobs, in one step.
#[derive(Debug, Clone, Copy)]
pub struct Firing<'a> {
    /// Who calls, and the number of the call among the sender's firings.
    pub call: CallId,
    /// The schedule as it stands afterwards, under a new revision.
    pub schedule: &'a StoredSchedule,
    /// The revision that it must have now.
    pub expected: u64,
    /// The jobs, each with its slot: all of the schedule's queue. At most [`MAX_BATCH`](crate::backend::MAX_BATCH).
    pub jobs: &'a [(Timestamp, Arc<Envelope>)],
    /// Nothing is done while this job of the queue is kept and has not ended.
    pub unless: Option<&'a JobId>,
}

/// What became of a firing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fired {
    /// It was carried out; what became of each job.
    Fired(Vec<Pushed>),
    /// The job that must have ended has not: nothing was changed.
    Overlapping,
    /// The schedule has another revision, or is gone: nothing was changed.
    Stale,
}

/// Recurring jobs in a store. One that has none refuses every verb.
#[async_trait]
pub trait Schedules: Send + Sync + 'static {
    /// Returns a schedule.
    async fn schedule(&self, queue: &Name, id: &ScheduleId) -> Result<Option<StoredSchedule>, StoreError> {
        let _ = (queue, id);
        Err(unsupported())
    }

    /// Lists the schedules of a queue, or all of them, by queue and id.
    async fn schedules(&self, queue: Option<&Name>) -> Result<Vec<StoredSchedule>, StoreError> {
        let _ = queue;
        Err(unsupported())
    }

    /// Finds the schedules of these queues that are due: at most `limit`.
    async fn due_schedules(&self, queues: &[Name], limit: usize) -> Result<DueSchedules, StoreError> {
        let _ = (queues, limit);
        Err(unsupported())
    }

    /// Keeps a schedule if it has the expected revision now, or is not there if none is expected. Returns whether it does.
    ///
    /// The queue counts as used. Whoever serves it is told ([`Signal::Schedules`](crate::backend::Signal::Schedules)).
    async fn put_schedule(
        &self,
        schedule: &StoredSchedule,
        expected: Option<u64>,
    ) -> Result<bool, StoreError> {
        let _ = (schedule, expected);
        Err(unsupported())
    }

    /// Forgets a schedule. Returns whether it was there.
    async fn remove_schedule(&self, queue: &Name, id: &ScheduleId) -> Result<bool, StoreError> {
        let _ = (queue, id);
        Err(unsupported())
    }

    /// Changes a schedule and pushes its jobs, all or nothing. A repeated call is recognised by its id and answered as the
    /// first one. Emits what [`Store::push`](crate::backend::Store::push) does, and `schedule:fired` for each job that was
    /// added.
    async fn fire(&self, firing: Firing<'_>) -> Result<Fired, StoreError> {
        let _ = firing;
        Err(unsupported())
    }
}

fn unsupported() -> StoreError {
    StoreError::refused("schedules are not supported by this store")
}
