//! Tells the store what the code of the tasks is held to, before anything is claimed.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Pause, StoreError};
use crate::error::{Error, Result};
use crate::job::{Limit, LimitScope, LimitSource, Name};
use crate::task::TaskOptions;
use crate::worker::shared::{Phase, Shared};

/// How often a worker looks whether the store still has what its tasks say: it may have lost it, or a worker of another
/// version may have said otherwise.
pub(super) const EVERY: Duration = Duration::from_secs(60);

/// Returns what a task says its jobs are held to.
fn limit_of(options: &TaskOptions) -> Option<Limit> {
    let limit = Limit { rate: options.rate_limit, concurrency: options.concurrency };
    (!limit.is_none()).then_some(limit)
}

/// Brings what the store has in line with the worker's tasks, in each queue that it serves.
pub(super) async fn declare(shared: &Shared) -> Result<(), StoreError> {
    let backend = shared.backend.backend();
    for queue in &shared.info.queues {
        let kept = backend.limits(queue).await?;
        let changes = shared.tasks.values().filter_map(|task| {
            let (scope, limit) = (LimitScope::Task(Name::from_static(task.name())), limit_of(task.options()));
            let declared = kept.iter().find(|info| info.scope == scope).and_then(|info| info.declared);
            (declared != limit).then_some((scope, limit))
        });
        let changes: Vec<_> = changes.collect();
        if !changes.is_empty() {
            backend.set_limits(queue, LimitSource::Declared, &changes).await?;
        }
    }
    Ok(())
}

/// Declares once; a store that does not answer now is waited for before the first claim.
pub(super) async fn declare_or_refuse(shared: &Shared) -> Result<()> {
    match declare(shared).await {
        Err(error) if !error.is_retryable() => Err(Error::Startup(format!(
            "a task has `rate_limit` or `concurrency`, and the store does not take it: {error}"
        ))),
        _ => Ok(()),
    }
}

/// Declares until the store has taken it, or the worker stops.
pub(super) async fn declare_surely(shared: &Arc<Shared>) {
    let mut pause = Pause::new();
    while let Err(error) = declare(shared).await {
        tracing::debug!(%error, "the limits of tasks could not be declared yet");
        tokio::select! {
            biased;
            () = shared.reached(Phase::Draining) => return,
            () = pause.wait() => {}
        }
    }
}
