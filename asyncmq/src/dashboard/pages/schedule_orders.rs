//! Orders about one schedule.

use super::done;
use crate::admin::words::read_schedule;
use crate::client::{NewJob, Untyped};
use crate::dashboard::api::enqueue::check_known;
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::visit::{Fields, Params, Visit};
use crate::error::Error;

/// Stops it from firing.
pub(in crate::dashboard) async fn pause(visit: Visit, Fields(fields): Fields) -> Answer {
    let reason: Option<String> = fields.get("reason").map(|reason| reason.chars().take(500).collect());
    let id = fields.must("id")?.to_owned();
    let order =
        |admin: crate::admin::Admin| async move { admin.pause_schedule(&id, reason.as_deref()).await };
    let changed = visit.order(order).await?;
    Ok(back(&visit, &fields, if changed { "schedule-paused" } else { "unchanged" }))
}

/// Lets it fire again.
pub(in crate::dashboard) async fn resume(visit: Visit, Fields(fields): Fields) -> Answer {
    let id = fields.must("id")?.to_owned();
    let changed = visit.order(|admin| async move { admin.resume_schedule(&id).await }).await?;
    Ok(back(&visit, &fields, if changed { "schedule-resumed" } else { "unchanged" }))
}

/// Enqueues its job now, and shows that.
pub(in crate::dashboard) async fn run(visit: Visit, Fields(fields): Fields) -> Answer {
    let id = fields.must("id")?.to_owned();
    let job = visit.order(|admin| async move { admin.run_schedule(&id).await }).await?;
    Ok(done(&visit, ("/job", &[("queue", job.queue()), ("id", job.id().as_str())]), "fired"))
}

/// Removes it.
pub(in crate::dashboard) async fn remove(visit: Visit, Fields(fields): Fields) -> Answer {
    let id = fields.must("id")?.to_owned();
    visit.order(|admin| async move { admin.remove_schedule(&id).await }).await?;
    Ok(done(&visit, ("/schedules", &[]), "removed"))
}

/// Changes when one runs, or makes a new one; which, the form says: one that is there already is not overwritten by a new one.
pub(in crate::dashboard) async fn put(visit: Visit, Fields(fields): Fields) -> Answer {
    let id = fields.must("id")?.to_owned();
    fields.must("when")?;
    let schedule = read_schedule(|name| fields.get(name), "")?;
    if !fields.is_set("new") {
        let changed = visit.order(|admin| async move { admin.reschedule(&id, schedule).await }).await?;
        return Ok(back(&visit, &fields, if changed { "scheduled" } else { "unchanged" }));
    }
    if visit.dashboard.client.schedules().get(&id).await?.is_some() {
        let says = format!("there is a schedule {id:?} already: change that one, or choose another id");
        return Err(Refusal::new(axum::http::StatusCode::CONFLICT, says));
    }
    let (job, queue) = (job_of(&fields)?, fields.get("queue").map(ToOwned::to_owned));
    if queue.is_none() {
        check_known(&visit, fields.must("task")?).await?;
    }
    let order = |admin: crate::admin::Admin| async move {
        admin.put_schedule(&id, schedule, job, queue.as_deref()).await
    };
    visit.order(order).await?;
    Ok(back(&visit, &fields, "scheduled"))
}

fn job_of(fields: &Params) -> Result<NewJob<Untyped>, Refusal> {
    let job = NewJob::new(fields.must("task")?);
    let Some(args) = fields.get("args") else { return Ok(job) };
    let read = serde_json::from_str::<serde_json::Value>(args);
    let args = read.map_err(|error| Error::Invalid(format!("the arguments are no JSON: {error}")))?;
    Ok(job.args(args))
}

fn back(visit: &Visit, fields: &Params, word: &str) -> axum::response::Response {
    done(visit, ("/schedule", &[("id", fields.get("id").unwrap_or_default())]), word)
}
