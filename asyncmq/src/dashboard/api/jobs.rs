//! Jobs, for programs.

use serde::Deserialize;
use serde_json::json;

use super::{Body, answer};
use crate::admin::view::{JobView, Secrets};
use crate::dashboard::error::Answer;
use crate::dashboard::pages::job::revealed;
use crate::dashboard::pages::jobs::MOST;
use crate::dashboard::visit::Visit;
use crate::job::{Job, JobState};

/// Lists what a query means.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    among(&visit, None).await
}

/// The same among dead letters.
pub(in crate::dashboard) async fn dead(visit: Visit) -> Answer {
    among(&visit, Some(&[JobState::Failed, JobState::Expired])).await
}

async fn among(visit: &Visit, states: Option<&[JobState]>) -> Answer {
    let mut query = visit.query.jobs("q")?;
    if let Some(states) = states {
        query = query.in_states(states);
    }
    if let Some(queue) = visit.query.get("queue") {
        query = query.in_queue(queue);
    }
    let limit = visit.query.number("limit", (1, 50, MOST))?;
    let page = visit.admin().jobs(&query, visit.query.get("after"), limit).await?;
    let jobs: Vec<JobView> = page.jobs.iter().map(|job| visit.dashboard.conceal.job(job)).collect();
    answer(&json!({ "jobs": jobs, "next": page.next }))
}

/// Shows all about one, without secrets.
pub(in crate::dashboard) async fn inspect(visit: Visit) -> Answer {
    let job = visit.admin().job(visit.query.must("id")?, visit.query.get("queue")).await?;
    detail(&visit, &job, Secrets::Hidden).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::dashboard) struct Reveal {
    id: String,
    queue: Option<String>,
}

/// Shows all about one, with secrets, on record.
pub(in crate::dashboard) async fn reveal(visit: Visit, Body(which): Body<Reveal>) -> Answer {
    let job = revealed(&visit, &which.id, which.queue.as_deref()).await?;
    detail(&visit, &job, Secrets::Shown).await
}

async fn detail(visit: &Visit, job: &Job, secrets: Secrets) -> Answer {
    let owner = visit.admin().dedup_owner(job).await?;
    let mut view = visit.dashboard.conceal.detail(job, secrets).with_dedup_owner(owner.as_ref());
    view.waits_for = visit.admin().why_not_running(job).await?;
    answer(&view)
}
