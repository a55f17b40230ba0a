//! Tells the store what the code of the tasks is held to, before anything is claimed.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Pause, StoreError};
use crate::error::{Error, Result};
use crate::job::{Limit, LimitScope, LimitSource, Name};
use crate::task::TaskOptions;
use crate::worker::shared::{Phase, Shared};

/// How often a worker looks whether the store still has what its tasks say: it may have lost it.
pub(super) const EVERY: Duration = Duration::from_secs(60);

/// Returns what a task says its jobs are held to.
fn limit_of(options: &TaskOptions) -> Option<Limit> {
    let limit =
        Limit { rate: options.rate_limit, concurrency: options.concurrency, on_limit: options.on_limit };
    (!limit.is_none()).then_some(limit)
}

/// Brings what the store has in line with the worker's tasks, in each queue that it serves.
async fn declare(shared: &Shared, is_start: bool) -> Result<(), StoreError> {
    let backend = shared.backend.backend();
    for queue in &shared.info.queues {
        let kept = backend.limits(queue).await?;
        let changes = shared.tasks.values().filter_map(|task| {
            let (scope, limit) = (LimitScope::Task(Name::from_static(task.name())), limit_of(task.options()));
            let declared = kept.iter().find(|info| info.scope == scope).and_then(|info| info.declared);
            // What a worker of another version has declared since then stands.
            let differs = if is_start { declared != limit } else { declared.is_none() && limit.is_some() };
            differs.then_some((scope, limit))
        });
        let changes: Vec<_> = changes.collect();
        if !changes.is_empty() {
            backend.set_limits(queue, LimitSource::Declared, &changes).await?;
        }
    }
    Ok(())
}

/// Tells whether a task says something, so that the store can lose it.
pub(super) fn are_said(shared: &Shared) -> bool {
    shared.tasks.values().any(|task| limit_of(task.options()).is_some())
}

/// Declares what the store has lost.
pub(super) async fn declare_lost(shared: &Shared) -> Result<(), StoreError> {
    declare(shared, false).await
}

/// Declares once, and returns whether that is done; a store that does not answer now is waited for before the first claim.
pub(super) async fn declare_or_refuse(shared: &Shared) -> Result<bool> {
    match declare(shared, true).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_retryable() => Ok(false),
        Err(error) => Err(Error::Startup(format!(
            "a task has `rate_limit` or `concurrency`, and the store does not take it: {error}"
        ))),
    }
}

/// Declares until the store has taken it, or the worker stops.
pub(super) async fn declare_surely(shared: &Arc<Shared>) {
    let mut pause = Pause::new();
    while let Err(error) = declare(shared, true).await {
        tracing::debug!(%error, "the limits of tasks could not be declared yet");
        tokio::select! {
            biased;
            () = shared.reached(Phase::Draining) => return,
            () = pause.wait() => {}
        }
    }
}
