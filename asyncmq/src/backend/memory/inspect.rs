//! The read side.

use std::ops::Bound;

use async_trait::async_trait;
use itertools::Itertools;

use super::MemoryStore;
use super::limits::{Group, QueueLimits};
use super::state::{Queue, Slot, State, stands};
use crate::backend::{
    AuditEntry, Cursor, DEAD_AFTER, EventStream, Finding, Inspect, KeyWeight, LimitInfo, LimitStanding, Page,
    QueueInfo, Scanned, StoreError, WorkerInfo,
};
use crate::clock::Timestamp;
use crate::event::EventFilter;
use crate::job::{Job, JobId, JobState, Name};

#[async_trait]
impl Inspect for MemoryStore {
    async fn find(&self, queue: &Name, id: &JobId) -> Result<Option<Job>, StoreError> {
        let state = self.state();
        Ok(state.find(queue, id).and_then(|place| state.job(place)))
    }

    async fn find_everywhere(&self, id: &JobId) -> Result<Vec<Job>, StoreError> {
        let state = self.state();
        let places = state.queues.iter().filter_map(|queue| state.find_in(queue, id));
        let mut jobs: Vec<Job> = places.filter_map(|place| state.job(place)).collect();
        jobs.sort_by(|one, other| one.queue().cmp(other.queue()));
        Ok(jobs)
    }

    async fn list(&self, queue: &Name, of: JobState, page: Page) -> Result<Vec<Job>, StoreError> {
        let state = self.state();
        let Some(queue) = state.known_queue(queue) else { return Ok(Vec::new()) };
        let start = usize::try_from(page.start).unwrap_or(usize::MAX);
        let count = usize::try_from(page.end.saturating_sub(page.start)).unwrap_or(usize::MAX);
        let places = state.places(queue, of).skip(start).take(count);
        Ok(places.filter_map(|place| state.job(place)).collect())
    }

    async fn scan(
        &self,
        queue: &Name,
        of: JobState,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        let state = self.state();
        let Some(queue) = state.known_queue(queue) else {
            return Ok(Scanned { jobs: Vec::new(), next: None });
        };
        let places = state.places_behind(queue, of, after, limit)?;
        let last = places.last().filter(|_| places.len() == limit);
        let next = last.map(|((rank, number), _)| Cursor::of(&[rank, number]));
        let jobs = places.iter().filter_map(|(_, place)| state.job(*place)).collect();
        Ok(Scanned { jobs, next })
    }

    async fn dedup_owner(&self, queue: &Name, key: &str) -> Result<Option<JobId>, StoreError> {
        Ok(self.state().dedup_owner(queue, key, self.clock.now()))
    }

    async fn queue(&self, name: &Name) -> Result<QueueInfo, StoreError> {
        let (state, now) = (self.state(), self.clock.now());
        let unused = Queue::default();
        let queue = state.known_queue(name).map_or(&unused, |queue| &state.queues[queue as usize]);
        Ok(QueueInfo {
            name: name.clone(),
            paused: queue.paused,
            counts: queue.counts,
            oldest_waiting: state.oldest_waiting(queue).map(|due| now.since(due)),
            enqueued: queue.enqueued,
            ended: queue.finished,
        })
    }

    async fn limits(&self, queue: &Name) -> Result<Vec<LimitInfo>, StoreError> {
        let state = self.state();
        let limits = state.known_queue(queue).and_then(|queue| state.queues[queue as usize].limits.as_ref());
        Ok(limits.map_or_else(Vec::new, |limits| limits.infos()))
    }

    async fn key_weights(&self, queue: &Name) -> Result<Vec<KeyWeight>, StoreError> {
        let state = self.state();
        let limits = state.known_queue(queue).and_then(|queue| state.queues[queue as usize].limits.as_ref());
        Ok(limits.map_or_else(Vec::new, |limits| limits.key_weights()))
    }

    async fn held_by(
        &self,
        queue: &Name,
        task: &Name,
        key: Option<&str>,
    ) -> Result<Vec<LimitStanding>, StoreError> {
        let (state, now) = (self.state(), self.clock.now());
        let Some(kept) = state.known_queue(queue).map(|queue| &state.queues[queue as usize]) else {
            return Ok(Vec::new());
        };
        let group = Group { task: task.clone(), key: key.map(Into::into) };
        let standings = |limits: &QueueLimits| limits.standings(&group, kept.counts.active, now);
        Ok(kept.limits.as_deref().map_or_else(Vec::new, standings))
    }

    async fn parked_keys(&self, queue: &Name) -> Result<u64, StoreError> {
        let (state, now) = (self.state(), self.clock.now());
        Ok(state.known_queue(queue).map_or(0, |queue| state.queues[queue as usize].parked_keys(now)))
    }

    async fn queues(&self) -> Result<Vec<Name>, StoreError> {
        let state = self.state();
        let used = state.queues.iter().filter(|queue| queue.used);
        let mut names: Vec<Name> = used.filter_map(|queue| queue.name.clone()).collect();
        names.sort();
        Ok(names)
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>, StoreError> {
        let (state, now) = (self.state(), self.clock.now());
        let listed = state.sessions.values().filter_map(|session| session.info.as_ref());
        let as_of_now =
            |info: &WorkerInfo| WorkerInfo { alive: now.since(info.seen_at) < DEAD_AFTER, ..info.clone() };
        let mut workers: Vec<WorkerInfo> = listed.map(as_of_now).collect();
        workers.sort_by_key(|worker| worker.id);
        Ok(workers)
    }

    async fn audit(&self, page: Page) -> Result<Vec<AuditEntry>, StoreError> {
        let start = usize::try_from(page.start).unwrap_or(usize::MAX);
        let count = usize::try_from(page.end.saturating_sub(page.start)).unwrap_or(usize::MAX);
        Ok(self.state().audit.iter().rev().skip(start).take(count).cloned().collect())
    }

    async fn diagnose(&self) -> Result<Vec<Finding>, StoreError> {
        Ok(vec![Finding::warning(
            "persistence",
            "jobs are kept in the memory of this process, and end with it",
            "set ASYNCMQ_URL to sqlite:FILE or redis://HOST where jobs must survive a restart or meet another process",
        )])
    }

    async fn subscribe(&self, filter: EventFilter) -> Result<EventStream, StoreError> {
        let mut state = self.state();
        Ok(match filter.wanted_job().cloned() {
            Some(subject) => state.emitter.listen_to(subject, filter, self.this.clone()),
            None => state.emitter.listen(filter),
        })
    }
}

/// What a cursor says of a place, rank and number, and the slot.
type Place = ((u64, u64), u32);

impl State {
    /// Lists the jobs of a state in the order in which they are shown, as far as the list is read.
    fn places(&self, queue: u32, of: JobState) -> Box<dyn Iterator<Item = u32> + '_> {
        let kept = &self.queues[queue as usize];
        match of {
            JobState::Waiting => Box::new(self.waiting(kept)),
            JobState::Delayed => Box::new(kept.delayed.values().copied()),
            JobState::Active => Box::new(self.active(queue).into_iter()),
            JobState::Blocked => Box::new(kept.blocked.values().copied()),
            JobState::Completed | JobState::Failed | JobState::Expired | JobState::Cancelled => {
                Box::new(kept.ended.newest_first(&self.slots, of))
            }
        }
    }

    /// Lists the first places behind a cursor, each with what a cursor says of it.
    fn places_behind(
        &self,
        queue: u32,
        of: JobState,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Place>, StoreError> {
        let kept = &self.queues[queue as usize];
        let after = after
            .map(|after| Ok::<_, StoreError>((after.part::<u64>(0)?, after.part::<u64>(1)?)))
            .transpose()?;
        let is_behind = |place: (u64, u64)| after.is_none_or(|after| after < place);
        Ok(match of {
            JobState::Waiting => {
                let after = after.map(|(rank, number)| (u8::try_from(rank).unwrap_or(u8::MAX), number));
                let lanes = kept.lists().map(|lane| lane.iter_behind(after));
                let places = lanes.kmerge().filter(|(_, entry)| stands(&self.slots, *entry));
                places.map(|(rank, entry)| ((u64::from(rank), entry.seq), entry.slot)).take(limit).collect()
            }
            JobState::Delayed => {
                let from = after.map_or(Bound::Unbounded, |(due, number)| {
                    Bound::Excluded((Timestamp::from_micros(due), number))
                });
                let places = kept.delayed.range((from, Bound::Unbounded));
                places
                    .map(|((due, number), place)| ((due.as_micros(), *number), *place))
                    .take(limit)
                    .collect()
            }
            JobState::Active => {
                let key = |place: u32| self.slot(place).map(|slot| (started(slot), slot.seq));
                let places = self.active(queue).into_iter();
                let places = places.filter_map(|place| Some((key(place)?, place)));
                places.filter(|(key, _)| is_behind(*key)).sorted_unstable().take(limit).collect()
            }
            JobState::Blocked => {
                let from = after.map_or(Bound::Unbounded, |(_, number)| Bound::Excluded(number));
                let places = kept.blocked.range((from, Bound::Unbounded));
                places.map(|(number, place)| ((0, *number), *place)).take(limit).collect()
            }
            JobState::Completed | JobState::Failed | JobState::Expired | JobState::Cancelled => {
                let before = after.map_or(u64::MAX, |(_, number)| number);
                let places = kept.ended.newest_before(&self.slots, of, before);
                places.map(|(number, place)| ((0, number), place)).take(limit).collect()
            }
        })
    }

    fn waiting(&self, queue: &Queue) -> impl Iterator<Item = u32> {
        let places = queue.lists().map(|lane| lane.iter()).kmerge();
        places.filter(|(_, entry)| stands(&self.slots, *entry)).map(|(_, entry)| entry.slot)
    }

    fn active(&self, queue: u32) -> Vec<u32> {
        let held = self.sessions.values().flat_map(|session| session.held.iter().copied());
        let mut places: Vec<u32> =
            held.filter(|place| self.slot(*place).is_some_and(|slot| slot.queue == queue)).collect();
        places.sort_unstable_by_key(|place| self.slot(*place).and_then(|slot| slot.status.started_at));
        places
    }

    /// Returns since when the job waits that has waited longest. Jobs stand by age, so only the first are looked at.
    fn oldest_waiting(&self, queue: &Queue) -> Option<Timestamp> {
        let first = queue.lists().flat_map(|lane| lane.first_of_each(|entry| stands(&self.slots, entry)));
        first.filter_map(|entry| self.slot(entry.slot).map(|slot| slot.status.run_at)).min()
    }
}

fn started(slot: &Slot) -> u64 {
    slot.status.started_at.map_or(0, Timestamp::as_micros)
}
