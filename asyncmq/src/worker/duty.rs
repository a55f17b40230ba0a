//! The duties: what has to be done from time to time, in one loop that all of them share.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use crate::backend::{MAX_BATCH, Pause, Signal, Signals, StoreError, jittered};
use crate::caught::panic_message;
use crate::client::{Scope, scoped};
use crate::error::BoxError;
use crate::job::Name;
use crate::seeded::{Bug, is_seeded};
use crate::task::Stop;
use crate::worker::shared::{Phase, Shared, give_way};
use crate::worker::{limits, tenure};

/// How often jobs of dead workers are looked for, at most.
const RESCUE_EVERY: Duration = Duration::from_secs(1);
/// How often expired jobs are looked for.
const EXPIRE_EVERY: Duration = Duration::from_secs(1);
/// How often old records are dropped.
const PRUNE_EVERY: Duration = Duration::from_secs(5);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A duty of the program's own.
pub(crate) struct OwnDuty {
    pub(crate) name: String,
    pub(crate) every: Duration,
    pub(crate) run: Box<dyn Fn() -> Boxed<Result<(), BoxError>> + Send + Sync>,
}

/// Starts every duty; they end when the worker is through.
pub(crate) fn start(shared: &Arc<Shared>, queues: Vec<Name>, own: Vec<OwnDuty>) {
    let rescue_every = RESCUE_EVERY.min(shared.times.lease / 4).max(Duration::from_millis(1));
    let max_crashes = if is_seeded(Bug::EndlessCrashes) { u32::MAX } else { shared.max_crashes };
    spawn(shared, |shared| listen(shared, queues));
    spawn(shared, tell);
    spawn(shared, move |shared| {
        in_batches(shared, "rescue", rescue_every, move |shared| {
            Box::pin(async move {
                match shared.tenure.may_judge(tenure::now()) {
                    true => shared.backend.backend().rescue(max_crashes, MAX_BATCH).await,
                    false => Ok(0),
                }
            })
        })
    });
    spawn(shared, |shared| {
        in_batches(shared, "expire", EXPIRE_EVERY, |shared| {
            Box::pin(async move { shared.backend.backend().expire(MAX_BATCH).await })
        })
    });
    spawn(shared, |shared| {
        in_batches(shared, "prune", PRUNE_EVERY, |shared| {
            Box::pin(async move { shared.backend.backend().prune(&shared.limits, MAX_BATCH).await })
        })
    });
    if limits::are_said(shared) {
        spawn(shared, |shared| {
            in_batches(shared, "limits", limits::EVERY, |shared| {
                Box::pin(async move { limits::declare_lost(&shared).await.map(|()| 0) })
            })
        });
    }
    for duty in own {
        spawn(shared, move |shared| scoped(Scope::Of(shared.client()), do_own(duty)));
    }
}

/// Runs a loop until the worker is through.
pub(super) fn spawn<F, R>(shared: &Arc<Shared>, run: F)
where
    F: FnOnce(Arc<Shared>) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let (running, shared) = (run(shared.clone()), shared.clone());
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = shared.reached(Phase::Ended) => {}
            () = running => {}
        }
    });
}

/// Does a bounded part at a time, at once again while there is more, else after the interval (drawn, so that many workers do not knock together).
async fn in_batches(
    shared: Arc<Shared>,
    name: &'static str,
    every: Duration,
    run: impl Fn(Arc<Shared>) -> Boxed<Result<usize, StoreError>>,
) {
    loop {
        tokio::time::sleep(jittered(every)).await;
        loop {
            match run(shared.clone()).await {
                Ok(done) if done < MAX_BATCH => break,
                Ok(_) => give_way().await,
                Err(error) => {
                    tracing::debug!(duty = name, %error, "a duty could not be done now");
                    break;
                }
            }
        }
    }
}

/// A duty of the program's own: one that fails or panics is done again at its next time.
async fn do_own(duty: OwnDuty) {
    loop {
        tokio::time::sleep(duty.every).await;
        let run = async { (duty.run)().await };
        match AssertUnwindSafe(run).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(duty = duty.name, error, "a duty failed"),
            Err(payload) => {
                tracing::error!(duty = duty.name, panic = panic_message(payload), "a duty panicked")
            }
        }
    }
}

/// Keeps the worker's entry in the list of workers fresh.
async fn tell(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(jittered(shared.times.heartbeat)).await;
        if let Err(error) = shared.backend.backend().register(&shared.info_now(), shared.times.lease).await {
            tracing::debug!(%error, "the heartbeat did not reach the store");
        }
    }
}

/// Listens to what the store tells this worker, and looks for itself whenever it may have missed something.
async fn listen(shared: Arc<Shared>, queues: Vec<Name>) {
    let mut pause = Pause::new();
    loop {
        match shared.backend.backend().signals(shared.id, &queues).await {
            Ok(mut signals) => {
                shared.signal_work();
                shared.schedules_changed.notify_one();
                // What was cancelled before somebody listened is heard of by asking.
                shared.extend_now.notify_one();
                pause = Pause::new();
                heed(&shared, &mut *signals).await;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot listen for wake-ups yet; jobs start later than they could")
            }
        }
        pause.wait().await;
    }
}

async fn heed(shared: &Shared, signals: &mut dyn Signals) {
    loop {
        match signals.next().await {
            Signal::Work => shared.signal_work(),
            Signal::Schedules => shared.schedules_changed.notify_one(),
            Signal::Cancel(tokens) => {
                shared.hand.stop(&tokens, Stop::Cancelled);
            }
        }
    }
}
