//! One running attempt, as its handler and its worker share it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::backend::{BackendHandle, ClaimedJob, Report};
use crate::job::{LogLine, MAX_MESSAGE, Progress};
use crate::task::state::States;

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
    const fn from_bits(bits: u8) -> Option<Self> {
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

/// One running attempt.
pub(crate) struct Attempt {
    pub(crate) job: ClaimedJob,
    pub(crate) backend: BackendHandle,
    pub(crate) states: Arc<States>,
    pub(crate) deadline: Option<Instant>,
    reporter: Option<Arc<dyn Reporter>>,
    stop: AtomicU8,
    stopped: Notify,
    /// Apart from `report`, so that an attempt without one never locks.
    reported: AtomicBool,
    report: Mutex<Report>,
}

impl Attempt {
    pub(crate) fn new(
        job: ClaimedJob,
        backend: BackendHandle,
        states: Arc<States>,
        reporter: Option<Arc<dyn Reporter>>,
    ) -> Self {
        let deadline = job.envelope.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Self {
            job,
            backend,
            states,
            deadline,
            reporter,
            stop: AtomicU8::new(0),
            stopped: Notify::new(),
            reported: AtomicBool::new(false),
            report: Mutex::new(Report::default()),
        }
    }

    /// Tells the handler to stop; the first reason counts.
    pub(crate) fn stop(&self, why: Stop) {
        let first = self.stop.compare_exchange(0, why as u8, Ordering::SeqCst, Ordering::SeqCst);
        if first.is_ok() {
            self.stopped.notify_waiters();
        }
    }

    pub(crate) fn stop_reason(&self) -> Option<Stop> {
        Stop::from_bits(self.stop.load(Ordering::SeqCst))
    }

    /// Waits until the handler is to stop.
    pub(crate) async fn stopped(&self) -> Stop {
        loop {
            let notified = self.stopped.notified();
            if let Some(why) = self.stop_reason() {
                return why;
            }
            notified.await;
        }
    }

    pub(crate) fn progress(self: &Arc<Self>, progress: Progress) {
        self.change(|report| report.progress = Some(progress));
    }

    pub(crate) fn log(self: &Arc<Self>, mut message: String) {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        let line = LogLine { attempt: self.job.attempt, message };
        self.change(|report| report.logs.push(line));
    }

    fn change(self: &Arc<Self>, change: impl FnOnce(&mut Report)) {
        change(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
        if !self.reported.swap(true, Ordering::SeqCst)
            && let Some(reporter) = &self.reporter
        {
            reporter.has_report(self);
        }
    }

    /// Takes what was said since the last time.
    pub(crate) fn take_report(&self) -> Report {
        if !self.reported.swap(false, Ordering::SeqCst) {
            return Report::default();
        }
        std::mem::take(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("job", &self.job).finish_non_exhaustive()
    }
}
