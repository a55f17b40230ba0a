//! The read side.

use async_trait::async_trait;
use itertools::Itertools;

use super::MemoryStore;
use super::state::{Queue, State, stands};
use crate::backend::{DEAD_AFTER, EventStream, Inspect, Page, QueueInfo, StoreError, WorkerInfo};
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

    async fn subscribe(&self, filter: EventFilter) -> Result<EventStream, StoreError> {
        let mut state = self.state();
        Ok(match filter.wanted_job().cloned() {
            Some(subject) => state.emitter.listen_to(subject, filter, self.this.clone()),
            None => state.emitter.listen(filter),
        })
    }
}

impl State {
    /// Lists the jobs of a state in the order in which they are shown, as far as the list is read.
    fn places(&self, queue: u32, of: JobState) -> Box<dyn Iterator<Item = u32> + '_> {
        let kept = &self.queues[queue as usize];
        match of {
            JobState::Waiting => Box::new(self.waiting(kept)),
            JobState::Delayed => Box::new(kept.delayed.values().copied()),
            JobState::Active => Box::new(self.active(queue).into_iter()),
            JobState::Blocked => Box::new(std::iter::empty()),
            JobState::Completed | JobState::Failed | JobState::Expired | JobState::Cancelled => {
                Box::new(kept.ended.newest_first(&self.slots, of))
            }
        }
    }

    fn waiting(&self, queue: &Queue) -> impl Iterator<Item = u32> {
        let places = queue.lanes.iter().map(|(_, lane)| lane.iter()).kmerge();
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
        let lanes = queue.lanes.iter();
        let first = lanes.flat_map(|(_, lane)| lane.first_of_each(|entry| stands(&self.slots, entry)));
        first.filter_map(|entry| self.slot(entry.slot).map(|slot| slot.status.run_at)).min()
    }
}
