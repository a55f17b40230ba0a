//! Schedules as JSON.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::value::RawValue;

use super::rfc3339;
use crate::admin::Hidden;
use crate::client::ScheduleInfo;
use crate::schedule::{PausedBy, Timing};

/// A schedule.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct ScheduleView {
    pub id: String,
    pub queue: String,
    pub task: String,
    /// What is read again: `1h`, `0 9 * * 1-5`.
    pub schedule: String,
    pub time_zone: Option<String>,
    pub words: String,
    pub status: &'static str,
    pub paused_by: Option<String>,
    pub paused_reason: Option<String>,
    pub declared: bool,
    pub next: Option<String>,
    pub last: Option<String>,
    pub fired: u64,
    pub skipped: u64,
}

/// All about a schedule.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct ScheduleDetailView {
    #[serde(flatten)]
    pub schedule: ScheduleView,
    pub start: Option<String>,
    pub end: Option<String>,
    pub limit: Option<u64>,
    pub jitter: f64,
    pub misfire: String,
    pub overlap: String,
    pub args: Option<Box<RawValue>>,
    pub headers: Vec<(String, String)>,
    pub tags: Vec<String>,
    pub priority: u8,
    pub max_attempts: u32,
    pub upcoming: Vec<String>,
}

fn time(time: SystemTime) -> String {
    rfc3339(time.into())
}

/// Says in one word how a schedule stands: `active`, `paused`, `orphaned` or `over`.
#[must_use]
pub fn schedule_status(info: &ScheduleInfo) -> &'static str {
    match (&info.paused, info.next) {
        (Some(paused), _) if paused.by == PausedBy::Orphaned => "orphaned",
        (Some(_), _) => "paused",
        (None, None) => "over",
        (None, Some(_)) => "active",
    }
}

impl From<&ScheduleInfo> for ScheduleView {
    fn from(info: &ScheduleInfo) -> Self {
        let by = info.paused.as_ref().map(|paused| match &paused.by {
            PausedBy::Operator(who) => who.clone(),
            PausedBy::Orphaned => "asyncmq".into(),
        });
        let (schedule, time_zone) = match info.schedule.timing() {
            Timing::Cron { expression, zone } => (expression.clone(), zone.clone()),
            Timing::Every(_) => (info.schedule.to_string(), None),
        };
        Self {
            id: info.id.clone(),
            queue: info.queue.to_string(),
            task: info.task.to_string(),
            schedule,
            time_zone,
            words: info.schedule.describe(),
            status: schedule_status(info),
            paused_by: by,
            paused_reason: info.paused.as_ref().and_then(|paused| paused.reason.clone()),
            declared: info.declared,
            next: info.next.map(time),
            last: info.last.map(time),
            fired: info.fired,
            skipped: info.skipped,
        }
    }
}

impl ScheduleDetailView {
    /// Shows all about a schedule and its next `count` slots, but for the secrets in its job.
    #[must_use]
    pub fn of(info: &ScheduleInfo, count: usize) -> Self {
        Self::hiding(info, count, &Hidden::default())
    }

    /// The same without what else is hidden of its job.
    pub(crate) fn hiding(info: &ScheduleInfo, count: usize, hidden: &Hidden) -> Self {
        let (job, schedule) = (&info.job, &info.schedule);
        let header = |(key, value): &(String, String)| {
            let value = if hidden.hides_header(&info.task, key) { crate::admin::REDACTED } else { value };
            (key.clone(), value.to_owned())
        };
        let args = serde_json::from_slice::<&RawValue>(&job.args).ok();
        let word = |word: &dyn std::fmt::Debug| format!("{word:?}").to_lowercase();
        Self {
            schedule: info.into(),
            start: schedule.start.map(rfc3339),
            end: schedule.end.map(rfc3339),
            limit: schedule.limit,
            jitter: schedule.jitter.as_secs_f64(),
            misfire: word(&schedule.misfire),
            overlap: word(&schedule.overlap),
            args: args.map(|args| hidden.json(&info.task, args)),
            headers: job.extras().headers.iter().map(header).collect(),
            tags: job.extras().tags.clone(),
            priority: job.priority,
            max_attempts: job.max_attempts,
            upcoming: info.upcoming(count).into_iter().map(time).collect(),
        }
    }
}
