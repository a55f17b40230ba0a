//! The operator's side.

use async_trait::async_trait;

use super::MemoryStore;
use super::limits::Group;
use super::state::{State, stands};
use crate::backend::{AuditEntry, Control, Drain, Force, KEPT_ENTRIES, Ordered, StoreError};
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::{JobId, JobState, Limit, LimitScope, LimitSource, Name};
use crate::lifecycle::{expiry, is_legal};

#[async_trait]
impl Control for MemoryStore {
    async fn pause(&self, queue: &Name) -> Result<bool, StoreError> {
        Ok(self.state().turn(queue, EventKind::QueuePaused, self.clock.now()))
    }

    async fn resume(&self, queue: &Name) -> Result<bool, StoreError> {
        Ok(self.state().turn(queue, EventKind::QueueResumed, self.clock.now()))
    }

    async fn cancel(&self, queue: &Name, id: &JobId, reason: Option<&str>) -> Result<Ordered, StoreError> {
        let mut state = self.state();
        let place = state.find(queue, id);
        Ok(place.map_or(Ordered::Missing, |place| state.cancel(place, reason, self.clock.now())))
    }

    async fn retry(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        let mut state = self.state();
        let place = state.find(queue, id);
        Ok(place.map_or(Ordered::Missing, |place| state.retry(place, self.clock.now())))
    }

    async fn remove(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        let mut state = self.state();
        let Some(place) = state.find(queue, id) else { return Ok(Ordered::Missing) };
        if state.slot(place).is_some_and(|slot| slot.status.state == JobState::Active) {
            return Ok(Ordered::Refused(JobState::Active));
        }
        state.remove(place, self.clock.now());
        Ok(Ordered::Done)
    }

    async fn promote(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        let mut state = self.state();
        let place = state.find(queue, id);
        Ok(place.map_or(Ordered::Missing, |place| state.promote(place, self.clock.now())))
    }

    async fn free_dedup_key(&self, queue: &Name, key: &str) -> Result<bool, StoreError> {
        Ok(self.state().free_dedup_key(queue, key, self.clock.now()))
    }

    async fn drain(&self, queue: &Name, which: Drain, limit: usize) -> Result<usize, StoreError> {
        let mut state = self.state();
        let states: &[JobState] = match which {
            Drain::Waiting => &[JobState::Waiting],
            Drain::WaitingAndDelayed => &[JobState::Waiting, JobState::Delayed],
        };
        Ok(state.remove_some((queue, states), limit, self.clock.now(), |_| true))
    }

    async fn clean(
        &self,
        queue: &Name,
        of: JobState,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let older = |status: &crate::job::Status| status.finished_at.unwrap_or(status.run_at) < before;
        if of == JobState::Active {
            return Ok(0);
        }
        Ok(self.state().remove_some((queue, &[of]), limit, self.clock.now(), older))
    }

    async fn obliterate(
        &self,
        name: &Name,
        force: Force,
        limit: usize,
    ) -> Result<Result<usize, u64>, StoreError> {
        let mut state = self.state();
        let Some(kept) = state.known_queue(name) else { return Ok(Ok(0)) };
        let active = state.queues[kept as usize].counts.active;
        if force == Force::RefuseActive && active != 0 {
            return Ok(Err(active));
        }
        let places: Vec<u32> = state.queues[kept as usize].ids.slots().take(limit).collect();
        for place in &places {
            state.remove(*place, self.clock.now());
        }
        let queue = &mut state.queues[kept as usize];
        if queue.ids.is_empty() {
            queue.used = false;
            queue.paused = false;
            queue.lanes.clear();
            queue.keyed.clear();
            queue.limits = None;
            queue.keys.clear();
            state.schedules.retain(|(of, _), _| of != name);
        }
        Ok(Ok(places.len()))
    }

    async fn set_limits(
        &self,
        queue: &Name,
        source: LimitSource,
        limits: &[(LimitScope, Option<Limit>)],
    ) -> Result<bool, StoreError> {
        Ok(self.state().set_limits(queue, source, limits))
    }

    async fn set_key_weight(
        &self,
        queue: &Name,
        task: &Name,
        key: &str,
        weight: u32,
    ) -> Result<bool, StoreError> {
        self.state().set_key_weight(queue, Group { task: task.clone(), key: Some(key.into()) }, weight)
    }

    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let (audit, told_at) = (&mut self.state().audit, self.clock.now());
        if let Some(kept) = audit.iter_mut().rev().find(|kept| kept.id == entry.id) {
            *kept = AuditEntry { at: kept.at, told_at, ..entry.clone() };
            return Ok(());
        }
        audit.push_back(AuditEntry { at: told_at, told_at, ..entry.clone() });
        let surplus = audit.len().saturating_sub(KEPT_ENTRIES);
        audit.drain(..surplus);
        Ok(())
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.clock.now())
    }
}

impl State {
    /// Pauses or resumes a queue, as the event says.
    fn turn(&mut self, name: &Name, event: EventKind, now: Timestamp) -> bool {
        let paused = event == EventKind::QueuePaused;
        let place = self.queue_of(name);
        let queue = &mut self.queues[place as usize];
        queue.used = true;
        if queue.paused == paused {
            return false;
        }
        queue.paused = paused;
        self.emit_queue(event, name, now);
        self.watchers.wake(place);
        true
    }

    fn cancel(&mut self, place: u32, reason: Option<&str>, now: Timestamp) -> Ordered {
        let Some(slot) = self.slot_mut(place) else { return Ordered::Missing };
        let state = slot.status.state;
        if state == JobState::Active {
            slot.cancel = None;
            self.ask_to_stop(place, reason);
            return Ordered::Requested;
        }
        if !is_legal(state, JobState::Cancelled) {
            return Ordered::Refused(state);
        }
        self.end_cancelled(place, reason, now);
        Ordered::Done
    }

    /// Tells the worker that holds a job that somebody wants it cancelled, unless it was told before.
    pub(super) fn ask_to_stop(&mut self, place: u32, reason: Option<&str>) {
        let Some(slot) = self.slot_mut(place).filter(|slot| slot.cancel.is_none()) else { return };
        slot.cancel = Some(Box::new(reason.map(Into::into)));
        if let (Some(worker), Some(token)) = (slot.status.worker, self.token(place)) {
            self.watchers.cancel(worker, token);
        }
    }

    /// Cancels a job that has not ended and that no worker holds.
    pub(super) fn end_cancelled(&mut self, place: u32, reason: Option<&str>, now: Timestamp) {
        self.displace(place);
        self.set_state(place, JobState::Cancelled);
        if let Some(slot) = self.slot_mut(place) {
            slot.status.finished_at = Some(now);
            slot.status.set_reason(reason.map(Into::into));
        }
        self.emit(EventKind::Cancelled, place, now, |status| {
            status.notes.reason.clone().map_or(EventData::None, EventData::Reason)
        });
        self.retire(place, now);
    }

    fn retry(&mut self, place: u32, now: Timestamp) -> Ordered {
        let Some(state) = self.slot(place).map(|slot| slot.status.state) else { return Ordered::Missing };
        if !(state.is_terminal() && is_legal(state, JobState::Waiting)) {
            return Ordered::Refused(state);
        }
        self.unretire(place);
        let waits = self.slot(place).is_some_and(|slot| !slot.envelope.extras().parents.is_empty());
        self.set_state(place, if waits { JobState::Blocked } else { JobState::Waiting });
        if let Some(slot) = self.slot_mut(place) {
            slot.suspect = false;
            let status = &mut slot.status;
            (status.attempt, status.crashes) = (0, 0);
            (status.finished_at, status.started_at) = (None, None);
            status.clear_outcome();
            status.run_at = now;
            status.expires_at = expiry(&slot.envelope, now);
        }
        self.back_in_line(place);
        self.own_if_free(place, now);
        self.emit(EventKind::Enqueued, place, now, |_| EventData::None);
        if waits {
            self.link(place, now);
        }
        Ordered::Done
    }

    fn promote(&mut self, place: u32, now: Timestamp) -> Ordered {
        let Some(state) = self.slot(place).map(|slot| slot.status.state) else { return Ordered::Missing };
        if state != JobState::Delayed {
            return Ordered::Refused(state);
        }
        self.displace(place);
        self.set_state(place, JobState::Waiting);
        if let Some(slot) = self.slot_mut(place) {
            slot.status.run_at = now;
            if slot.status.expires_at.is_some() {
                slot.status.expires_at = expiry(&slot.envelope, now);
            }
        }
        self.back_in_line(place);
        Ordered::Done
    }

    /// Lets a job wait behind the others.
    fn back_in_line(&mut self, place: u32) {
        self.renumber(place);
        self.place(place);
    }

    fn remove_some(
        &mut self,
        (queue, states): (&Name, &[JobState]),
        limit: usize,
        now: Timestamp,
        which: impl Fn(&crate::job::Status) -> bool,
    ) -> usize {
        let Some(queue) = self.known_queue(queue) else { return 0 };
        let mut removed = 0;
        for state in states {
            for place in self.some_of(queue, *state, limit - removed, &which) {
                // Another one's removal may have ended it.
                if self.slot(place).is_some_and(|slot| slot.status.state == *state) {
                    self.remove(place, now);
                    removed += 1;
                }
            }
        }
        removed
    }

    /// Picks jobs to be removed. The tombstones before them are forgotten, so that nobody passes over them again.
    fn some_of(
        &mut self,
        queue: u32,
        state: JobState,
        limit: usize,
        which: impl Fn(&crate::job::Status) -> bool,
    ) -> Vec<u32> {
        let (slots, queue) = (&self.slots, &mut self.queues[queue as usize]);
        let wanted = |place: &u32| slots[*place as usize].as_ref().is_some_and(|slot| which(&slot.status));
        match state {
            JobState::Waiting => {
                for (_, lane) in &mut queue.lanes {
                    lane.head(|entry| stands(slots, entry));
                }
                queue.keyed.iter_mut().for_each(|lane| lane.sweep(slots));
                let entries = queue.lists().flat_map(|lane| lane.iter().map(|(_, entry)| entry));
                let places = entries.filter(|entry| stands(slots, *entry)).map(|entry| entry.slot);
                places.filter(wanted).take(limit).collect()
            }
            JobState::Delayed => queue.delayed.values().copied().filter(wanted).take(limit).collect(),
            JobState::Blocked => queue.blocked.values().copied().filter(wanted).take(limit).collect(),
            JobState::Active => Vec::new(),
            ended => queue.ended.oldest_first(slots, ended).filter(wanted).take(limit).collect(),
        }
    }

    /// Removes a job from wherever it is; a worker that holds it is told.
    fn remove(&mut self, place: u32, now: Timestamp) {
        self.free_key(place, now);
        self.tell_children(place, now);
        let Some(slot) = self.slot(place) else { return };
        let (state, worker, token) = (slot.status.state, slot.status.worker, self.token(place));
        if state == JobState::Active {
            self.let_go(place);
            if let (Some(worker), Some(token)) = (worker, token) {
                self.watchers.cancel(worker, token);
            }
        } else if state.is_terminal() {
            self.unretire(place);
        } else {
            self.displace(place);
        }
        self.forget(place);
    }
}
