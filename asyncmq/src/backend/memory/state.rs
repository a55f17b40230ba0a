//! All that the store keeps, and the moves that keep its parts in step with each other.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use foldhash::HashMap;

use super::emitter::Emitter;
use super::ended::Ended;
use super::ids::Ids;
use super::keyed::KeyedLane;
use super::keys::Keys;
use super::kin::{Endings, Kin};
use super::lane::{Entry, Lane};
use super::limits::QueueLimits;
use super::pins::AllUnpinned;
use super::recall::{RecallFirings, RecallPushes, RecallSettles};
use super::session::Session;
use super::watch::Watchers;
use crate::backend::{AuditEntry, Counts, StoredSchedule, Token};
use crate::clock::Timestamp;
use crate::event::{Event, EventData, EventKind};
use crate::job::{Envelope, Job, JobId, JobState, Name, Notes, Rare, Status, WorkerId};
use crate::lifecycle::{Limits, expires};
use crate::schedule::ScheduleId;

/// All that the store keeps.
#[derive(Default)]
pub(super) struct State {
    pub(super) slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    pub(super) queues: Vec<Queue>,
    names: HashMap<Name, u32>,
    pub(super) sessions: HashMap<WorkerId, Session>,
    /// Jobs whose time to live ends, first to last.
    pub(super) mortal: BTreeMap<(Timestamp, u64), u32>,
    pub(super) emitter: Emitter,
    pub(super) watchers: Watchers,
    pub(super) pushes: RecallPushes,
    pub(super) settles: RecallSettles,
    pub(super) firings: RecallFirings,
    /// By queue and id.
    pub(super) schedules: BTreeMap<(Name, ScheduleId), StoredSchedule>,
    pub(super) limits: Limits,
    /// What people ordered, the latest last.
    pub(super) audit: VecDeque<AuditEntry>,
    /// Jobs that this step forgot: they are dropped when the lock is free again.
    pub(super) forgotten: Vec<Forgotten>,
    pub(super) endings: Endings,
    pub(super) unpinned: AllUnpinned,
    /// Numbers that never come again: places in lanes, claims, ends.
    numbers: u64,
}

/// One job.
pub(super) struct Slot {
    pub(super) envelope: Arc<Envelope>,
    pub(super) status: Status,
    pub(super) queue: u32,
    /// The hash of its id.
    hash: u32,
    /// The job's number among those that wait, are delayed, or have ended; an entry with another one is a tombstone.
    pub(super) seq: u64,
    /// The number of the claim that may settle the job, 0 if there is none. It outlives a rescue, until somebody else
    /// claims the job.
    pub(super) claim: u64,
    /// Whether the rescue that let it wait again was held against it.
    pub(super) charged: bool,
    /// Whether it lives its last life, and so runs alone among its like.
    pub(super) suspect: bool,
    /// The claim with which it took a permit of its group, 0 if it holds none.
    pub(super) permit: u64,
    /// Its place in the list of what its worker holds.
    pub(super) held_at: u32,
    /// Somebody wants the running job cancelled, for this reason.
    pub(super) cancel: Option<Box<Option<String>>>,
    pub(super) kin: Option<Box<Kin>>,
}

/// What is left of a job that was forgotten.
pub(super) struct Forgotten {
    _envelope: Arc<Envelope>,
    _result: Option<Bytes>,
    _notes: Rare<Notes>,
}

/// One queue.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) name: Option<Name>,
    pub(super) paused: bool,
    pub(super) used: bool,
    pub(super) ids: Ids,
    pub(super) lanes: Vec<(LaneKey, Lane)>,
    /// Waiting jobs with keys.
    pub(super) keyed: Vec<KeyedLane>,
    /// Which keyed lane gave last among those of one priority; 0 is for all that have no keys.
    pub(super) turn: usize,
    /// What it is held to, if it ever was.
    pub(super) limits: Option<Box<QueueLimits>>,
    /// Jobs that are not yet due, first to last.
    pub(super) delayed: BTreeMap<(Timestamp, u64), u32>,
    /// Jobs that wait for another one to end, in the order of their numbers.
    pub(super) blocked: BTreeMap<u64, u32>,
    pub(super) keys: Keys,
    pub(super) ended: Ended,
    pub(super) counts: Counts,
    pub(super) enqueued: u64,
    pub(super) finished: u64,
}

/// What the jobs of a lane have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LaneKey {
    pub(super) task: Name,
    pub(super) version: u32,
    pub(super) suspect: bool,
}

impl LaneKey {
    pub(super) fn of(job: &Envelope, suspect: bool) -> Self {
        Self { task: job.task.clone(), version: job.version, suspect }
    }

    pub(super) fn is_of(&self, job: &Envelope, suspect: bool) -> bool {
        self.suspect == suspect && self.version == job.version && self.task == job.task
    }
}

impl State {
    pub(super) const fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Returns a token that never comes again and leads to its slot.
    pub(super) fn mint(&mut self, slot: u32) -> Token {
        let claim = self.number();
        if let Some(slot) = self.slot_mut(slot) {
            slot.claim = claim;
        }
        token_of(claim, slot)
    }

    /// Returns the token of the claim that may settle a job.
    pub(super) fn token(&self, place: u32) -> Option<Token> {
        let claim = self.slot(place)?.claim;
        (claim != 0).then(|| token_of(claim, place))
    }

    pub(super) fn slot(&self, slot: u32) -> Option<&Slot> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(super) fn slot_mut(&mut self, slot: u32) -> Option<&mut Slot> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// Returns the slot of a claim that may still settle its job.
    pub(super) fn claimed(&self, token: Token) -> Option<u32> {
        let slot = u32::try_from(token.0 & u128::from(u32::MAX)).ok()?;
        (self.token(slot) == Some(token)).then_some(slot)
    }

    /// Returns the queue of this name, made if there is none.
    pub(super) fn queue_of(&mut self, name: &Name) -> u32 {
        if let Some(queue) = self.names.get(name) {
            return *queue;
        }
        let queue = u32::try_from(self.queues.len()).expect("a process cannot hold that many queues");
        self.queues.push(Queue { name: Some(name.clone()), ..Queue::default() });
        self.names.insert(name.clone(), queue);
        queue
    }

    pub(super) fn known_queue(&self, name: &Name) -> Option<u32> {
        self.names.get(name).copied()
    }

    pub(super) fn find(&self, queue: &Name, id: &JobId) -> Option<u32> {
        self.find_in(&self.queues[self.known_queue(queue)? as usize], id)
    }

    pub(super) fn find_in(&self, queue: &Queue, id: &JobId) -> Option<u32> {
        self.find_hashed(queue, queue.ids.hash(id), id)
    }

    /// Returns the slot of the job of a queue whose id, of that hash, this is.
    pub(super) fn find_hashed(&self, queue: &Queue, hash: u32, id: &JobId) -> Option<u32> {
        let holds =
            |slot: u32| self.slots[slot as usize].as_ref().is_some_and(|slot| slot.envelope.id == *id);
        queue.ids.find(hash, holds)
    }

    pub(super) fn job(&self, slot: u32) -> Option<Job> {
        self.slot(slot).map(|slot| Job::new(slot.envelope.clone(), slot.status.clone()))
    }

    /// Takes a job in where its status puts it. `hash` is that of its id.
    pub(super) fn add(&mut self, queue: u32, hash: u32, envelope: &Arc<Envelope>, status: Status) -> u32 {
        let seq = self.number();
        let state = status.state;
        let slot = Slot {
            envelope: envelope.clone(),
            status,
            queue,
            hash,
            seq,
            claim: 0,
            charged: false,
            suspect: false,
            permit: 0,
            held_at: 0,
            cancel: None,
            kin: None,
        };
        let place = self.store(slot);
        let kept = &mut self.queues[queue as usize];
        kept.ids.insert(hash, place);
        kept.used = true;
        kept.enqueued += 1;
        *kept.counts.of_mut(state) += 1;
        self.place(place);
        place
    }

    fn store(&mut self, slot: Slot) -> u32 {
        if let Some(place) = self.free.pop() {
            self.slots[place as usize] = Some(slot);
            return place;
        }
        self.slots.push(Some(slot));
        u32::try_from(self.slots.len() - 1).expect("a process cannot hold that many jobs")
    }

    /// Puts a waiting, delayed or blocked job where it will be found, and takes note of when its time to live ends.
    pub(super) fn place(&mut self, place: u32) {
        let Some(slot) = self.slots[place as usize].as_ref() else { return };
        if let Some(end) = expires(&slot.status).filter(|_| slot.status.state != JobState::Blocked) {
            self.mortal.insert((end, slot.seq), place);
        }
        let queue = &mut self.queues[slot.queue as usize];
        match slot.status.state {
            JobState::Waiting => {
                let entry = Entry { seq: slot.seq, slot: place };
                match slot.envelope.key() {
                    Some(key) => queue.insert_keyed(slot, key, entry),
                    None => queue.lane_of(slot).insert(slot.envelope.priority, entry),
                }
                self.watchers.wake(slot.queue);
            }
            JobState::Delayed => {
                queue.delayed.insert((slot.status.run_at, slot.seq), place);
                self.watchers.wake(slot.queue);
            }
            JobState::Blocked => {
                queue.blocked.insert(slot.seq, place);
            }
            _ => {}
        }
    }

    /// Forgets when a job's time to live ends: it has started, ended, or gone. Called before its number or its end changes.
    pub(super) fn immortalise(&mut self, place: u32) {
        if let Some(slot) = self.slot(place)
            && let Some(end) = slot.status.expires_at
        {
            let seq = slot.seq;
            self.mortal.remove(&(end, seq));
        }
    }

    /// Takes a waiting, delayed or blocked job out of where it would be found.
    pub(super) fn displace(&mut self, place: u32) {
        self.immortalise(place);
        let Some(slot) = self.slots[place as usize].as_mut() else { return };
        let (state, run_at, seq) = (slot.status.state, slot.status.run_at, slot.seq);
        let queue = &mut self.queues[slot.queue as usize];
        match state {
            JobState::Delayed => {
                queue.delayed.remove(&(run_at, seq));
            }
            JobState::Blocked => {
                queue.blocked.remove(&seq);
            }
            JobState::Waiting => {
                slot.seq = 0;
                let slots = &self.slots;
                if let Some(slot) = slots[place as usize].as_ref()
                    && let Some(list) = queue.list_of(slot)
                {
                    list.bury(|entry| stands(slots, entry));
                }
            }
            _ => {}
        }
    }

    /// Takes a waiting job out of its lane, which takes longer than to displace it, but leaves it its number.
    pub(super) fn withdraw(&mut self, place: u32) {
        self.immortalise(place);
        let Some(slot) = self.slots[place as usize].as_ref() else { return };
        let entry = Entry { seq: slot.seq, slot: place };
        if let Some(list) = self.queues[slot.queue as usize].list_of(slot) {
            list.remove(slot.envelope.priority, entry);
        }
    }

    /// Changes a job's state in its status and in the counts.
    pub(super) fn set_state(&mut self, place: u32, state: JobState) {
        if let Some(slot) = self.slots[place as usize].as_mut() {
            let counts = &mut self.queues[slot.queue as usize].counts;
            *counts.of_mut(slot.status.state) -= 1;
            *counts.of_mut(state) += 1;
            slot.status.state = state;
        }
    }

    /// Forgets a job that no lane, session or list of ended ones leads to any more.
    pub(super) fn forget(&mut self, place: u32) {
        if let Some(slot) = self.slots[place as usize].take() {
            let queue = &mut self.queues[slot.queue as usize];
            queue.ids.remove(slot.hash, place);
            *queue.counts.of_mut(slot.status.state) -= 1;
            self.free.push(place);
            self.unpin(&slot);
            let Status { result, notes, .. } = slot.status;
            self.forgotten.push(Forgotten { _envelope: slot.envelope, _result: result, _notes: notes });
        }
    }

    /// Tells what happened to a job, if anybody listens; `data` is built only then.
    pub(super) fn emit(
        &self,
        kind: EventKind,
        place: u32,
        now: Timestamp,
        data: impl FnOnce(&Status) -> EventData,
    ) {
        if self.emitter.is_heard()
            && let Some(slot) = self.slot(place)
        {
            let event = Event::of_job(kind, slot.envelope.clone(), slot.status.attempt, now);
            self.emitter.emit(event.by(slot.status.worker).with(data(&slot.status)));
        }
    }

    pub(super) fn emit_queue(&self, kind: EventKind, queue: &Name, now: Timestamp) {
        if self.emitter.is_heard() {
            self.emitter.emit(Event::of_queue(kind, queue.clone(), now));
        }
    }
}

/// The number of a claim never comes again, and the slot is found without a search.
fn token_of(claim: u64, slot: u32) -> Token {
    Token(u128::from(claim) << 32 | u128::from(slot))
}

impl Slot {
    /// Lets nobody settle the job any more.
    pub(super) const fn revoke(&mut self) {
        self.claim = 0;
    }
}

impl Queue {
    /// Returns the list in which a job waits, be it with a key or without.
    fn list_of(&mut self, slot: &Slot) -> Option<&mut Lane> {
        match slot.envelope.key() {
            Some(key) => self.keyed_list(slot, key),
            None => Some(self.lane_of(slot)),
        }
    }

    /// Lists all lists of waiting jobs.
    pub(super) fn lists(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().map(|(_, lane)| lane).chain(self.keyed.iter().flat_map(KeyedLane::lists))
    }

    /// Returns the lane in which a job without a key waits, made if there is none.
    fn lane_of(&mut self, slot: &Slot) -> &mut Lane {
        if let Some(place) = self.lanes.iter().position(|(key, _)| key.is_of(&slot.envelope, slot.suspect)) {
            return &mut self.lanes[place].1;
        }
        self.lanes.push((LaneKey::of(&slot.envelope, slot.suspect), Lane::default()));
        &mut self.lanes.last_mut().expect("it was just pushed").1
    }
}

/// Tells whether the job of a place in a lane still waits there.
pub(super) fn stands(slots: &[Option<Slot>], entry: Entry) -> bool {
    slots[entry.slot as usize]
        .as_ref()
        .is_some_and(|slot| slot.seq == entry.seq && slot.status.state == JobState::Waiting)
}
