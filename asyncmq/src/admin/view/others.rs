//! Queues, workers, tasks, events, orders and findings.

use std::time::Duration;

use serde::Serialize;

use super::rfc3339;
use crate::admin::{Hidden, KnownTask, LimitUse, QueueOverview};
use crate::backend::{AuditEntry, Finding, WorkerInfo};
use crate::event::{Event, EventData};
use crate::job::LimitScope;
use crate::lifecycle::Allowance;

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

/// What a queue, or a task in it, is held to.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct LimitView {
    pub task: Option<String>,
    pub rate: Option<String>,
    pub concurrency: Option<u32>,
    pub on_limit: &'static str,
    pub ordered: bool,
    pub declared: Option<String>,
    pub keyed: bool,
    pub running: Option<u32>,
    pub may_start: Option<u32>,
    pub next_start: Option<String>,
}

impl From<&LimitUse> for LimitView {
    fn from(used: &LimitUse) -> Self {
        let (info, limit) = (&used.info, used.info.limit());
        let standing = used.standing.as_ref().filter(|_| !used.keyed && !limit.is_none());
        Self {
            task: match &info.scope {
                LimitScope::Queue => None,
                LimitScope::Task(task) => Some(task.to_string()),
            },
            rate: limit.rate_limit().map(|rate| rate.to_string()),
            concurrency: limit.concurrency_limit(),
            on_limit: limit.when_full().name(),
            ordered: info.ordered.is_some(),
            declared: info.declared.map(|limit| limit.to_string()),
            keyed: used.keyed,
            running: standing
                .filter(|_| limit.concurrency_limit().is_some())
                .map(|standing| standing.running),
            may_start: standing.map(|standing| match standing.allowance {
                Allowance::May(count) => count,
                Allowance::Until(_) | Allowance::Full => 0,
            }),
            next_start: standing.and_then(|standing| match standing.allowance {
                Allowance::Until(time) => Some(rfc3339(time)),
                Allowance::May(_) | Allowance::Full => None,
            }),
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

/// Without what is always hidden.
impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self::hiding(event, &Hidden::default())
    }
}

impl EventView {
    /// Describes an event without what is hidden of its job.
    pub(in crate::admin) fn hiding(event: &Event, hidden: &Hidden) -> Self {
        let task = event.task().unwrap_or_default();
        Self {
            time: rfc3339(event.time().into()),
            kind: event.kind().name(),
            queue: event.queue().map(ToOwned::to_owned),
            task: event.task().map(ToOwned::to_owned),
            job: event.job_id().map(ToString::to_string),
            attempt: event.job_id().map(|_| event.attempt()),
            worker: event.worker().map(|worker| worker.to_string()),
            detail: detail(event.data()).map(|text| hidden.text(task, &text).into_owned()),
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
        EventData::Dedup { key, job } => Some(format!("key {key}: job {job}")),
        EventData::Slot { schedule, slot } => {
            Some(format!("schedule {schedule}, slot {}", rfc3339((*slot).into())))
        }
    }
}

/// What somebody ordered.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct AuditView {
    pub at: String,
    pub told_at: String,
    pub ended: bool,
    pub actor: String,
    pub source: String,
    pub action: String,
    pub subject: String,
    pub changed: u64,
    pub error: Option<String>,
}

impl From<&AuditEntry> for AuditView {
    fn from(entry: &AuditEntry) -> Self {
        let AuditEntry { at, told_at, ended, actor, source, action, subject, changed, error, .. } =
            entry.clone();
        let (at, told_at) = (rfc3339(at), rfc3339(told_at));
        Self { at, told_at, ended, actor, source, action, subject, changed, error }
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
