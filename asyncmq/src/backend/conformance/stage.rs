//! Short words for what properties do to a store: a stage with a queue, and workers on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;

use super::Fixture;
use crate::backend::{
    Backend, CallId, Claim, Claimed, ClaimedJob, Counts, EventStream, Extension, Fenced, Heard, Pushed,
    Report, Settlement, Signal, Signals, StoreError, TaskSet, Token, WorkerInfo,
};
use crate::clock::Timestamp;
use crate::event::{Event, EventFilter, EventKind};
use crate::job::{Envelope, Failure, FailureKind, Job, JobId, JobState, Name, Retention, WorkerId};
use crate::lifecycle::Transition;

/// The queue in which properties play unless they say otherwise.
pub(super) const QUEUE: Name = Name::from_static("conformance");
/// The task that the workers know.
pub(super) const TASK: Name = Name::from_static("app.task");
/// How long a worker may be silent.
pub(super) const LEASE: Duration = Duration::from_secs(30);
/// After how many crashes a job is given up.
pub(super) const MAX_CRASHES: u32 = 3;
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
pub(super) const MILLI: Duration = Duration::from_millis(1);
/// How long a property waits for what must come at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes the answer of a store that must have one.
pub(super) trait Answered<T> {
    fn answered(self) -> T;
}

impl<T> Answered<T> for Result<T, StoreError> {
    #[track_caller]
    fn answered(self) -> T {
        self.expect("the store answers")
    }
}

/// Waits for what must come at once.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("{what} did not come"))
}

/// Describes a job with every option at its default.
pub(super) fn job() -> Envelope {
    Envelope::new(JobId::generate(), QUEUE, TASK, Bytes::from_static(b"{}"))
}

/// Describes `count` such jobs.
pub(super) fn jobs(count: usize) -> Vec<Envelope> {
    (0..count).map(|_| job()).collect()
}

/// Describes such a job of another queue.
pub(super) fn job_of(queue: &Name) -> Envelope {
    Envelope { queue: queue.clone(), ..job() }
}

pub(super) fn complete() -> Transition {
    Transition::Complete { result: Bytes::from_static(b"1"), retention: Retention::Standard }
}

pub(super) fn failure(attempt: u32) -> Failure {
    Failure::new(attempt, FailureKind::Error, "no answer")
}

pub(super) fn fail() -> Transition {
    Transition::Fail { failure: failure(1) }
}

pub(super) fn retry(after: Duration) -> Transition {
    Transition::Retry { failure: failure(1), after }
}

pub(super) fn cancelled(reason: &str) -> Transition {
    Transition::Cancel { reason: Some(reason.into()) }
}

/// Lists the id of one job.
pub(super) fn only(job: &Envelope) -> [JobId; 1] {
    [job.id.clone()]
}

/// Lists the ids of envelopes.
pub(super) fn ids(jobs: &[Arc<Envelope>]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id.clone()).collect()
}

/// Lists the ids of what was claimed.
pub(super) fn ids_of(jobs: &[ClaimedJob]) -> Vec<JobId> {
    jobs.iter().map(|job| job.envelope.id.clone()).collect()
}

/// A store with a producer.
pub(super) struct Stage {
    pub(super) store: Arc<dyn Backend>,
    sender: WorkerId,
    sequence: AtomicU64,
}

impl Stage {
    pub(super) fn of(fixture: &dyn Fixture) -> Self {
        Self::on(fixture.store())
    }

    pub(super) fn on(store: Arc<dyn Backend>) -> Self {
        Self { store, sender: WorkerId::generate(), sequence: AtomicU64::new(0) }
    }

    pub(super) fn next_call(&self) -> CallId {
        CallId { sender: self.sender, sequence: self.sequence.fetch_add(1, Ordering::Relaxed) }
    }

    /// Pushes a job that must be new.
    pub(super) async fn push(&self, job: Envelope) -> Arc<Envelope> {
        self.push_all(vec![job]).await.remove(0)
    }

    /// Pushes jobs that must be new.
    pub(super) async fn push_all(&self, jobs: Vec<Envelope>) -> Vec<Arc<Envelope>> {
        let jobs: Vec<_> = jobs.into_iter().map(Arc::new).collect();
        assert_eq!(self.push_again(&jobs).await, vec![Pushed::Added; jobs.len()]);
        jobs
    }

    /// Pushes jobs that may be there, as a call of its own.
    pub(super) async fn push_again(&self, jobs: &[Arc<Envelope>]) -> Vec<Pushed> {
        self.store.push(self.next_call(), jobs).await.answered()
    }

    pub(super) async fn find(&self, job: &Envelope) -> Option<Job> {
        self.store.find(&job.queue, &job.id).await.answered()
    }

    /// Returns a job that must be kept.
    pub(super) async fn job(&self, job: &Envelope) -> Job {
        self.find(job).await.unwrap_or_else(|| panic!("job {} is not kept", job.id))
    }

    pub(super) async fn state(&self, job: &Envelope) -> JobState {
        self.job(job).await.state()
    }

    pub(super) async fn counts(&self) -> Counts {
        self.store.queue(&QUEUE).await.answered().counts
    }

    pub(super) async fn list(&self, state: JobState) -> Vec<JobId> {
        let jobs = self.store.list(&QUEUE, state, (0..u64::MAX).into()).await.answered();
        assert!(jobs.iter().all(|job| job.state() == state), "only {state} jobs were asked for: {jobs:?}");
        jobs.iter().map(|job| job.id().clone()).collect()
    }

    pub(super) async fn now(&self) -> Timestamp {
        self.store.now().await.answered()
    }

    /// Checks that the counts are what a recount gives, and returns them.
    pub(super) async fn recount(&self) -> Counts {
        let (counts, mut recount) = (self.counts().await, Counts::default());
        for state in JobState::ALL {
            *recount.of_mut(state) = self.list(state).await.len() as u64;
        }
        assert_eq!(counts, recount, "the counts differ from a recount");
        counts
    }

    /// Makes a worker on the usual queue.
    pub(super) fn worker(&self) -> Worker {
        self.worker_of(&[QUEUE])
    }

    pub(super) fn worker_of(&self, queues: &[Name]) -> Worker {
        Worker {
            store: self.store.clone(),
            id: WorkerId::generate(),
            sequence: AtomicU64::new(0),
            queues: queues.into(),
            tasks: [(TASK, 1)].into_iter().collect(),
        }
    }

    /// Lets a new worker claim one job and settle it.
    pub(super) async fn run(&self, transition: Transition) -> Arc<Envelope> {
        let worker = self.worker();
        let job = worker.one().await;
        assert_eq!(worker.settle(&job, transition).await, Fenced::Applied);
        job.envelope
    }

    /// Pushes a job and ends it.
    pub(super) async fn ended(&self, job: Envelope, transition: Transition) -> Arc<Envelope> {
        let job = self.push(job).await;
        assert_eq!(self.run(transition).await.id, job.id);
        job
    }

    pub(super) async fn rescue(&self) -> usize {
        self.store.rescue(MAX_CRASHES, 1_000).await.answered()
    }

    pub(super) async fn listen(&self, filter: impl Into<EventFilter>) -> Listener {
        Listener(self.store.subscribe(filter.into()).await.answered())
    }
}

/// A worker as the store sees it.
pub(super) struct Worker {
    pub(super) store: Arc<dyn Backend>,
    pub(super) id: WorkerId,
    pub(super) sequence: AtomicU64,
    pub(super) queues: Vec<Name>,
    pub(super) tasks: TaskSet,
}

impl Worker {
    pub(super) fn next_call(&self) -> CallId {
        CallId { sender: self.id, sequence: self.sequence.fetch_add(1, Ordering::Relaxed) }
    }

    /// Makes the claim of that id.
    pub(super) async fn claim_as(&self, call: CallId, limit: usize) -> Claimed {
        let claim = Claim { call, queues: &self.queues, tasks: &self.tasks, limit, lease: LEASE };
        self.store.claim(claim).await.answered()
    }

    /// Makes both calls of these ids at once.
    pub(super) async fn settle_and_claim_as(
        &self,
        settle: CallId,
        settlements: &[Settlement],
        claim: CallId,
        limit: usize,
    ) -> (Vec<Fenced>, Claimed) {
        let claim = Claim { call: claim, queues: &self.queues, tasks: &self.tasks, limit, lease: LEASE };
        let (settled, claimed) = self.store.settle_and_claim(settle, settlements, claim).await;
        (settled.answered(), claimed.answered())
    }

    pub(super) async fn claim(&self, limit: usize) -> Vec<ClaimedJob> {
        self.claim_as(self.next_call(), limit).await.jobs
    }

    /// Claims a job that must be there.
    pub(super) async fn one(&self) -> ClaimedJob {
        self.claim(1).await.pop().expect("there is a job to claim")
    }

    pub(super) async fn settle(&self, job: &ClaimedJob, transition: Transition) -> Fenced {
        self.settle_all(&[settlement(job, transition)]).await[0]
    }

    pub(super) async fn settle_all(&self, settlements: &[Settlement]) -> Vec<Fenced> {
        self.store.settle(self.next_call(), settlements).await.answered()
    }

    /// Extends the lease by the usual time.
    pub(super) async fn extend(&self, held: &[&ClaimedJob]) -> Extension {
        let held: Vec<_> = held.iter().map(|job| (job.envelope.clone(), job.token)).collect();
        let mut leases = self.store.leases().await.answered();
        leases.extend(self.id, &held, LEASE).await.answered()
    }

    pub(super) async fn report(&self, job: &ClaimedJob, report: Report) -> Fenced {
        self.store.report(&[(job.envelope.clone(), job.token, report)]).await.answered()[0]
    }

    pub(super) async fn signals(&self) -> Box<dyn Signals> {
        self.store.signals(self.id, &self.queues).await.answered()
    }

    /// Describes the worker as it registers.
    pub(super) fn info(&self) -> WorkerInfo {
        WorkerInfo {
            host: "host".into(),
            pid: 7,
            version: "0.1.0".into(),
            queues: self.queues.clone(),
            concurrency: 10,
            alive: false,
            ..WorkerInfo::new(self.id)
        }
    }

    pub(super) async fn register(&self) {
        self.store.register(&self.info(), LEASE).await.answered();
    }
}

pub(super) fn settlement(job: &ClaimedJob, transition: Transition) -> Settlement {
    settlement_by(job, job.token, transition)
}

/// Settles with a token of the caller's choice.
pub(super) fn settlement_by(job: &ClaimedJob, token: Token, transition: Transition) -> Settlement {
    Settlement { envelope: job.envelope.clone(), token, transition, report: Report::default() }
}

/// Returns the next signal, which must come at once.
pub(super) async fn signal(signals: &mut Box<dyn Signals>) -> Signal {
    soon("a signal", signals.next()).await
}

/// Waits until the worker is told that there is work; other signals may come before.
pub(super) async fn work(signals: &mut Box<dyn Signals>) {
    while signal(signals).await != Signal::Work {}
}

/// Somebody who listens to events.
pub(super) struct Listener(EventStream);

impl Listener {
    /// Returns the next event, which must come at once.
    pub(super) async fn next(&mut self) -> Event {
        match soon("an event", self.0.next()).await {
            Some(Heard::Event(event)) => *event,
            other => panic!("an event was to come, not {other:?}"),
        }
    }

    /// Returns the kinds of the next `count` events.
    pub(super) async fn kinds(&mut self, count: usize) -> Vec<EventKind> {
        let mut kinds = Vec::with_capacity(count);
        for _ in 0..count {
            kinds.push(self.next().await.kind());
        }
        kinds
    }
}
