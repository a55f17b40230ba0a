//! Flows, for programs.

use serde::Deserialize;
use serde_json::json;

use super::{Body, answer};
use crate::admin::view::{FlowDetailView, FlowView};
use crate::dashboard::error::Answer;
use crate::dashboard::pages::flows::{LIMITS, filter_of};
use crate::dashboard::visit::Visit;

/// Lists them, the newest first.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    let (filter, limit) = (filter_of(&visit)?, visit.query.number("limit", LIMITS)?);
    let page = visit.admin().flows(&filter, visit.query.get("after"), limit).await?;
    let flows: Vec<FlowView> = page.flows.iter().map(Into::into).collect();
    answer(&json!({ "flows": flows, "next": page.next }))
}

/// Shows one with its jobs, without secrets.
pub(in crate::dashboard) async fn inspect(visit: Visit) -> Answer {
    let graph = visit.admin().flow(visit.query.must("id")?).await?;
    answer(&FlowDetailView::hiding(&graph, &visit.dashboard.conceal))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::dashboard) struct OfOne {
    id: String,
}

/// Cancels what has not ended of one.
pub(in crate::dashboard) async fn cancel(visit: Visit, Body(OfOne { id }): Body<OfOne>) -> Answer {
    let flow = id.clone();
    let changed = visit.order(|admin| async move { admin.cancel_flow(&id).await }).await?;
    answer(&json!({ "flow": flow, "order": "cancel", "changed": changed }))
}

/// Lets what did not complete of one begin anew.
pub(in crate::dashboard) async fn retry(visit: Visit, Body(OfOne { id }): Body<OfOne>) -> Answer {
    let flow = id.clone();
    let changed = visit.order(|admin| async move { admin.retry_flow(&id).await }).await?;
    answer(&json!({ "flow": flow, "order": "retry", "changed": changed }))
}

/// Removes all records of one; jobs that run stay, and the flow with them.
pub(in crate::dashboard) async fn remove(visit: Visit, Body(OfOne { id }): Body<OfOne>) -> Answer {
    let flow = id.clone();
    let changed = visit.order(|admin| async move { admin.remove_flow(&id).await }).await?;
    answer(&json!({ "flow": flow, "order": "remove", "changed": changed }))
}
