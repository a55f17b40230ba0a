//! The claim: promotes what is due, throws out what has expired, and hands out the best waiting jobs.

use std::time::Duration;

use super::state::{LaneKey, State, stands};
use crate::backend::{Claim, Claimed, ClaimedJob, MAX_BATCH, Token};
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::{JobState, Name, WorkerId};
use crate::lifecycle::{Admission, admit};

impl State {
    pub(super) fn claim(&mut self, claim: &Claim<'_>, now: Timestamp) -> Claimed {
        let session = self.sessions.entry(claim.call.sender).or_default();
        session.renew(now.after(claim.lease));
        let is_past = session.last_claim.as_ref().is_some_and(|(last, _)| claim.call.sequence < *last);
        let same = session.last_claim.as_ref().filter(|(sequence, _)| *sequence == claim.call.sequence);
        let mut claimed = match same.map(|(_, tokens)| tokens.clone()) {
            Some(tokens) => {
                let jobs = tokens.into_iter().filter_map(|token| self.in_hand(token)).collect();
                Claimed { jobs, ..Claimed::default() }
            }
            // A claim that was held up on its way: its worker went on without it, and would never learn what it took.
            None if is_past => Claimed::default(),
            None => self.claim_anew(claim, now),
        };
        claimed.next_due = self.next_due(claim.queues, now);
        claimed
    }

    fn claim_anew(&mut self, claim: &Claim<'_>, now: Timestamp) -> Claimed {
        let mut claimed = Claimed::default();
        for name in claim.queues {
            let queue = self.queue_of(name);
            if !self.queues[queue as usize].paused {
                self.promote_due(queue, now);
                self.take(queue, claim, now, &mut claimed);
            }
        }
        let tokens = claimed.jobs.iter().map(|job| job.token).collect();
        self.sessions.entry(claim.call.sender).or_default().last_claim = Some((claim.call.sequence, tokens));
        claimed
    }

    /// Returns how long until a job of these queues is due, those that are paused left out.
    fn next_due(&self, queues: &[Name], now: Timestamp) -> Option<Duration> {
        let queues = queues.iter().filter_map(|name| self.known_queue(name));
        let open = queues.map(|queue| &self.queues[queue as usize]).filter(|queue| !queue.paused);
        open.filter_map(|queue| queue.delayed.keys().next()).map(|(run_at, _)| run_at.since(now)).min()
    }

    /// Lets jobs wait whose time has come, at most a batch of them.
    pub(super) fn promote_due(&mut self, queue: u32, now: Timestamp) {
        for _ in 0..MAX_BATCH {
            let Some(first) = self.queues[queue as usize].delayed.first_entry() else { return };
            if now < first.key().0 {
                return;
            }
            let place = first.remove();
            self.set_state(place, JobState::Waiting);
            self.renumber(place);
            self.place(place);
        }
    }

    /// Gives a job a new number, so that it stands behind those that wait already once it is placed.
    pub(super) fn renumber(&mut self, place: u32) {
        let number = self.number();
        self.immortalise(place);
        if let Some(slot) = self.slot_mut(place) {
            slot.seq = number;
        }
    }

    /// Takes jobs of the lanes that the worker can run: the best head among them, again and again.
    fn take(&mut self, queue: u32, claim: &Claim<'_>, now: Timestamp, claimed: &mut Claimed) {
        let worker = claim.call.sender;
        let mut lanes = self.lanes_for(queue, claim, claimed);
        while claimed.jobs.len() < claim.limit {
            let Some((lane, place)) = self.best_head(queue, &lanes) else { return };
            let (key, lane_jobs) = &mut self.queues[queue as usize].lanes[lane];
            lane_jobs.pop();
            let suspect = key.suspect;
            let Some(slot) = self.slot(place) else { continue };
            if admit(&slot.status, now) == Admission::Expire {
                self.expire_job(place, now);
                continue;
            }
            if let Some(job) = self.hand_out(place, worker, now) {
                claimed.jobs.push(job);
            }
            if suspect {
                lanes = self.lanes_for(queue, claim, claimed);
            }
        }
    }

    /// Lists the lanes to take from, and takes note of waiting tasks that the worker does not know.
    fn lanes_for(&self, queue: u32, claim: &Claim<'_>, claimed: &mut Claimed) -> Vec<usize> {
        let has_suspect = self.sessions.get(&claim.call.sender).is_some_and(|session| session.suspects != 0);
        let queue = &self.queues[queue as usize];
        let mut lanes = Vec::with_capacity(queue.lanes.len());
        for (place, (key, lane)) in queue.lanes.iter().enumerate() {
            if claim.tasks.runs(&key.task, key.version) {
                if !(key.suspect && has_suspect) {
                    lanes.push(place);
                }
            } else if lane.iter().any(|(_, entry)| stands(&self.slots, entry)) {
                note_unknown(claimed, queue.name.as_ref(), key);
            }
        }
        lanes
    }

    fn best_head(&mut self, queue: u32, lanes: &[usize]) -> Option<(usize, u32)> {
        let slots = &self.slots;
        let queue = &mut self.queues[queue as usize];
        let heads = lanes.iter().filter_map(|lane| {
            let (priority, entry) = queue.lanes[*lane].1.head(|entry| stands(slots, entry))?;
            Some((priority, entry, *lane))
        });
        heads.min().map(|(_, entry, lane)| (lane, entry.slot))
    }

    /// Starts an attempt: the job is now in the worker's hand.
    fn hand_out(&mut self, place: u32, worker: WorkerId, now: Timestamp) -> Option<ClaimedJob> {
        self.immortalise(place);
        let token = self.mint(place);
        self.set_state(place, JobState::Active);
        self.hold(worker, place);
        let slot = self.slot_mut(place)?;
        slot.charged = false;
        slot.cancel = None;
        slot.status.attempt += 1;
        slot.status.started_at = Some(now);
        self.emit(EventKind::Started, place, now, |_| EventData::None);
        self.in_hand(token)
    }

    /// Returns a job as its worker sees it, if the worker still holds it.
    fn in_hand(&self, token: Token) -> Option<ClaimedJob> {
        let slot = self.slot(self.claimed(token)?)?;
        (slot.status.state == JobState::Active).then(|| ClaimedJob {
            envelope: slot.envelope.clone(),
            token,
            attempt: slot.status.attempt,
            crashes: slot.status.crashes,
        })
    }

    /// Makes a dead letter of a job whose time to live is over. It has left its lane or the delayed ones already.
    pub(super) fn expire_job(&mut self, place: u32, now: Timestamp) {
        self.immortalise(place);
        self.set_state(place, JobState::Expired);
        if let Some(slot) = self.slot_mut(place) {
            slot.status.finished_at = Some(now);
        }
        self.emit(EventKind::Expired, place, now, |_| EventData::None);
        self.retire(place, now);
    }
}

fn note_unknown(claimed: &mut Claimed, queue: Option<&Name>, key: &LaneKey) {
    if let Some(queue) = queue
        && !claimed.unknown.iter().any(|(known, task)| known == queue && *task == key.task)
    {
        claimed.unknown.push((queue.clone(), key.task.clone()));
    }
}
