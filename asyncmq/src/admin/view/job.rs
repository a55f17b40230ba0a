//! Jobs, in a list and in full.

use serde::Serialize;
use serde_json::value::RawValue;

use super::rfc3339;
use crate::admin::{Hidden, REDACTED};
use crate::job::{Failure, Job, JobId, Progress};

/// Whether secrets in arguments, results and headers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Their values are replaced.
    Hidden,
    /// As they are stored.
    Shown,
}

/// One failed attempt.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct FailureView {
    pub attempt: u32,
    pub kind: &'static str,
    pub message: String,
    pub at: String,
}

impl FailureView {
    fn of(failure: &Failure, text: impl Fn(&str) -> String) -> Self {
        Self {
            attempt: failure.attempt(),
            kind: failure.kind().name(),
            message: text(failure.message()),
            at: rfc3339(failure.time()),
        }
    }
}

/// A job as a list shows it.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct JobView {
    pub id: String,
    pub queue: String,
    pub task: String,
    pub state: &'static str,
    pub priority: u8,
    pub attempt: u32,
    pub max_attempts: u32,
    pub crashes: u32,
    pub created_at: String,
    pub run_at: String,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub worker: Option<String>,
    pub tags: Vec<String>,
    pub key: Option<String>,
    pub error: Option<String>,
}

/// Without what is always hidden.
impl From<&Job> for JobView {
    fn from(job: &Job) -> Self {
        Self::of(job, Some(&Hidden::default()))
    }
}

impl JobView {
    /// Describes a job without what is hidden of it.
    pub(in crate::admin) fn of(job: &Job, hidden: Option<&Hidden>) -> Self {
        let status = job.status();
        Self {
            id: job.id().to_string(),
            queue: job.queue().to_owned(),
            task: job.task().to_owned(),
            state: job.state().name(),
            priority: job.priority(),
            attempt: job.attempt(),
            max_attempts: job.max_attempts(),
            crashes: job.crashes(),
            created_at: rfc3339(status.created_at),
            run_at: rfc3339(status.run_at),
            started_at: status.started_at.map(rfc3339),
            finished_at: status.finished_at.map(rfc3339),
            worker: job.worker().map(|worker| worker.to_string()),
            tags: job.tags().to_vec(),
            key: job.key().map(ToOwned::to_owned),
            error: job.errors().last().map(|failure| shown(job, hidden, failure.message())),
        }
    }
}

/// All about a job.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct JobDetailView {
    #[serde(flatten)]
    pub job: JobView,
    pub version: u32,
    pub args: Option<Box<RawValue>>,
    pub result: Option<Box<RawValue>>,
    pub headers: Vec<(String, String)>,
    pub ttl: Option<f64>,
    pub timeout: Option<f64>,
    pub expires_at: Option<String>,
    pub cancel_reason: Option<String>,
    pub progress: Option<f64>,
    pub flow: Option<String>,
    pub parents: Vec<String>,
    pub dedup: Option<String>,
    pub dedup_key: Option<String>,
    pub dedup_owner: Option<String>,
    pub errors: Vec<FailureView>,
    pub logs: Vec<String>,
    pub waits_for: Option<String>,
}

impl JobDetailView {
    /// Shows all about a job.
    #[must_use]
    pub fn of(job: &Job, secrets: Secrets) -> Self {
        Self::hiding(job, Some(&Hidden::default()).filter(|_| secrets == Secrets::Hidden))
    }

    /// Shows all about a job without what is hidden of it.
    pub(in crate::admin) fn hiding(job: &Job, hidden: Option<&Hidden>) -> Self {
        let text = |text: &str| shown(job, hidden, text);
        let json =
            |json: &RawValue| hidden.map_or_else(|| json.to_owned(), |hidden| hidden.json(job.task(), json));
        let header = |(key, value): &(String, String)| match hidden {
            Some(hidden) if hidden.hides_header(job.task(), key) => (key.clone(), REDACTED.into()),
            _ => (key.clone(), value.clone()),
        };
        let envelope = job.envelope();
        Self {
            job: JobView::of(job, hidden),
            version: envelope.version,
            args: job.args().map(json),
            result: job.result().map(json),
            headers: job.headers().iter().map(header).collect(),
            ttl: job.ttl().map(|time| time.as_secs_f64()),
            timeout: envelope.timeout.map(|time| time.as_secs_f64()),
            expires_at: job.status().expires_at.map(rfc3339),
            cancel_reason: job.cancel_reason().map(text),
            progress: job.progress().map(Progress::percent),
            flow: job.flow_id().map(ToOwned::to_owned),
            parents: job.parents().iter().map(|parent| parent.id.to_string()).collect(),
            dedup: envelope.dedup().map(|dedup| dedup.mode.to_string()),
            dedup_key: envelope.dedup().map(|dedup| text(&dedup.key)),
            dedup_owner: None,
            errors: job.errors().iter().map(|failure| FailureView::of(failure, text)).collect(),
            logs: job.logs().iter().map(|line| text(&line.message)).collect(),
            waits_for: None,
        }
    }
}

impl JobDetailView {
    /// Adds who holds its deduplication key.
    #[must_use]
    pub fn with_dedup_owner(mut self, owner: Option<&JobId>) -> Self {
        self.dedup_owner = owner.map(ToString::to_string);
        self
    }
}

/// Returns a text of a job without what is hidden of it.
fn shown(job: &Job, hidden: Option<&Hidden>, text: &str) -> String {
    hidden.map_or_else(|| text.to_owned(), |hidden| hidden.text(job.task(), text).into_owned())
}
