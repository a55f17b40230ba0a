//! Sends each worker canaries, all the time, and looks how much the store uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::task::JoinHandle;

use crate::lab::chaos::arena::Arena;
use crate::lab::chaos::crew::PLACES;
use crate::lab::event::Event;
use crate::lab::load;
use crate::lab::send::Sender;

/// How often each worker is sent a canary.
const EVERY: Duration = Duration::from_millis(100);
/// How often it is looked how much the store uses.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// What goes on beside everything else.
pub(super) struct Watch {
    sender: Sender,
    number: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    sending: Vec<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(sender: Sender, arena: Arc<Arena>) -> Self {
        let (number, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut sending = Vec::new();
        for place in PLACES {
            let (sender, number, over) = (sender.clone(), number.clone(), over.clone());
            sending.push(tokio::spawn(async move {
                let mut tick = tokio::time::interval(EVERY);
                tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
                while !over.load(Ordering::SeqCst) {
                    tick.tick().await;
                    let canary = load::canary_for(place, number.fetch_add(1, Ordering::SeqCst));
                    let sender = sender.clone();
                    // One that is held up holds no other up.
                    tokio::spawn(async move { sender.send(vec![canary]).await });
                }
            }));
        }
        let (journal, is_over) = (sender.journal.clone(), over.clone());
        sending.push(tokio::spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                tokio::time::sleep(SAMPLE_EVERY).await;
                let arena = arena.clone();
                let look =
                    move || (arena.size(), arena.broken_keys(), arena.broken_permits(), arena.broken_waits());
                let Ok((size, keys, permits, waits)) = tokio::task::spawn_blocking(look).await else {
                    continue;
                };
                if let Some((memory, keys)) = size {
                    journal.note(Event::Sample { memory, keys });
                }
                let looks = [
                    ("I16", "deduplication keys", keys),
                    ("I13", "permits", permits),
                    ("I15", "jobs that wait for others", waits),
                ];
                for (invariant, name, wrong) in looks {
                    if let Some(wrong) = wrong {
                        let (invariant, name) = (invariant.to_owned(), format!("{name} at a moment"));
                        journal.note(Event::Audit { invariant, name, wrong });
                    }
                }
            }
        }));
        Self { sender, number, over, sending }
    }

    /// Waits until each worker has run a canary that is sent from now on.
    pub(super) async fn all_consume(&self, patience: Duration) -> anyhow::Result<()> {
        let each = PLACES.map(|place| async move {
            let start = Instant::now();
            loop {
                let drawn = load::canary_for(place, self.number.fetch_add(1, Ordering::SeqCst));
                let id = drawn.sent.job.clone();
                if self.sender.send(vec![drawn]).await && self.has_gone(place, &id, start, patience).await {
                    return Ok(());
                }
                if patience < start.elapsed() {
                    bail!("worker {place} does not consume any more");
                }
            }
        });
        futures::future::try_join_all(each).await?;
        Ok(())
    }

    /// Waits until nothing is known of a canary any more: nothing is kept of one that completed.
    async fn has_gone(&self, place: &str, id: &str, start: Instant, patience: Duration) -> bool {
        let queue = self.sender.client.queue(format!("canary.{place}"));
        while start.elapsed() < patience {
            if matches!(queue.get_job(id).await, Ok(None)) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    /// Sends no more canaries, and waits until those under way are answered.
    pub(super) async fn stop(self) {
        self.over.store(true, Ordering::SeqCst);
        for task in self.sending {
            let _ = task.await;
        }
    }

    /// Sends no more from now on.
    pub(super) fn hush(&self) {
        self.over.store(true, Ordering::SeqCst);
    }
}
