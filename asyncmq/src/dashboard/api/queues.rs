//! Queues, for programs.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::{Body, answer};
use crate::admin::Cleared;
use crate::admin::view::{JobView, QueueView};
use crate::backend::{Drain, Force};
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::pages::clear::SAMPLE;
use crate::dashboard::visit::Visit;
use crate::job::{JobState, parse_duration};

/// Lists them by name.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    let queues: Vec<QueueView> = visit.admin().queues().await?.iter().map(Into::into).collect();
    answer(&json!({ "queues": queues }))
}

/// Shows one.
pub(in crate::dashboard) async fn info(visit: Visit) -> Answer {
    answer(&QueueView::from(&visit.admin().queue(visit.query.must("name")?).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::dashboard) struct Named {
    queue: String,
}

/// Stops one from giving out.
pub(in crate::dashboard) async fn pause(visit: Visit, Body(named): Body<Named>) -> Answer {
    set_paused(&visit, &named.queue, true).await
}

/// Lets one give out again.
pub(in crate::dashboard) async fn resume(visit: Visit, Body(named): Body<Named>) -> Answer {
    set_paused(&visit, &named.queue, false).await
}

async fn set_paused(visit: &Visit, queue: &str, paused: bool) -> Answer {
    let name = queue.to_owned();
    let changed = visit.order(|admin| async move { admin.set_paused(&name, paused).await }).await?;
    answer(&json!({ "queue": queue, "paused": paused, "changed": changed }))
}

/// What a queue is to be cleared of. Which fields count depends on the order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::dashboard) struct Clear {
    queue: String,
    state: Option<String>,
    older_than: Option<String>,
    /// For drain: those that are not yet due too.
    #[serde(default)]
    delayed: bool,
    /// For obliterate: also while jobs run.
    #[serde(default)]
    force: bool,
    #[serde(default)]
    dry_run: bool,
}

impl Clear {
    /// Refuses what another order would know, so that nobody believes that it counted.
    fn only(&self, order: &str, known: &[&str]) -> Result<(), Refusal> {
        let given = [
            ("state", self.state.is_some()),
            ("older_than", self.older_than.is_some()),
            ("delayed", self.delayed),
            ("force", self.force),
        ];
        match given.iter().find(|(name, is_given)| *is_given && !known.contains(name)) {
            Some((name, _)) => Err(Refusal::bad(format!("{order} knows no {name:?}"))),
            None => Ok(()),
        }
    }
}

/// Removes what waits.
pub(in crate::dashboard) async fn drain(visit: Visit, Body(clear): Body<Clear>) -> Answer {
    clear.only("drain", &["delayed"])?;
    let which = if clear.delayed { Drain::WaitingAndDelayed } else { Drain::Waiting };
    carry_out(&visit, &clear, Cleared::Drain(which)).await
}

/// Removes what has been in a state for so long.
pub(in crate::dashboard) async fn clean(visit: Visit, Body(clear): Body<Clear>) -> Answer {
    clear.only("clean", &["state", "older_than"])?;
    let names = || JobState::ALL.map(JobState::name).join(", ");
    let state = clear.state.as_deref().and_then(JobState::from_name);
    let state = state.ok_or_else(|| Refusal::bad(format!("say which \"state\": {}", names())))?;
    let age = clear.older_than.as_deref().map_or(Ok(Duration::ZERO), parse_duration);
    let age = age.map_err(|reason| Refusal::bad(format!("older_than: {reason}")))?;
    carry_out(&visit, &clear, Cleared::Clean(state, age)).await
}

/// Removes the queue.
pub(in crate::dashboard) async fn obliterate(visit: Visit, Body(clear): Body<Clear>) -> Answer {
    clear.only("obliterate", &["force"])?;
    let force = if clear.force { Force::RemoveActive } else { Force::RefuseActive };
    carry_out(&visit, &clear, Cleared::Obliterate(force)).await
}

async fn carry_out(visit: &Visit, clear: &Clear, what: Cleared) -> Answer {
    let queue = &clear.queue;
    if clear.dry_run {
        let preview = visit.admin().preview_clear(queue, what, SAMPLE).await?;
        let sample: Vec<JobView> =
            preview.sample.iter().map(|job| visit.dashboard.conceal.job(job)).collect();
        return answer(&json!({ "queue": queue, "would_remove": preview.count, "sample": sample }));
    }
    let name = queue.clone();
    let removed = visit.order(|admin| async move { admin.clear(&name, what).await }).await?;
    answer(&json!({ "queue": queue, "removed": removed }))
}
