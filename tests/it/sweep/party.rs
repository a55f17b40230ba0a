//! A client and worker in one, at the level of the store: it repeats what is not answered, or dies of it.

use std::sync::Arc;
use std::time::Duration;

use asyncmq::backend::conformance::Fixture;
use asyncmq::backend::{
    CallId, Claim, ClaimedJob, Control, Extension, Fenced, Fired, Firing, Ordered, Pushed, Report, Schedules,
    Settlement, Store, StoreError, StoredSchedule, TaskSet, Token, Upkeep, WorkerInfo,
};
use asyncmq::job::{DedupKey, Envelope, JobId, Name, Retention, WorkerId};
use asyncmq::lifecycle::Transition;
use asyncmq::{Dedup, JobState, Limit, LimitScope, LimitSource};
use bytes::Bytes;

use crate::support::faulty::FaultyBackend;

pub(crate) const QUEUE: Name = Name::from_static("sweep");
/// A queue that only some programs use.
pub(crate) const OTHER: Name = Name::from_static("sweep, elsewhere");
pub(crate) const TASK: Name = Name::from_static("task");
pub(crate) const LEASE: Duration = Duration::from_secs(30);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What is done about a call that was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnLoss {
    /// It is repeated under the same id.
    Repeat,
    /// The process dies at this point.
    Die,
}

/// The process died.
#[derive(Debug)]
pub(crate) struct Died;

/// One process.
pub(crate) struct Party<'a> {
    pub(crate) fixture: &'a dyn Fixture,
    pub(crate) store: Arc<FaultyBackend>,
    on_loss: OnLoss,
    pub(crate) id: WorkerId,
    /// Those that it serves.
    pub(crate) queues: Vec<Name>,
    calls: u64,
    /// Jobs whose enqueueing was acknowledged.
    pub(crate) acknowledged: Vec<JobId>,
    /// The claims whose handlers ran.
    pub(crate) effects: Vec<(JobId, Token)>,
    /// How many of them come to nothing without anybody's death.
    pub(crate) excused: usize,
}

impl<'a> Party<'a> {
    pub(crate) fn new(fixture: &'a dyn Fixture, store: &Arc<FaultyBackend>, on_loss: OnLoss) -> Self {
        let (acknowledged, effects, queues) = (Vec::new(), Vec::new(), vec![QUEUE]);
        let id = WorkerId::generate();
        let store = store.clone();
        Self { fixture, store, on_loss, id, queues, calls: 0, acknowledged, effects, excused: 0 }
    }

    /// Makes another process on the same store.
    pub(crate) fn other(&self) -> Self {
        let queues = self.queues.clone();
        Self { queues, ..Self::new(self.fixture, &self.store, self.on_loss) }
    }

    fn next(&mut self) -> CallId {
        self.calls += 1;
        CallId { sender: self.id, sequence: self.calls }
    }

    /// Makes a call until it is answered, or dies.
    pub(crate) async fn ask<T>(&self, call: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, Died> {
        loop {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) if error.is_retryable() && self.on_loss == OnLoss::Repeat => {}
                Err(error) if error.is_retryable() => return Err(Died),
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub(crate) async fn push(&mut self, count: usize) -> Result<Vec<Arc<Envelope>>, Died> {
        let jobs: Vec<_> = (0..count).map(|_| Arc::new(job())).collect();
        self.push_all(&jobs).await?;
        Ok(jobs)
    }

    /// Pushes these jobs in one call.
    pub(crate) async fn push_all(&mut self, jobs: &[Arc<Envelope>]) -> Result<(), Died> {
        let call = self.next();
        let reply = self.ask(async || self.store.push(call, jobs).await).await?;
        assert!(reply.iter().all(|pushed| *pushed == Pushed::Added), "{reply:?}");
        self.acknowledged.extend(jobs.iter().map(|job| job.id.clone()));
        Ok(())
    }

    /// Pushes jobs that take turns with those of other keys.
    pub(crate) async fn push_at(&mut self, key: &str, count: usize) -> Result<(), Died> {
        let of_key = || {
            let mut job = job();
            job.extras_mut().key = Some(key.into());
            Arc::new(job)
        };
        self.push_all(&(0..count).map(|_| of_key()).collect::<Vec<_>>()).await
    }

    /// Holds the queue, or each key of its jobs, to a limit.
    pub(crate) async fn hold(&self, scope: LimitScope, limit: Limit) -> Result<(), Died> {
        let limits = [(scope, Some(limit))];
        self.ask(async || self.store.set_limits(&QUEUE, LimitSource::Ordered, &limits).await).await?;
        Ok(())
    }

    /// Pushes a job of a deduplication key, the same one for all.
    pub(crate) async fn offer(&mut self, mode: Dedup) -> Result<(Arc<Envelope>, Pushed), Died> {
        let (call, mut job) = (self.next(), job());
        job.deduplicate(DedupKey::new("swept", mode).expect("it is a key"));
        let jobs = [Arc::new(job)];
        let mut reply = self.ask(async || self.store.push(call, &jobs).await).await?;
        let [job] = jobs;
        Ok((job, reply.remove(0)))
    }

    pub(crate) async fn claim(&mut self, limit: usize) -> Result<Vec<ClaimedJob>, Died> {
        let call = self.next();
        let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
        let claim = Claim { call, queues: &self.queues, tasks: &tasks, limit, lease: LEASE };
        Ok(self.ask(async || self.store.claim(claim).await).await?.jobs)
    }

    /// Runs the handlers of claimed jobs.
    pub(crate) fn run(&mut self, jobs: &[ClaimedJob]) {
        self.effects.extend(jobs.iter().map(|job| (job.envelope.id.clone(), job.token)));
    }

    pub(crate) async fn settle(&mut self, jobs: &[ClaimedJob], end: Transition) -> Result<Vec<Fenced>, Died> {
        self.settle_each(jobs, |_| end.clone()).await
    }

    /// Settles in one call jobs that end each in its own way.
    pub(crate) async fn settle_each(
        &mut self,
        jobs: &[ClaimedJob],
        end: impl Fn(&JobId) -> Transition,
    ) -> Result<Vec<Fenced>, Died> {
        let call = self.next();
        let batch: Vec<_> = jobs.iter().map(|job| settlement(job, end(&job.envelope.id))).collect();
        self.ask(async || self.store.settle(call, &batch).await).await
    }

    /// Claims, runs and settles, and checks that every claim was still good.
    pub(crate) async fn work(&mut self, limit: usize, end: Transition) -> Result<usize, Died> {
        let jobs = self.claim(limit).await?;
        self.run(&jobs);
        let reply = self.settle(&jobs, end).await?;
        assert_eq!(reply, vec![Fenced::Applied; jobs.len()]);
        Ok(jobs.len())
    }

    pub(crate) async fn extend(&self, jobs: &[ClaimedJob]) -> Result<Extension, Died> {
        let held: Vec<_> = jobs.iter().map(|job| (job.envelope.clone(), job.token)).collect();
        let extend = async || self.store.leases().await?.extend(self.id, &held, LEASE).await;
        self.ask(extend).await
    }

    pub(crate) async fn cancel(&self, id: &JobId) -> Result<Ordered, Died> {
        self.ask(async || self.store.cancel(&QUEUE, id, Some("swept")).await).await
    }

    pub(crate) async fn register(&self) -> Result<(), Died> {
        let info = info(self.id);
        self.ask(async || self.store.register(&info, LEASE).await).await
    }

    /// Tells the others that it is about to go.
    pub(crate) async fn drain(&self) -> Result<(), Died> {
        let info = WorkerInfo { draining: true, ..info(self.id) };
        self.ask(async || self.store.register(&info, LEASE).await).await
    }

    /// Keeps a schedule; one that it finds as it wanted it was kept by a call whose answer was lost.
    pub(crate) async fn put(&self, schedule: &StoredSchedule, expected: Option<u64>) -> Result<(), Died> {
        if !self.ask(async || self.store.put_schedule(schedule, expected).await).await? {
            let kept = self.ask(async || self.store.schedule(&QUEUE, &schedule.id).await).await?;
            assert_eq!(kept.as_ref(), Some(schedule));
        }
        Ok(())
    }

    /// Fires a schedule with jobs.
    pub(crate) async fn fire(
        &mut self,
        schedule: &StoredSchedule,
        expected: u64,
        count: usize,
    ) -> Result<Fired, Died> {
        let call = self.next();
        let jobs: Vec<_> = (0..count).map(|_| (asyncmq::Timestamp::default(), Arc::new(job()))).collect();
        let firing = Firing { call, schedule, expected, jobs: &jobs, unless: None };
        let fired = self.ask(async || self.store.fire(firing).await).await?;
        if matches!(fired, Fired::Fired(_)) {
            self.acknowledged.extend(jobs.iter().map(|(_, job)| job.id.clone()));
        }
        Ok(fired)
    }

    pub(crate) async fn rescue(&self) -> Result<usize, Died> {
        self.ask(async || self.store.rescue(3, 100).await).await
    }

    pub(crate) async fn advance(&self, by: Duration) {
        self.fixture.advance(by).await;
    }

    pub(crate) async fn state(&self, job: &Envelope) -> JobState {
        let kept = self.store.inner().find(&job.queue, &job.id).await.expect("the store answers");
        kept.expect("it is kept").state()
    }
}

pub(crate) fn complete() -> Transition {
    Transition::Complete { result: Bytes::from_static(b"1"), retention: Retention::Standard }
}

pub(crate) fn job() -> Envelope {
    let id = JobId::generate();
    let args = Bytes::from(format!("[\"{id}\"]"));
    Envelope::new(id, QUEUE, TASK, args)
}

fn settlement(job: &ClaimedJob, transition: Transition) -> Settlement {
    Settlement { envelope: job.envelope.clone(), token: job.token, transition, report: Report::default() }
}

fn info(id: WorkerId) -> WorkerInfo {
    WorkerInfo { queues: vec![QUEUE], ..WorkerInfo::new(id) }
}
