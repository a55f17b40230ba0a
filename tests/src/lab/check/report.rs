//! What a run showed, in figures: those that are as they should be, and those that are not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lab::check::claims::{Cause, cause};
use crate::lab::check::kin::Kin;
use crate::lab::check::limits::Used;
use crate::lab::check::schedules::Kept;
use crate::lab::check::{Findings, Violation, liveness};
use crate::lab::event::{Fate, Kind};
use crate::lab::world::World;

/// All that is counted of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// What was run, as its driver says: seed, store, commit, settings.
    pub run: BTreeMap<String, String>,
    /// Acknowledged jobs that did not end as they had to.
    pub lost: usize,
    /// The upper limit, at 95 %, of the part of all jobs that gets lost: 3 / n, which holds where none was.
    pub lost_at_most: f64,
    /// Repeats without a cause.
    pub unexplained: usize,
    /// Claims before the job was due.
    pub early: usize,
    /// Late settles that were carried out all the same.
    pub stale_accepted: usize,
    /// Jobs that somebody tried to enqueue, canaries left out.
    pub sent: usize,
    /// Canaries.
    pub canaries: usize,
    /// Jobs that were given up as their processes died time and again, by whether they killed them.
    pub given_up: BTreeMap<String, usize>,
    /// Those of which the sender learnt that they are there.
    pub acknowledged: usize,
    /// Those of which he did not.
    pub unacknowledged: usize,
    /// Jobs that were left out, as another one held their deduplication key.
    #[serde(default)]
    pub left_out: usize,
    /// How many slots of schedules fired, and how many were left out for a reason.
    #[serde(default)]
    pub slots: (usize, usize),
    /// How many starts limits held back or let through, and how many jobs of one key were in hand at once, at most.
    #[serde(default)]
    pub held: (usize, usize),
    /// Jobs that wait for others.
    #[serde(default)]
    pub kin: Kin,
    /// How many jobs stood in which state at the end; `gone` is what is kept of no completed job.
    pub states: BTreeMap<String, usize>,
    /// How many faults there were of each kind.
    pub faults: BTreeMap<String, usize>,
    /// How many claims there were.
    pub claims: usize,
    /// Why jobs were given out again, and how often.
    pub repeats: BTreeMap<String, usize>,
    /// Settles that the store refused, as the job was somebody else's by then.
    pub stale_settles: usize,
    /// Claims whose lease ran out though nobody killed or stopped their process.
    pub leases_lost_alive: usize,
    /// By kind of fault: how long workers took to consume again.
    pub recoveries: BTreeMap<String, Times>,
    /// By signal: how long it took until a job that the process had in hand was given out again.
    pub handed_over: BTreeMap<String, Times>,
    /// How long each worker went without running a canary, at most, in milliseconds.
    pub longest_gap: BTreeMap<String, f64>,
    /// How late delayed jobs were while nothing was wrong.
    pub lateness: Times,
    /// The most memory and keys that the store used.
    pub peak: (u64, u64),
    /// How many violations there are of each invariant.
    pub violations: BTreeMap<String, usize>,
    /// The first few of each.
    pub told: Vec<Violation>,
    /// From the first to the last line, in seconds.
    pub seconds: f64,
}

/// Times of one kind, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Times {
    /// How many there are.
    pub count: usize,
    /// The median.
    pub p50: f64,
    /// What 99 of 100 do not exceed.
    pub p99: f64,
    /// The longest.
    pub max: f64,
    /// What should not be exceeded, where there is such a bound.
    pub bound: Option<f64>,
}

impl Times {
    /// Sums up times in microseconds.
    #[must_use]
    pub fn of(mut micros: Vec<u64>, bound: Option<f64>) -> Self {
        micros.sort_unstable();
        let at = |part: f64| {
            let place = ((micros.len() as f64 * part).ceil() as usize).saturating_sub(1);
            micros.get(place).map_or(0.0, |time| *time as f64 / 1e3)
        };
        Self { count: micros.len(), p50: at(0.5), p99: at(0.99), max: at(1.0), bound }
    }

    /// Tells whether 99 of 100 stay within the bound.
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.bound.is_none_or(|bound| self.p99 <= bound)
    }
}

/// How soon a worker must consume after a fault of this kind, in milliseconds.
fn bound(kind: &str) -> f64 {
    match kind {
        "half-open" => 3_000.0,
        _ => 1_000.0,
    }
}

impl Report {
    pub(super) fn of(world: &World, findings: Findings, (kept, used): (Kept, Used)) -> Self {
        let mut report = Self {
            violations: findings.counts,
            told: findings.told,
            seconds: world.seconds(),
            slots: (kept.fired, kept.left_out),
            held: (used.starts, used.most),
            peak: (
                world.samples.iter().map(|sample| sample.1).max().unwrap_or_default(),
                world.samples.iter().map(|sample| sample.2).max().unwrap_or_default(),
            ),
            ..Self::default()
        };
        report.count_jobs(world);
        report.count_claims(world);
        report.count_violations();
        report.measure_recoveries(world);
        report.measure_lateness(world);
        report
    }

    fn count_jobs(&mut self, world: &World) {
        for ((queue, _), life) in world.jobs.iter().filter(|(_, life)| !life.sent.is_empty()) {
            if queue.starts_with(liveness::CANARY) {
                self.canaries += 1;
                continue;
            }
            self.sent += 1;
            match life.acknowledged.is_empty() {
                false => self.acknowledged += 1,
                true if !life.left_out.is_empty() => self.left_out += 1,
                true => self.unacknowledged += 1,
            }
            let state = life.last.first().map_or("gone", |(state, _)| state.as_str());
            *self.states.entry(state.to_owned()).or_default() += 1;
            let borne = world.workers.values().map(|worker| worker.max_crashes).max().unwrap_or(u32::MAX);
            if life.last.first().is_some_and(|(state, crashes)| state == "failed" && borne <= *crashes) {
                let whose = if life.fate() == Fate::Kills { "killers" } else { "others" };
                *self.given_up.entry(whose.to_owned()).or_default() += 1;
            }
        }
        for fault in &world.faults {
            *self.faults.entry(fault.kind.clone()).or_default() += 1;
        }
    }

    /// Says in words what most people ask for first.
    fn count_violations(&mut self) {
        let of = |names: &[&str]| names.iter().filter_map(|name| self.violations.get(*name)).sum();
        (self.lost, self.unexplained) = (of(&["I1"]), of(&["I3", "I4"]));
        (self.early, self.stale_accepted) = (of(&["I9"]), of(&["I5"]));
        self.lost_at_most = (self.lost as f64 + 3.0) / self.acknowledged.max(1) as f64;
    }

    fn count_claims(&mut self, world: &World) {
        let mut handed_over: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for life in world.jobs.values() {
            self.claims += life.claims.len();
            let is_stale = |applied: Option<(u64, bool)>| applied.is_some_and(|(_, applied)| !applied);
            self.stale_settles += life.settles.iter().filter(|settle| is_stale(settle.answer)).count();
            for pair in life.claims.windows(2) {
                let [before, again] = pair else { continue };
                let cause = cause(world, life, before, again);
                let name =
                    cause.map_or("unexplained".to_owned(), |cause| format!("{cause:?}").to_lowercase());
                *self.repeats.entry(name).or_default() += 1;
                let process = world.processes.get(&before.pid);
                let signal = process.and_then(|process| {
                    process.signals.iter().find(|(at, _)| before.began < *at && *at < again.at)
                });
                // Who waits for a permit or a token is late for that.
                let is_held = life.first().is_some_and(|sent| world.is_held(sent));
                match signal {
                    _ if is_held => {}
                    Some((at, signal)) if matches!(cause, Some(Cause::Lease | Cause::GivenBack)) => {
                        // What the process kept until the end of its own patience counts from there.
                        let released =
                            life.settles_of(before.token).find(|settle| settle.ending.kind == Kind::Release);
                        let left = || world.workers.get(&before.worker).and_then(|worker| worker.leaving);
                        let since = released.map(|settle| settle.began).or_else(left);
                        let since = since.filter(|_| cause == Some(Cause::GivenBack)).unwrap_or(*at);
                        let took = again.at.saturating_sub(since);
                        handed_over.entry(signal.clone()).or_default().push(took);
                    }
                    None if cause == Some(Cause::Lease) => {
                        let has_ended =
                            process.is_some_and(|process| process.exit.is_some_and(|(at, _)| at < again.at));
                        self.leases_lost_alive += usize::from(!has_ended);
                    }
                    _ => {}
                }
            }
        }
        let lease = world.lease();
        let times = handed_over.into_iter().map(|(signal, times)| {
            let bound = match signal.as_str() {
                "SIGKILL" => Some(lease + 600.0),
                "SIGTERM" => Some(1_000.0),
                _ => None,
            };
            (signal, Times::of(times, bound))
        });
        self.handed_over = times.collect();
    }

    fn measure_recoveries(&mut self, world: &World) {
        let canaries = liveness::canaries(world);
        let mut recoveries: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for fault in &world.faults {
            // Of a fault that hit one worker the others' times say nothing.
            let is_hit = |place: &str| fault.target.is_empty() || fault.target == place;
            let all = liveness::recoveries(fault, &canaries).into_iter();
            let took = all.filter(|(place, _)| is_hit(place)).filter_map(|(_, took)| took);
            recoveries.entry(fault.kind.clone()).or_default().extend(took);
        }
        let times = recoveries.into_iter().map(|(kind, times)| {
            let bound = bound(&kind);
            (kind, Times::of(times, Some(bound)))
        });
        self.recoveries = times.collect();
        for (place, times) in canaries {
            let mut began: Vec<u64> = times.iter().map(|(_, began)| *began).collect();
            began.sort_unstable();
            let gap = began.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
            self.longest_gap.insert(place.to_owned(), gap as f64 / 1e3);
        }
    }

    fn measure_lateness(&mut self, world: &World) {
        let Some((from, until)) = world.phase("calm") else { return };
        let late = world.jobs.values().filter_map(|life| {
            let ((_, answered), claim) = (life.acknowledged.first()?, life.claims.first()?);
            let delay = life.first()?.delay;
            let is_calm = from < *answered && claim.at < until && life.first()?.waits.is_empty();
            (0 < delay && is_calm).then(|| claim.at.saturating_sub(answered + delay))
        });
        self.lateness = Times::of(late.collect(), Some(250.0));
    }

    /// Tells whether every invariant held.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// Returns what is slower than it should be.
    #[must_use]
    pub fn missed(&self) -> Vec<String> {
        let named =
            self.recoveries.iter().map(|(kind, times)| (format!("consuming again after {kind}"), times));
        let handed =
            self.handed_over.iter().map(|(signal, times)| (format!("handing over after {signal}"), times));
        let all = named.chain(handed).chain([("delayed jobs".to_owned(), &self.lateness)]);
        all.filter(|(_, times)| !times.is_within()).map(|(name, _)| name).collect()
    }
}

impl World {
    fn seconds(&self) -> f64 {
        let first = self.phases.first().map_or(self.end, |(_, at)| *at);
        self.end.saturating_sub(first) as f64 / 1e6
    }

    /// The workers' lease in milliseconds.
    fn lease(&self) -> f64 {
        self.workers.values().map(|worker| worker.lease).max().unwrap_or_default() as f64 / 1e3
    }
}
