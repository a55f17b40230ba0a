//! What a dashboard sees by itself: a sample of all counts every five seconds, and every event. Both are kept for a while in
//! this process, in bounded room, and are gone with it.

mod ear;
pub(super) mod history;
pub(super) mod prometheus;
pub(super) mod recent;
mod sampler;
pub(super) mod tally;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::admin::Hidden;
use crate::client::Client;
use history::History;
use recent::Recent;
use tally::Tally;

/// How often the counts are looked at. It costs one look a queue, whether or not anybody watches, so that whoever comes
/// sees the last hour.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// A loop that made no progress for so long is stuck.
const STUCK: Duration = Duration::from_secs(20);

/// What was seen.
pub(super) struct Watch {
    history: Mutex<History>,
    tally: Mutex<Tally>,
    pub(super) recent: Recent,
    /// Rises with whatever happens, so that pages look again.
    pub(super) changes: watch::Sender<u64>,
    start: Instant,
    /// When each loop last made progress, in milliseconds since the start, plus one.
    sampled: AtomicU64,
    heard: AtomicU64,
    listens: bool,
}

impl Watch {
    /// Starts both loops.
    pub(super) fn start(
        client: &Client,
        conceal: &Arc<Hidden>,
        listens: bool,
        stopped: &watch::Receiver<bool>,
    ) -> Arc<Self> {
        let watch = Arc::new(Self {
            history: Mutex::default(),
            tally: Mutex::default(),
            recent: Recent::new(),
            changes: watch::channel(0).0,
            start: Instant::now(),
            sampled: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            listens,
        });
        tokio::spawn(sampler::run(watch.clone(), client.clone(), stopped.clone()));
        if listens {
            tokio::spawn(ear::run(watch.clone(), client.clone(), conceal.clone(), stopped.clone()));
        }
        watch
    }

    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) const fn listens(&self) -> bool {
        self.listens
    }

    /// Lets pages look again.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Tells whether every loop made progress lately.
    pub(super) fn is_alive(&self) -> bool {
        let lately = |at: &AtomicU64| {
            let at = Duration::from_millis(at.load(Ordering::Relaxed));
            !at.is_zero() && self.start.elapsed().saturating_sub(at) < STUCK
        };
        lately(&self.sampled) && (!self.listens || lately(&self.heard))
    }

    fn note(&self, at: &AtomicU64) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        at.store(millis + 1, Ordering::Relaxed);
    }

    fn note_sampled(&self) {
        self.note(&self.sampled);
    }

    fn note_heard(&self) {
        self.note(&self.heard);
    }
}
