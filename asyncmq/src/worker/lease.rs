//! Keeps the worker's lease from an OS thread of its own, so that handlers that block every other thread cannot lose it.
//!
//! The same thread passes on what running attempts report, and sees to it that the runtime's timers and connections are
//! looked after while a handler blocks the thread that did so.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::backend::{Extension, Leases, Pause, StoreError};
use crate::chance::is_simulated;
use crate::error::{Error, Result};
use crate::seeded::{Bug, is_seeded};
use crate::task::Stop;
use crate::worker::shared::{Phase, Shared};
use crate::worker::tenure;

/// Starts the thread. It ends with the worker. In a simulation everything happens on one thread, and in its time.
pub(crate) fn keep(shared: Arc<Shared>) -> Result<Option<JoinHandle<()>>> {
    if is_simulated() {
        tokio::spawn(async move { keep_until_ended(&shared).await });
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Error::Startup(format!("cannot start the lease keeper: {error}")))?;
    let thread = std::thread::Builder::new().name("asyncmq-lease".into());
    let elsewhere = is_seeded(Bug::LeaseOnRuntime).then(tokio::runtime::Handle::current);
    let thread = thread.spawn(move || match elsewhere {
        None => runtime.block_on(keep_until_ended(&shared)),
        Some(handlers) => {
            let _ = runtime.block_on(handlers.spawn(async move { keep_until_ended(&shared).await }));
        }
    });
    thread
        .map(Some)
        .map_err(|error| Error::Startup(format!("cannot start the lease keeper's thread: {error}")))
}

/// How often the loop of the worker is woken while a handler runs.
const NUDGE_EVERY: Duration = Duration::from_millis(100);

async fn keep_until_ended(shared: &Shared) {
    tokio::select! {
        biased;
        () = shared.reached(Phase::Ended) => {}
        () = keep_for_ever(shared) => {}
        () = shared.reports.pass_on(&shared.backend) => {}
        () = nudge(shared) => {}
    }
}

async fn keep_for_ever(shared: &Shared) {
    let every = (shared.times.lease / 3).min(shared.times.heartbeat).max(Duration::from_millis(1));
    let mut pause = Pause::new();
    let mut leases: Option<Box<dyn Leases>> = None;
    loop {
        match extend(shared, &mut leases).await {
            Ok(extension) => {
                shared.tenure.kept(tenure::now());
                heed(shared, &extension);
                pause = Pause::new();
                let _ = tokio::time::timeout(every, shared.extend_now.notified()).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the lease could not be extended; trying again until it can");
                pause.wait().await;
            }
        }
    }
}

/// Wakes another thread of the runtime from time to time while a handler runs.
///
/// A thread that was woken by a timer or a connection, and then blocks in the one handler that waited for it, takes
/// the runtime's timers and connections with it: nobody looks after them before another thread is woken from outside.
async fn nudge(shared: &Shared) {
    loop {
        tokio::time::sleep(NUDGE_EVERY).await;
        if shared.hand.len() != 0 {
            shared.wake.notify_one();
        }
    }
}

async fn extend(shared: &Shared, leases: &mut Option<Box<dyn Leases>>) -> Result<Extension, StoreError> {
    let leases = match leases {
        Some(leases) => leases,
        None => leases.insert(shared.backend.backend().leases().await?),
    };
    leases.extend(shared.id, &shared.hand.claims(), shared.times.lease).await
}

/// Passes on what the store said about the jobs in hand.
fn heed(shared: &Shared, extension: &Extension) {
    // Those that were settled meanwhile are no longer running.
    let lost = shared.hand.stop(&extension.lost, Stop::LeaseLost);
    if lost != 0 {
        tracing::warn!(
            jobs = lost,
            "jobs are no longer this worker's: it was silent for longer than its lease, or they were removed"
        );
    }
    shared.hand.stop(&extension.cancelled, Stop::Cancelled);
}
