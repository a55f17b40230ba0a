//! Limits of queues and tasks, for programs.

use serde::Deserialize;
use serde_json::json;

use super::{Body, answer};
use crate::admin::view::LimitView;
use crate::admin::words::read_limit;
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::pages::limits::some_limit;
use crate::dashboard::visit::Visit;
use crate::job::{Limit, LimitScope, Name};

/// Lists those of a queue and its tasks.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    let held = visit.admin().limits_in_use(visit.query.must("queue")?).await?;
    let limits: Vec<LimitView> = held.limits.iter().map(Into::into).collect();
    answer(&json!({ "limits": limits, "parked_keys": held.parked_keys }))
}

/// What is ordered: a limit, none, or that what the code says counts again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::dashboard) struct Wanted {
    queue: String,
    task: Option<String>,
    rate: Option<String>,
    concurrency: Option<u32>,
    on_limit: Option<String>,
    #[serde(default)]
    off: bool,
    #[serde(default)]
    reset: bool,
}

impl Wanted {
    fn limit(&self) -> Result<Option<Limit>, Refusal> {
        let part = |name: &str| match name {
            "rate" => self.rate.as_deref(),
            "on-limit" => self.on_limit.as_deref(),
            _ => None,
        };
        let limit = read_limit(part, "")?;
        let limit = self.concurrency.map_or(limit, |most| limit.concurrency(most));
        match (limit.is_none(), self.off, self.reset) {
            (_, false, false) => some_limit(limit).map(Some),
            (true, true, false) => Ok(Some(Limit::NONE)),
            (true, false, true) => Ok(None),
            _ => Err(Refusal::bad("say one of: a rate and a concurrency, \"off\", or \"reset\"")),
        }
    }
}

/// Sets one.
pub(in crate::dashboard) async fn set(visit: Visit, Body(wanted): Body<Wanted>) -> Answer {
    let limit = wanted.limit()?;
    let scope = match &wanted.task {
        Some(task) => LimitScope::Task(Name::task(task)?),
        None => LimitScope::Queue,
    };
    let queue = wanted.queue.clone();
    let changed = visit.order(|admin| async move { admin.set_limit(&queue, scope, limit).await }).await?;
    answer(&json!({ "queue": wanted.queue, "task": wanted.task, "changed": changed }))
}
