//! What can be done to a store, as it is drawn. Jobs, workers and claims are named by small numbers.

use asyncmq::JobState;
use proptest::prelude::*;

pub(crate) const QUEUES: usize = 2;
pub(crate) const WORKERS: usize = 3;
/// Jobs are called by these numbers in each queue, so that ids meet again.
const IDS: u8 = 8;

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

/// One command. `again` makes the same call twice, as a sender does that got no reply.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Push {
        queue: usize,
        jobs: Vec<Sent>,
        again: bool,
    },
    Claim {
        worker: usize,
        queue: usize,
        limit: usize,
        again: bool,
    },
    /// Claims are counted from the latest back; those that are long stale are among them.
    Settle {
        picks: Vec<(usize, End)>,
        again: bool,
    },
    Extend {
        worker: usize,
    },
    Cancel(Target),
    Remove(Target),
    Retry(Target),
    Promote(Target),
    Pause(usize),
    Resume(usize),
    Advance(u64),
    Rescue,
    Expire,
    Prune,
    Drain {
        queue: usize,
        delayed_too: bool,
    },
    Clean {
        queue: usize,
        state: JobState,
        older_than: u64,
    },
    Obliterate {
        queue: usize,
        active_too: bool,
    },
    Register {
        worker: usize,
        draining: bool,
    },
    Deregister {
        worker: usize,
    },
}

pub(crate) fn command() -> BoxedStrategy<Command> {
    let target = || (0..QUEUES, 0..IDS);
    prop_oneof![
        12 => (0..QUEUES, prop::collection::vec(sent(), 1..4), any::<bool>())
            .prop_map(|(queue, jobs, again)| Command::Push { queue, jobs, again }),
        14 => (0..WORKERS, 0..QUEUES, 1..5_usize, any::<bool>())
            .prop_map(|(worker, queue, limit, again)| Command::Claim { worker, queue, limit, again }),
        14 => (prop::collection::vec((0..8_usize, end()), 1..4), any::<bool>())
            .prop_map(|(picks, again)| Command::Settle { picks, again }),
        3 => (0..WORKERS).prop_map(|worker| Command::Extend { worker }),
        4 => target().prop_map(Command::Cancel),
        2 => target().prop_map(Command::Remove),
        4 => target().prop_map(Command::Retry),
        3 => target().prop_map(Command::Promote),
        1 => (0..QUEUES).prop_map(Command::Pause),
        2 => (0..QUEUES).prop_map(Command::Resume),
        10 => (1..9_u64).prop_map(|halves| Command::Advance(halves * 500)),
        8 => Just(Command::Rescue),
        3 => Just(Command::Expire),
        3 => Just(Command::Prune),
        7 => upkeep(),
    ]
    .boxed()
}

/// What is done rarely.
fn upkeep() -> BoxedStrategy<Command> {
    prop_oneof![
        1 => (0..QUEUES, any::<bool>())
            .prop_map(|(queue, delayed_too)| Command::Drain { queue, delayed_too }),
        1 => (0..QUEUES, prop::sample::select(JobState::ALL.to_vec()), 0..6_u64)
            .prop_map(|(queue, state, halves)| Command::Clean { queue, state, older_than: halves * 500 + 250 }),
        1 => (0..QUEUES, any::<bool>())
            .prop_map(|(queue, active_too)| Command::Obliterate { queue, active_too }),
        3 => (0..WORKERS, any::<bool>())
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
    (0..IDS, 0..3_u8, delay, ttl, keep, known).prop_map(|(id, priority, delay, ttl, keep, known)| Sent {
        id,
        priority,
        delay,
        ttl,
        keep,
        known,
    })
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
