//! One running attempt, as its handler and its worker share it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use crate::backend::{BackendHandle, ClaimedJob, Report};
use crate::error::Result;
use crate::job::{KEPT_LINES, LogLine, MAX_MESSAGE, Progress};
use crate::task::bind::{Unbound, bind};
use crate::task::state::States;
use crate::task::{Context, HandlerFuture, TaskDefinition};

/// Why a running attempt should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stop {
    /// Somebody cancelled the job.
    Cancelled = 1,
    /// The worker's lease is gone: somebody else may run the job now.
    LeaseLost = 2,
    /// The worker is stopping and will not wait any longer.
    Shutdown = 3,
    /// The attempt took longer than its timeout.
    TimedOut = 4,
}

impl Stop {
    pub(crate) const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            1 => Some(Self::Cancelled),
            2 => Some(Self::LeaseLost),
            3 => Some(Self::Shutdown),
            4 => Some(Self::TimedOut),
            _ => None,
        }
    }
}

/// Takes note of attempts that have something to report.
pub(crate) trait Reporter: Send + Sync {
    fn has_report(&self, attempt: &Arc<Attempt>);
}

/// Runs the handlers of some tasks elsewhere than in this process.
///
/// A handler that is told to stop ends soon, whatever it does: whoever runs it sees to that.
pub(crate) trait Elsewhere: Send + Sync {
    /// Tells whether the task's handler is run there.
    fn takes(&self, task: &'static TaskDefinition) -> bool;

    /// Runs a handler. When the future is dropped, it ends at once.
    fn run(self: Arc<Self>, context: Context, task: &'static TaskDefinition) -> HandlerFuture;

    /// Gets ready for the first handler.
    fn open(self: Arc<Self>) -> BoxFuture<'static, Result<()>>;

    /// Ends what waits for more handlers.
    fn close(self: Arc<Self>) -> BoxFuture<'static, ()>;
}

/// What the attempts of one worker share.
pub(crate) struct Site {
    pub(crate) backend: BackendHandle,
    pub(crate) states: States,
    /// Who passes on what attempts say while they run; without one it is told at their end.
    pub(crate) reporter: Option<Arc<dyn Reporter>>,
    /// Who runs some of the handlers in this worker's place.
    pub(crate) elsewhere: Option<Arc<dyn Elsewhere>>,
}

impl Site {
    /// Returns who runs this task's handler in this worker's place, if anybody does.
    pub(crate) fn elsewhere(&self, task: &'static TaskDefinition) -> Option<&Arc<dyn Elsewhere>> {
        self.elsewhere.as_ref().filter(|elsewhere| elsewhere.takes(task))
    }
}

/// One running attempt.
pub(crate) struct Attempt {
    pub(crate) job: ClaimedJob,
    pub(crate) site: Arc<Site>,
    /// Why it does not begin.
    pub(crate) unbound: Option<Unbound>,
    pub(crate) deadline: Option<Instant>,
    stop: AtomicU8,
    now: AtomicBool,
    over: AtomicBool,
    stopped: Notify,
    /// Apart from `talk`, so that an attempt that says nothing never locks.
    spoke: AtomicBool,
    /// Apart from `talk`, so that events that will not be kept are not even written.
    kept_enough: AtomicBool,
    talk: Mutex<Talk>,
    told: Notify,
}

/// How many events of an attempt are kept with its job, and how many bytes of them.
const MOST_EVENTS: usize = 100;
const MOST_EVENT_BYTES: usize = 32 * 1_024;

/// What an attempt said and the store does not know yet.
#[derive(Debug, Default)]
struct Talk {
    report: Report,
    /// How many of the handler's `tracing` events were kept, and their bytes.
    events: (usize, usize),
    /// The reporter knows that there is something.
    announced: bool,
    /// The reporter is telling the store.
    under_way: bool,
}

impl Attempt {
    pub(crate) fn new(job: ClaimedJob, site: Arc<Site>) -> Self {
        // Tokio's time, as the timeout is watched by it: a test may have paused it.
        let now = || tokio::time::Instant::now().into_std();
        let (job, unbound) = bind(job, site.backend.max_payload());
        let deadline = job.envelope.timeout.and_then(|timeout| now().checked_add(timeout));
        Self {
            job,
            site,
            unbound,
            deadline,
            stop: AtomicU8::new(0),
            now: AtomicBool::new(false),
            over: AtomicBool::new(false),
            stopped: Notify::new(),
            spoke: AtomicBool::new(false),
            kept_enough: AtomicBool::new(false),
            talk: Mutex::default(),
            told: Notify::new(),
        }
    }

    /// Tells the handler to stop; the first reason counts.
    pub(crate) fn stop(&self, why: Stop) {
        let first = self.stop.compare_exchange(0, why as u8, Ordering::SeqCst, Ordering::SeqCst);
        if first.is_ok() {
            self.stopped.notify_waiters();
        }
    }

    /// Gives the handler no more time: it is dropped where it stands.
    pub(crate) fn stop_now(&self) {
        self.stop(Stop::Shutdown);
        self.now.store(true, Ordering::SeqCst);
        self.stopped.notify_waiters();
    }

    pub(crate) fn stop_reason(&self) -> Option<Stop> {
        Stop::from_bits(self.stop.load(Ordering::SeqCst))
    }

    /// Tells whether the handler has no more time.
    pub(crate) fn is_given_up(&self) -> bool {
        self.now.load(Ordering::SeqCst)
    }

    /// Takes note that the handler has ended.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Tells whether the handler has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Waits until the handler is to stop.
    pub(crate) async fn stopped(&self) -> Stop {
        self.told_that(|| self.stop_reason()).await
    }

    /// Waits until the handler has no more time.
    pub(crate) async fn stopped_now(&self) {
        self.told_that(|| self.is_given_up().then_some(())).await;
    }

    async fn told_that<R>(&self, order: impl Fn() -> Option<R>) -> R {
        loop {
            let notified = self.stopped.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if let Some(order) = order() {
                return order;
            }
            notified.await;
        }
    }

    pub(crate) fn progress(self: &Arc<Self>, progress: Progress) {
        self.say(|report| report.progress = Some(progress));
    }

    pub(crate) fn log(self: &Arc<Self>, mut message: String) {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        let line = LogLine { attempt: self.job.attempt, message };
        self.say(|report| {
            // No more than is kept in the end, however much is said before the store is told; the oldest go, many at a time.
            if 2 * KEPT_LINES <= report.logs.len() {
                report.logs.drain(..KEPT_LINES);
            }
            report.logs.push(line);
        });
    }

    /// Keeps one of the handler's `tracing` events, up to a bound: what a handler logs for others must not fill the store.
    pub(crate) fn keep_event(self: &Arc<Self>, write: impl FnOnce() -> String) {
        if self.kept_enough.load(Ordering::Relaxed) {
            return;
        }
        let message = write();
        let (events, bytes) = {
            let mut talk = self.talk();
            talk.events = (talk.events.0 + 1, talk.events.1 + message.len().min(MAX_MESSAGE));
            talk.events
        };
        if events <= MOST_EVENTS && bytes <= MOST_EVENT_BYTES {
            self.log(message);
        } else if !self.kept_enough.swap(true, Ordering::Relaxed) {
            self.log(format!(
                "(what follows in the log is not kept: {MOST_EVENTS} lines or {MOST_EVENT_BYTES} bytes are)"
            ));
        }
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(self: &Arc<Self>, change: impl FnOnce(&mut Report)) {
        let mut talk = self.talk();
        change(&mut talk.report);
        self.spoke.store(true, Ordering::Release);
        if !std::mem::replace(&mut talk.announced, true)
            && let Some(reporter) = &self.site.reporter
        {
            drop(talk);
            reporter.has_report(self);
        }
    }

    /// Takes what was said since the last time, to tell the store while the attempt goes on.
    pub(crate) fn begin_report(&self) -> Report {
        let mut talk = self.talk();
        talk.announced = false;
        talk.under_way = !talk.report.is_empty();
        std::mem::take(&mut talk.report)
    }

    /// Ends a report; one that the store did not take in is kept for the next.
    pub(crate) fn end_report(self: &Arc<Self>, not_taken: Option<Report>) {
        if let Some(mut earlier) = not_taken {
            self.say(|report| {
                earlier.logs.append(&mut report.logs);
                report.logs = earlier.logs;
                report.progress = report.progress.take().or(earlier.progress);
            });
        }
        self.talk().under_way = false;
        self.told.notify_waiters();
    }

    /// Takes what is left to say when the attempt has ended. Waits for a report under way, which must not come after the end.
    pub(crate) async fn last_report(&self) -> Report {
        if !self.spoke.load(Ordering::Acquire) {
            return Report::default();
        }
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            {
                let mut talk = self.talk();
                if !talk.under_way {
                    return std::mem::take(&mut talk.report);
                }
            }
            told.await;
        }
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("job", &self.job).finish_non_exhaustive()
    }
}
