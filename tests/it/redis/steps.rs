//! Drawn calls on a Redis store, each a single script, and how many jobs must stand where after each.

use std::sync::Arc;
use std::time::Duration;

use asyncmq::backend::redis::RedisStore;
use asyncmq::backend::{
    CallId, Claim, ClaimedJob, Control, Fenced, Inspect, Ordered, Report, Settlement, Store, TaskSet,
};
use asyncmq::job::{
    DedupKey, Due, Envelope, Failure, FailureKind, JobId, Name, Progress, Retention, WorkerId,
};
use asyncmq::lifecycle::Transition;
use asyncmq::{Clock, Dedup, JobState, Limit, LimitScope, LimitSource, RateLimit};
use bytes::Bytes;

use asyncmq_tests::servers::dice::Dice;
use asyncmq_tests::servers::redis_check::Places;

const QUEUES: [Name; 2] = [Name::from_static("one"), Name::from_static("two")];
const TASKS: [Name; 2] = [Name::from_static("t"), Name::from_static("u")];
const KEYS: [&str; 3] = ["a", "b", "c:{\u{e9}}"];
/// Longer than all the time that passes.
const LEASE: Duration = Duration::from_secs(1_000_000);

/// A producer and worker in one.
pub(super) struct Steps {
    store: Arc<RedisStore>,
    clock: Clock,
    sender: WorkerId,
    sequence: u64,
    pushed: Vec<Arc<Envelope>>,
    held: Vec<ClaimedJob>,
    places: Places,
}

impl Steps {
    pub(super) async fn new(url: &str, clock: Clock) -> Self {
        let store = RedisStore::connect_with_clock(url, clock.clone()).await.unwrap();
        let (pushed, held) = (Vec::new(), Vec::new());
        let (sender, places) = (WorkerId::generate(), Places::default());
        Self { store, clock, sender, sequence: 0, pushed, held, places }
    }

    /// Returns how many jobs stand where, as the store says.
    pub(super) const fn places(&self) -> Places {
        self.places
    }

    /// Makes one call.
    pub(super) async fn step(&mut self, dice: &mut Dice) {
        match dice.below(20) {
            0..6 => self.push(dice).await,
            6..11 => self.claim(dice).await,
            11..15 => self.settle(dice).await,
            15 => self.order(dice).await,
            16 => self.report(dice).await,
            17 if dice.below(2) == 0 => self.limit(dice).await,
            17 => self.extend().await,
            _ => self.clock.advance(Duration::from_millis(dice.below(3_000))),
        }
        self.places = self.count().await;
    }

    /// Asks the store for its own counts.
    async fn count(&self) -> Places {
        let mut places = Places::default();
        for queue in &QUEUES {
            let counts = self.store.queue(queue).await.unwrap().counts;
            let count = |state| usize::try_from(counts.of(state)).unwrap();
            places.waiting += count(JobState::Waiting);
            places.delayed += count(JobState::Delayed);
            places.active += count(JobState::Active);
            places.blocked += count(JobState::Blocked);
            let ended = [JobState::Completed, JobState::Failed, JobState::Expired, JobState::Cancelled];
            places.ended += ended.into_iter().map(count).sum::<usize>();
        }
        places
    }

    const fn call(&mut self) -> CallId {
        self.sequence += 1;
        CallId { sender: self.sender, sequence: self.sequence }
    }

    async fn push(&mut self, dice: &mut Dice) {
        let jobs: Vec<_> = (0..1 + dice.below(12)).map(|_| Arc::new(job(dice))).collect();
        let call = self.call();
        self.store.push(call, &jobs).await.unwrap();
        self.pushed.extend(jobs);
    }

    async fn claim(&mut self, dice: &mut Dice) {
        let call = self.call();
        let tasks: TaskSet = TASKS.into_iter().map(|task| (task, 1)).collect();
        let limit = usize::try_from(1 + dice.below(15)).unwrap();
        let claim = Claim { call, queues: &QUEUES, tasks: &tasks, limit, lease: LEASE };
        self.held.extend(self.store.claim(claim).await.unwrap().jobs);
    }

    async fn settle(&mut self, dice: &mut Dice) {
        let count = usize::try_from(dice.below(self.held.len() as u64 + 1)).unwrap();
        let batch: Vec<_> = self.held.drain(..count).map(|job| settlement(&job, dice)).collect();
        if !batch.is_empty() {
            let call = self.call();
            let answers = self.store.settle(call, &batch).await.unwrap();
            assert!(answers.iter().all(|answer| *answer == Fenced::Applied));
        }
    }

    async fn order(&mut self, dice: &mut Dice) {
        let which = usize::try_from(dice.below(self.pushed.len() as u64)).unwrap();
        let Some(job) = self.pushed.get(which) else { return };
        let answer = if dice.below(2) == 0 {
            self.store.cancel(&job.queue, &job.id, Some("drawn")).await
        } else {
            self.store.promote(&job.queue, &job.id).await
        };
        let _: Ordered = answer.unwrap();
    }

    /// Holds a task or a queue to something else from now on.
    async fn limit(&mut self, dice: &mut Dice) {
        let scope = match dice.below(3) {
            0 => LimitScope::Queue,
            task => LimitScope::Task(TASKS[usize::try_from(task - 1).unwrap()].clone()),
        };
        let time = Duration::from_millis(200 + dice.below(2_000));
        let limit = match dice.below(6) {
            0 => Some(Limit::NONE.concurrency(1)),
            1 => Some(Limit::NONE.concurrency(3).rate(RateLimit::per(4, time))),
            2 => Some(Limit::NONE.rate(RateLimit::window(3, time))),
            _ => None,
        };
        let queue = &QUEUES[usize::try_from(dice.below(2)).unwrap()];
        self.store.set_limits(queue, LimitSource::Ordered, &[(scope, limit)]).await.unwrap();
    }

    async fn report(&mut self, dice: &mut Dice) {
        let Some(job) = self.held.first() else { return };
        let report =
            Report { progress: Some(Progress::new(dice.below(100) as f64, "x".into())), logs: Vec::new() };
        self.store.report(&[(job.envelope.clone(), job.token, report)]).await.unwrap();
    }

    async fn extend(&mut self) {
        let held: Vec<_> = self.held.iter().map(|job| (job.envelope.clone(), job.token)).collect();
        self.store.leases().await.unwrap().extend(self.sender, &held, LEASE).await.unwrap();
    }
}

fn job(dice: &mut Dice) -> Envelope {
    let of = |dice: &mut Dice, names: &[Name; 2]| names[usize::try_from(dice.below(2)).unwrap()].clone();
    let (queue, task) = (of(dice, &QUEUES), of(dice, &TASKS));
    let mut job = Envelope::new(JobId::generate(), queue, task, Bytes::from("[\"\u{e9}{}\"]".repeat(3)));
    match dice.below(6) {
        0 => job.due = Due::After(Duration::from_millis(dice.below(4_000))),
        1 => job.ttl = Some(Duration::from_millis(1 + dice.below(4_000))),
        2 => job.priority = 3,
        3 => job.retention = Retention::Nothing,
        _ => {}
    }
    if dice.below(3) == 0 {
        let (key, window) = (format!("key {}", dice.below(3)), Duration::from_millis(1 + dice.below(3_000)));
        let modes = [
            Dedup::Simple,
            Dedup::Throttle(window),
            Dedup::ExtendedThrottle(window),
            Dedup::Debounce(window),
            Dedup::Replace,
            Dedup::KeepLast,
        ];
        let mode = modes[usize::try_from(dice.below(6)).unwrap()];
        job.deduplicate(DedupKey::new(&key, mode).unwrap());
    }
    if dice.below(3) == 0 {
        job.extras_mut().key = Some(KEYS[usize::try_from(dice.below(3)).unwrap()].into());
    }
    job
}

fn settlement(job: &ClaimedJob, dice: &mut Dice) -> Settlement {
    let failure = Failure::new(job.attempt, FailureKind::Error, "drawn");
    let after = Duration::from_millis(dice.below(2_000));
    let transition = match dice.below(10) {
        0 => Transition::Retry { failure, after },
        1 => Transition::Fail { failure },
        2 => Transition::Snooze { after },
        3 => Transition::Release,
        4 => Transition::Cancel { reason: Some("drawn".into()) },
        _ => Transition::Complete { result: Bytes::from_static(b"7"), retention: job.envelope.retention },
    };
    Settlement { envelope: job.envelope.clone(), token: job.token, transition, report: Report::default() }
}
