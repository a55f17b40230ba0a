//! The hot path.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
use super::state::State;
use crate::backend::{
    CallId, Claim, Claimed, Extension, Fenced, Leases, MAX_BATCH, Pushed, Report, Settlement, Signals, Store,
    StoreError, Token,
};
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::{Envelope, JobState, Name, WorkerId};
use crate::lifecycle::enter;

#[async_trait]
impl Store for MemoryStore {
    async fn push(&self, call: CallId, jobs: &[Arc<Envelope>]) -> Result<Vec<Pushed>, StoreError> {
        let mut state = self.state();
        if let Some(reply) = state.pushes.find(call) {
            return Ok(reply);
        }
        let reply = state.take_in(jobs, self.clock.now());
        state.pushes.keep(call, &reply);
        Ok(reply)
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, StoreError> {
        let claim = Claim { limit: claim.limit.min(MAX_BATCH), ..claim };
        Ok(self.state().claim(&claim, self.clock.now()))
    }

    async fn settle(&self, call: CallId, jobs: &[Settlement]) -> Result<Vec<Fenced>, StoreError> {
        Ok(self.state().settle_all(call, jobs, self.clock.now()))
    }

    async fn settle_and_claim(
        &self,
        call: CallId,
        jobs: &[Settlement],
        claim: Claim<'_>,
    ) -> (Result<Vec<Fenced>, StoreError>, Result<Claimed, StoreError>) {
        let claim = Claim { limit: claim.limit.min(MAX_BATCH), ..claim };
        let (mut state, now) = (self.state(), self.clock.now());
        let settled = state.settle_all(call, jobs, now);
        (Ok(settled), Ok(state.claim(&claim, now)))
    }

    async fn report(&self, reports: &[(Arc<Envelope>, Token, Report)]) -> Result<Vec<Fenced>, StoreError> {
        let (mut state, now) = (self.state(), self.clock.now());
        Ok(reports.iter().map(|(_, token, report)| state.report(*token, report, now)).collect())
    }

    async fn leases(&self) -> Result<Box<dyn Leases>, StoreError> {
        let this = self.this.upgrade().ok_or_else(|| StoreError::refused("the store is being dropped"))?;
        Ok(Box::new(MemoryLeases(this)))
    }

    async fn signals(&self, worker: WorkerId, queues: &[Name]) -> Result<Box<dyn Signals>, StoreError> {
        let mut state = self.state();
        let queues = queues.iter().map(|queue| state.queue_of(queue)).collect();
        Ok(Box::new(state.watchers.add(worker, queues)))
    }
}

impl State {
    /// Takes jobs in.
    pub(super) fn take_in(&mut self, jobs: &[Arc<Envelope>], now: Timestamp) -> Vec<Pushed> {
        let mut reply = Vec::with_capacity(jobs.len());
        let mut last: Option<(&Name, u32)> = None;
        for job in jobs {
            // Jobs that come together are for one queue, as a rule.
            let queue = last.filter(|(name, _)| **name == job.queue).map(|(_, queue)| queue);
            let queue = queue.unwrap_or_else(|| self.queue_of(&job.queue));
            last = Some((&job.queue, queue));
            let kept = &self.queues[queue as usize];
            let hash = kept.ids.hash(&job.id);
            if let Some(place) = self.find_hashed(kept, hash, &job.id) {
                self.emit(EventKind::Duplicated, place, now, |_| EventData::None);
                let task =
                    self.slot(place).map_or_else(|| job.task.clone(), |slot| slot.envelope.task.clone());
                reply.push(Pushed::Exists { task });
                continue;
            }
            if let Some(parent) = self.gone_parent(job) {
                reply.push(Pushed::ParentGone { parent });
                continue;
            }
            if let Some(key) = job.dedup() {
                reply.push(self.push_keyed((queue, hash), job, key, now));
                continue;
            }
            let place = self.take_in_one((queue, hash), job, now);
            self.link_if_it_waits(place, job, now);
            reply.push(Pushed::Added);
        }
        self.make_room_for_all(jobs, now);
        reply
    }

    /// Takes a job in that nothing keeps out. `hash` is that of its id.
    pub(super) fn take_in_one(
        &mut self,
        (queue, hash): (u32, u32),
        job: &Arc<Envelope>,
        now: Timestamp,
    ) -> u32 {
        let place = self.add(queue, hash, job, enter(job, now));
        self.emit(EventKind::Enqueued, place, now, |_| EventData::None);
        place
    }

    /// Lets a job that was just taken in wait for its parents, if it has some.
    pub(super) fn link_if_it_waits(&mut self, place: u32, job: &Envelope, now: Timestamp) {
        if !job.extras().parents.is_empty() {
            self.link(place, now);
        }
    }
}

struct MemoryLeases(Arc<MemoryStore>);

#[async_trait]
impl Leases for MemoryLeases {
    async fn extend(
        &mut self,
        worker: WorkerId,
        held: &[(Arc<Envelope>, Token)],
        lease: Duration,
    ) -> Result<Extension, StoreError> {
        let (mut state, now) = (self.0.state(), self.0.clock.now());
        let session = state.sessions.entry(worker).or_default();
        session.renew(now.after(lease));
        let mut extension = Extension::default();
        for (_, token) in held {
            let slot = state.claimed(*token).and_then(|place| state.slot(place));
            match slot.filter(|slot| slot.status.state == JobState::Active) {
                None => extension.lost.push(*token),
                Some(slot) if slot.cancel.is_some() => extension.cancelled.push(*token),
                Some(_) => {}
            }
        }
        Ok(extension)
    }
}
