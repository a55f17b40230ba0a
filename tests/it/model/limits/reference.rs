//! The model: the jobs of one queue, what it is held to, and what has started.

use std::collections::BTreeMap;

use asyncmq::{JobState, Limit, LimitSource, RateLimit};

use super::command::{End, LIMITS, Sent};

/// No time that is looked at falls on the end of a lease.
pub(super) const LEASE: u64 = 3_250;

/// Whose starts and permits are counted together: a task, or a key of it.
pub(super) type Group = (usize, Option<usize>);

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) sent: Sent,
    pub(super) state: JobState,
    /// Its place among those that wait.
    pub(super) order: u64,
    pub(super) run_at: u64,
    /// The claim that may settle it.
    pub(super) claim: Option<usize>,
    worker: usize,
    /// Whether it runs and surely holds a permit: it started under a limit of how many run at once.
    pub(super) is_counted: bool,
    is_cancelled: bool,
}

impl Job {
    pub(super) const fn group(&self) -> Group {
        (self.sent.task, self.sent.key)
    }

    fn wait_until(&mut self, now: u64, run_at: u64, order: u64) {
        self.state = if now < run_at { JobState::Delayed } else { JobState::Waiting };
        (self.run_at, self.order) = (run_at, order);
    }
}

/// What a task, or the queue, is held to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hold {
    pub(super) declared: Option<usize>,
    pub(super) ordered: Option<usize>,
    /// Since when this rate counts, and the number of that moment.
    pub(super) since: (u64, u64),
}

impl Hold {
    pub(super) fn limit(&self) -> Limit {
        self.ordered.or(self.declared).map_or(Limit::NONE, |limit| LIMITS[limit])
    }

    pub(super) fn rate(&self) -> Option<RateLimit> {
        self.limit().rate_limit()
    }

    pub(super) const fn is_set(&self) -> bool {
        self.declared.is_some() || self.ordered.is_some()
    }
}

/// How the store stands; times in milliseconds since the start.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) now: u64,
    pub(super) jobs: BTreeMap<usize, Job>,
    pub(super) is_paused: bool,
    /// That of the queue under nothing.
    pub(super) holds: BTreeMap<Option<usize>, Hold>,
    /// When jobs of each group started, with the number of that moment; of all, under nothing.
    pub(super) starts: BTreeMap<Option<Group>, Vec<(u64, u64)>>,
    /// The worker of each claim that there ever was; of those that are nothing nothing is promised.
    pub(super) claims: Vec<Option<usize>>,
    pub(super) leases: [u64; super::command::WORKERS],
    numbers: u64,
}

impl Model {
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn job(&mut self, id: usize) -> &mut Job {
        self.jobs.get_mut(&id).expect("it was looked up before")
    }

    pub(super) fn targets(&self, wanted: impl Fn(&Job) -> bool) -> Vec<usize> {
        self.jobs.iter().filter(|(_, job)| wanted(job)).map(|(id, _)| *id).collect()
    }

    pub(super) fn push(&mut self, id: usize, sent: Sent) {
        let (now, order) = (self.now, self.number());
        let (state, claim, run_at) = (JobState::Waiting, None, now + sent.delay);
        let (worker, is_counted, is_cancelled) = (0, false, false);
        let mut job = Job { sent, state, order, run_at, claim, worker, is_counted, is_cancelled };
        job.wait_until(now, run_at, order);
        self.jobs.insert(id, job);
    }

    /// Lets those wait that are due, as a claim does.
    pub(super) fn promote_due(&mut self) {
        let now = self.now;
        let mut due = self.targets(|job| job.state == JobState::Delayed && job.run_at <= now);
        due.sort_by_key(|id| (self.jobs[id].run_at, self.jobs[id].order));
        for id in due {
            let (order, run_at) = (self.number(), self.jobs[&id].run_at);
            self.job(id).wait_until(now, run_at, order);
        }
    }

    pub(super) fn start(&mut self, worker: usize, id: usize) {
        self.claims.push(Some(worker));
        let (start, claim) = ((self.now, self.number()), self.claims.len() - 1);
        let limit = self.hold(Some(self.jobs[&id].sent.task)).limit();
        let job = self.job(id);
        (job.state, job.claim, job.worker) = (JobState::Active, Some(claim), worker);
        (job.is_counted, job.is_cancelled) = (limit.concurrency_limit().is_some(), false);
        let group = job.group();
        for of in [None, Some(group)] {
            self.starts.entry(of).or_default().push(start);
        }
    }

    /// Returns whether the claim was good.
    pub(super) fn settle(&mut self, claim: usize, end: End) -> bool {
        let Some(id) = self.targets(|job| job.claim == Some(claim)).pop() else { return false };
        let (now, order) = (self.now, self.number());
        let job = self.job(id);
        (job.claim, job.is_counted) = (None, false);
        match end {
            End::Fail => job.state = JobState::Failed,
            _ if std::mem::take(&mut job.is_cancelled) => job.state = JobState::Cancelled,
            End::Complete => job.state = JobState::Completed,
            End::Retry(delay) | End::Snooze(delay) => job.wait_until(now, now + delay, order),
            End::Release => job.state = JobState::Waiting,
        }
        true
    }

    /// Sets what one source says.
    pub(super) fn set(&mut self, source: LimitSource, task: Option<usize>, limit: Option<usize>) -> bool {
        let now = (self.now, self.number());
        let hold = self.holds.entry(task).or_default();
        let before = (hold.rate(), *hold);
        let place = match source {
            LimitSource::Declared => &mut hold.declared,
            LimitSource::Ordered => &mut hold.ordered,
        };
        *place = limit;
        if hold.rate() != before.0 {
            hold.since = now;
        }
        (hold.declared, hold.ordered) != (before.1.declared, before.1.ordered)
    }

    pub(super) fn hold(&self, task: Option<usize>) -> Hold {
        self.holds.get(&task).copied().unwrap_or_default()
    }

    pub(super) fn cancel(&mut self, id: usize) {
        let job = self.job(id);
        match job.state {
            JobState::Active => job.is_cancelled = true,
            JobState::Waiting | JobState::Delayed => {
                (job.state, job.claim) = (JobState::Cancelled, None);
            }
            _ => {}
        }
    }

    pub(super) fn remove(&mut self, id: usize) {
        if self.jobs[&id].state != JobState::Active {
            self.jobs.remove(&id);
        }
    }

    pub(super) fn retry(&mut self, id: usize) {
        if matches!(self.jobs[&id].state, JobState::Failed | JobState::Cancelled) {
            let (now, order) = (self.now, self.number());
            self.job(id).wait_until(now, now, order);
        }
    }

    pub(super) fn promote(&mut self, id: usize) {
        if self.jobs[&id].state == JobState::Delayed {
            let (now, order) = (self.now, self.number());
            self.job(id).wait_until(now, now, order);
        }
    }

    fn held(&self, worker: usize) -> Vec<usize> {
        self.targets(|job| job.state == JobState::Active && job.worker == worker)
    }

    /// Takes the jobs of those whose lease has run out; a claim stays good until somebody else claims its job.
    pub(super) fn rescue(&mut self) -> usize {
        let lost = (0..self.leases.len()).filter(|worker| self.leases[*worker] <= self.now);
        let lost: Vec<usize> = lost.flat_map(|worker| self.held(worker)).collect();
        for id in &lost {
            let job = self.job(*id);
            job.is_counted = false;
            job.state = JobState::Waiting;
            if std::mem::take(&mut job.is_cancelled) {
                (job.state, job.claim) = (JobState::Cancelled, None);
            }
        }
        lost.len()
    }

    pub(super) fn deregister(&mut self, worker: usize) {
        for id in self.held(worker) {
            let job = self.job(id);
            (job.state, job.claim, job.is_counted) = (JobState::Waiting, None, false);
            if std::mem::take(&mut job.is_cancelled) {
                job.state = JobState::Cancelled;
            }
        }
        let rescued: Vec<usize> = self.jobs.values().filter_map(|job| job.claim).collect();
        for claim in rescued {
            self.claims[claim] = self.claims[claim].filter(|by| *by != worker);
        }
        self.leases[worker] = 0;
    }

    /// Removes what waits.
    pub(super) fn drain(&mut self) {
        self.jobs.retain(|_, job| job.state != JobState::Waiting);
    }

    /// Removes everything, with what the queue is held to.
    pub(super) fn obliterate(&mut self) {
        self.jobs.clear();
        self.holds.clear();
        self.starts.clear();
        self.is_paused = false;
    }
}
