//! A job as a store knows it: its envelope and how it stands.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::job::rare::{Blank, Rare};
use crate::job::{Envelope, Failure, JobId, JobState, Name, Parent, Progress, WorkerId};

/// How a job stands: everything about it that changes.
#[derive(Clone, PartialEq)]
pub struct Status {
    /// Where it stands.
    pub state: JobState,
    /// Attempts that were started and not given back; the running one included.
    pub attempt: u32,
    /// Times that a process died with it.
    pub crashes: u32,
    /// When the store took it in.
    pub created_at: Timestamp,
    /// When it is or was due.
    pub run_at: Timestamp,
    /// When its time to live ends.
    pub expires_at: Option<Timestamp>,
    /// When the latest attempt started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What the handler returned, as JSON.
    pub result: Option<Bytes>,
    /// The worker that holds it, or held it last.
    pub worker: Option<WorkerId>,
    /// What is to be said of few jobs.
    pub notes: Rare<Notes>,
}

/// What is to be said of few jobs: those that failed, were cancelled, or whose handlers said something.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Notes {
    /// What went wrong, first to last.
    pub errors: Vec<Failure>,
    /// What the handler last said of its progress.
    pub progress: Option<Progress>,
    /// Why it was cancelled, if somebody said.
    pub reason: Option<String>,
    /// What the handler logged.
    pub logs: Vec<LogLine>,
}

impl Blank for Notes {
    fn blank() -> &'static Self {
        static BLANK: Notes = Notes { errors: Vec::new(), progress: None, reason: None, logs: Vec::new() };
        &BLANK
    }
}

impl Status {
    /// Returns how a job stands that was just taken in.
    #[must_use]
    pub fn new(state: JobState, now: Timestamp, run_at: Timestamp) -> Self {
        Self {
            state,
            attempt: 0,
            crashes: 0,
            created_at: now,
            run_at,
            expires_at: None,
            started_at: None,
            finished_at: None,
            result: None,
            worker: None,
            notes: Rare::new(),
        }
    }

    /// Forgets why it was cancelled and how far it came, as it begins anew; what went wrong stays.
    pub fn clear_outcome(&mut self) {
        if !self.notes.is_blank() {
            (self.notes.reason, self.notes.progress) = (None, None);
        }
    }

    /// Says why it was cancelled, if there is anything to say.
    pub fn set_reason(&mut self, reason: Option<String>) {
        if self.notes.reason != reason {
            self.notes.reason = reason;
        }
    }
}

/// How many log lines of a job are kept; beyond it the oldest go.
pub const KEPT_LINES: usize = 200;

/// Adds lines to those that are kept.
pub fn keep_lines(kept: &mut Vec<LogLine>, lines: impl IntoIterator<Item = LogLine>) {
    kept.extend(lines);
    let surplus = kept.len().saturating_sub(KEPT_LINES);
    kept.drain(..surplus);
}

/// One line that a handler logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The attempt that said it.
    pub attempt: u32,
    /// What it said; at most 4 KiB are kept.
    pub message: String,
}

/// A job as it stood when it was looked at.
///
/// Its `Debug` shows neither arguments nor result.
#[derive(Clone)]
pub struct Job {
    envelope: Arc<Envelope>,
    status: Status,
}

impl Job {
    /// Puts together what a store keeps of a job.
    #[must_use]
    pub const fn new(envelope: Arc<Envelope>, status: Status) -> Self {
        Self { envelope, status }
    }

    /// Returns the job's id.
    #[must_use]
    pub fn id(&self) -> &JobId {
        &self.envelope.id
    }

    /// Returns the queue that it stands in.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.envelope.queue
    }

    pub(crate) fn queue_name(&self) -> &Name {
        &self.envelope.queue
    }

    /// Returns the key by which it takes turns with other jobs of its task.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.envelope.key().map(|key| &**key)
    }

    /// Returns the task that runs it.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.envelope.task
    }

    /// Returns the arguments as they are stored: JSON, as a rule an object by parameter name.
    ///
    /// Bytes that are not JSON, which only a foreign program can have stored, read as `None`.
    #[must_use]
    pub fn args(&self) -> Option<&RawValue> {
        serde_json::from_slice(&self.envelope.args).ok()
    }

    /// Returns the priority; 0 runs first, 255 last.
    #[must_use]
    pub fn priority(&self) -> u8 {
        self.envelope.priority
    }

    /// Returns where it stands.
    #[must_use]
    pub const fn state(&self) -> JobState {
        self.status.state
    }

    /// Returns how many attempts were started, the running one included.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.status.attempt
    }

    /// Returns how many attempts there are in all: the task's retries plus one.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        self.envelope.max_attempts
    }

    /// Returns how many times a process died with this job.
    #[must_use]
    pub const fn crashes(&self) -> u32 {
        self.status.crashes
    }

    /// Returns when the store took it in.
    #[must_use]
    pub fn created_at(&self) -> SystemTime {
        self.status.created_at.into()
    }

    /// Returns when it is or was due.
    #[must_use]
    pub fn run_at(&self) -> SystemTime {
        self.status.run_at.into()
    }

    /// Returns when its latest attempt started.
    #[must_use]
    pub fn started_at(&self) -> Option<SystemTime> {
        self.status.started_at.map(Into::into)
    }

    /// Returns when it ended.
    #[must_use]
    pub fn finished_at(&self) -> Option<SystemTime> {
        self.status.finished_at.map(Into::into)
    }

    /// Returns how long after its creation, or its due time, it may still start.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.envelope.ttl
    }

    /// Returns what went wrong: the first and the last 24 failed attempts.
    #[must_use]
    pub fn errors(&self) -> &[Failure] {
        &self.status.notes.errors
    }

    /// Returns what the handler last said of its progress.
    #[must_use]
    pub fn progress(&self) -> Option<&Progress> {
        self.status.notes.progress.as_ref()
    }

    /// Returns what the handler returned, as JSON; `None` until it completed.
    #[must_use]
    pub fn result(&self) -> Option<&RawValue> {
        self.status.result.as_deref().and_then(|json| serde_json::from_slice(json).ok())
    }

    /// Reads the result.
    ///
    /// # Errors
    ///
    /// That of `serde_json` when the result is of another type, or there is none.
    pub fn result_as<'a, R: Deserialize<'a>>(&'a self) -> serde_json::Result<R> {
        serde_json::from_slice(self.status.result.as_deref().unwrap_or_default())
    }

    /// Returns why it was cancelled, if somebody said.
    #[must_use]
    pub fn cancel_reason(&self) -> Option<&str> {
        self.status.notes.reason.as_deref()
    }

    /// Returns the words to find it by.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.envelope.extras().tags
    }

    /// Returns the words for its handler.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.envelope.extras().headers
    }

    /// Returns the jobs that must end before it.
    #[must_use]
    pub fn parents(&self) -> &[Parent] {
        &self.envelope.extras().parents
    }

    /// Returns the id of the flow that it is a job of.
    #[must_use]
    pub fn flow_id(&self) -> Option<&str> {
        self.envelope.extras().flow.as_deref()
    }

    /// Returns the worker that holds it, or held it last.
    #[must_use]
    pub const fn worker(&self) -> Option<WorkerId> {
        self.status.worker
    }

    /// Returns what its handler logged.
    #[must_use]
    pub fn logs(&self) -> &[LogLine] {
        &self.status.notes.logs
    }

    /// Returns what the producer sent.
    #[must_use]
    pub const fn envelope(&self) -> &Arc<Envelope> {
        &self.envelope
    }

    /// Returns how it stands, as the store keeps it.
    #[must_use]
    pub const fn status(&self) -> &Status {
        &self.status
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("id", self.id())
            .field("queue", &self.envelope.queue)
            .field("task", &self.envelope.task)
            .field("state", &self.state())
            .field("attempt", &self.attempt())
            .field("max_attempts", &self.max_attempts())
            .field("errors", &self.errors())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status")
            .field("state", &self.state)
            .field("attempt", &self.attempt)
            .field("crashes", &self.crashes)
            .field("created_at", &self.created_at)
            .field("run_at", &self.run_at)
            .field("errors", &self.notes.errors)
            .finish_non_exhaustive()
    }
}
