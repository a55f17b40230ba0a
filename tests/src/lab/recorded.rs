//! A store that writes down what it was asked and what it answered.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use asyncmq::backend::{
    AuditEntry, Backend, CallId, Claim, Claimed, Control, Cursor, Drain, DueSchedules, EventStream,
    Extension, Fenced, Finding, Fired, Firing, Force, Inspect, KeyWeight, Leases, LimitInfo, LimitStanding,
    Ordered, Page, Pushed, QueueInfo, Report, Scanned, Schedules, Settlement, Signals, Store, StoreError,
    StoredSchedule, Token, Upkeep, WorkerInfo,
};
use asyncmq::job::{Envelope, Job, JobId, JobState, Name, WorkerId};
use asyncmq::lifecycle::{Limits, Transition};
use asyncmq::schedule::ScheduleId;
use asyncmq::{EventFilter, Limit, LimitScope, LimitSource, Timestamp};

use crate::lab::event::{Ending, Event, Given, Kind, Proof, Sent, Slot};
use crate::lab::journal::Journal;
use crate::lab::load::digest_of;

/// A store and the journal of one worker's process.
pub struct Recorded {
    inner: Arc<dyn Backend>,
    journal: Arc<Journal>,
    /// The place that the worker fills.
    name: String,
    max_crashes: u32,
    is_known: AtomicBool,
    /// When claims that are not answered yet were first made.
    claims: Mutex<HashMap<CallId, u64>>,
}

impl Recorded {
    /// Writes into this journal what the store is asked by the worker of that name, and what it answers.
    #[must_use]
    pub fn new(
        inner: Arc<dyn Backend>,
        journal: Arc<Journal>,
        name: impl Into<String>,
        max_crashes: u32,
    ) -> Arc<Self> {
        let (name, is_known, claims) = (name.into(), AtomicBool::new(false), Mutex::default());
        Arc::new(Self { inner, journal, name, max_crashes, is_known, claims })
    }

    /// Writes down who the worker is, once.
    fn introduce(&self, worker: WorkerId, lease: Duration) {
        if !self.is_known.swap(true, Ordering::SeqCst) {
            let (worker, name) = (worker.to_string(), self.name.clone());
            let lease = u64::try_from(lease.as_micros()).unwrap_or(u64::MAX);
            self.journal.note(Event::Worker { worker, name, lease, max_crashes: self.max_crashes });
        }
    }

    fn claiming(&self, call: CallId) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.entry(call).or_insert_with(|| self.journal.now());
    }

    fn claimed(&self, call: CallId, claimed: &Claimed) {
        let began = self.claims.lock().unwrap_or_else(PoisonError::into_inner).remove(&call);
        let given = claimed.jobs.iter().map(|job| Given {
            queue: job.envelope.queue.to_string(),
            job: job.envelope.id.to_string(),
            token: Proof(job.token.0),
            attempt: job.attempt,
            crashes: job.crashes,
        });
        let (worker, began) = (call.sender.to_string(), began.unwrap_or_else(|| self.journal.now()));
        self.journal.note(Event::Claimed { worker, began, jobs: given.collect() });
    }

    fn settling(&self, call: CallId, jobs: &[Settlement]) {
        let jobs = jobs.iter().map(|job| {
            let (kind, after) = kind_of(&job.transition);
            Ending {
                queue: job.envelope.queue.to_string(),
                job: job.envelope.id.to_string(),
                token: Proof(job.token.0),
                kind,
                after: u64::try_from(after.as_micros()).unwrap_or(u64::MAX),
            }
        });
        let (worker, call) = (call.sender.to_string(), call.sequence);
        self.journal.note(Event::Settling { worker, call, jobs: jobs.collect() });
    }

    /// Writes down that jobs are about to be made for slots. Returns when.
    fn firing(&self, firing: &Firing<'_>) -> u64 {
        let began = self.journal.now();
        for (slot, job) in firing.jobs {
            let schedule = firing.schedule.id.to_string();
            self.journal.note(Event::Send(Sent {
                queue: job.queue.to_string(),
                job: job.id.to_string(),
                task: job.task.to_string(),
                digest: digest_of(&job.args),
                attempts: job.max_attempts,
                priority: job.priority,
                slot: Some(Slot { schedule, time: slot.as_micros() }),
                ..Sent::default()
            }));
        }
        began
    }

    fn fired(&self, firing: &Firing<'_>, began: u64) {
        let CallId { sender, sequence } = firing.call;
        let (call, schedule) = (format!("{sender} {sequence}"), firing.schedule.id.to_string());
        let slots = firing.jobs.iter().map(|(slot, _)| slot.as_micros()).collect();
        self.journal.note(Event::Fired { call, schedule, slots, began });
        for (_, job) in firing.jobs {
            let (queue, job) = (job.queue.to_string(), job.id.to_string());
            self.journal.note(Event::Acknowledged { queue, job, began });
        }
    }

    fn settled(&self, call: CallId, answers: &[Fenced]) {
        let applied = answers.iter().map(|answer| *answer == Fenced::Applied).collect();
        let (worker, call) = (call.sender.to_string(), call.sequence);
        self.journal.note(Event::Settled { worker, call, applied });
    }
}

fn kind_of(transition: &Transition) -> (Kind, Duration) {
    match transition {
        Transition::Complete { .. } => (Kind::Complete, Duration::ZERO),
        Transition::Fail { .. } => (Kind::Fail, Duration::ZERO),
        Transition::Cancel { .. } => (Kind::Cancel, Duration::ZERO),
        Transition::Retry { after, .. } => (Kind::Retry, *after),
        Transition::Snooze { after } => (Kind::Snooze, *after),
        Transition::Await { .. } | Transition::Release => (Kind::Release, Duration::ZERO),
    }
}

#[async_trait]
impl Store for Recorded {
    async fn push(&self, call: CallId, jobs: &[Arc<Envelope>]) -> Result<Vec<Pushed>, StoreError> {
        self.inner.push(call, jobs).await
    }

    fn weight(&self, job: &Envelope) -> usize {
        self.inner.weight(job)
    }

    fn share_steps(&self, queues: &HashSet<&Name>) -> bool {
        self.inner.share_steps(queues)
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, StoreError> {
        self.claiming(claim.call);
        let claimed = self.inner.claim(claim).await?;
        self.claimed(claim.call, &claimed);
        Ok(claimed)
    }

    async fn settle(&self, call: CallId, jobs: &[Settlement]) -> Result<Vec<Fenced>, StoreError> {
        self.settling(call, jobs);
        let answers = self.inner.settle(call, jobs).await?;
        self.settled(call, &answers);
        Ok(answers)
    }

    async fn settle_and_claim(
        &self,
        call: CallId,
        jobs: &[Settlement],
        claim: Claim<'_>,
    ) -> (Result<Vec<Fenced>, StoreError>, Result<Claimed, StoreError>) {
        self.settling(call, jobs);
        self.claiming(claim.call);
        let (answers, claimed) = self.inner.settle_and_claim(call, jobs, claim).await;
        if let Ok(answers) = &answers {
            self.settled(call, answers);
        }
        if let Ok(claimed) = &claimed {
            self.claimed(claim.call, claimed);
        }
        (answers, claimed)
    }

    async fn report(&self, reports: &[(Arc<Envelope>, Token, Report)]) -> Result<Vec<Fenced>, StoreError> {
        self.inner.report(reports).await
    }

    async fn leases(&self) -> Result<Box<dyn Leases>, StoreError> {
        let (inner, journal) = (self.inner.leases().await?, self.journal.clone());
        Ok(Box::new(RecordedLeases { inner, journal }))
    }

    async fn signals(&self, worker: WorkerId, queues: &[Name]) -> Result<Box<dyn Signals>, StoreError> {
        self.inner.signals(worker, queues).await
    }
}

struct RecordedLeases {
    inner: Box<dyn Leases>,
    journal: Arc<Journal>,
}

#[async_trait]
impl Leases for RecordedLeases {
    async fn extend(
        &mut self,
        worker: WorkerId,
        held: &[(Arc<Envelope>, Token)],
        lease: Duration,
    ) -> Result<Extension, StoreError> {
        let began = self.journal.now();
        let extension = self.inner.extend(worker, held, lease).await?;
        let held = held.iter().map(|(_, token)| Proof(token.0)).collect();
        let lost = extension.lost.iter().map(|token| Proof(token.0)).collect();
        self.journal.note(Event::Extended { worker: worker.to_string(), began, held, lost });
        Ok(extension)
    }
}

#[async_trait]
impl Upkeep for Recorded {
    async fn rescue(&self, max_crashes: u32, limit: usize) -> Result<usize, StoreError> {
        let jobs = self.inner.rescue(max_crashes, limit).await?;
        if jobs != 0 {
            self.journal.note(Event::Rescued { worker: String::new(), jobs });
        }
        Ok(jobs)
    }

    async fn expire(&self, limit: usize) -> Result<usize, StoreError> {
        self.inner.expire(limit).await
    }

    async fn prune(&self, limits: &Limits, limit: usize) -> Result<usize, StoreError> {
        self.inner.prune(limits, limit).await
    }

    async fn register(&self, worker: &WorkerInfo, lease: Duration) -> Result<(), StoreError> {
        self.introduce(worker.id, lease);
        self.inner.register(worker, lease).await
    }

    async fn deregister(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.journal.note(Event::Leaving { worker: worker.to_string() });
        self.inner.deregister(worker).await
    }
}

#[async_trait]
impl Inspect for Recorded {
    async fn find(&self, queue: &Name, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.inner.find(queue, id).await
    }

    async fn find_everywhere(&self, id: &JobId) -> Result<Vec<Job>, StoreError> {
        self.inner.find_everywhere(id).await
    }

    async fn list(&self, queue: &Name, state: JobState, page: Page) -> Result<Vec<Job>, StoreError> {
        self.inner.list(queue, state, page).await
    }

    async fn scan(
        &self,
        queue: &Name,
        state: JobState,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        self.inner.scan(queue, state, after, limit).await
    }

    async fn audit(&self, page: Page) -> Result<Vec<AuditEntry>, StoreError> {
        self.inner.audit(page).await
    }

    async fn diagnose(&self) -> Result<Vec<Finding>, StoreError> {
        self.inner.diagnose().await
    }

    async fn dedup_owner(&self, queue: &Name, key: &str) -> Result<Option<JobId>, StoreError> {
        self.inner.dedup_owner(queue, key).await
    }

    async fn queue(&self, queue: &Name) -> Result<QueueInfo, StoreError> {
        self.inner.queue(queue).await
    }

    async fn queues(&self) -> Result<Vec<Name>, StoreError> {
        self.inner.queues().await
    }

    async fn limits(&self, queue: &Name) -> Result<Vec<LimitInfo>, StoreError> {
        self.inner.limits(queue).await
    }

    async fn key_weights(&self, queue: &Name) -> Result<Vec<KeyWeight>, StoreError> {
        self.inner.key_weights(queue).await
    }

    async fn held_by(
        &self,
        queue: &Name,
        task: &Name,
        key: Option<&str>,
    ) -> Result<Vec<LimitStanding>, StoreError> {
        self.inner.held_by(queue, task, key).await
    }

    async fn parked_keys(&self, queue: &Name) -> Result<u64, StoreError> {
        self.inner.parked_keys(queue).await
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>, StoreError> {
        self.inner.workers().await
    }

    async fn subscribe(&self, filter: EventFilter) -> Result<EventStream, StoreError> {
        self.inner.subscribe(filter).await
    }
}

#[async_trait]
impl Control for Recorded {
    async fn set_limits(
        &self,
        queue: &Name,
        source: LimitSource,
        limits: &[(LimitScope, Option<Limit>)],
    ) -> Result<bool, StoreError> {
        self.inner.set_limits(queue, source, limits).await
    }

    async fn set_key_weight(
        &self,
        queue: &Name,
        task: &Name,
        key: &str,
        weight: u32,
    ) -> Result<bool, StoreError> {
        self.inner.set_key_weight(queue, task, key, weight).await
    }

    async fn pause(&self, queue: &Name) -> Result<bool, StoreError> {
        self.inner.pause(queue).await
    }

    async fn resume(&self, queue: &Name) -> Result<bool, StoreError> {
        self.inner.resume(queue).await
    }

    async fn cancel(&self, queue: &Name, id: &JobId, reason: Option<&str>) -> Result<Ordered, StoreError> {
        self.inner.cancel(queue, id, reason).await
    }

    async fn retry(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        self.inner.retry(queue, id).await
    }

    async fn remove(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        self.inner.remove(queue, id).await
    }

    async fn promote(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        self.inner.promote(queue, id).await
    }

    async fn free_dedup_key(&self, queue: &Name, key: &str) -> Result<bool, StoreError> {
        self.inner.free_dedup_key(queue, key).await
    }

    async fn drain(&self, queue: &Name, which: Drain, limit: usize) -> Result<usize, StoreError> {
        self.inner.drain(queue, which, limit).await
    }

    async fn clean(
        &self,
        queue: &Name,
        state: JobState,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.inner.clean(queue, state, before, limit).await
    }

    async fn obliterate(
        &self,
        queue: &Name,
        force: Force,
        limit: usize,
    ) -> Result<Result<usize, u64>, StoreError> {
        self.inner.obliterate(queue, force, limit).await
    }

    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.inner.record(entry).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.inner.now().await
    }
}

#[async_trait]
impl Schedules for Recorded {
    async fn schedule(&self, queue: &Name, id: &ScheduleId) -> Result<Option<StoredSchedule>, StoreError> {
        self.inner.schedule(queue, id).await
    }

    async fn schedules(&self, queue: Option<&Name>) -> Result<Vec<StoredSchedule>, StoreError> {
        self.inner.schedules(queue).await
    }

    async fn due_schedules(&self, queues: &[Name], limit: usize) -> Result<DueSchedules, StoreError> {
        self.inner.due_schedules(queues, limit).await
    }

    async fn put_schedule(
        &self,
        schedule: &StoredSchedule,
        expected: Option<u64>,
    ) -> Result<bool, StoreError> {
        self.inner.put_schedule(schedule, expected).await
    }

    async fn remove_schedule(&self, queue: &Name, id: &ScheduleId) -> Result<bool, StoreError> {
        self.inner.remove_schedule(queue, id).await
    }

    async fn fire(&self, firing: Firing<'_>) -> Result<Fired, StoreError> {
        let began = self.firing(&firing);
        let fired = self.inner.fire(firing).await?;
        if matches!(fired, Fired::Fired(_)) {
            self.fired(&firing, began);
        }
        Ok(fired)
    }
}

impl Backend for Recorded {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
}
