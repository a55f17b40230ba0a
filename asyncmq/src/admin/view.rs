//! The shapes in which things are handed out as JSON: by `--json`, and by whatever else speaks JSON.
//!
//! They are a promise: fields are added, never renamed or taken away. Times are RFC 3339 in UTC, durations seconds.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::admin::{KnownTask, QueueOverview, REDACTED, redact};
use crate::backend::{AuditEntry, Finding, WorkerInfo};
use crate::clock::Timestamp;
use crate::event::{Event, EventData};
use crate::job::{Failure, Job};

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

impl From<&Failure> for FailureView {
    fn from(failure: &Failure) -> Self {
        Self {
            attempt: failure.attempt(),
            kind: failure.kind().name(),
            message: failure.message().to_owned(),
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
    pub error: Option<String>,
}

impl From<&Job> for JobView {
    fn from(job: &Job) -> Self {
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
            error: job.errors().last().map(|failure| failure.message().to_owned()),
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
    pub parents: Vec<String>,
    pub errors: Vec<FailureView>,
    pub logs: Vec<String>,
}

impl JobDetailView {
    /// Shows all about a job.
    #[must_use]
    pub fn of(job: &Job, secrets: Secrets) -> Self {
        let shown = |json: &RawValue| match secrets {
            Secrets::Hidden => redact(json),
            Secrets::Shown => json.to_owned(),
        };
        let envelope = job.envelope();
        Self {
            job: job.into(),
            version: envelope.version,
            args: job.args().map(shown),
            result: job.result().map(shown),
            headers: headers(job, secrets),
            ttl: job.ttl().map(|time| time.as_secs_f64()),
            timeout: envelope.timeout.map(|time| time.as_secs_f64()),
            expires_at: job.status().expires_at.map(rfc3339),
            cancel_reason: job.cancel_reason().map(ToOwned::to_owned),
            progress: job.progress().map(crate::job::Progress::percent),
            parents: job.parents().iter().map(ToString::to_string).collect(),
            errors: job.errors().iter().map(Into::into).collect(),
            logs: job.logs().iter().map(|line| line.message.clone()).collect(),
        }
    }
}

fn headers(job: &Job, secrets: Secrets) -> Vec<(String, String)> {
    let shown = |(key, value): &(String, String)| match secrets {
        Secrets::Hidden if redact::is_secret(key) => (key.clone(), REDACTED.into()),
        _ => (key.clone(), value.clone()),
    };
    job.headers().iter().map(shown).collect()
}

/// A queue.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct QueueView {
    pub name: String,
    pub paused: bool,
    pub waiting: u64,
    pub active: u64,
    pub delayed: u64,
    pub blocked: u64,
    pub completed: u64,
    pub failed: u64,
    pub expired: u64,
    pub cancelled: u64,
    pub oldest_waiting: Option<f64>,
    pub enqueued_total: u64,
    pub ended_total: u64,
    pub workers: usize,
    pub concurrency: u64,
}

impl From<&QueueOverview> for QueueView {
    fn from(queue: &QueueOverview) -> Self {
        let (info, counts) = (&queue.info, &queue.info.counts);
        Self {
            name: info.name.to_string(),
            paused: info.paused,
            waiting: counts.waiting,
            active: counts.active,
            delayed: counts.delayed,
            blocked: counts.blocked,
            completed: counts.completed,
            failed: counts.failed,
            expired: counts.expired,
            cancelled: counts.cancelled,
            oldest_waiting: info.oldest_waiting.map(|time| time.as_secs_f64()),
            enqueued_total: info.enqueued,
            ended_total: info.ended,
            workers: queue.workers,
            concurrency: queue.concurrency,
        }
    }
}

/// A worker.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct WorkerView {
    pub id: String,
    pub status: &'static str,
    pub host: String,
    pub pid: u32,
    pub version: String,
    pub queues: Vec<String>,
    pub tasks: Vec<String>,
    pub concurrency: u32,
    pub running: u32,
    pub completed: u64,
    pub failed: u64,
    pub started_at: String,
    pub seen_at: String,
}

/// Returns `live`, `draining` or `dead`.
#[must_use]
pub const fn worker_status(worker: &WorkerInfo) -> &'static str {
    match (worker.alive, worker.draining) {
        (false, _) => "dead",
        (true, true) => "draining",
        (true, false) => "live",
    }
}

impl From<&WorkerInfo> for WorkerView {
    fn from(worker: &WorkerInfo) -> Self {
        Self {
            id: worker.id.to_string(),
            status: worker_status(worker),
            host: worker.host.clone(),
            pid: worker.pid,
            version: worker.version.clone(),
            queues: worker.queues.iter().map(ToString::to_string).collect(),
            tasks: worker.tasks.iter().map(|task| task.name.to_string()).collect(),
            concurrency: worker.concurrency,
            running: worker.running,
            completed: worker.completed,
            failed: worker.failed,
            started_at: rfc3339(worker.started_at),
            seen_at: rfc3339(worker.seen_at),
        }
    }
}

/// A task that live workers can run.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct TaskView {
    pub name: String,
    pub queue: String,
    pub versions: Vec<u32>,
    pub arguments: Vec<String>,
    pub max_attempts: u32,
    pub priority: u8,
    pub ttl: Option<f64>,
    pub timeout: Option<f64>,
    pub workers: usize,
}

impl From<&KnownTask> for TaskView {
    fn from(task: &KnownTask) -> Self {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        Self {
            name: task.info.name.to_string(),
            queue: task.info.queue.to_string(),
            versions: task.versions.clone(),
            arguments: task.info.arguments.clone(),
            max_attempts: task.info.defaults.max_attempts,
            priority: task.info.defaults.priority,
            ttl: seconds(task.info.defaults.ttl),
            timeout: seconds(task.info.defaults.timeout),
            workers: task.workers,
        }
    }
}

/// Something that happened. Results and progress data are not in it: a log of events is no place for them.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct EventView {
    pub time: String,
    pub kind: &'static str,
    pub queue: Option<String>,
    pub task: Option<String>,
    pub job: Option<String>,
    pub attempt: Option<u32>,
    pub worker: Option<String>,
    pub detail: Option<String>,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self {
            time: rfc3339(event.time().into()),
            kind: event.kind().name(),
            queue: event.queue().map(ToOwned::to_owned),
            task: event.task().map(ToOwned::to_owned),
            job: event.job_id().map(ToString::to_string),
            attempt: event.job_id().map(|_| event.attempt()),
            worker: event.worker().map(|worker| worker.to_string()),
            detail: detail(event.data()),
        }
    }
}

fn detail(data: &EventData) -> Option<String> {
    match data {
        EventData::None | EventData::Result(_) => None,
        EventData::Failure(failure) => Some(format!("{}: {}", failure.kind(), failure.message())),
        EventData::Retry { failure, after } => {
            Some(format!("{}: {}; again in {after:?}", failure.kind(), failure.message()))
        }
        EventData::Wait(time) => Some(format!("again in {time:?}")),
        EventData::Progress(progress) => Some(format!("{} %", progress.percent())),
        EventData::Reason(reason) => Some(reason.clone()),
    }
}

/// What somebody ordered.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct AuditView {
    pub at: String,
    pub actor: String,
    pub source: String,
    pub action: String,
    pub subject: String,
    pub changed: u64,
    pub error: Option<String>,
}

impl From<&AuditEntry> for AuditView {
    fn from(entry: &AuditEntry) -> Self {
        let AuditEntry { at, actor, source, action, subject, changed, error } = entry.clone();
        Self { at: rfc3339(at), actor, source, action, subject, changed, error }
    }
}

/// What a check found.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct FindingView {
    pub check: &'static str,
    pub severity: &'static str,
    pub says: String,
    pub advice: Option<String>,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            check: finding.check,
            severity: finding.severity.name(),
            says: finding.says.clone(),
            advice: finding.advice.clone(),
        }
    }
}

/// Writes a time as RFC 3339 in UTC, to the millisecond.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    let micros = time.as_micros();
    let (days, rest) = (micros / 86_400_000_000, micros % 86_400_000_000);
    let (year, month, day) = date_of(days);
    let seconds = rest / 1_000_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let millis = rest / 1_000 % 1_000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Returns the date that lies so many days after the start of 1970, by the calendar that is in use everywhere.
const fn date_of(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that a leap day is a year's last.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_everybody_reads_them() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_795_898_755, "2026-11-28T20:45:55.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_micros(seconds * 1_000_000)), shown);
        }
        assert!(rfc3339(Timestamp::from_micros(1_999)).ends_with("00.001Z"));
    }
}
