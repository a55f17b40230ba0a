//! Waiting jobs with keys: each key has a list of its own, and the keys of a lane take turns.
//!
//! A key stands in its lane's ring as long as jobs of it wait, unless it is parked: then it waits for a permit or a token
//! itself, and is in nobody's way.

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::HashMap;

use super::lane::{Entry, Lane};
use super::limits::{Group, UNTIL_FREED};
use super::state::{LaneKey, Queue, Slot, stands};
use crate::clock::Timestamp;
use crate::lifecycle::Allowance;

/// The keyed jobs of one task and one priority.
pub(super) struct KeyedLane {
    pub(super) key: LaneKey,
    pub(super) priority: u8,
    ring: VecDeque<Arc<str>>,
    /// How many jobs the first key of the ring has given in its turn.
    given: u32,
    lists: HashMap<Arc<str>, KeyList>,
}

#[derive(Default)]
struct KeyList {
    jobs: Lane,
    parked: bool,
}

impl KeyedLane {
    fn new(key: LaneKey, priority: u8) -> Self {
        Self { key, priority, ring: VecDeque::new(), given: 0, lists: HashMap::default() }
    }

    /// Lists the waiting jobs of each key, tombstones included.
    pub(super) fn lists(&self) -> impl Iterator<Item = &Lane> {
        self.lists.values().map(|list| &list.jobs)
    }

    /// Returns the waiting jobs of a key, tombstones included.
    pub(super) fn list(&self, key: &str) -> Option<&Lane> {
        self.lists.get(key).map(|list| &list.jobs)
    }

    /// Returns the key whose turn it is.
    pub(super) fn next_key(&self) -> Option<&Arc<str>> {
        self.ring.front()
    }

    /// Drops tombstones in front of each key's jobs; a key with none goes when its turn comes.
    pub(super) fn sweep(&mut self, slots: &[Option<Slot>]) {
        for list in self.lists.values_mut() {
            list.jobs.head(|entry| stands(slots, entry));
        }
    }
}

impl Queue {
    /// Adds a waiting job with a key where its number belongs.
    pub(super) fn insert_keyed(&mut self, slot: &Slot, key: &Arc<str>, entry: Entry) {
        let lane = self.keyed_lane_of(slot);
        let lane = &mut self.keyed[lane];
        let list = lane.lists.entry(key.clone()).or_insert_with(|| {
            lane.ring.push_back(key.clone());
            KeyList::default()
        });
        list.jobs.insert(slot.envelope.priority, entry);
    }

    /// Returns the list in which a waiting job with a key stands.
    pub(super) fn keyed_list(&mut self, slot: &Slot, key: &str) -> Option<&mut Lane> {
        let lane = self.keyed_lane_of(slot);
        self.keyed[lane].lists.get_mut(key).map(|list| &mut list.jobs)
    }

    fn keyed_lane_of(&mut self, slot: &Slot) -> usize {
        let (job, suspect) = (&slot.envelope, slot.suspect);
        let same = |lane: &KeyedLane| lane.priority == job.priority && lane.key.is_of(job, suspect);
        self.keyed.iter().position(same).unwrap_or_else(|| {
            self.keyed.push(KeyedLane::new(LaneKey::of(job, suspect), job.priority));
            self.keyed.len() - 1
        })
    }

    /// Returns the first job of the key whose turn it is, whatever its limit; keys of which none waits any more are left out.
    pub(super) fn keyed_head_of_any(&mut self, slots: &[Option<Slot>], lane: usize) -> Option<Entry> {
        loop {
            let kept = self.keyed.get_mut(lane)?;
            let key = kept.ring.front()?.clone();
            let head = kept.lists.get_mut(&key).and_then(|list| list.jobs.head(|entry| stands(slots, entry)));
            if let Some((_, entry)) = head {
                return Some(entry);
            }
            kept.next_turn();
            kept.lists.remove(&key);
        }
    }

    /// Returns the first job of the key whose turn it is and that may start one; keys that may not are parked.
    pub(super) fn keyed_head(
        &mut self,
        slots: &[Option<Slot>],
        lane: usize,
        now: Timestamp,
    ) -> Option<Entry> {
        loop {
            let entry = self.keyed_head_of_any(slots, lane)?;
            let kept = &self.keyed[lane];
            let group = Group { task: kept.key.task.clone(), key: kept.next_key().cloned() };
            match self.group_allowance(&group, now) {
                Allowance::May(_) => return Some(entry),
                // More of its jobs have to go than one step lets.
                _ if self.is_crowded_key(lane, slots) => return None,
                held => self.park(lane, &group, held),
            }
        }
    }

    /// Takes the job that [`Queue::keyed_head`] returned; once its key has given as many as its weight says, its next turn comes behind
    /// all others'.
    pub(super) fn pop_keyed(&mut self, lane: usize) {
        let kept = &mut self.keyed[lane];
        let Some(key) = kept.ring.front() else { return };
        let weight = self.limits.as_ref().map_or(1, |limits| limits.weight(&kept.key.task, key));
        if let Some(list) = kept.lists.get_mut(key) {
            list.jobs.pop();
        }
        kept.given += 1;
        if weight <= kept.given
            && let Some(key) = kept.next_turn()
        {
            kept.ring.push_back(key);
        }
    }

    /// Takes the first key of a ring aside until it may start something again.
    pub(super) fn park(&mut self, lane: usize, group: &Group, held: Allowance) {
        let kept = &mut self.keyed[lane];
        let Some(key) = kept.next_turn() else { return };
        if let Some(list) = kept.lists.get_mut(&key) {
            list.parked = true;
        }
        let limits = self.limits.get_or_insert_default();
        match held {
            Allowance::Until(time) => {
                limits.parked.insert((time, lane, key));
            }
            Allowance::Full | Allowance::May(_) => {
                limits.parked.insert((UNTIL_FREED, lane, key));
                limits.groups.entry(group.clone()).or_default().parked.push(lane);
            }
        }
    }

    /// Lets a key take turns again that waited for a permit.
    pub(super) fn unpark(&mut self, group: &Group) {
        let (Some(limits), Some(key)) = (self.limits.as_mut(), &group.key) else { return };
        let tally = limits.groups.get_mut(group);
        let lanes = tally.map(|tally| std::mem::take(&mut tally.parked)).unwrap_or_default();
        for lane in lanes {
            limits.parked.remove(&(UNTIL_FREED, lane, key.clone()));
            self.keyed[lane].come_back(key);
        }
    }

    /// Lets keys take turns again whose token is there.
    pub(super) fn unpark_due(&mut self, now: Timestamp) {
        while let Some(limits) = self.limits.as_mut()
            && limits.parked.first().is_some_and(|(time, ..)| *time <= now)
            && let Some((_, lane, key)) = limits.parked.pop_first()
        {
            self.keyed[lane].come_back(&key);
        }
    }

    /// Counts the keys that wait for a permit or a token.
    pub(super) fn parked_keys(&self, now: Timestamp) -> u64 {
        let parked = |lane: &KeyedLane| lane.lists.values().filter(|list| list.parked).count();
        let all: usize = self.keyed.iter().map(parked).sum();
        // Those whose time has come stand there until the next claim.
        let timed = self.limits.iter().flat_map(|limits| limits.stale.iter().chain([&limits.parked]));
        let due: usize = timed.map(|keys| keys.iter().take_while(|(time, ..)| *time <= now).count()).sum();
        (all - due) as u64
    }

    /// Lets keys take turns again that were parked under other limits, at most so many. Returns whether there are more.
    pub(super) fn unpark_stale(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let Some(limits) = self.limits.as_mut() else { return false };
            let Some(stale) = limits.stale.last_mut() else { return false };
            let Some((_, lane, key)) = stale.pop_first() else {
                limits.stale.pop();
                continue;
            };
            self.keyed[lane].come_back(&key);
            let group = Group { task: self.keyed[lane].key.task.clone(), key: Some(key) };
            if let Some(tally) = limits.groups.get_mut(&group) {
                tally.parked.retain(|parked| *parked != lane);
            }
        }
        self.limits.as_ref().is_some_and(|limits| !limits.stale.is_empty())
    }
}

impl KeyedLane {
    /// Ends the turn of the first key of the ring, and takes it out.
    fn next_turn(&mut self) -> Option<Arc<str>> {
        self.given = 0;
        self.ring.pop_front()
    }

    fn come_back(&mut self, key: &Arc<str>) {
        if let Some(list) = self.lists.get_mut(key)
            && std::mem::take(&mut list.parked)
        {
            self.ring.push_back(key.clone());
        }
    }
}
