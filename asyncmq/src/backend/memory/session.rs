//! What one worker holds, and until when.

use super::state::State;
use crate::backend::{Token, WorkerInfo};
use crate::clock::Timestamp;
use crate::job::WorkerId;

/// One worker's lease and all that it covers.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) until: Timestamp,
    pub(super) held: Vec<u32>,
    /// How many of the held jobs live their last life.
    pub(super) suspects: usize,
    /// The worker's last claim and what it gave, to be repeated if the reply was lost.
    pub(super) last_claim: Option<(u64, Vec<Token>)>,
    pub(super) info: Option<WorkerInfo>,
}

impl Session {
    /// Makes the lease last until then; not that of a worker that was struck off.
    pub(super) fn renew(&mut self, until: Timestamp) {
        if !self.is_struck_off() {
            self.until = self.until.max(until);
        }
    }

    /// Strikes the worker off: whatever of it still arrives does nothing.
    pub(super) fn strike_off(&mut self, now: Timestamp) {
        (self.until, self.info, self.last_claim) = (now, None, Some((u64::MAX, Vec::new())));
    }

    pub(super) fn is_struck_off(&self) -> bool {
        self.last_claim.as_ref().is_some_and(|(last, _)| *last == u64::MAX)
    }
}

impl State {
    /// Puts a job into a worker's hand.
    pub(super) fn hold(&mut self, worker: WorkerId, place: u32) {
        let session = self.sessions.entry(worker).or_default();
        let Some(slot) = self.slots[place as usize].as_mut() else { return };
        slot.held_at = u32::try_from(session.held.len()).expect("fewer than there are slots");
        slot.status.worker = Some(worker);
        session.suspects += usize::from(slot.suspect);
        session.held.push(place);
    }

    /// Takes a job out of the hand of the worker that holds it. Called before it becomes a suspect.
    pub(super) fn let_go(&mut self, place: u32) {
        self.give_permit_back(place);
        let Some(slot) = self.slots[place as usize].as_ref() else { return };
        let (held_at, suspect) = (slot.held_at as usize, slot.suspect);
        let Some(session) = slot.status.worker.and_then(|worker| self.sessions.get_mut(&worker)) else {
            return;
        };
        session.suspects -= usize::from(suspect);
        session.held.swap_remove(held_at);
        if let Some(moved) = session.held.get(held_at).copied()
            && let Some(slot) = self.slots[moved as usize].as_mut()
        {
            slot.held_at = u32::try_from(held_at).expect("it was one");
        }
    }
}
