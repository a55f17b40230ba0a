//! What is done, as it is drawn. Numbers that pick a job or a claim count around.

use std::time::Duration;

use asyncmq::{Limit, LimitSource, RateLimit};
use proptest::prelude::*;

pub(super) const TASKS: usize = 2;
pub(super) const KEYS: usize = 3;
pub(super) const WORKERS: usize = 2;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What may be set. No window ends at a time that is looked at: those are whole halves of a second.
pub(super) const LIMITS: [Limit; 9] = [
    Limit::NONE,
    Limit::NONE.concurrency(0),
    Limit::NONE.concurrency(1),
    Limit::NONE.concurrency(2),
    Limit::NONE.rate(RateLimit::per(2, millis(1_000))),
    Limit::NONE.rate(RateLimit::per(1, millis(2_000))).concurrency(1),
    Limit::NONE.rate(RateLimit::window(2, millis(1_250))),
    Limit::NONE.rate(RateLimit::window(3, millis(2_250))).concurrency(2),
    Limit::NONE.rate(RateLimit::per(0, millis(1_000))),
];

/// A job as it is pushed; the delay in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) task: usize,
    pub(super) key: Option<usize>,
    pub(super) priority: u8,
    pub(super) delay: u64,
}

/// How a claim is settled; times in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Complete,
    Fail,
    Retry(u64),
    Snooze(u64),
    Release,
}

#[derive(Debug, Clone)]
pub(super) enum Command {
    Push(Vec<Sent>),
    Claim {
        worker: usize,
        limit: usize,
        is_repeated: bool,
    },
    Settle {
        picks: Vec<(usize, End)>,
        is_repeated: bool,
    },
    /// What one source says of a task, or of the queue.
    Hold {
        source: LimitSource,
        task: Option<usize>,
        limit: Option<usize>,
    },
    Pause,
    Resume,
    Cancel(usize),
    Remove(usize),
    Retry(usize),
    Promote(usize),
    Advance(u64),
    Rescue,
    Deregister(usize),
    Drain,
    Obliterate,
}

pub(super) fn command() -> impl Strategy<Value = Command> {
    let which = || 0..1_000_usize;
    prop_oneof![
        14 => prop::collection::vec(sent(), 1..6).prop_map(Command::Push),
        20 => (0..WORKERS, 1..7_usize, any::<bool>())
            .prop_map(|(worker, limit, is_repeated)| Command::Claim { worker, limit, is_repeated }),
        16 => (prop::collection::vec((which(), end()), 1..5), any::<bool>())
            .prop_map(|(picks, is_repeated)| Command::Settle { picks, is_repeated }),
        6 => hold(),
        1 => Just(Command::Pause),
        2 => Just(Command::Resume),
        2 => which().prop_map(Command::Cancel),
        1 => which().prop_map(Command::Remove),
        2 => which().prop_map(Command::Retry),
        2 => which().prop_map(Command::Promote),
        14 => (1..5_u64).prop_map(|halves| Command::Advance(halves * 500)),
        4 => Just(Command::Rescue),
        1 => (0..WORKERS).prop_map(Command::Deregister),
        1 => prop_oneof![Just(Command::Drain), Just(Command::Obliterate)],
    ]
}

fn hold() -> impl Strategy<Value = Command> {
    let source = prop::sample::select(vec![LimitSource::Declared, LimitSource::Ordered]);
    let task = prop_oneof![1 => Just(None), 3 => (0..TASKS).prop_map(Some)];
    let limit = prop_oneof![1 => Just(None), 6 => (0..LIMITS.len()).prop_map(Some)];
    (source, task, limit).prop_map(|(source, task, limit)| Command::Hold { source, task, limit })
}

fn sent() -> impl Strategy<Value = Sent> {
    let key = prop_oneof![1 => Just(None), 3 => (0..KEYS).prop_map(Some)];
    let delay = prop_oneof![4 => Just(0), 1 => (1..4_u64).prop_map(|halves| halves * 500)];
    let sent = (0..TASKS, key, 0..2_u8, delay);
    sent.prop_map(|(task, key, priority, delay)| Sent { task, key, priority, delay })
}

fn end() -> impl Strategy<Value = End> {
    let delay = || prop_oneof![Just(0), (1..4_u64).prop_map(|halves| halves * 500)];
    prop_oneof![
        3 => Just(End::Complete),
        1 => Just(End::Fail),
        2 => delay().prop_map(End::Retry),
        1 => delay().prop_map(End::Snooze),
        2 => Just(End::Release),
    ]
}
