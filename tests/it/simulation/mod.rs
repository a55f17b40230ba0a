//! The whole of a few workers, and what befalls them, drawn from a seed: the same seed is the same history.
//!
//! Workers with all their duties, a producer and a store in memory run on one thread in simulated time. Each worker has a
//! wire of its own that loses, delays, reorders and doubles its calls; workers are killed, frozen for longer than their
//! lease and stopped in order, jobs are cancelled and replayed, a queue is paused. What they write down is checked by the
//! laboratory's invariants, and what the store did by its own history.
//!
//! `ASYNCMQ_SEED=n cargo test -p asyncmq-tests --test it simulation` runs one seed again.

mod process;
mod run;
mod tasks;
mod wire;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use asyncmq::chance::simulate;
use asyncmq_tests::lab::check::{Report, check, story};
use asyncmq_tests::lab::event::Line;
use run::Ran;

/// How many seeds are tried at the same time.
const THREADS: u64 = 2;
/// How long the ordinary run goes on.
const ORDINARY: Duration = Duration::from_secs(10);

/// What came of a simulation: what was written down, what that shows, and what is wrong with it.
struct Simulated {
    lines: Vec<Line>,
    report: Report,
    verdict: Result<(), String>,
}

/// Runs a simulation from its seed.
fn simulated(seed: u64) -> Simulated {
    let _simulation = simulate(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let Ran { lines, verdict } = runtime.expect("a thread has a runtime").block_on(run::run(seed));
    let report = check(&lines);
    let told = report.told.iter().map(|violation| {
        let story = violation.job.as_ref().map(|job| story(&lines, job)).unwrap_or_default();
        format!("{}: {}\n{story}", violation.invariant, violation.what)
    });
    let told = told.collect::<Vec<_>>().join("\n");
    let verdict = verdict.and(if told.is_empty() { Ok(()) } else { Err(told) });
    Simulated { lines, report, verdict }
}

/// What many simulations showed.
#[derive(Debug, Default)]
struct Total {
    seeds: usize,
    jobs: usize,
    claims: usize,
    faults: usize,
    stale_settles: usize,
    /// Jobs that were given out again, by the cause.
    again: BTreeMap<String, usize>,
}

impl Total {
    fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.jobs += report.sent;
        self.claims += report.claims;
        self.faults += report.faults.values().sum::<usize>();
        self.stale_settles += report.stale_settles;
        for (cause, count) in &report.repeats {
            *self.again.entry(cause.clone()).or_default() += count;
        }
    }
}

/// Tries seeds from the first on, until their number or the time is over, or one fails.
fn try_seeds(first: u64, count: u64, time: Duration) -> Total {
    let (next, start) = (AtomicU64::new(0), Instant::now());
    let (total, failed) = (Mutex::new(Total::default()), Mutex::new(Vec::new()));
    let work = || {
        while start.elapsed() < time && failed.lock().unwrap().is_empty() {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if count <= number {
                return;
            }
            let seed = first + number;
            let wrong = match std::panic::catch_unwind(|| simulated(seed)) {
                Ok(Simulated { report, verdict: Ok(()), .. }) => {
                    total.lock().unwrap().add(&report);
                    continue;
                }
                Ok(Simulated { verdict: Err(wrong), .. }) => wrong,
                Err(_) => "it panicked".to_owned(),
            };
            failed.lock().unwrap().push(format!("ASYNCMQ_SEED={seed} (after {number} others): {wrong}"));
        }
    };
    std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    let total = total.into_inner().unwrap();
    println!("{:?}: {total:?}", start.elapsed());
    total
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("it is a number"))
}

#[test]
fn whatever_the_seed_makes_of_it_nothing_is_lost_and_nothing_runs_twice_without_a_cause() {
    if let Some(seed) = number("ASYNCMQ_SEED") {
        try_seeds(seed, 1, Duration::MAX);
        return;
    }
    let total = try_seeds(0, u64::MAX, ORDINARY);
    // A machine that is busy with other things gets through few.
    let is_lively = 0 < total.stale_settles && total.again.contains_key("lease");
    assert!(is_lively || total.seeds < 20, "hardly anything happens: {total:?}");
}

#[test]
#[ignore = "ASYNCMQ_SEEDS simulations, 10,000 unless set, from ASYNCMQ_SEED on"]
fn many_seeds() {
    let (first, count) = (number("ASYNCMQ_SEED").unwrap_or(0), number("ASYNCMQ_SEEDS").unwrap_or(10_000));
    try_seeds(first, count, Duration::MAX);
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 0..5 {
        let (one, other) = (simulated(seed).lines, simulated(seed).lines);
        let differ = one.iter().zip(&other).position(|(one, other)| one != other);
        if let Some(place) = differ {
            panic!("seed {seed}, line {place}: {:?}\nand then {:?}", one[place], other[place]);
        }
        assert_eq!(one.len(), other.len());
    }
}
