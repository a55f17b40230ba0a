//! Orders about one job.

use super::done;
use crate::admin::Order;
use crate::dashboard::error::Answer;
use crate::dashboard::visit::{Fields, Visit};
use crate::error::Error;

/// Puts it back with fresh attempts.
pub(in crate::dashboard) async fn retry(visit: Visit, fields: Fields) -> Answer {
    carry_out(&visit, &fields, (Order::Retry, "retried")).await
}

/// Cancels it.
pub(in crate::dashboard) async fn cancel(visit: Visit, fields: Fields) -> Answer {
    let reason = fields.0.get("reason").map(|reason| reason.chars().take(500).collect());
    carry_out(&visit, &fields, (Order::Cancel { reason }, "cancelled")).await
}

/// Makes it due now.
pub(in crate::dashboard) async fn promote(visit: Visit, fields: Fields) -> Answer {
    carry_out(&visit, &fields, (Order::Promote, "promoted")).await
}

/// Removes it.
pub(in crate::dashboard) async fn remove(visit: Visit, fields: Fields) -> Answer {
    carry_out(&visit, &fields, (Order::Remove, "removed")).await
}

async fn carry_out(visit: &Visit, Fields(fields): &Fields, (order, word): (Order, &str)) -> Answer {
    let (id, queue) = (fields.must("id")?, fields.get("queue"));
    let is_removal = order == Order::Remove;
    let (job, of) = (id.to_owned(), queue.map(ToOwned::to_owned));
    let outcome = visit.order(|admin| async move { admin.order(&order, &job, of.as_deref()).await }).await;
    let word = match outcome {
        Ok(()) => word,
        // It moved on between the look and the click: its page says where it is.
        Err(Error::IllegalMove { .. }) => "refused",
        Err(error) => return Err(error.into()),
    };
    if is_removal {
        return Ok(done(visit, ("/jobs", &[("queue", queue.unwrap_or_default())]), word));
    }
    Ok(done(visit, ("/job", &[("queue", queue.unwrap_or_default()), ("id", id)]), word))
}
