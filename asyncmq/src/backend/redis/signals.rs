//! Wakes workers: a permit is kept for each, so that nothing between two waits is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::RedisStore;
use super::codec::read_token;
use super::ear::{Hearer, Sound};
use super::error::worded;
use super::script::ARM;
use crate::backend::{Signal, Signals, StoreError, Token};
use crate::job::{Name, WorkerId};

/// One worker that waits for something.
#[derive(Debug, Default)]
struct Watcher {
    wake: Notify,
    cancelled: Mutex<Vec<Token>>,
    /// Whether a schedule was made or changed.
    schedules: AtomicBool,
}

/// What is said on a queue's channel of wake-ups when a schedule of it was made or changed.
const OF_SCHEDULES: &[u8] = b"s";

impl Hearer for Watcher {
    fn hear(&self, channel: &[u8], sound: Sound<'_>) {
        match sound {
            Sound::Message(message) if !channel.ends_with(b"wake") => {
                // Garbage on a channel is nobody's claim.
                if let Ok(token) = read_token(message) {
                    self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).push(token);
                }
            }
            Sound::Message(OF_SCHEDULES) | Sound::Gap => self.schedules.store(true, Ordering::SeqCst),
            Sound::Message(_) => {}
        }
        self.wake.notify_one();
    }
}

struct RedisSignals {
    watcher: Arc<Watcher>,
    /// Whether the permit in hand may have stood for work beside something else.
    owes_work: bool,
}

#[async_trait]
impl Signals for RedisSignals {
    async fn next(&mut self) -> Signal {
        if std::mem::take(&mut self.owes_work) {
            return Signal::Work;
        }
        self.watcher.wake.notified().await;
        let mut cancelled = self.watcher.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        let cancelled = std::mem::take(&mut *cancelled);
        let signal = match cancelled.is_empty() {
            false => Signal::Cancel(cancelled),
            true if self.watcher.schedules.swap(false, Ordering::SeqCst) => Signal::Schedules,
            true => return Signal::Work,
        };
        self.owes_work = true;
        signal
    }
}

impl RedisStore {
    /// Listens for what a worker wants to know at once.
    pub(super) async fn listen_for(
        &self,
        worker: WorkerId,
        queues: &[Name],
    ) -> Result<Box<dyn Signals>, StoreError> {
        let watcher = Arc::<Watcher>::default();
        let mut channels = Vec::with_capacity(2 * queues.len());
        for queue in queues {
            channels.push(format!("{}wake", self.keys.queue(queue)).into_bytes());
            let mut own = format!("{}to", self.keys.shared(queue)).into_bytes();
            own.extend(worker.as_uuid().as_bytes());
            if !channels.contains(&own) {
                channels.push(own);
            }
        }
        let hearer: Arc<dyn Hearer> = watcher.clone();
        self.ear.join(&channels, &hearer).await.map_err(worded)?;
        for (_, queues) in self.apart(queues, |queue| queue) {
            let queues: Vec<Name> = queues.into_iter().cloned().collect();
            let call = self.call(&ARM, &queues).await.map_err(worded)?;
            call.send(&self.link).await.map_err(worded)?;
        }
        Ok(Box::new(RedisSignals { watcher, owes_work: false }))
    }
}
