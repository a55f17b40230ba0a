//! Orders about one flow.

use super::done;
use crate::dashboard::error::Answer;
use crate::dashboard::visit::{Fields, Params, Visit};
use crate::error::Error;

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

/// Removes all records of it, and goes back to the list, or to what is left.
pub(in crate::dashboard) async fn remove(visit: Visit, Fields(fields): Fields) -> Answer {
    let (id, flow) = (fields.must("id")?.to_owned(), fields.must("id")?.to_owned());
    visit.order(|admin| async move { admin.remove_flow(&id).await }).await?;
    match visit.admin().flow_handle(&flow).await {
        Ok(_) => Ok(back(&visit, &fields, "flow-left")),
        Err(Error::FlowNotFound { .. }) => Ok(done(&visit, ("/flows", &[]), "removed")),
        Err(error) => Err(error.into()),
    }
}

fn back(visit: &Visit, fields: &Params, word: &str) -> axum::response::Response {
    done(visit, ("/flow", &[("id", fields.get("id").unwrap_or_default())]), word)
}
