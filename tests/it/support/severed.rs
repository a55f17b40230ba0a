//! A store that can be cut off: before a call is sent, or after it was carried out and before its reply.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use asyncmq::backend::memory::MemoryStore;
use asyncmq::backend::{
    AuditEntry, Backend, CallId, Claim, Claimed, Control, Cursor, Drain, EventStream, Extension, Fenced,
    Finding, Force, Inspect, Leases, Ordered, Page, Pushed, QueueInfo, Report, Scanned, Settlement, Signals,
    Store, StoreError, Token, Upkeep, WorkerInfo,
};
use asyncmq::event::EventFilter;
use asyncmq::job::{Envelope, Name, WorkerId};
use asyncmq::lifecycle::Limits;
use asyncmq::{Job, JobId, JobState, Timestamp};

use crate::support::until;

/// What a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    Push,
    Claim,
    Settle,
    Report,
    Extend,
    Signals,
    Register,
    Deregister,
    Subscribe,
}

const VERBS: [Verb; 9] = [
    Verb::Push,
    Verb::Claim,
    Verb::Settle,
    Verb::Report,
    Verb::Extend,
    Verb::Signals,
    Verb::Register,
    Verb::Deregister,
    Verb::Subscribe,
];

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never reaches the store.
    Cut,
    /// It is carried out, and the reply is lost.
    Lost,
    /// The store refuses it.
    Refused,
}

#[derive(Default)]
struct Plan {
    faults: HashMap<Verb, (Fault, usize)>,
    calls: HashMap<Verb, usize>,
    hit: HashMap<Verb, usize>,
}

/// A store in memory with faults on order.
#[derive(Clone)]
pub(crate) struct Severed {
    inner: Arc<MemoryStore>,
    plan: Arc<Mutex<Plan>>,
    /// Whoever holds this holds the replies to claims back.
    claim_replies: Arc<tokio::sync::Mutex<()>>,
}

impl Severed {
    pub(crate) fn new() -> Arc<Self> {
        Self::over(MemoryStore::new())
    }

    pub(crate) fn over(inner: Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self { inner, plan: Arc::default(), claim_replies: Arc::default() })
    }

    /// Lets the next calls of a verb go wrong.
    pub(crate) fn fail(&self, verb: Verb, fault: Fault, times: usize) {
        self.plan.lock().unwrap().faults.insert(verb, (fault, times));
    }

    /// Holds the replies to claims back, not the claims, until what is returned is dropped.
    pub(crate) async fn hold_claim_replies(&self) -> tokio::sync::OwnedMutexGuard<()> {
        self.claim_replies.clone().lock_owned().await
    }

    /// Cuts everything off until [`Severed::heal`].
    pub(crate) fn go_down(&self) {
        VERBS.iter().for_each(|verb| self.fail(*verb, Fault::Cut, usize::MAX));
    }

    pub(crate) fn heal(&self) {
        self.plan.lock().unwrap().faults.clear();
    }

    /// How many calls of a verb there were.
    pub(crate) fn calls(&self, verb: Verb) -> usize {
        self.plan.lock().unwrap().calls.get(&verb).copied().unwrap_or_default()
    }

    /// Waits until so many calls of a verb went wrong.
    pub(crate) async fn was_hit(&self, verb: Verb, times: usize) {
        let hit = async || times <= self.plan.lock().unwrap().hit.get(&verb).copied().unwrap_or_default();
        until(&format!("{times} failed calls of {verb:?}"), hit).await;
    }

    async fn through<T>(
        &self,
        verb: Verb,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let fault = {
            let mut plan = self.plan.lock().unwrap();
            *plan.calls.entry(verb).or_default() += 1;
            let fault = match plan.faults.get_mut(&verb) {
                Some((fault, times)) if *times != 0 => {
                    *times -= 1;
                    Some(*fault)
                }
                _ => None,
            };
            if fault.is_some() {
                *plan.hit.entry(verb).or_default() += 1;
            }
            fault
        };
        match fault {
            None => call.await,
            Some(Fault::Cut) => Err(StoreError::unanswered("cut off")),
            Some(Fault::Lost) => call.await.and(Err(StoreError::unanswered("the reply was lost"))),
            Some(Fault::Refused) => Err(StoreError::refused("not today")),
        }
    }
}

impl Backend for Severed {
    fn kind(&self) -> &'static str {
        "severed"
    }

    fn is_volatile(&self) -> bool {
        true
    }
}

#[async_trait]
impl Store for Severed {
    async fn push(&self, call: CallId, jobs: &[Arc<Envelope>]) -> Result<Vec<Pushed>, StoreError> {
        self.through(Verb::Push, self.inner.push(call, jobs)).await
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, StoreError> {
        let claimed = self.through(Verb::Claim, self.inner.claim(claim)).await;
        let _let_through = self.claim_replies.lock().await;
        claimed
    }

    async fn settle(&self, call: CallId, jobs: &[Settlement]) -> Result<Vec<Fenced>, StoreError> {
        self.through(Verb::Settle, self.inner.settle(call, jobs)).await
    }

    async fn report(&self, reports: &[(Arc<Envelope>, Token, Report)]) -> Result<Vec<Fenced>, StoreError> {
        self.through(Verb::Report, self.inner.report(reports)).await
    }

    async fn leases(&self) -> Result<Box<dyn Leases>, StoreError> {
        let (inner, severed) = (self.inner.leases().await?, self.clone());
        Ok(Box::new(SeveredLeases { inner, severed }))
    }

    async fn signals(&self, worker: WorkerId, queues: &[Name]) -> Result<Box<dyn Signals>, StoreError> {
        self.through(Verb::Signals, self.inner.signals(worker, queues)).await
    }
}

struct SeveredLeases {
    inner: Box<dyn Leases>,
    severed: Severed,
}

#[async_trait]
impl Leases for SeveredLeases {
    async fn extend(
        &mut self,
        worker: WorkerId,
        held: &[(Arc<Envelope>, Token)],
        lease: Duration,
    ) -> Result<Extension, StoreError> {
        self.severed.through(Verb::Extend, self.inner.extend(worker, held, lease)).await
    }
}

#[async_trait]
impl Upkeep for Severed {
    async fn rescue(&self, max_crashes: u32, limit: usize) -> Result<usize, StoreError> {
        self.inner.rescue(max_crashes, limit).await
    }

    async fn expire(&self, limit: usize) -> Result<usize, StoreError> {
        self.inner.expire(limit).await
    }

    async fn prune(&self, limits: &Limits, limit: usize) -> Result<usize, StoreError> {
        self.inner.prune(limits, limit).await
    }

    async fn register(&self, worker: &WorkerInfo, lease: Duration) -> Result<(), StoreError> {
        self.through(Verb::Register, self.inner.register(worker, lease)).await
    }

    async fn deregister(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.through(Verb::Deregister, self.inner.deregister(worker)).await
    }
}

#[async_trait]
impl Inspect for Severed {
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

    async fn queue(&self, queue: &Name) -> Result<QueueInfo, StoreError> {
        self.inner.queue(queue).await
    }

    async fn queues(&self) -> Result<Vec<Name>, StoreError> {
        self.inner.queues().await
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>, StoreError> {
        self.inner.workers().await
    }

    async fn subscribe(&self, filter: EventFilter) -> Result<EventStream, StoreError> {
        self.through(Verb::Subscribe, self.inner.subscribe(filter)).await
    }
}

#[async_trait]
impl Control for Severed {
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
