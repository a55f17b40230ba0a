//! What each job, each worker and each process went through, put together from the lines of a history.

use std::collections::{BTreeMap, HashMap};

use crate::lab::event::{Ending, Event, Fate, Given, Hold, Kind, Line, Plan, Proof, Sent};

/// A claim that a store may leave out of a lease: see `Claim::lease`.
const LEFT_OUT: (u64, u64) = (16, 500_000);

/// All that a history tells.
#[derive(Debug, Default)]
pub struct World {
    /// Each job by queue and id.
    pub jobs: HashMap<(String, String), Life>,
    /// Each worker by its id.
    pub workers: HashMap<String, Session>,
    /// What was done to processes.
    pub processes: HashMap<u32, Process>,
    /// What went wrong, in its order.
    pub faults: Vec<Fault>,
    /// When queues gave nothing out: from the answer to the pause up to the call that ended it.
    pub pauses: Vec<Pause>,
    /// Which job and worker a token was given for, first.
    pub tokens: HashMap<Proof, Seen>,
    /// Tokens that came a second time.
    pub doubled: Vec<Seen>,
    /// When a worker extended what it held: (when the call began, the token).
    pub extended: Vec<(u64, Proof)>,
    /// What was looked at, at the end: invariant, name, and what is wrong.
    pub audits: Vec<(String, String, Option<String>)>,
    /// When each part of the run began.
    pub phases: Vec<(String, u64)>,
    /// Each schedule by its id.
    pub schedules: BTreeMap<String, Beat>,
    /// What jobs are held to.
    pub holds: Vec<Hold>,
    /// Memory and keys of the store: when, bytes, keys.
    pub samples: Vec<(u64, u64, u64)>,
    /// The time of the last line.
    pub end: u64,
    /// Settles under way, by process, worker and call.
    settling: HashMap<(u32, String, u64), Vec<(Key, usize)>>,
}

type Key = (String, String);

/// A claim, as a token names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Queue and id.
    pub job: (String, String),
    /// The worker's id.
    pub worker: String,
    /// When the claim was answered.
    pub at: u64,
}

/// What a job went through, each list in the order of time.
#[derive(Debug, Default)]
pub struct Life {
    /// When it was sent, and as what.
    pub sent: Vec<(u64, Sent)>,
    /// When its senders learnt that it is there: (call, answer).
    pub acknowledged: Vec<(u64, u64)>,
    /// Whether the store refused it each time.
    pub refused: usize,
    /// Its claims.
    pub claims: Vec<Claim>,
    /// How they were settled.
    pub settles: Vec<Settle>,
    /// Attempts that began: when, by which process, number, digest of the arguments.
    pub runs: Vec<(u64, u32, u32, u64)>,
    /// When handlers did what they are for.
    pub effects: Vec<u64>,
    /// What people ordered: (call, answer, verb, whether it was carried out).
    pub orders: Vec<(u64, Option<u64>, String, bool)>,
    /// The jobs that it was left out for, as they held its deduplication key.
    pub left_out: Vec<String>,
    /// How it stood at the end: state and crashes; more than one is wrong.
    pub last: Vec<(String, u32)>,
}

/// A claim.
#[derive(Debug)]
pub struct Claim {
    /// When the call was first made.
    pub began: u64,
    /// When it was answered.
    pub at: u64,
    /// By which process.
    pub pid: u32,
    /// By which worker.
    pub worker: String,
    /// Its proof.
    pub token: Proof,
    /// The number of the attempt.
    pub attempt: u32,
    /// Deaths of processes before it.
    pub crashes: u32,
}

/// A settle.
#[derive(Debug)]
pub struct Settle {
    /// When the call was made.
    pub began: u64,
    /// When it was answered, and whether it was carried out.
    pub answer: Option<(u64, bool)>,
    /// What was to become of the job.
    pub ending: Ending,
}

impl Settle {
    /// Tells whether it was or may have been carried out.
    #[must_use]
    pub fn may_hold(&self) -> bool {
        self.answer.is_none_or(|(_, applied)| applied)
    }
}

/// A worker from its start to its end.
#[derive(Debug, Default)]
pub struct Session {
    /// The place that it fills.
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// Its lease in microseconds.
    pub lease: u64,
    /// With how many crashes it gives a job up.
    pub max_crashes: u32,
    /// When its lease was extended: (call, answer).
    pub kept: Vec<(u64, u64)>,
    /// When it began to strike itself off.
    pub leaving: Option<u64>,
}

impl Session {
    /// Tells whether its lease may have run out after a claim, at some time before `again`: each call that extended it
    /// may have been carried out as early as it began, and the next one as late as it was answered.
    #[must_use]
    pub fn may_have_lapsed(&self, claim: &Claim, again: &Claim) -> bool {
        self.stood_until(claim, again.began) <= again.at
    }

    /// Returns until when its lease certainly stood after a claim, as far as calls say that were answered before `known`.
    #[must_use]
    pub fn stood_until(&self, claim: &Claim, known: u64) -> u64 {
        let lease = self.lease - (self.lease / LEFT_OUT.0).min(LEFT_OUT.1);
        let mut stood = claim.began + lease;
        let since = self.kept.partition_point(|(_, at)| *at <= claim.at);
        for (began, at) in self.kept[since..].iter().take_while(|(_, at)| *at < known) {
            if stood < *at {
                break;
            }
            stood = stood.max(began + lease);
        }
        stood
    }
}

/// What was done to a process.
#[derive(Debug, Default)]
pub struct Process {
    /// When which signals were sent.
    pub signals: Vec<(u64, String)>,
    /// When it ended, and with which code.
    pub exit: Option<(u64, Option<i32>)>,
}

/// A fault.
#[derive(Debug, Clone, Default)]
pub struct Fault {
    /// Its number.
    pub number: usize,
    /// Its kind.
    pub kind: String,
    /// Whom it hit.
    pub target: String,
    /// When it began.
    pub began: u64,
    /// When it was over.
    pub ended: Option<u64>,
}

/// A schedule from its making to its end.
#[derive(Debug, Default)]
pub struct Beat {
    /// What it is.
    pub plan: Plan,
    /// When it was made.
    pub made: u64,
    /// Which time it was then by the store's clock.
    pub clock: u64,
    /// When it was stopped, if it was.
    pub stopped: Option<u64>,
    /// When slots of it fired.
    pub firings: Vec<Firing>,
}

impl Beat {
    /// Returns when a time of the store's clock was.
    #[must_use]
    pub const fn at(&self, slot: u64) -> u64 {
        (self.made + slot).saturating_sub(self.clock)
    }
}

/// Slots that fired in one step.
#[derive(Debug, Clone)]
pub struct Firing {
    /// Sender and number of the call.
    pub call: String,
    /// When it was first made.
    pub began: u64,
    /// When it was answered.
    pub at: u64,
    /// Which.
    pub slots: Vec<u64>,
}

/// A time in which a queue gave nothing out.
#[derive(Debug)]
pub struct Pause {
    /// The queue.
    pub queue: String,
    /// When it was known to be paused.
    pub from: u64,
    /// When the call that ended it was made.
    pub until: u64,
}

impl World {
    /// Puts a history together; its lines are in the order of time.
    #[must_use]
    pub fn of(lines: &[Line]) -> Self {
        let mut world = Self::default();
        for line in lines {
            world.take(line);
        }
        world.end = lines.last().map_or(0, |line| line.at);
        for session in world.workers.values_mut() {
            session.kept.sort_by_key(|(_, at)| *at);
        }
        for life in world.jobs.values_mut() {
            life.claims.sort_by_key(|claim| claim.at);
        }
        world
    }

    fn life(&mut self, queue: &str, job: &str) -> &mut Life {
        self.jobs.entry((queue.to_owned(), job.to_owned())).or_default()
    }

    fn session(&mut self, worker: &str) -> &mut Session {
        if !self.workers.contains_key(worker) {
            self.workers.insert(worker.to_owned(), Session::default());
        }
        self.workers.get_mut(worker).expect("it was inserted")
    }

    fn take(&mut self, line: &Line) {
        let (at, pid) = (line.at, line.pid);
        match &line.event {
            Event::Send(sent) => self.life(&sent.queue, &sent.job).sent.push((at, sent.clone())),
            Event::Acknowledged { queue, job, began } => {
                self.life(queue, job).acknowledged.push((*began, at));
            }
            Event::Refused { queue, job, .. } => self.life(queue, job).refused += 1,
            Event::Unknown { .. } | Event::Rescued { .. } => {}
            Event::Claimed { worker, began, jobs } => self.claimed((at, pid), worker, *began, jobs),
            Event::Settling { worker, call, jobs } => self.settling((at, pid), worker, *call, jobs),
            Event::Settled { worker, call, applied } => self.settled((at, pid), worker, *call, applied),
            Event::Extended { worker, began, held, lost } => {
                self.session(worker).kept.push((*began, at));
                let kept = held.iter().filter(|token| !lost.contains(token));
                self.extended.extend(kept.map(|token| (*began, *token)));
            }
            Event::Began { queue, job, attempt, digest } => {
                self.life(queue, job).runs.push((at, pid, *attempt, *digest));
            }
            Event::LeftOut { queue, job, owner } => self.life(queue, job).left_out.push(owner.clone()),
            Event::Effect { queue, job, .. } => self.life(queue, job).effects.push(at),
            Event::Final { queue, job, state, crashes } => {
                self.life(queue, job).last.push((state.clone(), *crashes));
            }
            _ => self.take_beside(line),
        }
    }

    /// What is not about one job.
    fn take_beside(&mut self, line: &Line) {
        let (at, pid) = (line.at, line.pid);
        match &line.event {
            Event::Worker { worker, name, lease, max_crashes } => {
                let session = self.session(worker);
                (session.name, session.pid) = (name.clone(), pid);
                (session.lease, session.max_crashes) = (*lease, *max_crashes);
            }
            Event::Leaving { worker } => {
                self.session(worker).leaving.get_or_insert(at);
            }
            Event::Ordering { order, queue, job } => self.ordering(at, order, queue, job),
            Event::Ordered { order, queue, job, done } => self.ordered(at, order, (queue, job), *done),
            Event::FaultBegins { fault, kind, target } => self.faults.push(Fault {
                number: *fault,
                kind: kind.clone(),
                target: target.clone(),
                began: at,
                ended: None,
            }),
            Event::FaultEnds { fault } => {
                if let Some(fault) = self.faults.iter_mut().rev().find(|known| known.number == *fault) {
                    fault.ended = Some(at);
                }
            }
            Event::Signal { process, signal } => {
                self.processes.entry(*process).or_default().signals.push((at, signal.clone()));
            }
            Event::Exit { process, code } => {
                self.processes.entry(*process).or_default().exit = Some((at, *code));
            }
            Event::Scheduled { plan, clock } => {
                let beat = self.schedules.entry(plan.schedule.clone()).or_default();
                (beat.plan, beat.made, beat.clock) = (plan.clone(), at, *clock);
            }
            Event::Unscheduled { schedule } => {
                self.schedules.entry(schedule.clone()).or_default().stopped = Some(at);
            }
            Event::Fired { call, schedule, slots, began } => {
                let beat = self.schedules.entry(schedule.clone()).or_default();
                beat.firings.push(Firing { call: call.clone(), began: *began, at, slots: slots.clone() });
            }
            Event::Held(hold) => self.holds.push(hold.clone()),
            Event::Phase { name } => self.phases.push((name.clone(), at)),
            Event::Audit { invariant, name, wrong } => {
                self.audits.push((invariant.clone(), name.clone(), wrong.clone()));
            }
            Event::Sample { memory, keys } => self.samples.push((at, *memory, *keys)),
            _ => {}
        }
    }

    fn claimed(&mut self, (at, pid): (u64, u32), worker: &str, began: u64, jobs: &[Given]) {
        self.session(worker).kept.push((began, at));
        for given in jobs {
            let seen = Seen { job: (given.queue.clone(), given.job.clone()), worker: worker.to_owned(), at };
            match self.tokens.entry(given.token) {
                std::collections::hash_map::Entry::Occupied(_) => self.doubled.push(seen),
                std::collections::hash_map::Entry::Vacant(place) => drop(place.insert(seen)),
            }
            let claim = Claim {
                began,
                at,
                pid,
                worker: worker.to_owned(),
                token: given.token,
                attempt: given.attempt,
                crashes: given.crashes,
            };
            self.life(&given.queue, &given.job).claims.push(claim);
        }
    }

    fn settling(&mut self, (at, pid): (u64, u32), worker: &str, call: u64, jobs: &[Ending]) {
        let key = (pid, worker.to_owned(), call);
        // A call that is repeated is the same one.
        if self.settling.contains_key(&key) {
            return;
        }
        let mut places = Vec::with_capacity(jobs.len());
        for ending in jobs {
            let settles = &mut self.life(&ending.queue, &ending.job).settles;
            settles.push(Settle { began: at, answer: None, ending: ending.clone() });
            let place = settles.len() - 1;
            places.push(((ending.queue.clone(), ending.job.clone()), place));
        }
        self.settling.insert(key, places);
    }

    fn settled(&mut self, (at, pid): (u64, u32), worker: &str, call: u64, applied: &[bool]) {
        let Some(places) = self.settling.get(&(pid, worker.to_owned(), call)) else { return };
        for ((key, place), applied) in places.iter().zip(applied) {
            if let Some(life) = self.jobs.get_mut(key) {
                life.settles[*place].answer = Some((at, *applied));
            }
        }
    }

    fn ordering(&mut self, at: u64, order: &str, queue: &str, job: &str) {
        if !job.is_empty() {
            self.life(queue, job).orders.push((at, None, order.to_owned(), false));
        } else if order == "resume"
            && let Some(pause) = self.pauses.iter_mut().rev().find(|pause| pause.queue == queue)
        {
            pause.until = pause.until.min(at);
        }
    }

    fn ordered(&mut self, at: u64, order: &str, (queue, job): (&str, &str), done: bool) {
        if job.is_empty() {
            if order == "pause" {
                self.pauses.push(Pause { queue: queue.to_owned(), from: at, until: u64::MAX });
            }
            return;
        }
        let orders = &mut self.life(queue, job).orders;
        if let Some(known) = orders.iter_mut().rev().find(|known| known.2 == order && known.1.is_none()) {
            (known.1, known.3) = (Some(at), done);
        }
    }

    /// Tells whether a job is held to a limit.
    #[must_use]
    pub fn is_held(&self, sent: &Sent) -> bool {
        self.holds.iter().any(|hold| hold.task == sent.task && hold.queue == sent.queue)
    }

    /// Returns from when to when a part of the run lasted; nothing if it had none of that name.
    #[must_use]
    pub fn phase(&self, name: &str) -> Option<(u64, u64)> {
        let place = self.phases.iter().position(|(known, _)| known == name)?;
        let until = self.phases.get(place + 1).map_or(self.end, |(_, at)| *at);
        Some((self.phases[place].1, until))
    }
}

impl Life {
    /// Returns what was sent first.
    #[must_use]
    pub fn first(&self) -> Option<&Sent> {
        self.sent.first().map(|(_, sent)| sent)
    }

    /// Returns what must become of it.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.first().map_or(Fate::Completes, |sent| sent.fate)
    }

    /// Counts the claims whose processes died with it, or seemed to: those of which `died` says so, given the next, and the last
    /// one if nobody settled it.
    #[must_use]
    pub fn deaths(&self, died: impl Fn(&Claim, &Claim) -> bool) -> usize {
        let pairs = self.claims.windows(2).filter(|pair| died(&pair[0], &pair[1])).count();
        let is_settled = |claim: &Claim| self.settles_of(claim.token).any(Settle::may_hold);
        pairs + usize::from(self.claims.last().is_some_and(|last| !is_settled(last)))
    }

    /// Tells whether somebody ordered that, whether or not it was answered; up to a time.
    #[must_use]
    pub fn was_ordered(&self, verb: &str, from: u64, until: u64) -> bool {
        self.orders.iter().any(|(began, at, order, done)| {
            order == verb && *began <= until && from <= at.unwrap_or(u64::MAX) && (at.is_none() || *done)
        })
    }

    /// Returns the settles of one claim.
    pub fn settles_of(&self, token: Proof) -> impl Iterator<Item = &Settle> {
        self.settles.iter().filter(move |settle| settle.ending.token == token)
    }

    /// Tells whether a settle that ends it was or may have been carried out.
    #[must_use]
    pub fn may_have_ended_as(&self, kind: Kind) -> bool {
        self.settles.iter().any(|settle| settle.ending.kind == kind && settle.may_hold())
    }
}
