//! What the loops of one worker share.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use foldhash::HashMap;
use tokio::sync::{Notify, watch};

use crate::backend::{BackendHandle, Settlement, TaskSet, WorkerInfo};
use crate::client::Client;
use crate::event::EventKind;
use crate::job::{JobId, Name, WorkerId};
use crate::lifecycle::Limits;
use crate::task::{Elsewhere, Reporter, Site, States, TaskDefinition};
use crate::worker::hand::Hand;
use crate::worker::line::Line;
use crate::worker::middleware::Layers;
use crate::worker::reports::Reports;
use crate::worker::tenure::{self, Tenure};

/// How many ended attempts leave without waiting for those that are about to end.
const GATHERED: usize = 32;

/// How far a worker is in its life. It only goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Claims and runs.
    Serving,
    /// Claims nothing; running jobs go on.
    Draining,
    /// Waits for nothing any more: what still runs is dropped and given back.
    Abandoning,
    /// Is through.
    Ended,
}

/// The times that a worker keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) lease: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) scan: Duration,
    pub(crate) drain: Duration,
}

/// What the loops of one worker share.
pub(crate) struct Shared {
    pub(crate) id: WorkerId,
    pub(crate) backend: BackendHandle,
    pub(crate) tasks: HashMap<&'static str, &'static TaskDefinition>,
    pub(crate) known: TaskSet,
    pub(crate) site: Arc<Site>,
    pub(crate) layers: Layers,
    pub(crate) times: Times,
    pub(crate) tenure: Tenure,
    pub(crate) limits: Limits,
    pub(crate) max_crashes: u32,
    /// What is told to others; its changing parts are filled in when it is told.
    pub(crate) info: WorkerInfo,
    pub(crate) hand: Hand,
    pub(crate) reports: Arc<Reports>,
    pub(crate) line: Line,
    pub(crate) concurrency: AtomicUsize,
    pub(crate) paused: AtomicBool,
    /// Whether a handler was given up on that still runs on its thread.
    pub(crate) blocked: AtomicBool,
    pub(crate) phase: watch::Sender<Phase>,
    /// Wakes the loop that claims and settles.
    pub(crate) wake: Notify,
    /// Whether the wake-up was for work in the store.
    pub(crate) work: AtomicBool,
    /// Wakes the duty that fires schedules.
    pub(crate) schedules_changed: Notify,
    /// Asks at once how what is in hand stands.
    pub(crate) extend_now: Notify,
    finished: Mutex<Vec<Settlement>>,
    pub(crate) completed: AtomicU64,
    pub(crate) failed: AtomicU64,
    given_back: Mutex<Vec<JobId>>,
    pub(crate) unknown: Mutex<Vec<(Name, Name)>>,
    /// Whether there is nothing to do: nothing waits and nothing runs.
    idle: watch::Sender<bool>,
}

impl Shared {
    #[expect(
        clippy::too_many_arguments,
        reason = "each is another part of the worker, put together in one place"
    )]
    pub(crate) fn new(
        backend: BackendHandle,
        tasks: HashMap<&'static str, &'static TaskDefinition>,
        known: TaskSet,
        states: States,
        layers: Layers,
        times: Times,
        max_crashes: u32,
        info: WorkerInfo,
        elsewhere: Option<Arc<dyn Elsewhere>>,
    ) -> Arc<Self> {
        let reports: Arc<Reports> = Arc::default();
        let reporter: Arc<dyn Reporter> = reports.clone();
        Arc::new(Self {
            id: backend.sender(),
            site: Arc::new(Site { backend: backend.clone(), states, reporter: Some(reporter), elsewhere }),
            backend,
            tasks,
            known,
            layers,
            tenure: Tenure::new(times.lease, tenure::now()),
            times,
            limits: Limits::default(),
            max_crashes,
            concurrency: AtomicUsize::new(info.concurrency as usize),
            info,
            hand: Hand::default(),
            reports,
            line: Line::default(),
            paused: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            phase: watch::Sender::new(Phase::Serving),
            wake: Notify::new(),
            work: AtomicBool::new(false),
            schedules_changed: Notify::new(),
            extend_now: Notify::new(),
            finished: Mutex::default(),
            completed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            given_back: Mutex::default(),
            unknown: Mutex::default(),
            idle: watch::Sender::new(false),
        })
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Moves on to a later phase; an earlier one changes nothing.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let later = *now < phase;
            if later {
                *now = phase;
            }
            later
        });
        self.wake.notify_one();
    }

    /// Waits until the worker is at least that far.
    pub(crate) async fn reached(&self, phase: Phase) {
        let mut phases = self.phase.subscribe();
        let _ = phases.wait_for(|now| phase <= *now).await;
    }

    /// Returns the worker's own client.
    pub(crate) fn client(&self) -> Client {
        Client { handle: self.backend.clone() }
    }

    /// Waits until a look that begins from now on finds nothing to do.
    pub(crate) async fn is_idle(&self) {
        let mut idle = self.idle.subscribe();
        self.idle.send_modify(|idle| {
            *idle = false;
            self.work.store(true, Ordering::Release);
        });
        self.wake.notify_one();
        let _ = idle.wait_for(|idle| *idle).await;
    }

    /// Tells those who wait for it that there is nothing to do, unless somebody has just asked for another look.
    pub(crate) fn note_idle(&self) {
        self.idle.send_if_modified(|idle| {
            let is_new = !*idle && !self.work.load(Ordering::Acquire);
            *idle |= is_new;
            is_new
        });
    }

    /// Tells whether somebody waits for the worker to be idle.
    pub(crate) fn is_idle_awaited(&self) -> bool {
        self.idle.receiver_count() != 0
    }

    /// Tells the loop that a claim may give something now.
    pub(crate) fn signal_work(&self) {
        self.work.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Takes in how an attempt ended. It leaves at once if no other is about to end, else with those that are.
    ///
    /// Should they be held up after all, the loop looks for itself within milliseconds, as the line is not empty then.
    ///
    /// Tells whether the loop was woken. It waits on this thread now and no other can take it: whoever goes on to a handler,
    /// which may block the thread, has to [give way](give_way) first.
    pub(crate) fn finish(&self, settlement: Settlement) -> bool {
        let gathered = {
            let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
            finished.push(settlement);
            finished.len()
        };
        let is_time = gathered % GATHERED == 0 || self.line.is_empty();
        if is_time {
            self.wake.notify_one();
        }
        is_time
    }

    /// Lets leave what has ended, if anything has. Tells whether the loop was woken, as [`Shared::finish`] does.
    pub(crate) fn settle_now(&self) -> bool {
        let has_ended = !self.finished.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        if has_ended {
            self.wake.notify_one();
        }
        has_ended
    }

    pub(crate) fn take_finished(&self) -> Vec<Settlement> {
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        if finished.is_empty() {
            Vec::new()
        } else {
            std::mem::replace(&mut *finished, Vec::with_capacity(GATHERED))
        }
    }

    pub(crate) fn count(&self, kind: EventKind) {
        match kind {
            EventKind::Completed => self.completed.fetch_add(1, Ordering::Relaxed),
            EventKind::Failed | EventKind::Retrying => self.failed.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    /// Takes note of jobs that were given back because the worker stops.
    pub(crate) fn gave_back(&self, ids: impl IntoIterator<Item = JobId>) {
        self.given_back.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    }

    pub(crate) fn take_given_back(&self) -> Vec<JobId> {
        std::mem::take(&mut *self.given_back.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns what is told to others now.
    pub(crate) fn info_now(&self) -> WorkerInfo {
        let whole = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        WorkerInfo {
            draining: Phase::Draining <= self.phase(),
            concurrency: whole(self.concurrency.load(Ordering::Relaxed)),
            running: whole(self.hand.len()),
            completed: self.completed.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            ..self.info.clone()
        }
    }
}

/// Lets whoever is ready go first.
///
/// Tokio's own way out would keep the task with this thread until it has nothing else to do, and the next handler may
/// block the thread for long; this one leaves it where every thread can take it.
pub(crate) async fn give_way() {
    let mut gave_way = false;
    std::future::poll_fn(|poller| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        poller.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
