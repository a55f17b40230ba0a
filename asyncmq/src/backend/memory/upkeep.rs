//! The duties, and the list of workers.

use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
use super::state::State;
use crate::backend::{StoreError, Upkeep, WorkerInfo};
use crate::clock::Timestamp;
use crate::event::{Event, EventData, EventKind};
use crate::job::{Failure, FailureKind, JobState, WorkerId};
use crate::lifecycle::{Limits, Transition, Verdict, after_crash};

/// How long a silent worker stays in the list.
pub(super) const LISTED_FOR: Duration = Duration::from_secs(300);

#[async_trait]
impl Upkeep for MemoryStore {
    async fn rescue(&self, max_crashes: u32, limit: usize) -> Result<usize, StoreError> {
        let (mut state, now) = (self.state(), self.clock.now());
        let dead =
            state.sessions.iter().filter(|(_, session)| session.until < now && !session.held.is_empty());
        let mut dead: Vec<WorkerId> = dead.map(|(worker, _)| *worker).collect();
        dead.sort_unstable();
        let mut rescued = 0;
        for worker in dead {
            rescued += state.rescue(worker, max_crashes, limit - rescued, now);
        }
        state.strike_the_silent(now);
        Ok(rescued)
    }

    async fn expire(&self, limit: usize) -> Result<usize, StoreError> {
        let (mut state, now) = (self.state(), self.clock.now());
        let mut expired = 0;
        while expired < limit
            && let Some(first) = state.mortal.first_entry()
            && first.key().0 <= now
        {
            let place = first.remove();
            state.displace(place);
            state.expire_job(place, now);
            expired += 1;
        }
        Ok(expired)
    }

    async fn prune(&self, limits: &Limits, limit: usize) -> Result<usize, StoreError> {
        Ok(self.state().prune(limits, self.clock.now(), limit))
    }

    async fn register(&self, worker: &WorkerInfo, lease: Duration) -> Result<(), StoreError> {
        let (mut state, now) = (self.state(), self.clock.now());
        let session = state.sessions.entry(worker.id).or_default();
        if session.is_struck_off() {
            return Ok(());
        }
        session.renew(now.after(lease));
        let known = session.info.as_ref().map(|info| info.started_at);
        let started_at = known.unwrap_or(now);
        session.info = Some(WorkerInfo { started_at, seen_at: now, ..worker.clone() });
        if known.is_none() && state.emitter.is_heard() {
            state.emitter.emit(Event::of_worker(EventKind::WorkerStarted, worker.id, now));
        }
        Ok(())
    }

    async fn deregister(&self, worker: WorkerId) -> Result<(), StoreError> {
        let (mut state, now) = (self.state(), self.clock.now());
        while let Some(place) = state.sessions.get(&worker).and_then(|session| session.held.last().copied()) {
            if let Some(slot) = state.slot_mut(place) {
                slot.revoke();
            }
            state.give_back(place, now);
        }
        let session = state.sessions.entry(worker).or_default();
        let listed = session.info.is_some();
        session.strike_off(now);
        if listed && state.emitter.is_heard() {
            state.emitter.emit(Event::of_worker(EventKind::WorkerStopped, worker, now));
        }
        Ok(())
    }
}

impl State {
    /// Releases a job that a worker holds; one that somebody wanted cancelled is cancelled.
    fn give_back(&mut self, place: u32, now: Timestamp) {
        self.let_go(place);
        let cancel = self.slot_mut(place).and_then(|slot| slot.cancel.take());
        let transition = cancel.map_or(Transition::Release, |reason| Transition::Cancel { reason: *reason });
        self.carry_out(place, transition, now);
    }

    /// Takes the jobs of a worker whose lease ran out, at most `limit`. Returns how many.
    ///
    /// Each keeps its token: should the worker be alive after all, it may still settle until somebody else claims the job.
    fn rescue(&mut self, worker: WorkerId, max_crashes: u32, limit: usize, now: Timestamp) -> usize {
        let Some(session) = self.sessions.get(&worker) else { return 0 };
        let draining = session.info.as_ref().is_some_and(|info| info.draining);
        let held: Vec<u32> = session.held.iter().copied().take(limit).collect();
        for place in &held {
            if draining {
                self.give_back(*place, now);
            } else {
                self.rescue_job(*place, max_crashes, now);
            }
        }
        held.len()
    }

    fn rescue_job(&mut self, place: u32, max_crashes: u32, now: Timestamp) {
        self.let_go(place);
        let Some(slot) = self.slot_mut(place) else { return };
        if let Some(reason) = slot.cancel.take() {
            slot.revoke();
            self.carry_out(place, Transition::Cancel { reason: *reason }, now);
            return;
        }
        let verdict = after_crash(slot.status.crashes, slot.suspect, max_crashes);
        (slot.charged, slot.suspect) = (true, verdict == Verdict::Suspect);
        slot.status.crashes = slot.status.crashes.saturating_add(1);
        if verdict == Verdict::Quarantined {
            let message = format!("the worker died {} time(s) with this job in hand", slot.status.crashes);
            let failure = Failure::new(slot.status.attempt, FailureKind::Crash, message);
            slot.revoke();
            self.carry_out(place, Transition::Fail { failure }, now);
            return;
        }
        slot.status.attempt = slot.status.attempt.saturating_sub(1);
        self.set_state(place, JobState::Waiting);
        self.emit(EventKind::Stalled, place, now, |_| EventData::None);
        self.place(place);
    }

    /// Forgets workers that have been silent for long and hold nothing.
    fn strike_the_silent(&mut self, now: Timestamp) {
        self.sessions.retain(|_, session| {
            let seen = session.info.as_ref().map_or(session.until, |info| info.seen_at.max(session.until));
            !session.held.is_empty() || now < seen.after(LISTED_FOR)
        });
    }
}
