//! Orders about one flow.

use super::done;
use crate::dashboard::error::Answer;
use crate::dashboard::visit::{Fields, Params, Visit};

/// Cancels what has not ended of it.
pub(in crate::dashboard) async fn cancel(visit: Visit, Fields(fields): Fields) -> Answer {
    let id = fields.must("id")?.to_owned();
    let count = visit.order(|admin| async move { admin.cancel_flow(&id).await }).await?;
    Ok(back(&visit, &fields, if count == 0 { "unchanged" } else { "flow-cancelled" }))
}

/// Lets what did not complete of it begin anew.
pub(in crate::dashboard) async fn retry(visit: Visit, Fields(fields): Fields) -> Answer {
    let id = fields.must("id")?.to_owned();
    let count = visit.order(|admin| async move { admin.retry_flow(&id).await }).await?;
    Ok(back(&visit, &fields, if count == 0 { "unchanged" } else { "flow-retried" }))
}

fn back(visit: &Visit, fields: &Params, word: &str) -> axum::response::Response {
    done(visit, ("/flow", &[("id", fields.get("id").unwrap_or_default())]), word)
}
