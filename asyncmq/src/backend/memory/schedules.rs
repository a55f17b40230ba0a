//! Recurring jobs.

use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::state::State;
use crate::backend::{DueSchedules, Fired, Firing, Schedules, StoreError, StoredSchedule};
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::{Envelope, JobId, Name};
use crate::schedule::ScheduleId;

#[async_trait]
impl Schedules for MemoryStore {
    async fn schedule(&self, queue: &Name, id: &ScheduleId) -> Result<Option<StoredSchedule>, StoreError> {
        Ok(self.state().schedules.get(&(queue.clone(), id.clone())).cloned())
    }

    async fn schedules(&self, queue: Option<&Name>) -> Result<Vec<StoredSchedule>, StoreError> {
        let state = self.state();
        let wanted = |schedule: &&StoredSchedule| queue.is_none_or(|queue| schedule.queue == *queue);
        Ok(state.schedules.values().filter(wanted).cloned().collect())
    }

    async fn due_schedules(&self, queues: &[Name], limit: usize) -> Result<DueSchedules, StoreError> {
        let (state, now) = (self.state(), self.clock.now());
        let of_queues = state.schedules.values().filter(|schedule| queues.contains(&schedule.queue));
        let mut timed: Vec<_> = of_queues.filter_map(|schedule| Some((schedule.next?, schedule))).collect();
        timed.sort_by_key(|(next, _)| *next);
        let is_due = timed.partition_point(|(next, _)| *next <= now);
        let next_in = timed.get(is_due).map(|(next, _)| next.since(now));
        let due = timed[..is_due].iter().take(limit).map(|(_, schedule)| (*schedule).clone()).collect();
        Ok(DueSchedules { now, due, next_in })
    }

    async fn put_schedule(
        &self,
        schedule: &StoredSchedule,
        expected: Option<u64>,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let key = (schedule.queue.clone(), schedule.id.clone());
        if state.schedules.get(&key).map(|kept| kept.revision) != expected {
            return Ok(false);
        }
        state.schedules.insert(key, schedule.clone());
        let queue = state.queue_of(&schedule.queue);
        state.queues[queue as usize].used = true;
        state.watchers.tell_of_schedules(queue);
        Ok(true)
    }

    async fn remove_schedule(&self, queue: &Name, id: &ScheduleId) -> Result<bool, StoreError> {
        Ok(self.state().schedules.remove(&(queue.clone(), id.clone())).is_some())
    }

    async fn fire(&self, firing: Firing<'_>) -> Result<Fired, StoreError> {
        let (mut state, now) = (self.state(), self.clock.now());
        if let Some(answer) = state.firings.find(firing.call).and_then(|mut answers| answers.pop()) {
            return Ok(answer);
        }
        let fired = state.fire(&firing, now);
        state.firings.keep(firing.call, std::slice::from_ref(&fired));
        Ok(fired)
    }
}

impl State {
    fn fire(&mut self, firing: &Firing<'_>, now: Timestamp) -> Fired {
        let (schedule, key) = (firing.schedule, (firing.schedule.queue.clone(), firing.schedule.id.clone()));
        if self.schedules.get(&key).is_none_or(|kept| kept.revision != firing.expected) {
            return Fired::Stale;
        }
        if firing.unless.is_some_and(|job| self.is_unfinished(&schedule.queue, job)) {
            return Fired::Overlapping;
        }
        let jobs: Vec<Arc<Envelope>> = firing.jobs.iter().map(|(_, job)| job.clone()).collect();
        let pushed = self.take_in(&jobs, now);
        for ((slot, job), _) in firing.jobs.iter().zip(&pushed).filter(|(_, pushed)| pushed.is_taken_in()) {
            if let Some(place) = self.find(&job.queue, &job.id) {
                let (id, slot) = (&schedule.id, (*slot).into());
                self.emit(EventKind::ScheduleFired, place, now, |_| EventData::Slot {
                    schedule: id.to_string(),
                    slot,
                });
            }
        }
        self.schedules.insert(key, schedule.clone());
        Fired::Fired(pushed)
    }

    fn is_unfinished(&self, queue: &Name, job: &JobId) -> bool {
        let place = self.find(queue, job);
        place.and_then(|place| self.slot(place)).is_some_and(|slot| !slot.status.state.is_terminal())
    }
}
