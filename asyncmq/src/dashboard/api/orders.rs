//! Orders about jobs, for programs.

use serde::Deserialize;
use serde_json::json;

use super::{Body, answer};
use crate::admin::view::JobView;
use crate::admin::{Order, Query};
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::pages::bulk::order_of;
use crate::dashboard::pages::clear::SAMPLE;
use crate::dashboard::runs::Stage;
use crate::dashboard::visit::Visit;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::dashboard) struct OfOne {
    id: String,
    queue: Option<String>,
    /// For cancel: why.
    reason: Option<String>,
}

/// Puts one back with fresh attempts.
pub(in crate::dashboard) async fn retry(visit: Visit, Body(job): Body<OfOne>) -> Answer {
    carry_out(&visit, &job, "retry").await
}

/// Cancels one.
pub(in crate::dashboard) async fn cancel(visit: Visit, Body(job): Body<OfOne>) -> Answer {
    carry_out(&visit, &job, "cancel").await
}

/// Makes one due now.
pub(in crate::dashboard) async fn promote(visit: Visit, Body(job): Body<OfOne>) -> Answer {
    carry_out(&visit, &job, "promote").await
}

/// Removes one.
pub(in crate::dashboard) async fn remove(visit: Visit, Body(job): Body<OfOne>) -> Answer {
    carry_out(&visit, &job, "remove").await
}

async fn carry_out(visit: &Visit, job: &OfOne, verb: &str) -> Answer {
    if job.reason.is_some() && verb != "cancel" {
        return Err(Refusal::bad(format!("{verb} knows no \"reason\"")));
    }
    let order = order_of(visit, verb, job.reason.as_deref())?;
    let (id, queue) = (job.id.clone(), job.queue.clone());
    visit.order(|admin| async move { admin.order(&order, &id, queue.as_deref()).await }).await?;
    answer(&json!({ "order": verb, "changed": 1, "refused": 0, "reasons": [] }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::dashboard) struct OfMany {
    order: String,
    /// Must be said, even if it means every job: an order about all of them is given with `"all": true`.
    query: String,
    #[serde(default)]
    all: bool,
    reason: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// Carries out an order about the jobs that a query means, or shows what it would do.
pub(in crate::dashboard) async fn bulk(visit: Visit, Body(many): Body<OfMany>) -> Answer {
    let order = order_of(&visit, &many.order, many.reason.as_deref())?;
    let query: Query = many.query.parse::<Query>().map_err(crate::Error::from)?;
    if query.is_all() && !many.all {
        return Err(Refusal::bad("this query means every job: say so with \"all\": true, or narrow it down"));
    }
    if many.dry_run {
        return preview(&visit, &order, &query).await;
    }
    let who = visit.visitor.user.name.as_str();
    let run = visit.dashboard.runs.begin(&visit.admin(), (&order, &query), (who, &visit.dashboard.watch))?;
    match run.ended().await {
        Stage::Done(report) => answer(&json!({
            "order": order.verb(), "query": query.to_string(), "changed": report.changed, "refused": report.refused,
            "stopped": report.stopped,
        })),
        Stage::Failed(error) => Err(Refusal::busy(error)),
        Stage::Working(_) => Err(Refusal::busy("it is still under way")),
    }
}

async fn preview(visit: &Visit, order: &Order, query: &Query) -> Answer {
    let preview = visit.admin().preview(order, query, SAMPLE).await?;
    let sample: Vec<JobView> = preview.sample.iter().map(|job| visit.dashboard.conceal.job(job)).collect();
    answer(&json!({
        "order": order.verb(), "query": query.to_string(), "would_change": preview.count, "sample": sample,
    }))
}
