//! Jobs, queues and times as rows of tables.

use std::time::Duration;

use crate::admin::QueueOverview;
use crate::admin::view::rfc3339;
use crate::clock::Timestamp;
use crate::dashboard::chart::{Chart, spark};
use crate::dashboard::text::{distance, grouped, short, visible};
use crate::dashboard::visit::Visit;
use crate::job::{Job, JobState};

/// A point in time: exactly, and as people say it.
#[derive(Debug, Clone)]
pub(in crate::dashboard) struct Moment {
    pub(super) iso: String,
    pub(super) ago: String,
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        Self { iso: rfc3339(time), ago: distance(time) }
    }
}

/// A job in a list. Its arguments are not in it.
pub(super) struct JobRow {
    pub(super) id: String,
    pub(super) short_id: String,
    pub(super) link: String,
    pub(super) task: String,
    pub(super) queue: String,
    pub(super) queue_link: String,
    pub(super) state: &'static str,
    pub(super) attempt: String,
    /// What happened at the time that is shown.
    pub(super) verb: &'static str,
    pub(super) when: Moment,
    pub(super) tags: Vec<String>,
    pub(super) error: Option<String>,
}

impl JobRow {
    pub(super) fn of(visit: &Visit, job: &Job) -> Self {
        let view = visit.dashboard.conceal.job(job);
        let status = job.status();
        let (verb, when) = match job.state() {
            JobState::Waiting | JobState::Blocked => ("created", status.created_at),
            JobState::Active => ("started", status.started_at.unwrap_or(status.created_at)),
            JobState::Delayed => ("due", status.run_at),
            _ => ("ended", status.finished_at.unwrap_or(status.created_at)),
        };
        let has_failed = !matches!(job.state(), JobState::Completed | JobState::Waiting);
        let error = view.error.filter(|_| has_failed).map(|error| first_line(&error));
        Self {
            link: visit.link("/job", &[("queue", &view.queue), ("id", &view.id)]),
            queue_link: visit.link("/queue", &[("name", &view.queue)]),
            short_id: short_id(&view.id),
            attempt: format!("{}/{}", view.attempt, view.max_attempts),
            id: view.id,
            task: view.task,
            queue: view.queue,
            state: view.state,
            verb,
            when: when.into(),
            tags: view.tags.into_iter().take(6).collect(),
            error,
        }
    }

    pub(super) fn list(visit: &Visit, jobs: &[Job]) -> Vec<Self> {
        jobs.iter().map(|job| Self::of(visit, job)).collect()
    }
}

/// The end of an id of ours, in which it differs from its neighbours; another one's beginning.
pub(super) fn short_id(id: &str) -> String {
    let is_ours = id.len() == 36 && id.bytes().filter(|byte| *byte == b'-').count() == 4 && id.is_ascii();
    if is_ours {
        return format!("…{}", &id[28..]);
    }
    let cut: String = id.chars().take(28).collect();
    if cut.len() < id.len() { cut + "…" } else { cut }
}

/// The first line of what went wrong, for a list.
pub(super) fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let cut: String = line.chars().take(240).collect();
    visible(&cut) + if cut.len() < line.len() { "…" } else { "" }
}

/// A queue in a list.
pub(super) struct QueueRow {
    pub(super) name: String,
    pub(super) link: String,
    pub(super) status: &'static str,
    pub(super) tone: &'static str,
    pub(super) is_paused: bool,
    pub(super) waiting: String,
    pub(super) waiting_link: String,
    pub(super) active: String,
    pub(super) active_link: String,
    pub(super) delayed: String,
    pub(super) delayed_link: String,
    pub(super) dead: String,
    pub(super) dead_link: String,
    pub(super) oldest: String,
    pub(super) is_old: bool,
    pub(super) workers: String,
    pub(super) spark: Chart,
}

/// What waits for longer is worth a look.
pub(super) const OLD: Duration = Duration::from_secs(60);

impl QueueRow {
    pub(super) fn of(visit: &Visit, queue: &QueueOverview) -> Self {
        let (info, counts, name) = (&queue.info, &queue.info.counts, queue.info.name.as_str());
        let (status, tone) = status_of(queue);
        let of_state = |state| visit.link("/jobs", &[("queue", name), ("state", state)]);
        let (ended, _) = visit.dashboard.watch.history().of_queue(name);
        Self {
            name: name.to_owned(),
            link: visit.link("/queue", &[("name", name)]),
            status,
            tone,
            is_paused: info.paused,
            waiting: grouped(counts.waiting),
            waiting_link: of_state("waiting"),
            active: grouped(counts.active),
            active_link: of_state("active"),
            delayed: grouped(counts.delayed + counts.blocked),
            delayed_link: of_state("delayed"),
            dead: grouped(counts.failed + counts.expired),
            dead_link: visit.link("/dead", &[("queue", name)]),
            oldest: info.oldest_waiting.map_or_else(|| "–".into(), short),
            is_old: info.oldest_waiting.is_some_and(|oldest| OLD <= oldest),
            workers: grouped(queue.workers as u64),
            spark: spark(&ended, 120),
        }
    }
}

/// The same words as `asyncmq queue list`.
pub(super) fn status_of(queue: &QueueOverview) -> (&'static str, &'static str) {
    let waits = queue.info.counts.waiting + queue.info.counts.delayed != 0;
    match (queue.info.paused, queue.workers) {
        (true, _) => ("paused", "warn"),
        (false, 0) if waits => ("no worker", "bad"),
        (false, 0) => ("idle", "faint"),
        (false, _) => ("served", "good"),
    }
}
