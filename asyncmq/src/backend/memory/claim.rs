//! The claim: promotes what is due, throws out what has expired, and hands out the best waiting jobs.

use super::lane::{Entry, Lane};
use super::limits::Group;
use super::state::{LaneKey, Queue, Slot, State, stands};
use crate::backend::{Claim, Claimed, ClaimedJob, MAX_BATCH, Token};
use crate::clock::Timestamp;
use crate::event::{EventData, EventKind};
use crate::job::{JobState, Name, WorkerId};
use crate::lifecycle::{Admission, Allowance, admit};

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
        self.look_ahead(claim.queues, now, &mut claimed);
        claimed
    }

    fn claim_anew(&mut self, claim: &Claim<'_>, now: Timestamp) -> Claimed {
        let mut claimed = Claimed::default();
        for name in claim.queues {
            let queue = self.queue_of(name);
            if !self.queues[queue as usize].paused {
                self.promote_due(queue, now);
                let kept = &mut self.queues[queue as usize];
                kept.unpark_due(now);
                if kept.unpark_stale(MAX_BATCH) {
                    claimed.next_due = Some(std::time::Duration::ZERO);
                }
                self.take(queue, claim, now, &mut claimed);
            }
        }
        let tokens = claimed.jobs.iter().map(|job| job.token).collect();
        self.sessions.entry(claim.call.sender).or_default().last_claim = Some((claim.call.sequence, tokens));
        claimed
    }

    /// Tells how long until a job of these queues is due or has its token, those that are paused left out.
    fn look_ahead(&self, queues: &[Name], now: Timestamp, claimed: &mut Claimed) {
        let queues = queues.iter().filter_map(|name| self.known_queue(name));
        for queue in queues.map(|queue| &self.queues[queue as usize]).filter(|queue| !queue.paused) {
            let (due, token) = (queue.delayed.keys().next(), queue.next_token(now));
            claimed.awaits_token |= token.is_some();
            let waits = due.map(|(run_at, _)| *run_at).into_iter().chain(token).map(|time| time.since(now));
            claimed.next_due = claimed.next_due.into_iter().chain(waits).min();
        }
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
        let (mut lanes, mut room) = (self.lanes_for(queue, claim, claimed), MAX_BATCH);
        while claimed.jobs.len() < claim.limit {
            if !matches!(self.queues[queue as usize].allowance(now), Allowance::May(_)) {
                return;
            }
            let looked_in = lanes.iter().map(|place| place.parts());
            if self.make_room_for_claim(queue, looked_in, now, &mut room) {
                claimed.next_due = Some(std::time::Duration::ZERO);
            }
            let Some((lane, place)) = self.best_head(queue, &lanes, now) else { return };
            self.queues[queue as usize].pop(lane);
            let Some(slot) = self.slot(place) else { continue };
            let suspect = slot.suspect;
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
    fn lanes_for(&self, queue: u32, claim: &Claim<'_>, claimed: &mut Claimed) -> Vec<Place> {
        let has_suspect = self.sessions.get(&claim.call.sender).is_some_and(|session| session.suspects != 0);
        let queue = &self.queues[queue as usize];
        let plain = queue.lanes.iter().enumerate().map(|(place, (key, _))| (Place::Plain(place), key));
        let keyed = queue.keyed.iter().enumerate().map(|(place, lane)| (Place::Keyed(place), &lane.key));
        let mut lanes = Vec::with_capacity(queue.lanes.len() + queue.keyed.len());
        for (place, key) in plain.chain(keyed) {
            if claim.tasks.runs(&key.task, key.version) {
                if !(key.suspect && has_suspect) {
                    lanes.push(place);
                }
            } else if queue.has_waiting(place, &self.slots) {
                note_unknown(claimed, queue.name.as_ref(), key);
            }
        }
        lanes
    }

    /// Finds the job that runs next. Among jobs of one priority, lanes with keys and what has no keys take turns.
    fn best_head(&mut self, queue: u32, lanes: &[Place], now: Timestamp) -> Option<(Place, u32)> {
        let slots = &self.slots;
        let queue = &mut self.queues[queue as usize];
        let mut best: Option<(u8, usize, Entry, Place)> = None;
        for place in lanes {
            let Some((priority, entry)) = queue.head(*place, slots, now) else { continue };
            let party = match place {
                Place::Plain(_) => 0,
                Place::Keyed(lane) => lane + 1,
            };
            // Who comes next behind the one that gave last is the first.
            let turn = if queue.turn < party { party } else { party + queue.keyed.len() + 1 };
            let candidate = (priority, turn, entry, *place);
            if best.as_ref().is_none_or(|best| candidate < *best) {
                best = Some(candidate);
            }
        }
        let (_, turn, entry, place) = best?;
        queue.turn = turn % (queue.keyed.len() + 1);
        Some((place, entry.slot))
    }

    /// Starts an attempt: the job is now in the worker's hand.
    fn hand_out(&mut self, place: u32, worker: WorkerId, now: Timestamp) -> Option<ClaimedJob> {
        self.immortalise(place);
        let token = self.mint(place);
        self.set_state(place, JobState::Active);
        self.hold(worker, place);
        let slot = self.slots.get_mut(place as usize)?.as_mut()?;
        slot.charged = false;
        slot.cancel = None;
        slot.status.attempt += 1;
        slot.status.started_at = Some(now);
        let limits = &mut self.queues[slot.queue as usize].limits;
        let started = (slot.claim, place);
        let has_permit = limits.as_mut().is_some_and(|limits| limits.start(&slot.envelope, started, now));
        slot.permit = if has_permit { slot.claim } else { 0 };
        self.emit(EventKind::Started, place, now, |_| EventData::None);
        self.in_hand(token)
    }

    /// Returns a job as its worker sees it, if the worker still holds it.
    fn in_hand(&self, token: Token) -> Option<ClaimedJob> {
        let slot = self.slot(self.claimed(token)?)?;
        (slot.status.state == JobState::Active).then(|| {
            let kin = slot.kin.as_ref().filter(|_| slot.envelope.takes_outputs());
            let (inputs, withheld) = kin.map(|kin| kin.inputs()).unwrap_or_default();
            let (attempt, crashes) = (slot.status.attempt, slot.status.crashes);
            ClaimedJob { envelope: slot.envelope.clone(), token, attempt, crashes, inputs, withheld }
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

/// A lane of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// One of jobs without keys.
    Plain(usize),
    /// One of jobs with keys.
    Keyed(usize),
}

impl Place {
    /// Tells whether the lane is of jobs with keys, and its place among those.
    const fn parts(self) -> (bool, usize) {
        match self {
            Self::Plain(lane) => (false, lane),
            Self::Keyed(lane) => (true, lane),
        }
    }
}

impl Queue {
    fn has_waiting(&self, place: Place, slots: &[Option<Slot>]) -> bool {
        let waits = |lane: &Lane| lane.iter().any(|(_, entry)| stands(slots, entry));
        match place {
            Place::Plain(lane) => waits(&self.lanes[lane].1),
            Place::Keyed(lane) => self.keyed[lane].lists().any(waits),
        }
    }

    /// Returns the job of a lane that runs next, if its limits let it.
    fn head(&mut self, place: Place, slots: &[Option<Slot>], now: Timestamp) -> Option<(u8, Entry)> {
        match place {
            Place::Plain(lane) => {
                let (key, jobs) = &mut self.lanes[lane];
                let head = jobs.head(|entry| stands(slots, entry))?;
                let limits = self.limits.as_ref();
                let may = limits.is_none_or(|limits| {
                    let group = Group { task: key.task.clone(), key: None };
                    matches!(limits.of_group(&group, now), Allowance::May(_))
                });
                may.then_some(head)
            }
            Place::Keyed(lane) => {
                let entry = self.keyed_head(slots, lane, now)?;
                Some((self.keyed[lane].priority, entry))
            }
        }
    }

    /// Takes the job that [`Queue::head`] returned.
    fn pop(&mut self, place: Place) {
        match place {
            Place::Plain(lane) => self.lanes[lane].1.pop(),
            Place::Keyed(lane) => self.pop_keyed(lane),
        }
    }
}

fn note_unknown(claimed: &mut Claimed, queue: Option<&Name>, key: &LaneKey) {
    if let Some(queue) = queue
        && !claimed.unknown.iter().any(|(known, task)| known == queue && *task == key.task)
    {
        claimed.unknown.push((queue.clone(), key.task.clone()));
    }
}
