//! The model: how a store stands, in plain maps, and what each command makes of it.

mod orders;
mod pins;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use asyncmq::JobState;
use asyncmq::backend::{Drain, Force, Ordered};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use super::command::{Command, End, Keep, QUEUES, Sent, Target, WORKERS, command};
use super::keys::Key;
use super::kin::{Ending, Kin};

// None of these is a multiple of 500 ms, which all other times are: no end ever falls on a time that is looked at.
pub(crate) const LEASE: u64 = 3_250;
pub(crate) const KEPT_EXACTLY: u64 = 2_250;
pub(crate) const ENDED_FOR: u64 = 5_250;
pub(crate) const DEAD_FOR: u64 = 9_250;
pub(crate) const MAX_CRASHES: u32 = 3;

/// How the store stands; times in milliseconds since the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) now: u64,
    pub(crate) jobs: BTreeMap<Target, Entry>,
    pub(crate) queues: [Line; QUEUES],
    workers: [Hand; WORKERS],
    /// Every claim there ever was, and by whom.
    pub(crate) claims: Vec<usize>,
    /// Claims of workers that went after they had lost them: of these nothing is promised.
    vague: BTreeSet<usize>,
    numbers: u64,
    /// The ends of which others are still to be told, whether somebody does, and how many he began with.
    pub(crate) due: VecDeque<Ending>,
    pub(crate) telling: bool,
    pub(crate) told: usize,
    /// Jobs that are forgotten and pinned others: when they were taken in, whom, and whether strictly.
    pub(crate) unpinned: Vec<(u64, Vec<Target>, bool)>,
    /// What the store must answer to the last command.
    pub(crate) reply: Reply,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) sent: Sent,
    pub(crate) state: JobState,
    /// Its place among those that wait or are delayed.
    pub(crate) order: u64,
    pub(crate) run_at: u64,
    expires_at: Option<u64>,
    pub(crate) attempt: u32,
    pub(crate) crashes: u32,
    pub(crate) errors: usize,
    /// The claim that may settle it.
    claim: Option<usize>,
    worker: usize,
    charged: bool,
    /// Whether it lives its last life, and so runs alone among its like.
    suspect: bool,
    cancel: bool,
    ended_at: Option<u64>,
    /// What it returned.
    pub(crate) result: Option<u8>,
    pub(crate) kin: Kin,
    /// When it was taken in: no other job has that number.
    pub(crate) born: u64,
    /// The job that pins it: the latest that did.
    pub(crate) pinned_by: Option<u64>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pub(crate) paused: bool,
    pub(crate) enqueued: u64,
    pub(crate) ended: u64,
    pub(crate) obliterated: bool,
    pub(crate) key: Option<Key>,
}

#[derive(Debug, Clone, Default)]
struct Hand {
    until: u64,
    draining: bool,
}

/// What a command is answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Reply {
    #[default]
    Nothing,
    /// What each job met.
    Pushed(Vec<Met>),
    /// What was given out; when the next one is due, unless the queue is paused.
    Claimed(Vec<Given>, Option<u64>),
    /// Whether each claim was good.
    Settled(Vec<bool>),
    /// The claims that are lost, and those to be cancelled.
    Extended(BTreeSet<usize>, BTreeSet<usize>),
    Ordered(Ordered),
    Changed(bool),
    Count(usize),
    Obliterated(Result<usize, u64>),
}

/// A job as a claim gives it out: id, attempt and crashes, and what others passed on.
pub(crate) type Given = (u8, u32, u32, Vec<Option<u8>>);

/// What a job met that was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// Nothing: it was taken in.
    Nothing,
    /// A job of its id.
    Itself,
    /// The job that holds its key.
    Left(u8),
    /// A job of its key, whose place it took.
    Replaced(u8),
    /// Nothing, and so it was not taken in: the one at this place of those that it is to wait for is not there.
    Gone(usize),
}

/// What a claim's handler returns: few different things, so that stores meet equal ones.
pub(crate) const fn result(claim: usize) -> u8 {
    (claim % 3) as u8
}

impl Entry {
    pub(crate) fn is_over(&self, now: u64) -> bool {
        let waits = matches!(self.state, JobState::Waiting | JobState::Delayed);
        let fresh = self.attempt == 0 && self.crashes == 0;
        waits && fresh && self.expires_at.is_some_and(|end| end <= now)
    }

    fn wait_until(&mut self, now: u64, run_at: u64, order: u64) {
        self.state = if now < run_at { JobState::Delayed } else { JobState::Waiting };
        (self.run_at, self.order) = (run_at, order);
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Command;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Command> {
        command(model)
    }

    fn preconditions(model: &Self, command: &Command) -> bool {
        model.is_certain(command)
    }

    fn apply(mut model: Self, command: &Command) -> Self {
        model.reply = model.carry_out(command);
        model
    }
}

impl Model {
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Tells whether a claim was made, and something is promised of it.
    pub(crate) fn is_claim(&self, claim: usize) -> bool {
        claim < self.claims.len() && !self.vague.contains(&claim)
    }

    /// Lists the claims that can be settled.
    pub(crate) fn good_claims(&self) -> Vec<usize> {
        self.jobs.values().filter_map(|job| job.claim).filter(|claim| self.is_claim(*claim)).collect()
    }

    /// Lists the claims of a worker that are not long gone.
    pub(crate) fn claims_of(&self, worker: usize) -> Vec<usize> {
        let latest = self.claims.len().saturating_sub(12)..self.claims.len();
        latest.filter(|claim| self.is_claim(*claim) && self.claims[*claim] == worker).collect()
    }

    /// Tells whether a rescue would find something.
    pub(crate) fn has_lost(&self) -> bool {
        (0..WORKERS).any(|worker| self.workers[worker].until < self.now && !self.held(worker).is_empty())
    }

    /// Lists the jobs of a queue and state in their order.
    pub(crate) fn list(&self, queue: usize, state: JobState) -> Vec<(&Target, &Entry)> {
        let jobs = self.jobs.iter().filter(|((of, _), job)| *of == queue && job.state == state);
        let mut jobs: Vec<_> = jobs.collect();
        match state {
            JobState::Waiting => jobs.sort_by_key(|(_, job)| (job.sent.priority, job.order)),
            JobState::Delayed => jobs.sort_by_key(|(_, job)| (job.run_at, job.order)),
            _ => {}
        }
        jobs
    }

    fn targets(&self, wanted: impl Fn(&Target, &Entry) -> bool) -> Vec<Target> {
        self.jobs.iter().filter(|(target, job)| wanted(target, job)).map(|(target, _)| *target).collect()
    }

    pub(crate) fn job(&mut self, target: Target) -> &mut Entry {
        self.jobs.get_mut(&target).expect("it was looked up before")
    }

    pub(crate) fn carry_out(&mut self, command: &Command) -> Reply {
        self.told = 0;
        match command {
            Command::Push { queue, jobs, .. } => {
                Reply::Pushed(jobs.iter().map(|sent| self.push(*queue, sent)).collect())
            }
            Command::Claim { worker, queue, limit, .. } => self.hand_out(*worker, *queue, *limit),
            Command::Settle { picks, .. } => {
                let picks = picks.iter().filter(|(claim, _)| self.is_claim(*claim));
                let picks: Vec<_> = picks.copied().collect();
                Reply::Settled(picks.into_iter().map(|(claim, end)| self.settle(claim, end)).collect())
            }
            Command::Extend { worker } => self.extend(*worker),
            Command::Cancel(target) => self.order(*target, Self::cancel),
            Command::Remove(target) => self.order(*target, Self::remove),
            Command::Retry(target) => self.order(*target, Self::retry),
            Command::Promote(target) => self.order(*target, Self::promote),
            Command::FreeKey(queue) => Reply::Changed(self.free_dedup_key(*queue)),
            Command::Pause(queue) => {
                Reply::Changed(!std::mem::replace(&mut self.queues[*queue].paused, true))
            }
            Command::Resume(queue) => Reply::Changed(std::mem::take(&mut self.queues[*queue].paused)),
            Command::Advance(time) => {
                self.now += time;
                Reply::Nothing
            }
            Command::Rescue => Reply::Count((0..WORKERS).map(|worker| self.rescue(worker)).sum()),
            Command::Expire => Reply::Count(self.expire()),
            Command::Prune => self.prune(),
            _ => self.carry_out_rare(command),
        }
    }

    fn carry_out_rare(&mut self, command: &Command) -> Reply {
        match *command {
            Command::Drain { queue, which } => {
                let mut removed =
                    self.remove_all(|(of, _), job| *of == queue && job.state == JobState::Waiting);
                if which == Drain::WaitingAndDelayed {
                    removed += self.remove_all(|(of, _), job| *of == queue && job.state == JobState::Delayed);
                }
                Reply::Count(removed)
            }
            Command::Clean { queue, state, older_than } => {
                // Compared as if shifted, as no time is negative.
                let now = self.now;
                let old = |job: &Entry| job.ended_at.unwrap_or(job.run_at) + older_than < now;
                let of_state = |job: &Entry| job.state == state && state != JobState::Active;
                Reply::Count(self.remove_all(|(of, _), job| *of == queue && of_state(job) && old(job)))
            }
            Command::Obliterate { queue, force } => self.obliterate(queue, force),
            Command::Register { worker, draining } => {
                self.renew(worker);
                self.workers[worker].draining = draining;
                Reply::Nothing
            }
            Command::Deregister { worker } => self.deregister(worker),
            _ => unreachable!("the others are carried out elsewhere"),
        }
    }

    fn push(&mut self, queue: usize, sent: &Sent) -> Met {
        let target = (queue, sent.id);
        if self.jobs.contains_key(&target) {
            return Met::Itself;
        }
        if let Some(place) = self.gone_parent(sent) {
            return Met::Gone(place);
        }
        let met = match sent.dedup {
            Some(mode) => self.push_keyed(queue, sent, mode),
            None => {
                self.enter(queue, sent, None);
                Met::Nothing
            }
        };
        if !sent.parents.is_empty() && !matches!(met, Met::Left(_)) {
            self.link(target);
        }
        met
    }

    /// Takes a job in, in that state or as its due time says.
    pub(crate) fn enter(&mut self, queue: usize, sent: &Sent, state: Option<JobState>) {
        let (now, order) = (self.now, self.number());
        let run_at = now + sent.delay;
        let mut job = Entry {
            sent: sent.clone(),
            state: JobState::Waiting,
            order,
            run_at,
            expires_at: sent.ttl.map(|ttl| run_at + ttl),
            attempt: 0,
            crashes: 0,
            errors: 0,
            claim: None,
            worker: 0,
            charged: false,
            suspect: false,
            cancel: false,
            ended_at: None,
            result: None,
            kin: Kin::default(),
            born: order,
            pinned_by: None,
        };
        job.wait_until(now, run_at, order);
        let waits = (!sent.parents.is_empty()).then_some(JobState::Blocked);
        job.state = state.or(waits).unwrap_or(job.state);
        self.jobs.insert((queue, sent.id), job);
        self.queues[queue].enqueued += 1;
    }

    /// Lets a job wait that was blocked.
    pub(crate) fn unblock(&mut self, target: Target) {
        let (now, order) = (self.now, self.number());
        let run_at = self.jobs[&target].run_at.max(now);
        self.job(target).wait_until(now, run_at, order);
    }

    fn renew(&mut self, worker: usize) {
        let hand = &mut self.workers[worker];
        hand.until = hand.until.max(self.now + LEASE);
    }

    fn hand_out(&mut self, worker: usize, queue: usize, limit: usize) -> Reply {
        self.renew(worker);
        let (now, mut given) = (self.now, Vec::new());
        if !self.queues[queue].paused {
            let due = self.list(queue, JobState::Delayed).into_iter();
            let due: Vec<Target> =
                due.filter(|(_, job)| job.run_at <= now).map(|(target, _)| *target).collect();
            for target in due {
                let order = self.number();
                let run_at = self.jobs[&target].run_at;
                self.job(target).wait_until(now, run_at, order);
            }
            while given.len() < limit
                && let Some(target) = self.best(worker, queue)
            {
                given.push(self.start(worker, target));
            }
        }
        // The test lets the duty follow each claim, so that it does not matter how many a claim throws out.
        self.expire();
        let next = self.list(queue, JobState::Delayed).first().map(|(_, job)| job.run_at.saturating_sub(now));
        Reply::Claimed(given, next.filter(|_| !self.queues[queue].paused))
    }

    fn best(&self, worker: usize, queue: usize) -> Option<Target> {
        let has_suspect = self.held(worker).iter().any(|target| self.jobs[target].suspect);
        let waiting = self.list(queue, JobState::Waiting).into_iter();
        let mut fit = waiting
            .filter(|(_, job)| job.sent.known && !job.is_over(self.now) && !(has_suspect && job.suspect));
        fit.next().map(|(target, _)| *target)
    }

    fn start(&mut self, worker: usize, target: Target) -> Given {
        self.claims.push(worker);
        let inputs = self.inputs(target);
        let claim = self.claims.len() - 1;
        let job = self.job(target);
        job.state = JobState::Active;
        (job.claim, job.worker) = (Some(claim), worker);
        (job.charged, job.cancel) = (false, false);
        job.attempt += 1;
        (target.1, job.attempt, job.crashes, inputs)
    }

    fn held(&self, worker: usize) -> Vec<Target> {
        self.targets(|_, job| job.state == JobState::Active && job.worker == worker)
    }

    /// Returns whether the claim was good.
    fn settle(&mut self, claim: usize, end: End) -> bool {
        let Some(target) = self.targets(|_, job| job.claim == Some(claim)).pop() else { return false };
        let job = self.job(target);
        if job.state == JobState::Waiting {
            // It was rescued, and nobody claimed it since.
            job.attempt += 1;
            job.suspect &= !job.charged;
            job.crashes -= u32::from(std::mem::take(&mut job.charged));
        }
        let cancelled = std::mem::take(&mut job.cancel);
        let end = if cancelled && !matches!(end, End::Fail) { End::Cancel } else { end };
        job.result = matches!(end, End::Complete).then(|| result(claim));
        self.end(target, end);
        true
    }

    fn end(&mut self, target: Target, end: End) {
        let (now, order) = (self.now, self.number());
        let job = self.job(target);
        job.claim = None;
        match end {
            End::Complete => self.retire(target, JobState::Completed),
            End::Retry(delay) => {
                job.errors += 1;
                job.wait_until(now, now + delay, order);
            }
            End::Fail => {
                job.errors += 1;
                self.retire(target, JobState::Failed);
            }
            End::Snooze(delay) => {
                job.attempt -= 1;
                job.expires_at = None;
                job.wait_until(now, now + delay, order);
            }
            End::Cancel => self.retire(target, JobState::Cancelled),
            End::Release => {
                job.attempt -= 1;
                job.state = JobState::Waiting;
            }
        }
    }

    pub(crate) fn retire(&mut self, target: Target, state: JobState) {
        self.free_key(target);
        let now = self.now;
        let job = self.job(target);
        (job.state, job.claim, job.cancel, job.ended_at) = (state, None, false, Some(now));
        let kept = state != JobState::Completed || job.sent.keep != Keep::Nothing;
        self.tell(target, Some(state));
        if !kept {
            self.forget(target);
        }
        self.queues[target.0].ended += 1;
    }

    fn extend(&mut self, worker: usize) -> Reply {
        self.renew(worker);
        let claims = self.claims_of(worker);
        let active = |claim: &usize| {
            self.jobs.values().find(|job| job.claim == Some(*claim) && job.state == JobState::Active)
        };
        let lost = claims.iter().filter(|claim| active(claim).is_none()).copied().collect();
        let cancelled =
            claims.iter().filter(|claim| active(claim).is_some_and(|job| job.cancel)).copied().collect();
        Reply::Extended(lost, cancelled)
    }

    fn order(&mut self, target: Target, order: fn(&mut Self, Target, JobState) -> Ordered) -> Reply {
        let state = self.jobs.get(&target).map(|job| job.state);
        Reply::Ordered(state.map_or(Ordered::Missing, |state| order(self, target, state)))
    }

    fn rescue(&mut self, worker: usize) -> usize {
        if self.now < self.workers[worker].until {
            return 0;
        }
        let held = self.held(worker);
        for target in &held {
            let (draining, job) = (self.workers[worker].draining, &self.jobs[target]);
            if job.cancel {
                self.end(*target, End::Cancel);
            } else if draining {
                self.let_wait(*target);
            } else {
                self.charge(*target);
            }
        }
        held.len()
    }

    /// Holds the death of its worker against a job.
    fn charge(&mut self, target: Target) {
        let job = self.job(target);
        job.charged = true;
        job.crashes += 1;
        let is_over = job.suspect && MAX_CRASHES <= job.crashes;
        job.suspect = MAX_CRASHES <= job.crashes + 1;
        match is_over {
            true => self.end(target, End::Fail),
            false => self.let_wait(target),
        }
    }

    /// Lets a job wait at its old place; its claim stays good until somebody else claims it.
    fn let_wait(&mut self, target: Target) {
        let job = self.job(target);
        job.attempt -= 1;
        job.state = JobState::Waiting;
    }

    fn expire(&mut self) -> usize {
        let over = self.targets(|_, job| job.is_over(self.now));
        over.iter().for_each(|target| self.retire(*target, JobState::Expired));
        over.len()
    }

    fn prune(&mut self) -> Reply {
        let now = self.now;
        let windows = self.prune_keys();
        let jobs = self.remove_all(|_, job| {
            if job.pinned_by.is_some() {
                return false;
            }
            let kept_for = match (job.state, job.sent.keep) {
                (JobState::Completed, Keep::Exactly) => KEPT_EXACTLY,
                (JobState::Completed | JobState::Cancelled, _) => ENDED_FOR,
                _ => DEAD_FOR,
            };
            job.ended_at.is_some_and(|ended| ended + kept_for < now)
        });
        Reply::Count(windows + jobs + self.let_go())
    }

    fn remove_all(&mut self, which: impl Fn(&Target, &Entry) -> bool) -> usize {
        let mut targets = self.targets(which);
        targets.sort_by_key(|target| self.jobs[target].order);
        let states = targets.iter().map(|target| self.jobs[target].state);
        let mut removed = 0;
        for (target, state) in targets.iter().zip(states.collect::<Vec<_>>()) {
            // The removal of another one may have ended it, or let it go on.
            if self.jobs[target].state == state {
                if !state.is_terminal() {
                    self.free_key(*target);
                    self.tell(*target, None);
                }
                self.forget(*target);
                removed += 1;
            }
        }
        removed
    }

    fn obliterate(&mut self, queue: usize, force: Force) -> Reply {
        let active = self.list(queue, JobState::Active).len();
        if force == Force::RefuseActive && active != 0 {
            return Reply::Obliterated(Err(active as u64));
        }
        let pinning: Vec<_> = self.jobs.iter().filter(|((of, _), _)| *of == queue).collect();
        let notes: Vec<_> = pinning.into_iter().filter_map(|(_, job)| job.unpins()).collect();
        self.unpinned.extend(notes);
        let kept = std::mem::take(&mut self.jobs);
        let (gone, left): (BTreeMap<_, _>, _) = kept.into_iter().partition(|((of, _), _)| *of == queue);
        self.jobs = left;
        (self.queues[queue].paused, self.queues[queue].obliterated) = (false, true);
        self.queues[queue].key = None;
        let count = gone.len();
        // Those that went together are not told of each other.
        for job in gone.into_values().filter(|job| !job.state.is_terminal()) {
            self.tell_all(Ending::removed(job.kin));
        }
        self.prune();
        Reply::Obliterated(Ok(count))
    }

    fn deregister(&mut self, worker: usize) -> Reply {
        for target in self.held(worker) {
            let end = if self.jobs[&target].cancel { End::Cancel } else { End::Release };
            self.end(target, end);
        }
        let lost = self.claims.iter().enumerate().filter(|(_, by)| **by == worker);
        let lost = lost.filter(|(claim, _)| self.jobs.values().any(|job| job.claim == Some(*claim)));
        let lost: Vec<usize> = lost.map(|(claim, _)| claim).collect();
        self.vague.extend(lost);
        self.workers[worker] = Hand::default();
        Reply::Nothing
    }
}
