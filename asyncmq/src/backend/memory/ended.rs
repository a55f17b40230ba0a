//! The jobs of a queue that have ended, for as long as they are kept.

use std::collections::{BTreeMap, VecDeque};

use itertools::Itertools;

use super::state::{Slot, State};
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::{JobState, Retention};
use crate::lifecycle::{Keep, Limits, keep};

/// The ended jobs of a queue, in the order in which they ended. A place whose number the slot no longer has is a tombstone.
#[derive(Debug, Default)]
pub(super) struct Ended {
    completed: Pile,
    cancelled: Pile,
    dead: Pile,
    /// Those that asked to be kept for a time of their own, by its end, and those that are pinned, at the end of time.
    pub(super) exactly: Exactly,
}

/// Jobs that are kept until a time, however many they are: by that time, and by the number of their end.
#[derive(Debug, Default)]
pub(super) struct Exactly {
    by_time: BTreeMap<(Timestamp, u64), u32>,
    by_end: BTreeMap<u64, u32>,
}

impl Exactly {
    pub(super) fn insert(&mut self, until: Timestamp, end: u64, place: u32) {
        self.by_time.insert((until, end), place);
        self.by_end.insert(end, place);
    }

    /// Returns whether it was kept until then.
    pub(super) fn remove(&mut self, until: Timestamp, end: u64) -> bool {
        let was_kept = self.by_time.remove(&(until, end)).is_some();
        if was_kept {
            self.by_end.remove(&end);
        }
        was_kept
    }

    /// Takes the first one out whose time is over.
    fn pop_over(&mut self, now: Timestamp) -> Option<u32> {
        let first = self.by_time.first_entry().filter(|first| first.key().0 <= now)?;
        let ((_, end), place) = first.remove_entry();
        self.by_end.remove(&end);
        Some(place)
    }
}

#[derive(Debug, Default)]
struct Pile {
    places: VecDeque<(u64, u32)>,
    live: usize,
}

impl Pile {
    /// Takes the place of an end out, which leaves no tombstone.
    fn take(&mut self, end: u64) {
        let at = self.places.partition_point(|place| place.0 < end);
        if self.places.get(at).is_some_and(|place| place.0 == end) {
            self.places.remove(at);
            self.live -= 1;
        }
    }

    /// Sweeps when more than half are tombstones.
    fn sweep(&mut self, slots: &[Option<Slot>]) {
        if 64 < self.places.len() && 2 * self.live < self.places.len() {
            self.places.retain(|place| lies(slots, *place));
        }
    }
}

/// Tells whether the job of a place still lies there.
fn lies(slots: &[Option<Slot>], (end, slot): (u64, u32)) -> bool {
    slots[slot as usize].as_ref().is_some_and(|slot| slot.seq == end && slot.status.state.is_terminal())
}

impl Ended {
    const fn pile_of(&self, state: JobState) -> &Pile {
        match state {
            JobState::Completed => &self.completed,
            JobState::Cancelled => &self.cancelled,
            _ => &self.dead,
        }
    }

    const fn pile(&mut self, state: JobState) -> &mut Pile {
        match state {
            JobState::Completed => &mut self.completed,
            JobState::Cancelled => &mut self.cancelled,
            _ => &mut self.dead,
        }
    }

    /// Returns how many places there are of a state, tombstones included.
    #[cfg(all(test, feature = "conformance"))]
    pub(super) fn places(&self, state: JobState) -> usize {
        self.pile_of(state).places.len()
    }

    /// Lists the ended jobs of a state, the last first.
    pub(super) fn newest_first(&self, slots: &[Option<Slot>], state: JobState) -> impl Iterator<Item = u32> {
        self.newest_before(slots, state, u64::MAX).map(|(_, slot)| slot)
    }

    /// Lists the jobs of a state that ended before the end of this number, the last first, each with its number.
    pub(super) fn newest_before(
        &self,
        slots: &[Option<Slot>],
        state: JobState,
        end: u64,
    ) -> impl Iterator<Item = (u64, u32)> {
        let exactly = self.exactly.by_end.range(..end).rev().map(|(end, slot)| (*end, *slot));
        let places = &self.pile_of(state).places;
        let passed = places.partition_point(|place| place.0 < end);
        let places = places.range(..passed).rev().copied();
        let places = places.merge_by(exactly, |one, other| other < one);
        places.filter(move |place| is_of(slots, *place, state))
    }

    /// Lists the ended jobs of a state, as a rule the first first, and forgets the tombstones before them.
    pub(super) fn oldest_first(
        &mut self,
        slots: &[Option<Slot>],
        state: JobState,
    ) -> impl Iterator<Item = u32> {
        let places = &mut self.pile(state).places;
        while places.front().is_some_and(|place| !lies(slots, *place)) {
            places.pop_front();
        }
        let exactly = self.exactly.by_end.iter().map(|(end, slot)| (*end, *slot));
        let places = self.pile_of(state).places.iter().copied().chain(exactly);
        places.filter(move |place| is_of(slots, *place, state)).map(|(_, slot)| slot)
    }
}

/// Returns until when a job that ended asked to be kept, if it did.
fn asked_until(slot: &Slot) -> Option<Timestamp> {
    match (slot.status.state, slot.envelope.retention, slot.status.finished_at) {
        (JobState::Completed, Retention::For(time), Some(finished)) => Some(finished.after(time)),
        _ => None,
    }
}

/// Tells whether the job of a place still lies there and ended so.
fn is_of(slots: &[Option<Slot>], place: (u64, u32), state: JobState) -> bool {
    let slot = slots[place.1 as usize].as_ref();
    lies(slots, place) && slot.is_some_and(|slot| slot.status.state == state)
}

impl State {
    /// Keeps a job that has just ended for as long as the rules say, and drops the oldest beyond the number to be kept.
    pub(super) fn retire(&mut self, place: u32, now: Timestamp) {
        self.free_key(place, now);
        self.tell_children(place, now);
        let number = self.number();
        let (limits, is_pinned) = (self.limits, self.is_pinned(place));
        let Some(slot) = self.slots[place as usize].as_mut() else { return };
        let (state, queue) = (slot.status.state, slot.queue);
        slot.seq = number;
        slot.revoke();
        slot.cancel = None;
        self.queues[queue as usize].finished += 1;
        match keep(state, slot.envelope.retention, is_pinned, now, &limits) {
            Keep::Nothing => self.forget(place),
            Keep::Exactly(until) => {
                self.queues[queue as usize].ended.exactly.insert(until, number, place);
            }
            Keep::Pinned => {
                self.queues[queue as usize].ended.exactly.insert(Timestamp::MAX, number, place);
            }
            Keep::Counted(_) => {
                let pile = self.queues[queue as usize].ended.pile(state);
                pile.places.push_back((number, place));
                pile.live += 1;
                self.trim(queue, state, now, usize::MAX);
            }
        }
    }

    /// Keeps an ended job for as long as it is pinned, however it was to be kept.
    pub(super) fn pin_ended(&mut self, place: u32) {
        let Some(slot) = self.slot(place) else { return };
        let (end, state, queue) = (slot.seq, slot.status.state, slot.queue);
        let asked = asked_until(slot);
        let ended = &mut self.queues[queue as usize].ended;
        if asked.is_none_or(|until| !ended.exactly.remove(until, end)) {
            ended.pile(state).take(end);
        }
        ended.exactly.insert(Timestamp::MAX, end, place);
    }

    /// Takes an ended job out of the list of those; it goes on as something else, or is forgotten.
    pub(super) fn unretire(&mut self, place: u32) {
        let Some(slot) = self.slots[place as usize].as_mut() else { return };
        let asked = asked_until(slot);
        let (end, state, queue) = (std::mem::take(&mut slot.seq), slot.status.state, slot.queue);
        let ended = &mut self.queues[queue as usize].ended;
        let mut untils = [Some(Timestamp::MAX), asked].into_iter().flatten();
        if untils.any(|until| ended.exactly.remove(until, end)) {
            return;
        }
        let pile = ended.pile(state);
        pile.live -= 1;
        pile.sweep(&self.slots);
    }

    /// Drops the oldest of a pile beyond its number, at most `limit`. Returns how many.
    fn trim(&mut self, queue: u32, state: JobState, now: Timestamp, limit: usize) -> usize {
        let most = if state.is_dead() { self.limits.dead_count } else { self.limits.ended_count };
        let mut dropped = 0;
        while dropped < limit && most < self.queues[queue as usize].ended.pile(state).live {
            dropped += usize::from(self.drop_oldest(queue, state, now));
        }
        dropped
    }

    /// Drops the oldest of a pile, or a tombstone in its place. Returns whether it was a job.
    fn drop_oldest(&mut self, queue: u32, state: JobState, now: Timestamp) -> bool {
        let pile = self.queues[queue as usize].ended.pile(state);
        let Some(oldest) = pile.places.pop_front() else { return false };
        if !lies(&self.slots, oldest) {
            return false;
        }
        self.queues[queue as usize].ended.pile(state).live -= 1;
        if state.is_dead() {
            self.emit(EventKind::Dropped, oldest.1, now, |_| EventData::None);
        }
        self.forget(oldest.1);
        true
    }

    /// Drops what is past its time or its number, at most `limit` jobs. Returns how many. The limits hold from now on.
    pub(super) fn prune(&mut self, limits: &Limits, now: Timestamp, limit: usize) -> usize {
        self.limits = *limits;
        let mut dropped = 0;
        for queue in 0..u32::try_from(self.queues.len()).unwrap_or(u32::MAX) {
            dropped += self.prune_exactly(queue, now, limit - dropped);
            if let Some(limits) = self.queues[queue as usize].limits.as_mut() {
                limits.forget_idle(now);
            }
            dropped += self.prune_keys(queue, now, limit - dropped);
            for state in [JobState::Completed, JobState::Cancelled, JobState::Failed] {
                dropped += self.trim(queue, state, now, limit - dropped);
                let age = if state.is_dead() { limits.dead_for } else { limits.ended_for };
                while dropped < limit && self.oldest_is_over(queue, state, now, age) {
                    dropped += usize::from(self.drop_oldest(queue, state, now));
                }
            }
        }
        dropped + self.prune_unpinned(now, limit - dropped)
    }

    fn prune_exactly(&mut self, queue: u32, now: Timestamp, limit: usize) -> usize {
        let mut dropped = 0;
        while dropped < limit
            && let Some(place) = self.queues[queue as usize].ended.exactly.pop_over(now)
        {
            self.forget(place);
            dropped += 1;
        }
        dropped
    }

    /// Tells whether the oldest place of a pile is past its time, or a tombstone.
    fn oldest_is_over(
        &mut self,
        queue: u32,
        state: JobState,
        now: Timestamp,
        age: std::time::Duration,
    ) -> bool {
        let Some(oldest) = self.queues[queue as usize].ended.pile(state).places.front().copied() else {
            return false;
        };
        if !lies(&self.slots, oldest) {
            return true;
        }
        let finished = self.slot(oldest.1).and_then(|slot| slot.status.finished_at);
        finished.is_none_or(|finished| finished.after(age) <= now)
    }
}
