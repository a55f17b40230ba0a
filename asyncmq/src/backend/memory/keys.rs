//! Deduplication keys: who holds one, who waits behind it, and until when a window runs.
//!
//! What becomes of a job is decided in `lifecycle`; a job without a key never comes here.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::HashMap;

use super::state::State;
use crate::backend::Pushed;
use crate::clock::Timestamp;
use crate::event::{Event, EventData, EventKind};
use crate::job::{DedupKey, Envelope, JobId, JobState, Name};
use crate::lifecycle::{Arrival, Held, Owner, Release, arrive, enter, held_until, release, unblock};

/// The keys of a queue that are held, and those whose window is over and which nobody has cleared away yet.
#[derive(Debug, Default)]
pub(super) struct Keys {
    held: HashMap<Arc<str>, Holder>,
    /// The ends of windows, first to last.
    windows: BTreeSet<(Timestamp, Arc<str>)>,
}

#[derive(Debug, Clone)]
struct Holder {
    id: JobId,
    task: Name,
    /// The owner's slot until it has ended.
    place: Option<u32>,
    until: Option<Timestamp>,
    /// The slot of the job that is blocked until the owner has ended.
    next: Option<u32>,
}

impl Keys {
    fn put(&mut self, key: &Arc<str>, holder: Holder) {
        let until = holder.until;
        let old = self.held.insert(key.clone(), holder).and_then(|old| old.until);
        self.move_window(key, old, until);
    }

    fn take(&mut self, key: &Arc<str>) -> Option<Holder> {
        let holder = self.held.remove(key)?;
        self.move_window(key, holder.until, None);
        Some(holder)
    }

    fn move_window(&mut self, key: &Arc<str>, from: Option<Timestamp>, to: Option<Timestamp>) {
        if let Some(end) = from {
            self.windows.remove(&(end, key.clone()));
        }
        if let Some(end) = to {
            self.windows.insert((end, key.clone()));
        }
    }

    /// Forgets all keys with their windows.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.windows.clear();
    }
}

impl State {
    fn keys(&mut self, queue: u32) -> &mut Keys {
        &mut self.queues[queue as usize].keys
    }

    fn holder(&self, queue: u32, key: &str) -> Option<&Holder> {
        self.queues[queue as usize].keys.held.get(key)
    }

    fn standing(&self, holder: &Holder) -> Held {
        let owner = holder.place.and_then(|place| self.slot(place));
        let owner = owner.map_or(Owner::Ended, |slot| Owner::of(&slot.status));
        Held { owner, until: holder.until, has_next: holder.next.is_some() }
    }

    /// Takes in a job that has a key, or leaves it out. `hash` is that of its id.
    pub(super) fn push_keyed(
        &mut self,
        (queue, hash): (u32, u32),
        job: &Arc<Envelope>,
        key: &DedupKey,
        now: Timestamp,
    ) -> Pushed {
        let holder = self.holder(queue, &key.key).cloned();
        let arrival = holder.as_ref().map_or(Arrival::Enter, |holder| {
            arrive(key.mode, &self.standing(holder), holder.task == job.task, now)
        });
        let replaced = holder.as_ref().and_then(|holder| match arrival {
            Arrival::Replace => holder.place,
            Arrival::ReplaceNext => holder.next,
            _ => None,
        });
        let gone = replaced.and_then(|place| self.debounce(place, key, job, now));
        match (arrival, holder) {
            (Arrival::Duplicate | Arrival::Extend, Some(holder)) => {
                return self.leave_out((queue, job), key, holder, (arrival, now));
            }
            (Arrival::Block | Arrival::ReplaceNext, Some(holder)) => {
                let mut status = enter(job, now);
                status.state = JobState::Blocked;
                let place = self.add(queue, hash, job, status);
                self.emit(EventKind::Enqueued, place, now, |_| EventData::None);
                self.keys(queue).put(&key.key, Holder { next: Some(place), ..holder });
            }
            (_, holder) => {
                let place = self.take_in_one((queue, hash), job, now);
                self.own(place, now, holder.and_then(|holder| holder.next));
                // Only now: it may end with a parent at once, and frees its key then.
                self.link_if_it_waits(place, job, now);
            }
        }
        gone.map_or(Pushed::Added, |id| Pushed::Debounced { id })
    }

    fn leave_out(
        &mut self,
        (queue, job): (u32, &Arc<Envelope>),
        key: &DedupKey,
        holder: Holder,
        (arrival, now): (Arrival, Timestamp),
    ) -> Pushed {
        if self.emitter.is_heard() {
            let data = EventData::Dedup { key: key.key.to_string(), job: holder.id.clone() };
            self.emitter.emit(Event::of_job(EventKind::Deduplicated, job.clone(), 0, now).with(data));
        }
        let (id, task) = (holder.id.clone(), holder.task.clone());
        if arrival == Arrival::Extend {
            let until = held_until(key.mode, now);
            self.keys(queue).put(&key.key, Holder { until, ..holder });
        }
        Pushed::Deduplicated { id, task }
    }

    /// Removes a job that has not started, as another one takes its place.
    fn debounce(&mut self, place: u32, key: &DedupKey, by: &Envelope, now: Timestamp) -> Option<JobId> {
        let (id, queue) = self.slot(place).map(|slot| (slot.envelope.id.clone(), slot.queue))?;
        self.queues[queue as usize].finished += 1;
        let data = || EventData::Dedup { key: key.key.to_string(), job: by.id.clone() };
        self.emit(EventKind::Debounced, place, now, |_| data());
        self.tell_children(place, now);
        self.displace(place);
        self.forget(place);
        Some(id)
    }

    /// Makes a job the owner of its key; `next` stays blocked behind it.
    fn own(&mut self, place: u32, now: Timestamp, next: Option<u32>) {
        let Some(slot) = self.slot(place) else { return };
        let (envelope, queue) = (slot.envelope.clone(), slot.queue);
        let Some(key) = envelope.dedup() else { return };
        let until = held_until(key.mode, now);
        let (id, task) = (envelope.id.clone(), envelope.task.clone());
        self.keys(queue).put(&key.key, Holder { id, task, place: Some(place), until, next });
    }

    /// Makes a job that begins anew the owner of its key, if nobody holds it.
    pub(super) fn own_if_free(&mut self, place: u32, now: Timestamp) {
        let Some(slot) = self.slot(place) else { return };
        let Some(key) = slot.envelope.dedup() else { return };
        let holder = self.holder(slot.queue, &key.key);
        if !holder.is_some_and(|holder| self.standing(holder).holds(now)) {
            self.own(place, now, None);
        }
    }

    /// Frees the key of a job that ends or is removed: whoever is blocked behind it is the owner from now on.
    pub(super) fn free_key(&mut self, place: u32, now: Timestamp) {
        let Some(slot) = self.slot(place) else { return };
        let (envelope, queue) = (slot.envelope.clone(), slot.queue);
        let Some(DedupKey { key, .. }) = envelope.dedup() else { return };
        let Some(holder) = self.holder(queue, key).cloned() else { return };
        if holder.next == Some(place) {
            self.keys(queue).put(key, Holder { next: None, ..holder });
        } else if holder.place == Some(place) {
            match release(holder.next, holder.until, now) {
                Release::Next(next) => {
                    self.unblock(next, now);
                    self.own(next, now, None);
                }
                Release::Keep => self.keys(queue).put(key, Holder { place: None, ..holder }),
                Release::Free => {
                    self.keys(queue).take(key);
                }
            }
        }
    }

    /// Lets a job wait that was blocked, behind the others.
    pub(super) fn unblock(&mut self, place: u32, now: Timestamp) {
        self.displace(place);
        let Some(slot) = self.slot_mut(place) else { return };
        let before = slot.status.state;
        unblock(&mut slot.status, now);
        let after = std::mem::replace(&mut slot.status.state, before);
        self.set_state(place, after);
        self.renumber(place);
        self.place(place);
        self.emit(EventKind::Ready, place, now, |_| EventData::None);
    }

    /// Returns who holds a key.
    pub(super) fn dedup_owner(&self, queue: &Name, key: &str, now: Timestamp) -> Option<JobId> {
        let holder = self.holder(self.known_queue(queue)?, key)?;
        self.standing(holder).holds(now).then(|| holder.id.clone())
    }

    /// Frees a key, whoever holds it. Returns whether somebody did.
    pub(super) fn free_dedup_key(&mut self, queue: &Name, key: &str, now: Timestamp) -> bool {
        let Some(queue) = self.known_queue(queue) else { return false };
        let Some(holder) = self.keys(queue).take(&key.into()) else { return false };
        if let Some(next) = holder.next {
            self.unblock(next, now);
        }
        self.standing(&holder).holds(now)
    }

    /// Clears windows away that are over, at most `limit`. Returns how many.
    pub(super) fn prune_keys(&mut self, queue: u32, now: Timestamp, limit: usize) -> usize {
        let mut cleared = 0;
        while cleared < limit
            && let Some((end, key)) = self.keys(queue).windows.first().cloned()
            && end <= now
        {
            match self.holder(queue, &key).filter(|holder| holder.next.is_some()).cloned() {
                // Somebody waits for the owner, which holds the key until it has ended.
                Some(holder) => self.keys(queue).put(&key, Holder { until: None, ..holder }),
                None => {
                    self.keys(queue).take(&key);
                }
            }
            cleared += 1;
        }
        cleared
    }
}
