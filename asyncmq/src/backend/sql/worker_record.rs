//! What a worker says about itself, as JSON.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backend::{TaskDefaults, TaskInfo, WorkerInfo};
use crate::clock::Timestamp;
use crate::job::{BackoffText, DedupText, Name, RetentionText, WorkerId};

/// A worker without what the store itself knows of it.
#[derive(Serialize, Deserialize)]
struct WorkerText<'a> {
    host: Cow<'a, str>,
    pid: u32,
    version: Cow<'a, str>,
    queues: Vec<Cow<'a, str>>,
    concurrency: u32,
    tasks: Vec<TaskText<'a>>,
    draining: bool,
    running: u32,
    completed: u64,
    failed: u64,
}

#[derive(Serialize, Deserialize)]
struct TaskText<'a> {
    name: Cow<'a, str>,
    version: u32,
    queue: Cow<'a, str>,
    arguments: Cow<'a, [String]>,
    max_attempts: u32,
    priority: u8,
    delay: Option<Duration>,
    ttl: Option<Duration>,
    timeout: Option<Duration>,
    backoff: BackoffText<'a>,
    retention: RetentionText,
    tags: Cow<'a, [String]>,
    #[serde(default)]
    keyed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dedup: Option<DedupText<'a>>,
    #[serde(default)]
    dedup_keyed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<Cow<'a, str>>,
}

pub(super) fn write(worker: &WorkerInfo) -> serde_json::Result<String> {
    serde_json::to_string(&WorkerText {
        host: Cow::Borrowed(&worker.host),
        pid: worker.pid,
        version: Cow::Borrowed(&worker.version),
        queues: worker.queues.iter().map(|queue| Cow::Borrowed(queue.as_str())).collect(),
        concurrency: worker.concurrency,
        tasks: worker.tasks.iter().map(task_text).collect(),
        draining: worker.draining,
        running: worker.running,
        completed: worker.completed,
        failed: worker.failed,
    })
}

fn task_text(task: &TaskInfo) -> TaskText<'_> {
    let defaults = &task.defaults;
    TaskText {
        name: Cow::Borrowed(&task.name),
        version: task.version,
        queue: Cow::Borrowed(&task.queue),
        arguments: Cow::Borrowed(&task.arguments),
        max_attempts: defaults.max_attempts,
        priority: defaults.priority,
        delay: defaults.delay,
        ttl: defaults.ttl,
        timeout: defaults.timeout,
        backoff: BackoffText::of(&defaults.backoff),
        retention: RetentionText::of(defaults.retention),
        tags: Cow::Borrowed(&defaults.tags),
        keyed: defaults.keyed,
        dedup: defaults.dedup.map(DedupText::of),
        dedup_keyed: defaults.dedup_keyed,
        schedule: task.schedule.as_deref().map(Cow::Borrowed),
    }
}

/// Reads a worker; whoever asked adds whether it is alive.
pub(super) fn read(
    text: &str,
    id: WorkerId,
    started_at: Timestamp,
    seen_at: Timestamp,
) -> serde_json::Result<WorkerInfo> {
    let worker: WorkerText<'_> = serde_json::from_str(text)?;
    Ok(WorkerInfo {
        id,
        host: worker.host.into_owned(),
        pid: worker.pid,
        version: worker.version.into_owned(),
        queues: worker.queues.iter().map(|queue| Name::from_stored(queue)).collect(),
        concurrency: worker.concurrency,
        tasks: worker.tasks.into_iter().map(task_info).collect(),
        draining: worker.draining,
        running: worker.running,
        completed: worker.completed,
        failed: worker.failed,
        started_at,
        seen_at,
        alive: false,
    })
}

fn task_info(task: TaskText<'_>) -> TaskInfo {
    TaskInfo {
        name: Name::from_stored(&task.name),
        version: task.version,
        queue: Name::from_stored(&task.queue),
        arguments: task.arguments.into_owned(),
        defaults: TaskDefaults {
            max_attempts: task.max_attempts,
            priority: task.priority,
            delay: task.delay,
            ttl: task.ttl,
            timeout: task.timeout,
            backoff: task.backoff.into_backoff(),
            retention: task.retention.into_retention(),
            tags: task.tags.into_owned(),
            keyed: task.keyed,
            dedup: task.dedup.and_then(|mode| mode.mode()),
            dedup_keyed: task.dedup_keyed,
        },
        schedule: task.schedule.map(Cow::into_owned),
    }
}
