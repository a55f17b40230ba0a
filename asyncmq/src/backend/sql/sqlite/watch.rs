//! Wakes the workers of this process: a permit is kept for each, so that nothing between two waits is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::backend::{Signal, Signals, Token};
use crate::job::WorkerId;

/// The workers that wait for something.
#[derive(Debug, Default)]
pub(super) struct Watchers(Mutex<Vec<Weak<Watcher>>>);

/// One worker that waits for something.
#[derive(Debug)]
pub(super) struct Watcher {
    worker: WorkerId,
    queues: Vec<i64>,
    wake: Notify,
    cancelled: Mutex<Vec<Token>>,
    /// Whether a schedule was made or changed.
    schedules: AtomicBool,
}

impl Watchers {
    pub(super) fn add(&self, worker: WorkerId, queues: Vec<i64>) -> Arc<Watcher> {
        let (wake, cancelled, schedules) = (Notify::new(), Mutex::default(), AtomicBool::new(false));
        let watcher = Arc::new(Watcher { worker, queues, wake, cancelled, schedules });
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| watcher.strong_count() != 0);
        watchers.push(Arc::downgrade(&watcher));
        watcher
    }

    fn each(&self, mut tell: impl FnMut(&Watcher)) {
        let watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.iter().filter_map(Weak::upgrade).for_each(|watcher| tell(&watcher));
    }

    /// Wakes the workers of these queues: a claim may give something now.
    pub(super) fn wake(&self, queues: &[i64]) {
        self.each(|watcher| {
            if queues.iter().any(|queue| watcher.queues.contains(queue)) {
                watcher.wake.notify_one();
            }
        });
    }

    /// Wakes everybody: something has changed, and nobody knows what.
    pub(super) fn wake_all(&self) {
        self.each(|watcher| {
            watcher.schedules.store(true, Ordering::SeqCst);
            watcher.wake.notify_one();
        });
    }

    /// Tells the workers of these queues that a schedule was made or changed.
    pub(super) fn tell_of_schedules(&self, queues: &[i64]) {
        self.each(|watcher| {
            if queues.iter().any(|queue| watcher.queues.contains(queue)) {
                watcher.schedules.store(true, Ordering::SeqCst);
                watcher.wake.notify_one();
            }
        });
    }

    /// Tells a worker that somebody wants one of its jobs cancelled.
    pub(super) fn cancel(&self, worker: WorkerId, token: Token) {
        self.each(|watcher| {
            if watcher.worker == worker {
                watcher.cancelled.lock().unwrap_or_else(PoisonError::into_inner).push(token);
                watcher.wake.notify_one();
            }
        });
    }
}

/// What [`Store::signals`](crate::backend::Store::signals) gives out. It keeps the store's connections open.
pub(super) struct SqliteSignals<T> {
    pub(super) watcher: Arc<Watcher>,
    pub(super) _store: T,
}

#[async_trait]
impl<T: Send + Sync> Signals for SqliteSignals<T> {
    async fn next(&mut self) -> Signal {
        let watcher = &self.watcher;
        watcher.wake.notified().await;
        let cancelled =
            std::mem::take(&mut *watcher.cancelled.lock().unwrap_or_else(PoisonError::into_inner));
        let signal = match cancelled.is_empty() {
            false => Signal::Cancel(cancelled),
            true if watcher.schedules.swap(false, Ordering::SeqCst) => Signal::Schedules,
            true => return Signal::Work,
        };
        // One permit may have stood for several: the wake-up for work must not be lost with it.
        watcher.wake.notify_one();
        signal
    }
}
