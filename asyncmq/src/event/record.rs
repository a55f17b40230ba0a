//! One event: what happened, to whom, and when.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::event::EventKind;
use crate::job::{Envelope, Failure, JobId, Name, Progress, WorkerId};

/// Something that happened, as a store tells it.
#[derive(Debug, Clone)]
pub struct Event {
    pub(crate) kind: EventKind,
    pub(crate) subject: Subject,
    pub(crate) attempt: u32,
    pub(crate) worker: Option<WorkerId>,
    pub(crate) time: Timestamp,
    pub(crate) data: EventData,
}

/// To whom it happened. A job's event shares the job's own names.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    Job(Arc<Envelope>),
    Queue(Name),
    Worker,
}

/// What an event says beyond its kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventData {
    /// Nothing.
    None,
    /// What the handler returned, as JSON (`job:completed`).
    Result(Bytes),
    /// What went wrong (`job:failed`).
    Failure(Failure),
    /// What went wrong, and how long the job waits for its next attempt (`job:retrying`).
    Retry {
        /// What went wrong.
        failure: Failure,
        /// The wait.
        after: Duration,
    },
    /// How long the job waits (`job:released`); zero when a worker gave it back.
    Wait(Duration),
    /// How far the job is (`job:progress`).
    Progress(Progress),
    /// Why the job was cancelled (`job:cancelled`).
    Reason(String),
    /// By which key the job met another one: that which holds the key (`job:deduplicated`), or the one that replaces it
    /// (`job:debounced`).
    Dedup {
        /// The deduplication key.
        key: String,
        /// The other job.
        job: JobId,
    },
    /// Which schedule enqueued the job, and for which moment (`schedule:fired`).
    Slot {
        /// The schedule's id.
        schedule: String,
        /// The moment.
        slot: SystemTime,
    },
}

impl Event {
    /// Returns an event about a job.
    #[must_use]
    pub const fn of_job(kind: EventKind, envelope: Arc<Envelope>, attempt: u32, time: Timestamp) -> Self {
        let subject = Subject::Job(envelope);
        Self { kind, subject, attempt, worker: None, time, data: EventData::None }
    }

    /// Returns an event about a queue.
    #[must_use]
    pub const fn of_queue(kind: EventKind, queue: Name, time: Timestamp) -> Self {
        let subject = Subject::Queue(queue);
        Self { kind, subject, attempt: 0, worker: None, time, data: EventData::None }
    }

    /// Returns an event about a worker.
    #[must_use]
    pub const fn of_worker(kind: EventKind, worker: WorkerId, time: Timestamp) -> Self {
        let subject = Subject::Worker;
        Self { kind, subject, attempt: 0, worker: Some(worker), time, data: EventData::None }
    }

    /// Adds the worker that did it.
    #[must_use]
    pub const fn by(mut self, worker: Option<WorkerId>) -> Self {
        self.worker = worker;
        self
    }

    /// Adds what there is to say.
    #[must_use]
    pub fn with(mut self, data: EventData) -> Self {
        self.data = data;
        self
    }

    /// Returns what happened.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        self.kind
    }

    /// Returns the job that it happened to.
    #[must_use]
    pub fn job_id(&self) -> Option<&JobId> {
        match &self.subject {
            Subject::Job(envelope) => Some(&envelope.id),
            Subject::Queue(_) | Subject::Worker => None,
        }
    }

    /// Returns the job's task.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        match &self.subject {
            Subject::Job(envelope) => Some(&envelope.task),
            Subject::Queue(_) | Subject::Worker => None,
        }
    }

    /// Returns the queue.
    #[must_use]
    pub fn queue(&self) -> Option<&str> {
        match &self.subject {
            Subject::Job(envelope) => Some(&envelope.queue),
            Subject::Queue(queue) => Some(queue),
            Subject::Worker => None,
        }
    }

    /// Returns the job's attempt; 0 before the first.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns the worker that did it.
    #[must_use]
    pub const fn worker(&self) -> Option<WorkerId> {
        self.worker
    }

    /// Returns when it happened, by the store's clock.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.time.into()
    }

    /// Returns what the event says beyond its kind.
    #[must_use]
    pub const fn data(&self) -> &EventData {
        &self.data
    }
}
