//! Wakes workers: a permit is kept for each, so that nothing between two waits is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::backend::{Signal, Signals, Token};
use crate::job::WorkerId;

/// The workers that wait for something.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    all: Vec<Weak<Watcher>>,
    /// Queues in which something began to wait within the step under way; their workers are woken once, after it.
    touched: Vec<u32>,
}

/// One worker that waits for something.
#[derive(Debug)]
pub(super) struct Watcher {
    worker: WorkerId,
    queues: Vec<u32>,
    wake: Notify,
    cancelled: Mutex<Vec<Token>>,
    /// Whether a schedule was made or changed.
    schedules: AtomicBool,
}

impl Watchers {
    pub(super) fn add(&mut self, worker: WorkerId, queues: Vec<u32>) -> Arc<Watcher> {
        let (wake, cancelled, schedules) = (Notify::new(), Mutex::default(), AtomicBool::new(false));
        let watcher = Watcher { worker, queues, wake, cancelled, schedules };
        let watcher = Arc::new(watcher);
        self.all.retain(|watcher| watcher.strong_count() != 0);
        self.all.push(Arc::downgrade(&watcher));
        watcher
    }

    /// Takes note that a claim from this queue may give something after this step.
    pub(super) fn wake(&mut self, queue: u32) {
        if !self.touched.contains(&queue) {
            self.touched.push(queue);
        }
    }

    /// Returns those who are to be woken when the step is done.
    pub(super) fn take_touched(&mut self) -> Vec<Arc<Watcher>> {
        if self.touched.is_empty() {
            return Vec::new();
        }
        let serves = |watcher: &Arc<Watcher>| self.touched.iter().any(|queue| watcher.queues.contains(queue));
        let touched = self.all.iter().filter_map(Weak::upgrade).filter(serves).collect();
        self.touched.clear();
        touched
    }

    /// Tells a worker that somebody wants one of its jobs cancelled.
    pub(super) fn cancel(&self, worker: WorkerId, token: Token) {
        for watcher in self.all.iter().filter_map(Weak::upgrade).filter(|watcher| watcher.worker == worker) {
            watcher.cancelled.lock().unwrap_or_else(PoisonError::into_inner).push(token);
            watcher.wake.notify_one();
        }
    }

    /// Tells whoever serves a queue that a schedule was made or changed.
    pub(super) fn tell_of_schedules(&self, queue: u32) {
        let serves = |watcher: &Arc<Watcher>| watcher.queues.contains(&queue);
        for watcher in self.all.iter().filter_map(Weak::upgrade).filter(serves) {
            watcher.schedules.store(true, Ordering::SeqCst);
            watcher.wake.notify_one();
        }
    }
}

impl Watcher {
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }
}

#[async_trait]
impl Signals for Arc<Watcher> {
    async fn next(&mut self) -> Signal {
        self.wake.notified().await;
        let cancelled = std::mem::take(&mut *self.cancelled.lock().unwrap_or_else(PoisonError::into_inner));
        let signal = match cancelled.is_empty() {
            false => Signal::Cancel(cancelled),
            true if self.schedules.swap(false, Ordering::SeqCst) => Signal::Schedules,
            true => return Signal::Work,
        };
        // One permit may have stood for several: the wake-up for work must not be lost with it.
        self.wake.notify_one();
        signal
    }
}
