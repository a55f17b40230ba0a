//! Recurring jobs, for programs.

use serde::Deserialize;
use serde_json::json;

use super::enqueue::{Wanted, check_known, describe};
use super::{Body, answer};
use crate::admin::view::{ScheduleDetailView, ScheduleView};
use crate::admin::words::read_schedule;
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::visit::Visit;

/// Lists them by queue and id.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    let mut all = visit.admin().schedules().await?;
    let queue = visit.query.get("queue");
    all.retain(|info| queue.is_none_or(|queue| *info.queue == *queue));
    let schedules: Vec<ScheduleView> = all.iter().map(Into::into).collect();
    answer(&json!({ "schedules": schedules }))
}

/// Shows all about one, without secrets.
pub(in crate::dashboard) async fn inspect(visit: Visit) -> Answer {
    let count = visit.query.number("next", (0, 5, 1_000))?;
    let info = visit.admin().schedule(visit.query.must("id")?).await?;
    answer(&ScheduleDetailView::hiding(&info, count, &visit.dashboard.conceal))
}

/// A schedule as a program describes it: the fields of `asyncmq schedule add`, and the job as it is enqueued.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::dashboard) struct Described {
    id: String,
    when: String,
    tz: Option<String>,
    start: Option<String>,
    end: Option<String>,
    limit: Option<u64>,
    jitter: Option<String>,
    misfire: Option<String>,
    overlap: Option<String>,
    job: Wanted,
}

/// Makes one, or changes the one of this id in its place.
pub(in crate::dashboard) async fn put(visit: Visit, Body(wanted): Body<Described>) -> Answer {
    let limit = wanted.limit.map(|limit| limit.to_string());
    let part = |name: &str| match name {
        "when" => Some(wanted.when.as_str()),
        "tz" => wanted.tz.as_deref(),
        "start" => wanted.start.as_deref(),
        "end" => wanted.end.as_deref(),
        "limit" => limit.as_deref(),
        "jitter" => wanted.jitter.as_deref(),
        "misfire" => wanted.misfire.as_deref(),
        "overlap" => wanted.overlap.as_deref(),
        _ => None,
    };
    let (schedule, id) = (read_schedule(part, "")?, wanted.id.clone());
    let queue = wanted.job.queue.clone();
    if queue.is_none() {
        check_known(&visit, &wanted.job.task).await?;
    }
    let job = describe(wanted.job)?;
    let order = |admin: crate::admin::Admin| async move {
        admin.put_schedule(&id, schedule, job, queue.as_deref()).await
    };
    answer(&ScheduleView::from(&visit.order(order).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::dashboard) struct OfOne {
    id: String,
    /// For pause: why.
    reason: Option<String>,
}

impl OfOne {
    fn without_reason(self, verb: &str) -> Result<String, Refusal> {
        match self.reason {
            None => Ok(self.id),
            Some(_) => Err(Refusal::bad(format!("{verb} knows no \"reason\""))),
        }
    }
}

/// Stops one from firing.
pub(in crate::dashboard) async fn pause(visit: Visit, Body(one): Body<OfOne>) -> Answer {
    let OfOne { id, reason } = one;
    let which = id.clone();
    let order =
        |admin: crate::admin::Admin| async move { admin.pause_schedule(&which, reason.as_deref()).await };
    let changed = visit.order(order).await?;
    answer(&json!({ "id": id, "paused": true, "changed": changed }))
}

/// Lets one fire again.
pub(in crate::dashboard) async fn resume(visit: Visit, Body(one): Body<OfOne>) -> Answer {
    let id = one.without_reason("resume")?;
    let which = id.clone();
    let changed = visit.order(|admin| async move { admin.resume_schedule(&which).await }).await?;
    answer(&json!({ "id": id, "paused": false, "changed": changed }))
}

/// Enqueues its job now, outside of its slots.
pub(in crate::dashboard) async fn run(visit: Visit, Body(one): Body<OfOne>) -> Answer {
    let id = one.without_reason("run")?;
    let which = id.clone();
    let job = visit.order(|admin| async move { admin.run_schedule(&which).await }).await?;
    answer(&json!({ "id": id, "job": job.id().as_str(), "queue": job.queue() }))
}

/// Removes one; its jobs stay.
pub(in crate::dashboard) async fn remove(visit: Visit, Body(one): Body<OfOne>) -> Answer {
    let id = one.without_reason("remove")?;
    let which = id.clone();
    visit.order(|admin| async move { admin.remove_schedule(&which).await }).await?;
    answer(&json!({ "id": id, "removed": true }))
}
