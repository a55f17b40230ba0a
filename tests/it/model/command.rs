//! What can be done to a store, as it is drawn. Jobs, workers and claims are named by small numbers.

use asyncmq::JobState;
use asyncmq::backend::{Drain, Force};
use proptest::prelude::*;

use super::keys::WINDOW;
use super::kin::{Parent, parents, pushed};
use super::reference::Model;

pub(crate) const QUEUES: usize = 2;
pub(crate) const WORKERS: usize = 3;
/// Jobs are called by these numbers in each queue, so that ids meet again.
pub(crate) const IDS: u8 = 8;

/// A job of a queue.
pub(crate) type Target = (usize, u8);

/// A job as it is pushed; times in milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) id: u8,
    pub(crate) priority: u8,
    pub(crate) delay: u64,
    pub(crate) ttl: Option<u64>,
    pub(crate) keep: Keep,
    /// Whether the workers know its task.
    pub(crate) known: bool,
    /// What it says of the deduplication key of its queue, if it has that.
    pub(crate) dedup: Option<Mode>,
    /// The jobs that it waits for.
    pub(crate) parents: Vec<Parent>,
    /// Whether it pins those from the second one on, or all.
    pub(crate) pins: Option<usize>,
}

/// Which jobs count as the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Simple,
    Throttle,
    Extend,
    Debounce,
    Replace,
    KeepLast,
}

/// What is kept of a completed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Standard,
    Exactly,
    Nothing,
}

/// How a claim is settled; times in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Complete,
    Retry(u64),
    Fail,
    Snooze(u64),
    Cancel,
    Release,
}

/// How often a call is made: twice by a sender that got no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    Twice,
}

/// One command.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Push {
        queue: usize,
        jobs: Vec<Sent>,
        times: Times,
    },
    Claim {
        worker: usize,
        queue: usize,
        limit: usize,
        times: Times,
    },
    /// Claims by their number; some are stale, and some were never made.
    Settle {
        picks: Vec<(usize, End)>,
        times: Times,
    },
    Extend {
        worker: usize,
    },
    Cancel(Target),
    Remove(Target),
    Retry(Target),
    Promote(Target),
    FreeKey(usize),
    Pause(usize),
    Resume(usize),
    Advance(u64),
    Rescue,
    Expire,
    Prune,
    Drain {
        queue: usize,
        which: Drain,
    },
    Clean {
        queue: usize,
        state: JobState,
        older_than: u64,
    },
    Obliterate {
        queue: usize,
        force: Force,
    },
    Register {
        worker: usize,
        draining: bool,
    },
    Deregister {
        worker: usize,
    },
}

/// Draws a command, more often than not one that finds something to do.
pub(crate) fn command(model: &Model) -> BoxedStrategy<Command> {
    let rescue = if model.has_lost() { 40 } else { 4 };
    prop_oneof![
        12 => (0..QUEUES, prop::collection::vec((sent(), parents(model)), 1..4), times())
            .prop_map(|(queue, jobs, times)| Command::Push { queue, jobs: pushed(queue, jobs), times }),
        14 => (0..WORKERS, 0..QUEUES, 1..5_usize, times())
            .prop_map(|(worker, queue, limit, times)| Command::Claim { worker, queue, limit, times }),
        14 => (prop::collection::vec((pick(model), end()), 1..4), times())
            .prop_map(|(picks, times)| Command::Settle { picks, times }),
        3 => (0..WORKERS).prop_map(|worker| Command::Extend { worker }),
        4 => target(model, |state| !state.is_terminal()).prop_map(Command::Cancel),
        2 => target(model, |_| true).prop_map(Command::Remove),
        4 => target(model, JobState::is_dead).prop_map(Command::Retry),
        3 => target(model, |state| state == JobState::Delayed).prop_map(Command::Promote),
        1 => (0..QUEUES).prop_map(Command::FreeKey),
        1 => (0..QUEUES).prop_map(Command::Pause),
        2 => (0..QUEUES).prop_map(Command::Resume),
        12 => (1..10_u64).prop_map(|halves| Command::Advance(halves * 500)),
        rescue => Just(Command::Rescue),
        3 => Just(Command::Expire),
        2 => Just(Command::Prune),
        7 => upkeep(),
    ]
    .boxed()
}

fn times() -> impl Strategy<Value = Times> {
    prop::sample::select(vec![Times::Once, Times::Twice])
}

/// Draws a job: one of those in a fitting state, or any that there may be.
fn target(model: &Model, fits: impl Fn(JobState) -> bool) -> BoxedStrategy<Target> {
    let fitting: Vec<Target> =
        model.jobs.iter().filter(|(_, job)| fits(job.state)).map(|(target, _)| *target).collect();
    let any = (0..QUEUES, 0..IDS);
    if fitting.is_empty() {
        return any.boxed();
    }
    prop_oneof![4 => prop::sample::select(fitting), 1 => any].boxed()
}

/// Draws a claim: one that is good, or any of the latest. There may be none.
fn pick(model: &Model) -> BoxedStrategy<usize> {
    let latest = model.claims.len().saturating_sub(8)..model.claims.len().max(1);
    let good = model.good_claims();
    if good.is_empty() {
        return latest.boxed();
    }
    prop_oneof![3 => prop::sample::select(good), 1 => latest].boxed()
}

/// What is done rarely.
fn upkeep() -> BoxedStrategy<Command> {
    prop_oneof![
        1 => (0..QUEUES, prop::sample::select(vec![Drain::Waiting, Drain::WaitingAndDelayed]))
            .prop_map(|(queue, which)| Command::Drain { queue, which }),
        1 => (0..QUEUES, prop::sample::select(JobState::ALL.to_vec()), 0..6_u64)
            .prop_map(|(queue, state, halves)| Command::Clean { queue, state, older_than: halves * 500 + 250 }),
        1 => (0..QUEUES, prop::sample::select(vec![Force::RefuseActive, Force::RemoveActive]))
            .prop_map(|(queue, force)| Command::Obliterate { queue, force }),
        5 => (0..WORKERS, any::<bool>())
            .prop_map(|(worker, draining)| Command::Register { worker, draining }),
        1 => (0..WORKERS).prop_map(|worker| Command::Deregister { worker }),
    ]
    .boxed()
}

fn sent() -> impl Strategy<Value = Sent> {
    let delay = prop_oneof![2 => Just(0), 1 => (1..6_u64).prop_map(|halves| halves * 500)];
    let ttl = prop_oneof![2 => Just(None), 1 => (1..12_u64).prop_map(|halves| Some(halves * 500))];
    let keep = prop::sample::select(vec![Keep::Standard, Keep::Exactly, Keep::Nothing]);
    let known = prop::bool::weighted(0.85);
    let pins = prop::sample::select(vec![None, Some(0), Some(1)]);
    (0..IDS, 0..3_u8, delay, ttl, keep, known, mode(), pins).prop_map(
        |(id, priority, delay, ttl, keep, known, dedup, pins)| {
            // Which of several that have expired a claim throws out first is not promised, and nor is whom that lets wait first.
            let ttl = ttl.filter(|_| dedup.is_none());
            let delay = if dedup == Some(Mode::Debounce) { WINDOW } else { delay };
            Sent { id, priority, delay, ttl, keep, known, dedup, parents: Vec::new(), pins }
        },
    )
}

fn mode() -> impl Strategy<Value = Option<Mode>> {
    use Mode::{Debounce, Extend, KeepLast, Replace, Simple, Throttle};
    let modes = vec![Simple, Throttle, Extend, Debounce, Replace, KeepLast, KeepLast, KeepLast];
    prop_oneof![2 => Just(None), 1 => prop::sample::select(modes).prop_map(Some)]
}

fn end() -> impl Strategy<Value = End> {
    let delay = || prop_oneof![Just(0), (1..5_u64).prop_map(|halves| halves * 500)];
    prop_oneof![
        3 => Just(End::Complete),
        3 => delay().prop_map(End::Retry),
        2 => Just(End::Fail),
        2 => delay().prop_map(End::Snooze),
        1 => Just(End::Cancel),
        2 => Just(End::Release),
    ]
}
