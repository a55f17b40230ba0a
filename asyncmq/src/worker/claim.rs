//! One claim of a worker: what it asks for, repeated until the store answers, and what it finds that nobody here can run.

use std::sync::PoisonError;
use std::time::Instant;

use crate::backend::{CallId, Claim, Claimed, Pause};
use crate::job::Name;
use crate::worker::shared::{Phase, Shared};

/// What a claim asks for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) call: CallId,
    pub(super) queues: Vec<Name>,
    pub(super) limit: usize,
}

impl Wanted {
    pub(super) fn claim<'a>(&'a self, shared: &'a Shared) -> Claim<'a> {
        let (call, queues, limit) = (self.call, &self.queues, self.limit);
        Claim { call, queues, tasks: &shared.known, limit, lease: shared.times.lease }
    }
}

/// Claims under one id until the store answers, or until the worker stops.
pub(super) async fn claim(shared: &Shared, wanted: &Wanted) -> Claimed {
    let mut pause = Pause::new();
    let mut silent_since = None;
    loop {
        match shared.backend.claim(wanted.claim(shared)).await {
            Ok(claimed) => {
                if let Some(since) = silent_since.map(|since: Instant| since.elapsed()) {
                    tracing::info!(silent = ?since, "the store answers again");
                }
                return claimed;
            }
            Err(error) => {
                if silent_since.is_none() {
                    tracing::warn!(%error, "the store does not give jobs out; trying again until it does");
                    silent_since = Some(Instant::now());
                }
            }
        }
        tokio::select! {
            biased;
            // Should it have given something all the same, striking the worker off gives it back.
            () = shared.reached(Phase::Draining) => return Claimed::default(),
            () = pause.wait() => {}
        }
    }
}

/// Says once for each task that jobs wait for it here in vain.
pub(super) fn note_unknown(shared: &Shared, unknown: Vec<(Name, Name)>) {
    if unknown.is_empty() {
        return;
    }
    let mut noted = shared.unknown.lock().unwrap_or_else(PoisonError::into_inner);
    for (queue, task) in unknown {
        if noted.contains(&(queue.clone(), task.clone())) {
            continue;
        }
        let nearest = crate::job::nearest(&task, shared.tasks.keys().copied());
        tracing::warn!(
            queue = queue.as_str(),
            task = task.as_str(),
            nearest,
            "jobs wait for a task that this worker does not have, or not in their version: link its crate \
             (`use your_crate as _;`), or start a worker that has it"
        );
        noted.push((queue, task));
    }
}
