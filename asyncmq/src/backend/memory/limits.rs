//! What the queues are held to: who may start, what has started, and which keys wait for a permit.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use foldhash::HashMap;

use super::state::{Queue, State};
use crate::backend::limits::{LimitTable, standings, too_many_weights};
use crate::backend::{KeyWeight, LimitInfo, LimitStanding, MAX_KEY_WEIGHTS, StoreError};
use crate::clock::Timestamp;
use crate::job::{Envelope, Limit, LimitScope, LimitSource, Name, OnLimit};
use crate::lifecycle::{Allowance, Starts, allowance};

/// Whose starts and permits are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Group {
    pub(super) task: Name,
    pub(super) key: Option<Arc<str>>,
}

impl Group {
    pub(super) fn of(job: &Envelope) -> Self {
        Self { task: job.task.clone(), key: job.key().cloned() }
    }
}

/// When a key takes turns again that waits for a permit.
pub(super) const UNTIL_FREED: Timestamp = Timestamp::from_micros(u64::MAX);

/// What one group has in hand and has started.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) running: u32,
    pub(super) starts: Starts,
    /// Those that run and may be asked to stop, the oldest first: claim and place. Only where the limit asks for it.
    pub(super) askable: BTreeSet<(u64, u32)>,
    /// The keyed lanes in which the key waits for a permit.
    pub(super) parked: Vec<usize>,
}

/// The limits of one queue.
#[derive(Debug, Default)]
pub(super) struct QueueLimits {
    set: LimitTable,
    queue: Tally,
    pub(super) groups: HashMap<Group, Tally>,
    /// How many turns in one the keys have that have not one.
    pub(super) weights: BTreeMap<Group, u32>,
    /// Keys that are parked: when their token is there ([`UNTIL_FREED`] for a permit), keyed lane, key.
    pub(super) parked: BTreeSet<(Timestamp, usize, Arc<str>)>,
    /// Those that were parked under limits that are no more; each claim lets some of them take turns again.
    pub(super) stale: Vec<BTreeSet<(Timestamp, usize, Arc<str>)>>,
}

impl QueueLimits {
    /// Returns what all jobs of the queue together may start.
    pub(super) fn of_queue(&self, active: u64, now: Timestamp) -> Allowance {
        let running = u32::try_from(active).unwrap_or(u32::MAX);
        allowance(self.set.limit(&LimitScope::Queue), running, &self.queue.starts, now)
    }

    /// Returns what a group may start.
    pub(super) fn of_group(&self, group: &Group, now: Timestamp) -> Allowance {
        let limit = self.set.of_task(&group.task);
        match self.groups.get(group) {
            Some(tally) => allowance(limit, tally.running, &tally.starts, now),
            None => allowance(limit, 0, &Starts::default(), now),
        }
    }

    /// Returns how many jobs a key gives in its turn.
    pub(super) fn weight(&self, task: &Name, key: &Arc<str>) -> u32 {
        if self.weights.is_empty() {
            return 1;
        }
        let group = Group { task: task.clone(), key: Some(key.clone()) };
        self.weights.get(&group).copied().unwrap_or(1)
    }

    /// Lists the keys that give more than one job in their turn.
    pub(super) fn key_weights(&self) -> Vec<KeyWeight> {
        let weights = self.weights.iter().filter_map(|(group, weight)| {
            let (task, key) = (group.task.clone(), group.key.clone()?);
            Some(KeyWeight { task, key, weight: *weight })
        });
        weights.collect()
    }

    /// Returns what is in force for a task.
    pub(super) fn of_task(&self, task: &Name) -> Limit {
        self.set.of_task(task)
    }

    /// Takes note that a job starts: its claim and its place. Returns whether it holds a permit of its group from now on.
    pub(super) fn start(&mut self, job: &Envelope, started: (u64, u32), now: Timestamp) -> bool {
        if let Some(rate) = self.set.limit(&LimitScope::Queue).rate_limit() {
            self.queue.starts.note(rate, 1, now);
        }
        let limit = self.set.of_task(&job.task);
        if limit.is_none() {
            return false;
        }
        let tally = self.groups.entry(Group::of(job)).or_default();
        if let Some(rate) = limit.rate_limit() {
            tally.starts.note(rate, 1, now);
        }
        let has_permit = limit.concurrency_limit().is_some();
        tally.running += u32::from(has_permit);
        if limit.when_full() == OnLimit::CancelRunning {
            tally.askable.insert(started);
        }
        has_permit
    }

    /// Takes a permit back. Returns whether somebody may wait for it.
    fn end(&mut self, group: &Group, started: (u64, u32)) -> bool {
        let most = self.set.of_task(&group.task).concurrency_limit();
        let Some(tally) = self.groups.get_mut(group) else { return false };
        let was_full = most.is_some_and(|most| most <= tally.running);
        tally.running = tally.running.saturating_sub(1);
        tally.askable.remove(&started);
        was_full
    }

    /// Forgets groups of which nothing needs to be remembered.
    pub(super) fn forget_idle(&mut self, now: Timestamp) {
        let set = &self.set;
        self.groups.retain(|group, tally| {
            let rate = set.of_task(&group.task).rate_limit();
            let is_idle = rate.is_none_or(|rate| tally.starts.is_idle(rate, now));
            0 < tally.running || !tally.parked.is_empty() || !is_idle
        });
    }

    /// Lists what is set.
    pub(super) fn infos(&self) -> Vec<LimitInfo> {
        self.set.infos()
    }

    /// Returns how the limits of a group stand.
    pub(super) fn standings(&self, group: &Group, active: u64, now: Timestamp) -> Vec<LimitStanding> {
        let tally = self.groups.get(group);
        let count = |scope: &LimitScope| {
            let running = match scope {
                LimitScope::Queue => u32::try_from(active).unwrap_or(u32::MAX),
                LimitScope::Task(_) => tally.map_or(0, |tally| tally.running),
            };
            let starts = match scope {
                LimitScope::Queue => Some(&self.queue.starts),
                LimitScope::Task(_) => tally.map(|tally| &tally.starts),
            };
            Ok::<_, Infallible>((running, starts.cloned().unwrap_or_default()))
        };
        let Ok(standings) = standings(&self.set, (&group.task, group.key.as_deref()), now, count);
        standings
    }

    /// Returns when the next token is there for what waits for one: for the queue, a task, or a key.
    fn next(&self, active: u64, now: Timestamp) -> Option<Timestamp> {
        let queue = [self.of_queue(active, now)];
        let groups = self.set.tasks().map(|task| Group { task: task.clone(), key: None });
        let tasks = groups.map(|group| self.of_group(&group, now));
        let times = queue.into_iter().chain(tasks).filter_map(|allowance| match allowance {
            Allowance::Until(time) => Some(time),
            Allowance::May(_) | Allowance::Full => None,
        });
        times.chain(self.parked.first().map(|(time, ..)| *time).filter(|time| *time != UNTIL_FREED)).min()
    }
}

impl Queue {
    /// Returns how long until a token is there that something may wait for.
    pub(super) fn next_token(&self, now: Timestamp) -> Option<Timestamp> {
        if self.counts.waiting == 0 {
            return None;
        }
        self.limits.as_ref()?.next(self.counts.active, now)
    }

    /// Returns what all jobs of the queue together may start.
    pub(super) fn allowance(&self, now: Timestamp) -> Allowance {
        self.limits
            .as_ref()
            .map_or(Allowance::May(u32::MAX), |limits| limits.of_queue(self.counts.active, now))
    }

    /// Returns what a group may start.
    pub(super) fn group_allowance(&self, group: &Group, now: Timestamp) -> Allowance {
        self.limits.as_ref().map_or(Allowance::May(u32::MAX), |limits| limits.of_group(group, now))
    }
}

impl State {
    /// Sets limits of a queue. Returns whether anything changed.
    pub(super) fn set_limits(
        &mut self,
        name: &Name,
        source: LimitSource,
        limits: &[(LimitScope, Option<Limit>)],
    ) -> bool {
        let place = self.queue_of(name);
        let queue = &mut self.queues[place as usize];
        if queue.limits.is_none() && limits.iter().all(|(_, limit)| limit.is_none()) {
            return false;
        }
        if !queue.limits.get_or_insert_default().set.set(source, limits) {
            return false;
        }
        queue.used |= source == LimitSource::Ordered;
        if let Some(limits) = queue.limits.as_mut()
            && !limits.parked.is_empty()
        {
            limits.stale.push(std::mem::take(&mut limits.parked));
        }
        self.watchers.wake(place);
        true
    }

    /// Says how many jobs a key gives in its turn. Returns whether anything changed.
    pub(super) fn set_key_weight(&mut self, name: &Name, of: Group, weight: u32) -> Result<bool, StoreError> {
        let queue = self.queue_of(name);
        let queue = &mut self.queues[queue as usize];
        let weights = &mut queue.limits.get_or_insert_default().weights;
        if weight <= 1 {
            return Ok(weights.remove(&of).is_some());
        }
        if MAX_KEY_WEIGHTS <= weights.len() && !weights.contains_key(&of) {
            return Err(too_many_weights());
        }
        queue.used = true;
        Ok(weights.insert(of, weight) != Some(weight))
    }

    /// Takes back the permit of a job that a worker holds no more.
    pub(super) fn give_permit_back(&mut self, place: u32) {
        let Some(slot) = self.slot_mut(place) else { return };
        let (had, queue) = (std::mem::take(&mut slot.permit), slot.queue);
        let group = (had != 0).then(|| Group::of(&slot.envelope));
        let kept = &mut self.queues[queue as usize];
        let Some(limits) = kept.limits.as_mut() else { return };
        let of_queue = limits.set.limit(&LimitScope::Queue).concurrency_limit();
        // The job is counted as active still.
        let mut is_awaited = of_queue.is_some_and(|most| u64::from(most) <= kept.counts.active);
        if let Some(group) = group
            && limits.end(&group, (had, place))
        {
            is_awaited = true;
            kept.unpark(&group);
        }
        if is_awaited {
            self.watchers.wake(queue);
        }
    }
}
