//! Tells the store what the code of the tasks is held to, before anything is claimed.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Pause, StoreError, WorkerInfo};
use crate::error::{Error, Result};
use crate::job::{Limit, LimitScope, LimitSource, Name, WorkerId};
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

/// What a queue's tasks are to be held to, where that is not what the store has.
type Changes = Vec<(LimitScope, Option<Limit>)>;

/// Compares what the store has for a queue with what the worker's tasks say.
async fn differences(shared: &Shared, queue: &Name) -> Result<Changes, StoreError> {
    let kept = shared.backend.backend().limits(queue).await?;
    let changes = shared.tasks.values().filter_map(|task| {
        let (scope, limit) = (LimitScope::Task(Name::from_static(task.name())), limit_of(task.options()));
        let declared = kept.iter().find(|info| info.scope == scope).and_then(|info| info.declared);
        (declared != limit).then_some((scope, limit))
    });
    Ok(changes.collect())
}

async fn set(shared: &Shared, queue: &Name, changes: &Changes) -> Result<(), StoreError> {
    if !changes.is_empty() {
        shared.backend.backend().set_limits(queue, LimitSource::Declared, changes).await?;
    }
    Ok(())
}

/// Brings what the store has in line with the worker's tasks, in each queue that it serves, as it is the last one to start: a job may be
/// enqueued to another queue than its task's, and the first claim that finds it must be held already.
async fn declare(shared: &Shared) -> Result<(), StoreError> {
    declare_in(shared, &shared.info.queues).await
}

/// Does so in these queues.
pub(super) async fn declare_in(shared: &Shared, queues: &[Name]) -> Result<(), StoreError> {
    for queue in queues {
        set(shared, queue, &differences(shared, queue).await?).await?;
    }
    Ok(())
}

/// Tells whether a task says something, so that the store can lose it.
pub(super) fn are_said(shared: &Shared) -> bool {
    shared.tasks.values().any(|task| limit_of(task.options()).is_some())
}

/// Declares again what the store does not have any more, be it that it lost it or that the queue was obliterated. Of the live
/// workers that have a task the one that started last says what counts: what that one took away is not put back.
pub(super) async fn declare_lost(shared: &Shared) -> Result<(), StoreError> {
    for queue in &shared.info.queues {
        let mut changes = differences(shared, queue).await?;
        if changes.is_empty() {
            continue;
        }
        let workers = shared.backend.backend().workers().await?;
        changes.retain(|(scope, _)| is_last(&workers, shared.id, queue, scope));
        set(shared, queue, &changes).await?;
    }
    Ok(())
}

/// Tells whether no live worker of a queue that has this task started after this one, by the store's clock. One that the store
/// does not know (any more) cannot tell.
fn is_last(workers: &[WorkerInfo], own: WorkerId, queue: &Name, scope: &LimitScope) -> bool {
    let LimitScope::Task(task) = scope else { return false };
    let Some(own) = workers.iter().find(|worker| worker.id == own) else { return false };
    let is_later = |worker: &WorkerInfo| {
        worker.alive
            && (own.started_at, own.id) < (worker.started_at, worker.id)
            && worker.queues.contains(queue)
            && worker.tasks.iter().any(|info| info.name == *task)
    };
    !workers.iter().any(is_later)
}

/// Declares once, and returns whether that is done; a store that does not answer now is waited for before the first claim.
pub(super) async fn declare_or_refuse(shared: &Shared) -> Result<bool> {
    match declare(shared).await {
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
    while let Err(error) = declare(shared).await {
        tracing::debug!(%error, "the limits of tasks could not be declared yet");
        tokio::select! {
            biased;
            () = shared.reached(Phase::Draining) => return,
            () = pause.wait() => {}
        }
    }
}
