//! Wakes workers: a permit is kept for each, so that nothing between two waits is lost.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::backend::{Signal, Signals, Token};
use crate::job::WorkerId;

/// The workers that wait for something.
#[derive(Debug, Default)]
pub(super) struct Watchers(Vec<Weak<Watcher>>);

/// One worker that waits for something.
#[derive(Debug)]
pub(super) struct Watcher {
    worker: WorkerId,
    queues: Vec<u32>,
    wake: Notify,
    cancelled: Mutex<Vec<Token>>,
}

impl Watchers {
    pub(super) fn add(&mut self, worker: WorkerId, queues: Vec<u32>) -> Arc<Watcher> {
        let watcher = Watcher { worker, queues, wake: Notify::new(), cancelled: Mutex::default() };
        let watcher = Arc::new(watcher);
        self.0.retain(|watcher| watcher.strong_count() != 0);
        self.0.push(Arc::downgrade(&watcher));
        watcher
    }

    /// Wakes the workers of a queue: a claim may give something now.
    pub(super) fn wake(&self, queue: u32) {
        for watcher in self.0.iter().filter_map(Weak::upgrade) {
            if watcher.queues.contains(&queue) {
                watcher.wake.notify_one();
            }
        }
    }

    /// Tells a worker that somebody wants one of its jobs cancelled.
    pub(super) fn cancel(&self, worker: WorkerId, token: Token) {
        for watcher in self.0.iter().filter_map(Weak::upgrade).filter(|watcher| watcher.worker == worker) {
            watcher.cancelled.lock().unwrap_or_else(PoisonError::into_inner).push(token);
            watcher.wake.notify_one();
        }
    }
}

#[async_trait]
impl Signals for Arc<Watcher> {
    async fn next(&mut self) -> Signal {
        self.wake.notified().await;
        let cancelled = std::mem::take(&mut *self.cancelled.lock().unwrap_or_else(PoisonError::into_inner));
        if cancelled.is_empty() {
            return Signal::Work;
        }
        // One permit may have stood for both: the wake-up for work must not be lost with it.
        self.wake.notify_one();
        Signal::Cancel(cancelled)
    }
}
