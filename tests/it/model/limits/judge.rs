//! What may start, what must, and so whether a claim's answer is right.
//!
//! Where nothing exact is promised (what ran when a limit came, what has started under another rate) there is a span between the two.

use std::collections::BTreeSet;

use asyncmq::job::RateWindow;
use asyncmq::{JobState, RateLimit};

use super::reference::{Group, Hold, Job, Model};

pub(super) const ALL: u32 = 1_000_000;

/// How many more must be let start, and how many may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) must: u32,
    pub(super) may: u32,
}

impl Model {
    /// Returns how many jobs of a group run: those that surely count, and all. Of the queue all of them count.
    pub(super) fn running(&self, group: Option<Group>) -> (u32, u32) {
        let run = self.jobs.values().filter(|job| job.state == JobState::Active);
        let of_group: Vec<&Job> = run.filter(|job| group.is_none_or(|group| job.group() == group)).collect();
        let counted = of_group.iter().filter(|job| job.is_counted || group.is_none()).count();
        (counted as u32, of_group.len() as u32)
    }

    /// What of a group may start, or of all; as things stand at a time to come, if nothing else happens.
    pub(super) fn span(&self, group: Option<Group>, at: u64) -> Span {
        let hold = self.hold(group.map(|(task, _)| task));
        let mut span = Span { must: ALL, may: ALL };
        if let Some(most) = hold.limit().concurrency_limit() {
            let (surely, all) = self.running(group);
            span = Span { must: most.saturating_sub(all), may: most.saturating_sub(surely) };
        }
        if let Some(rate) = hold.rate() {
            let starts = self.starts.get(&group).map_or(&[][..], Vec::as_slice);
            let by_rate = of_rate(rate, &hold, starts, at);
            span = Span { must: span.must.min(by_rate.must), may: span.may.min(by_rate.may) };
        }
        span
    }

    /// Says what is wrong with a claim's answer, and takes the jobs as given.
    pub(super) fn judge(&mut self, worker: usize, given: &[usize], limit: usize) -> Result<(), String> {
        for id in given {
            self.may_start(*id)?;
            self.start(worker, *id);
        }
        let worst = given.iter().map(|id| self.jobs[id].sent.priority).max().unwrap_or_default();
        let is_full = given.len() == limit;
        for (id, job) in self.waiting() {
            let is_better = job.sent.priority < worst;
            if (is_better || !is_full) && self.must_start(job) {
                return Err(format!("job {id} was not given though it may start"));
            }
        }
        Ok(())
    }

    fn waiting(&self) -> impl Iterator<Item = (&usize, &Job)> {
        let open = !self.is_paused;
        self.jobs.iter().filter(move |(_, job)| open && job.state == JobState::Waiting)
    }

    fn must_start(&self, job: &Job) -> bool {
        [None, Some(job.group())].into_iter().all(|group| 0 < self.span(group, self.now).must)
    }

    fn may_start(&self, id: usize) -> Result<(), String> {
        let job = self.jobs.get(&id).ok_or_else(|| format!("job {id} is not there"))?;
        if self.is_paused || job.state != JobState::Waiting {
            return Err(format!("job {id} was given, which is {}", job.state));
        }
        let of_line = |other: &Job| (other.group(), other.sent.priority) == (job.group(), job.sent.priority);
        if let Some((first, _)) = self.waiting().find(|(_, other)| of_line(other) && other.order < job.order)
        {
            return Err(format!("job {id} was given before job {first} of its key"));
        }
        for group in [None, Some(job.group())] {
            if self.span(group, self.now).may == 0 {
                return Err(format!("job {id} was given though {group:?} is at its limit"));
            }
        }
        Ok(())
    }

    /// Returns when a worker must have come back at the latest, as something may start by then that nobody would tell it of: a
    /// delayed job, or one that waits for nothing but time.
    pub(super) fn next_look(&self) -> Option<u64> {
        if self.is_paused {
            return None;
        }
        let delayed = self.jobs.values().filter(|job| job.state == JobState::Delayed).map(|job| job.run_at);
        let held = self.waiting().filter_map(|(_, job)| self.starts_by(job));
        delayed.chain(held).min()
    }

    /// The time by which a job that waits must be let start if nothing but time goes by, if there is one.
    fn starts_by(&self, job: &Job) -> Option<u64> {
        let groups = [None, Some(job.group())];
        let must = |at: u64| groups.into_iter().all(|group| 0 < self.span(group, at).must);
        // No bucket and no window takes longer than this.
        let later = (self.now..self.now + 3_000).step_by(50);
        later.into_iter().find(|at| must(*at))
    }

    /// Groups that there are jobs of.
    pub(super) fn groups(&self) -> Vec<Group> {
        let mut groups = BTreeSet::new();
        self.jobs.values().for_each(|job| {
            groups.insert(job.group());
        });
        groups.into_iter().collect()
    }
}

/// What a rate lets start at a time.
fn of_rate(rate: RateLimit, hold: &Hold, starts: &[(u64, u64)], now: u64) -> Span {
    let (permits, interval) = (rate.permits(), rate.interval().as_millis() as u64);
    if permits == 0 {
        return Span { must: 0, may: 0 };
    }
    let before = starts.iter().filter(|(_, number)| *number < hold.since.1).count();
    let times = |starts: &[(u64, u64)]| starts.iter().map(|(at, _)| *at).collect::<Vec<u64>>();
    let (all, since) = (times(starts), times(&starts[before..]));
    if rate.kind() == RateWindow::Bucket {
        let (full, from) = (f64::from(permits), hold.since.0);
        let least = tokens((permits, interval), from, if before == 0 { full } else { 0.0 }, (&since, now));
        let most = tokens((permits, interval), from, full, (&since, now));
        return Span { must: least as u32, may: most as u32 };
    }
    let within = |starts: &[u64], longer: u64| starts.iter().filter(|at| now < **at + longer).count() as u32;
    let (certain, possible) = (within(&since, interval), within(&all, interval + interval / 64 + 1));
    Span { must: permits.saturating_sub(possible), may: permits.saturating_sub(certain) }
}

/// What a bucket holds that had so much at a time, and out of which those starts took.
fn tokens((permits, interval): (u32, u64), mut at: u64, mut held: f64, (starts, now): (&[u64], u64)) -> f64 {
    let most = f64::from(permits);
    let gain = |held: f64, from: u64, to: u64| {
        (held + to.saturating_sub(from) as f64 * most / interval as f64).min(most)
    };
    for start in starts {
        held = (gain(held, at, *start) - 1.0).max(0.0);
        at = *start;
    }
    gain(held, at, now)
}
