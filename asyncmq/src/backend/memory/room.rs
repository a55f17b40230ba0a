//! Limits that let nobody wait: which jobs go so that others may start.

use std::sync::Arc;

use foldhash::HashSet;

use super::lane::{Entry, Lane};
use super::limits::Group;
use super::state::{Queue, Slot, State, stands};
use crate::backend::MAX_BATCH;
use crate::clock::Timestamp;
use crate::job::{Envelope, Limit, OnLimit};
use crate::lifecycle::{Allowance, Crowd, make_room, new_to_know, why_no_room};

/// How many places of a list are looked at in one step, whatever stands there.
const LOOKED_AT: usize = 4 * MAX_BATCH;

/// A list in which jobs of one group wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// Those of a lane without keys.
    Plain(usize),
    /// Those of a key.
    Keyed(usize, Arc<str>),
}

impl Queue {
    /// Returns what a task is held to, if its jobs do not just wait at its limit.
    fn impatient(&self, group: &Group) -> Option<Limit> {
        let limit = self.limits.as_ref()?.of_task(&group.task);
        (limit.when_full() != OnLimit::Wait).then_some(limit)
    }

    fn jobs_in(&self, line: &Line) -> Option<(Group, &Lane)> {
        match line {
            Line::Plain(lane) => {
                let (key, jobs) = self.lanes.get(*lane)?;
                Some((Group { task: key.task.clone(), key: None }, jobs))
            }
            Line::Keyed(lane, key) => {
                let lane = self.keyed.get(*lane)?;
                Some((Group { task: lane.key.task.clone(), key: Some(key.clone()) }, lane.list(key)?))
            }
        }
    }

    /// Lists the jobs of one priority in a line at which no attempt was made yet, at most so many, in their order.
    fn new_jobs(&self, line: &Line, slots: &[Option<Slot>], most: usize) -> Vec<u32> {
        let Some((_, jobs)) = self.jobs_in(line) else { return Vec::new() };
        let mut standing = jobs.iter().take(LOOKED_AT).filter(|(_, entry)| stands(slots, *entry)).peekable();
        let level = standing.peek().map(|(priority, _)| *priority);
        let alike = standing.take_while(|(priority, _)| Some(*priority) == level);
        alike.filter(|(_, entry)| is_new(slots, *entry)).map(|(_, entry)| entry.slot).take(most).collect()
    }

    /// Finds the next line of a keyed lane that has too many jobs, or none if the key whose turn it is may start one. Keys that may
    /// start nothing and have not too many are parked.
    fn crowded_key(&mut self, lane: usize, slots: &[Option<Slot>], now: Timestamp) -> Option<Line> {
        loop {
            self.keyed_head_of_any(slots, lane)?;
            let kept = &self.keyed[lane];
            let key = kept.next_key()?.clone();
            let group = Group { task: kept.key.task.clone(), key: Some(key.clone()) };
            self.impatient(&group)?;
            let line = Line::Keyed(lane, key);
            if self.is_crowded(&line, slots) {
                return Some(line);
            }
            match self.group_allowance(&group, now) {
                Allowance::May(_) => return None,
                held => self.park(lane, &group, held),
            }
        }
    }

    /// Tells whether too many jobs of the key wait whose turn it is.
    pub(super) fn is_crowded_key(&self, lane: usize, slots: &[Option<Slot>]) -> bool {
        let key = self.keyed[lane].next_key();
        key.is_some_and(|key| self.is_crowded(&Line::Keyed(lane, key.clone()), slots))
    }

    /// Returns the line of a lane without keys if it has too many jobs.
    fn crowded_lane(&self, lane: usize, slots: &[Option<Slot>]) -> Option<Line> {
        let line = Line::Plain(lane);
        self.is_crowded(&line, slots).then_some(line)
    }

    fn is_crowded(&self, line: &Line, slots: &[Option<Slot>]) -> bool {
        let Some((group, limit)) = self.jobs_in(line).and_then(|(group, _)| {
            let limit = self.impatient(&group)?;
            Some((group, limit))
        }) else {
            return false;
        };
        let new = self.new_jobs(line, slots, new_to_know(limit, 1)).len();
        !make_room(limit, self.crowd(&group, new)).is_enough()
    }

    fn crowd(&self, group: &Group, new: usize) -> Crowd {
        let tally = self.limits.as_ref().and_then(|limits| limits.groups.get(group));
        let count = |jobs: usize| u32::try_from(jobs).unwrap_or(u32::MAX);
        Crowd {
            new: count(new),
            running: tally.map_or(0, |tally| tally.running),
            askable: tally.map_or(0, |tally| count(tally.askable.len())),
        }
    }
}

fn is_new(slots: &[Option<Slot>], entry: Entry) -> bool {
    let slot = slots[entry.slot as usize].as_ref();
    slot.is_some_and(|slot| slot.status.attempt == 0 && slot.status.crashes == 0)
}

impl State {
    /// Makes room in the lanes from which jobs are about to be taken. `budget` is how many may go. Returns whether more had to.
    pub(super) fn make_room_for_claim(
        &mut self,
        queue: u32,
        lanes: impl Iterator<Item = (bool, usize)>,
        now: Timestamp,
        budget: &mut usize,
    ) -> bool {
        if self.queues[queue as usize].limits.is_none() {
            return false;
        }
        for (is_keyed, lane) in lanes {
            loop {
                let kept = &mut self.queues[queue as usize];
                let line = match is_keyed {
                    true => kept.crowded_key(lane, &self.slots, now),
                    false => kept.crowded_lane(lane, &self.slots),
                };
                let Some(line) = line else { break };
                if *budget == 0 {
                    return true;
                }
                self.make_room_in(queue, &line, now, budget);
            }
        }
        false
    }

    /// Makes room where jobs have just come in.
    pub(super) fn make_room_for_all(&mut self, jobs: &[Arc<Envelope>], now: Timestamp) {
        let (mut seen, mut budget) = (HashSet::default(), MAX_BATCH);
        for job in jobs {
            let Some(queue) = self.known_queue(&job.queue) else { continue };
            let kept = &self.queues[queue as usize];
            if kept.limits.is_none() {
                continue;
            }
            let group = Group::of(job);
            if kept.impatient(&group).is_some() && seen.insert((queue, group.clone())) {
                self.make_room_for(queue, &group, now, &mut budget);
            }
        }
    }

    fn make_room_for(&mut self, queue: u32, group: &Group, now: Timestamp, budget: &mut usize) {
        let kept = &self.queues[queue as usize];
        let lines: Vec<Line> = match &group.key {
            None => {
                let of_task = |lane: &usize| kept.lanes[*lane].0.task == group.task;
                (0..kept.lanes.len()).filter(of_task).map(Line::Plain).collect()
            }
            Some(key) => {
                let of_task = |lane: &usize| kept.keyed[*lane].key.task == group.task;
                (0..kept.keyed.len()).filter(of_task).map(|lane| Line::Keyed(lane, key.clone())).collect()
            }
        };
        for line in lines {
            if self.queues[queue as usize].is_crowded(&line, &self.slots) {
                self.make_room_in(queue, &line, now, budget);
            }
        }
    }

    fn make_room_in(&mut self, queue: u32, line: &Line, now: Timestamp, budget: &mut usize) {
        let kept = &self.queues[queue as usize];
        let Some((group, _)) = kept.jobs_in(line) else { return };
        let Some(limit) = kept.impatient(&group) else { return };
        let new = kept.new_jobs(line, &self.slots, new_to_know(limit, *budget));
        let room = make_room(limit, kept.crowd(&group, new.len()));
        let gone = new.into_iter().take((room.discard as usize).min(*budget));
        let why = |was_running| why_no_room(limit, &group.task, group.key.as_deref(), was_running);
        for place in gone {
            *budget -= 1;
            self.end_cancelled(place, Some(&why(false)), now);
        }
        for _ in 0..room.stop {
            let limits = self.queues[queue as usize].limits.as_mut();
            let tally = limits.and_then(|limits| limits.groups.get_mut(&group));
            let Some((_, place)) = tally.and_then(|tally| tally.askable.pop_first()) else { return };
            self.ask_to_stop(place, Some(&why(true)));
        }
    }
}
