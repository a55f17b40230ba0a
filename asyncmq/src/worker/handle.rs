//! A running worker, as the program that started it holds it.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::backend::Pause;
use crate::error::{BoxError, Error, Result};
use crate::job::{JobId, Name, WorkerId};
use crate::task::Stop;
use crate::worker::execute::STOP_GRACE;
use crate::worker::hooks::Hook;
use crate::worker::shared::{Phase, Shared};

/// How long striking the worker off the list may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// A running worker. Dropping this does not stop it.
pub struct WorkerHandle {
    pub(super) shared: Arc<Shared>,
    pub(super) pump: JoinHandle<()>,
    pub(super) lease: Option<thread::JoinHandle<()>>,
    pub(super) on_stop: Vec<Hook>,
}

/// How a worker stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// Its id.
    pub id: WorkerId,
    /// How many jobs it runs at once.
    pub concurrency: usize,
    /// How many jobs it has in hand.
    pub running: usize,
    /// Their ids.
    pub jobs: Vec<JobId>,
    /// How many jobs it completed.
    pub completed: u64,
    /// How many attempts failed on it.
    pub failed: u64,
    /// Whether it claims nothing for now.
    pub paused: bool,
    /// Whether it is on its way to an end.
    pub draining: bool,
    /// Queues and tasks whose jobs wait in vain, as this worker does not have the task (or not in their version).
    pub unknown: Vec<(Name, Name)>,
}

/// What a worker left behind when it stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopReport {
    /// Jobs that were given back unspent, as they did not end in time.
    pub given_back: Vec<JobId>,
    /// Jobs whose end the store did not confirm: they run again when the lease ends.
    pub unconfirmed: Vec<JobId>,
    /// Whether a handler is still running on a thread that it blocks, which nothing can stop but the end of the process.
    pub blocked: bool,
}

/// Whether the store has struck a worker off.
enum Farewell {
    Heard,
    Unheard,
}

impl WorkerHandle {
    /// Returns the worker's id.
    #[must_use]
    pub fn id(&self) -> WorkerId {
        self.shared.id
    }

    /// Stops in order: claims nothing more, lets running jobs finish, tells those that are left to stop when the drain
    /// timeout is nearly over, gives the rest back unspent, and strikes itself off the list of workers.
    ///
    /// # Errors
    ///
    /// That of an `on_stop` hook; the worker has stopped all the same.
    pub async fn stop(self) -> Result<StopReport> {
        let drain = self.shared.times.drain;
        self.stop_within(drain, std::future::pending()).await
    }

    /// Stops at once: running jobs are dropped and given back unspent.
    ///
    /// # Errors
    ///
    /// What [`WorkerHandle::stop`] says.
    pub async fn stop_now(self) -> Result<StopReport> {
        self.stop_within(Duration::ZERO, std::future::pending()).await
    }

    /// Stops in order; at once as soon as `hurry` is ready.
    pub(crate) async fn stop_within(
        mut self,
        drain: Duration,
        hurry: impl Future<Output = ()>,
    ) -> Result<StopReport> {
        self.shared.enter(Phase::Draining);
        let end = Instant::now() + drain.saturating_sub(FAREWELL.min(drain / 4));
        // Others see that it drains: should it die now, its jobs are released and not charged with a crash.
        let draining = self.shared.clone();
        let told = tokio::spawn(async move { register(&draining).await });
        let in_order = self.finish_until(end);
        tokio::pin!(hurry);
        let finished = tokio::select! {
            biased;
            finished = in_order => finished,
            () = hurry => false,
        };
        told.abort();
        if !finished {
            self.abandon().await;
        }
        let report = self.report();
        let report = match self.farewell().await {
            Farewell::Heard => self.with_released(report),
            Farewell::Unheard => report,
        };
        if let Some(elsewhere) = &self.shared.site.elsewhere {
            elsewhere.clone().close().await;
        }
        tell(&report);
        // Each has something to tidy up, whatever became of the others.
        let mut ended = Ok(report);
        for hook in std::mem::take(&mut self.on_stop) {
            let hook = hook.call("on_stop", &self.shared.client()).await;
            ended = ended.and_then(|report| hook.map(|()| report));
        }
        ended
    }

    /// Waits for the running jobs; tells those left to stop shortly before the end. Returns whether all have ended.
    async fn finish_until(&mut self, end: Instant) -> bool {
        let left = end.saturating_duration_since(Instant::now());
        let last_call = end - STOP_GRACE.min(left / 2);
        if tokio::time::timeout_at(last_call, &mut self.pump).await.is_ok() {
            return true;
        }
        self.shared.hand.stop_all(Stop::Shutdown);
        tokio::time::timeout_at(end, &mut self.pump).await.is_ok()
    }

    /// Drops what still runs and gives it back, for as long as the store answers soon.
    async fn abandon(&mut self) {
        self.shared.enter(Phase::Abandoning);
        self.shared.hand.stop_all_now();
        if tokio::time::timeout(FAREWELL / 2, &mut self.pump).await.is_err() {
            self.pump.abort();
            if !self.shared.hand.running_ids().is_empty() {
                // Dropped handlers end by themselves, but for those that block their thread.
                self.shared.blocked.store(true, Ordering::SeqCst);
            }
        }
    }

    fn report(&self) -> StopReport {
        StopReport {
            given_back: self.shared.take_given_back(),
            unconfirmed: self.shared.hand.ids(),
            blocked: self.shared.blocked.load(Ordering::SeqCst),
        }
    }

    /// Adds the jobs that striking the worker off gave back: those whose handlers still run.
    fn with_released(&self, mut report: StopReport) -> StopReport {
        let running = self.shared.hand.running_ids();
        report.unconfirmed.retain(|id| !running.contains(id));
        report.given_back.extend(running);
        report
    }

    /// Strikes the worker off.
    async fn farewell(&mut self) -> Farewell {
        let shared = self.shared.clone();
        let deregister = async {
            let mut pause = Pause::new();
            while shared.backend.backend().deregister(shared.id).await.is_err() {
                pause.wait().await;
            }
        };
        let farewell = match tokio::time::timeout(FAREWELL / 2, deregister).await {
            Ok(()) => Farewell::Heard,
            Err(_) => {
                tracing::warn!(
                    "the store did not answer the worker's farewell; it will be shown dead for a while"
                );
                Farewell::Unheard
            }
        };
        self.shared.enter(Phase::Ended);
        if let Some(lease) = self.lease.take() {
            let _ = tokio::task::spawn_blocking(move || lease.join()).await;
        }
        farewell
    }

    /// Claims nothing until [`WorkerHandle::resume`]; running jobs go on.
    pub fn pause(&self) {
        self.shared.paused.store(true, Ordering::SeqCst);
    }

    /// Claims again.
    pub fn resume(&self) {
        self.shared.paused.store(false, Ordering::SeqCst);
        self.shared.signal_work();
    }

    /// Changes how many jobs run at once. Fewer than are running now takes effect as they end.
    pub fn set_concurrency(&self, jobs: usize) {
        self.shared.concurrency.store(jobs, Ordering::SeqCst);
        self.shared.signal_work();
    }

    /// Returns how the worker stands.
    #[must_use]
    pub fn status(&self) -> WorkerStatus {
        let shared = &self.shared;
        let jobs = shared.hand.ids();
        WorkerStatus {
            id: shared.id,
            concurrency: shared.concurrency.load(Ordering::SeqCst),
            running: jobs.len(),
            jobs,
            completed: shared.completed.load(Ordering::SeqCst),
            failed: shared.failed.load(Ordering::SeqCst),
            paused: shared.paused.load(Ordering::SeqCst),
            draining: Phase::Draining <= shared.phase(),
            unknown: shared.unknown.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Waits until nothing waits in the worker's queues and nothing runs. Jobs that are not yet due are not waited for.
    pub async fn idle(&self) {
        self.shared.is_idle().await;
    }
}

/// Logs what a worker left behind.
fn tell(report: &StopReport) {
    if !(report.given_back.is_empty() && report.unconfirmed.is_empty()) {
        let texts = |ids: &[JobId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        tracing::warn!(
            given_back = texts(&report.given_back),
            unconfirmed = texts(&report.unconfirmed),
            "jobs did not end before the worker stopped; they run again"
        );
    }
}

/// Lists the worker, or brings its entry up to date, as soon as the store answers.
pub(super) async fn register(shared: &Shared) {
    let mut pause = Pause::new();
    while let Err(error) = shared.backend.backend().register(&shared.info_now(), shared.times.lease).await {
        tracing::debug!(%error, "the worker could not register; trying again");
        pause.wait().await;
    }
}

pub(crate) fn failed_hook(name: &str, error: &BoxError) -> Error {
    Error::Startup(format!("the worker's `{name}` failed: {error}"))
}

impl fmt::Debug for WorkerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerHandle").field("id", &self.shared.id).finish_non_exhaustive()
    }
}
