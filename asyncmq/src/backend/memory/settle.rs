//! The settle: carries a transition out, fenced by the claim's token.

use super::state::State;
use crate::backend::{CallId, Fenced, Report, Settlement};
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::{JobState, keep_lines};
use crate::lifecycle::{Transition, apply, heed_cancel};

impl State {
    /// Settles jobs, unless the call was carried out before.
    pub(super) fn settle_all(&mut self, call: CallId, jobs: &[Settlement], now: Timestamp) -> Vec<Fenced> {
        if let Some(reply) = self.settles.find(call) {
            return reply;
        }
        let reply: Vec<_> = jobs.iter().map(|settlement| self.settle(settlement, now)).collect();
        self.settles.keep(call, &reply);
        reply
    }

    fn settle(&mut self, settlement: &Settlement, now: Timestamp) -> Fenced {
        let Some(place) = self.claimed(settlement.token) else { return Fenced::Stale };
        if !self.regain(place) {
            return Fenced::Stale;
        }
        self.tell(place, &settlement.report, now);
        self.let_go(place);
        let Some(slot) = self.slot_mut(place) else { return Fenced::Stale };
        let transition = match slot.cancel.take() {
            Some(reason) => heed_cancel(settlement.transition.clone(), *reason),
            None => settlement.transition.clone(),
        };
        slot.revoke();
        self.carry_out(place, transition, now);
        Fenced::Applied
    }

    /// Makes sure that the claim's job is active: one that a rescue let wait again, and nobody re-claimed, is taken back.
    fn regain(&mut self, place: u32) -> bool {
        let Some(state) = self.slot(place).map(|slot| slot.status.state) else { return false };
        match state {
            JobState::Active => true,
            JobState::Waiting => {
                self.withdraw(place);
                self.set_state(place, JobState::Active);
                if let Some(slot) = self.slot_mut(place) {
                    slot.suspect &= !slot.charged;
                    slot.status.crashes -= u32::from(std::mem::take(&mut slot.charged));
                    slot.status.attempt += 1;
                }
                if let Some(worker) = self.slot(place).and_then(|slot| slot.status.worker) {
                    self.hold(worker, place);
                }
                true
            }
            _ => false,
        }
    }

    /// Carries a transition out on an active job that no worker holds any more.
    pub(super) fn carry_out(&mut self, place: u32, mut transition: Transition, now: Timestamp) {
        let (kind, heard) = (transition.event(), self.emitter.is_heard());
        let data = if heard { data_of(&transition, now) } else { EventData::None };
        let released = transition == Transition::Release;
        let awaited = match &mut transition {
            Transition::Await { parents } => Some(std::mem::take(parents)),
            _ => None,
        };
        let Some(slot) = self.slot_mut(place) else { return };
        let before = slot.status.state;
        apply(&mut slot.status, transition, now);
        let after = std::mem::replace(&mut slot.status.state, before);
        self.set_state(place, after);
        if !(released || after.is_terminal()) {
            self.renumber(place);
        }
        if heard {
            self.emit(kind, place, now, |_| data);
        }
        if after.is_terminal() {
            self.retire(place, now);
            return;
        }
        self.place(place);
        if let Some(parents) = awaited {
            self.wait_for_more(place, parents, now);
        }
    }

    pub(super) fn report(&mut self, token: crate::backend::Token, report: &Report, now: Timestamp) -> Fenced {
        let active =
            |place: &u32| self.slot(*place).is_some_and(|slot| slot.status.state == JobState::Active);
        match self.claimed(token).filter(active) {
            Some(place) => {
                self.tell(place, report, now);
                Fenced::Applied
            }
            None => Fenced::Stale,
        }
    }

    /// Keeps what an attempt said.
    fn tell(&mut self, place: u32, report: &Report, now: Timestamp) {
        if report.is_empty() {
            return;
        }
        let Some(slot) = self.slot_mut(place) else { return };
        if !report.logs.is_empty() {
            keep_lines(&mut slot.status.notes.logs, report.logs.iter().cloned());
        }
        if let Some(progress) = &report.progress {
            slot.status.notes.progress = Some(progress.clone());
            self.emit(EventKind::Progress, place, now, |_| EventData::Progress(progress.clone()));
        }
    }
}

/// What the event of a transition says.
fn data_of(transition: &Transition, now: Timestamp) -> EventData {
    match transition {
        Transition::Complete { result, .. } => EventData::Result(result.clone()),
        Transition::Retry { failure, after } => {
            EventData::Retry { failure: failure.clone().at(now), after: *after }
        }
        Transition::Fail { failure } => EventData::Failure(failure.clone().at(now)),
        Transition::Snooze { after } => EventData::Wait(*after),
        Transition::Await { .. } | Transition::Release => EventData::Wait(std::time::Duration::ZERO),
        Transition::Cancel { reason } => reason.clone().map_or(EventData::None, EventData::Reason),
    }
}
