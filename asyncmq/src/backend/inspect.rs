//! The read side: what operators and waiting producers see. Nothing here changes anything.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::Stream;

use crate::backend::{AuditEntry, Cursor, Finding, Scanned, StoreError, WorkerInfo};
use crate::event::{Event, EventFilter};
use crate::job::{Job, JobId, JobState, Limit, LimitScope, Name};
use crate::lifecycle::Allowance;

/// A part of a list: from the first place (from 0), up to but without the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The first place.
    pub start: u64,
    /// The place behind the last.
    pub end: u64,
}

impl From<Range<u64>> for Page {
    fn from(places: Range<u64>) -> Self {
        Self { start: places.start, end: places.end }
    }
}

/// How many jobs of a queue are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the number of jobs in the state of its name")]
pub struct Counts {
    pub waiting: u64,
    pub active: u64,
    pub delayed: u64,
    pub blocked: u64,
    pub completed: u64,
    pub failed: u64,
    pub expired: u64,
    pub cancelled: u64,
}

impl Counts {
    /// Returns the number for a state.
    #[must_use]
    pub const fn of(&self, state: JobState) -> u64 {
        match state {
            JobState::Waiting => self.waiting,
            JobState::Active => self.active,
            JobState::Delayed => self.delayed,
            JobState::Blocked => self.blocked,
            JobState::Completed => self.completed,
            JobState::Failed => self.failed,
            JobState::Expired => self.expired,
            JobState::Cancelled => self.cancelled,
        }
    }

    /// Returns the number for a state, to be changed.
    pub const fn of_mut(&mut self, state: JobState) -> &mut u64 {
        match state {
            JobState::Waiting => &mut self.waiting,
            JobState::Active => &mut self.active,
            JobState::Delayed => &mut self.delayed,
            JobState::Blocked => &mut self.blocked,
            JobState::Completed => &mut self.completed,
            JobState::Failed => &mut self.failed,
            JobState::Expired => &mut self.expired,
            JobState::Cancelled => &mut self.cancelled,
        }
    }

    /// Returns how many jobs have not ended.
    #[must_use]
    pub const fn unfinished(&self) -> u64 {
        self.waiting + self.active + self.delayed + self.blocked
    }

    /// Returns how many jobs there are.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.unfinished() + self.completed + self.failed + self.expired + self.cancelled
    }
}

/// How a queue stands.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueInfo {
    /// Its name.
    pub name: Name,
    /// Whether it gives nothing out.
    pub paused: bool,
    /// Its jobs by state.
    pub counts: Counts,
    /// How long its oldest waiting job has been due.
    pub oldest_waiting: Option<Duration>,
    /// How many jobs it took in since the store was made.
    pub enqueued: u64,
    /// How many jobs of it ended since the store was made, however they ended; one that was replaced ended too.
    pub ended: u64,
}

/// What a queue or one of its tasks is held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitInfo {
    /// What it counts.
    pub scope: LimitScope,
    /// What the code of the task says.
    pub declared: Option<Limit>,
    /// What somebody ordered instead.
    pub ordered: Option<Limit>,
}

impl LimitInfo {
    /// Returns what is in force: what is ordered, else what is declared. What happens at the limit is as declared unless the order says it.
    #[must_use]
    pub fn limit(&self) -> Limit {
        let declared = self.declared.unwrap_or_default();
        let ordered =
            self.ordered.map(|limit| Limit { on_limit: limit.on_limit.or(declared.on_limit), ..limit });
        ordered.unwrap_or(declared)
    }
}

/// How many keys of a queue can give more than one job in their turn.
pub const MAX_KEY_WEIGHTS: usize = 1_000;

/// A key that gives more than one job in its turn.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyWeight {
    /// The task whose jobs take turns.
    pub task: Name,
    /// The key.
    pub key: Arc<str>,
    /// How many jobs it gives in its turn.
    pub weight: u32,
}

/// How a limit stands for one job: see [`Inspect::held_by`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitStanding {
    /// What is counted.
    pub scope: LimitScope,
    /// The key, if the limit counts the job's key for itself.
    pub key: Option<Arc<str>>,
    /// What is in force.
    pub limit: Limit,
    /// How many permits of its concurrency limit are taken; 0 if it has none.
    pub running: u32,
    /// What may start now.
    pub allowance: Allowance,
}

/// What happens from now on, as it happens. It ends when the store closes.
pub type EventStream = Pin<Box<dyn Stream<Item = Heard> + Send>>;

/// One thing that a listener hears.
#[derive(Debug, Clone)]
pub enum Heard {
    /// An event.
    Event(Box<Event>),
    /// This many events were not kept, as the listener was too slow or the connection was gone.
    Missed(u64),
}

/// The read side of a store.
#[async_trait]
pub trait Inspect: Send + Sync + 'static {
    /// Returns a job of a queue.
    async fn find(&self, queue: &Name, id: &JobId) -> Result<Option<Job>, StoreError>;

    /// Returns the jobs of that id in every queue, in the order of the queues' names.
    async fn find_everywhere(&self, id: &JobId) -> Result<Vec<Job>, StoreError>;

    /// Lists jobs of a queue: waiting ones as they will run, delayed ones as they will be due, ended ones newest first.
    async fn list(&self, queue: &Name, state: JobState, page: Page) -> Result<Vec<Job>, StoreError>;

    /// Walks through the jobs of a state in the order of [`Inspect::list`], from the place behind `after` or from the first.
    ///
    /// One step meets at most `limit` jobs and costs about as much wherever it begins. A job that stays in the state for as
    /// long as the walk goes on is met once; one that comes or goes meanwhile, once or not at all.
    async fn scan(
        &self,
        queue: &Name,
        state: JobState,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError>;

    /// Returns the job that holds a deduplication key of a queue; it may have ended while a throttle's window runs.
    async fn dedup_owner(&self, queue: &Name, key: &str) -> Result<Option<JobId>, StoreError> {
        let _ = (queue, key);
        Err(StoreError::refused("deduplication keys are not supported by this store"))
    }

    /// Returns how a queue stands; one that nobody ever used is empty.
    async fn queue(&self, queue: &Name) -> Result<QueueInfo, StoreError>;

    /// Lists the queues that were ever used and not obliterated, by name.
    async fn queues(&self) -> Result<Vec<Name>, StoreError>;

    /// Lists what the queue and its tasks are held to, the queue first, then the tasks by name.
    async fn limits(&self, queue: &Name) -> Result<Vec<LimitInfo>, StoreError> {
        let _ = queue;
        Ok(Vec::new())
    }

    /// Lists the keys of a queue that give more than one job in their turn, by task and key.
    async fn key_weights(&self, queue: &Name) -> Result<Vec<KeyWeight>, StoreError> {
        let _ = queue;
        Ok(Vec::new())
    }

    /// Returns how the limits stand that hold for a job of this task and key: that of the queue first, then that of the task
    /// or of its key. Only limits that there are.
    async fn held_by(
        &self,
        queue: &Name,
        task: &Name,
        key: Option<&str>,
    ) -> Result<Vec<LimitStanding>, StoreError> {
        let _ = (queue, task, key);
        Ok(Vec::new())
    }

    /// Counts the keys of a queue that are set aside: a claim met them at their limit, and neither a permit nor their time has come since.
    /// One that has jobs of several tasks, versions or priorities is counted for each. Those that were set aside under limits that are no more are
    /// counted until claims have looked at them again.
    async fn parked_keys(&self, queue: &Name) -> Result<u64, StoreError> {
        let _ = queue;
        Ok(0)
    }

    /// Lists the workers that registered and neither ended nor have been silent for long, by id.
    async fn workers(&self) -> Result<Vec<WorkerInfo>, StoreError>;

    /// Lists what people ordered, the latest first; the last [`KEPT_ENTRIES`](crate::backend::KEPT_ENTRIES) are kept.
    async fn audit(&self, page: Page) -> Result<Vec<AuditEntry>, StoreError>;

    /// Looks at the store itself: its version, what it keeps when it stops, what it may do. What cannot be asked is a note.
    async fn diagnose(&self) -> Result<Vec<Finding>, StoreError>;

    /// Listens: what happens after the call returned is heard, in the order in which it happened to each job.
    async fn subscribe(&self, filter: EventFilter) -> Result<EventStream, StoreError>;
}
