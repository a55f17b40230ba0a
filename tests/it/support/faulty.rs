//! A store whose answers can be lost: one call, counted from the start, is not made, or is made and not answered; or all
//! are not made from there on.
//!
//! It also writes down what the store did, whether or not its caller learnt of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use asyncmq::backend::{
    AuditEntry, Backend, CallId, Claim, Claimed, Control, Cursor, Drain, EventStream, Extension, Fenced,
    Finding, Force, Inspect, Leases, Ordered, Page, Pushed, QueueInfo, Report, Scanned, Settlement, Signals,
    Store, StoreError, Token, Upkeep, WorkerInfo,
};
use asyncmq::job::{Envelope, Job, JobId, JobState, Name, WorkerId};
use asyncmq::lifecycle::Limits;
use asyncmq::{EventFilter, Timestamp};

use tokio::sync::{Mutex, MutexGuard, Notify};

use super::history::History;

/// On which way the call is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// It never reaches the store.
    Request,
    /// The store carries it out, and the answer does not come back.
    Reply,
}

/// Which call is lost, counted from 0, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) call: usize,
    pub(crate) side: Side,
}

/// How long the fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasting {
    OneCall,
    FromThereOn,
}

/// The calls of one side that count, and what became of them.
#[derive(Debug)]
struct Line {
    fault: Option<Fault>,
    lasting: Lasting,
    calls: AtomicUsize,
    dead: AtomicBool,
    died: Notify,
    /// Held while a call is made, so that what is written down stands in the order in which it was done, and nothing is
    /// done on a line that is dead.
    history: Arc<Mutex<History>>,
}

/// A store of which calls are lost.
pub(crate) struct FaultyBackend {
    inner: Arc<dyn Backend>,
    line: Arc<Line>,
}

impl FaultyBackend {
    /// Loses one call.
    pub(crate) fn new(inner: Arc<dyn Backend>, fault: Option<Fault>) -> Arc<Self> {
        Self::of(inner, Lasting::OneCall, fault, Arc::default())
    }

    /// Loses one call and all that follow, until the line is mended.
    pub(crate) fn cut(inner: Arc<dyn Backend>, fault: Fault) -> Arc<Self> {
        Self::of(inner, Lasting::FromThereOn, Some(fault), Arc::default())
    }

    /// Returns the same store on a line of its own, which loses nothing.
    pub(crate) fn beside(&self) -> Arc<Self> {
        Self::of(self.inner.clone(), Lasting::OneCall, None, self.line.history.clone())
    }

    fn of(
        inner: Arc<dyn Backend>,
        lasting: Lasting,
        fault: Option<Fault>,
        history: Arc<Mutex<History>>,
    ) -> Arc<Self> {
        let (calls, dead) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self {
            inner,
            line: Arc::new(Line { fault, lasting, calls, dead, died: Notify::new(), history }),
        })
    }

    /// Waits until the line is dead.
    pub(crate) async fn dead(&self) {
        while !self.line.dead.load(Ordering::SeqCst) {
            self.line.died.notified().await;
        }
    }

    /// Mends the line.
    pub(crate) fn mend(&self) {
        self.line.dead.store(false, Ordering::SeqCst);
    }

    /// Returns how many calls there were that count.
    pub(crate) fn calls(&self) -> usize {
        self.line.calls.load(Ordering::SeqCst)
    }

    /// Returns what the store did so far.
    pub(crate) async fn history(&self) -> MutexGuard<'_, History> {
        self.line.history.lock().await
    }

    /// Returns the store itself, which loses nothing and whose calls do not count.
    pub(crate) fn inner(&self) -> &Arc<dyn Backend> {
        &self.inner
    }
}

impl Line {
    /// Makes a call that counts, and writes down what it did.
    async fn pass<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
        note: impl FnOnce(&mut History, &T),
    ) -> Result<T, StoreError> {
        let mut history = self.history.lock().await;
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let lost = self.fault.filter(|fault| fault.call == number).map(|fault| fault.side);
        let dead = self.dead.load(Ordering::SeqCst);
        let answer = if dead || lost == Some(Side::Request) {
            Err(StoreError::unanswered("the request was lost"))
        } else {
            call.await.and_then(|answer| {
                note(&mut history, &answer);
                match lost {
                    Some(_) => Err(StoreError::unanswered("the reply was lost")),
                    None => Ok(answer),
                }
            })
        };
        // Only now: whoever waits for this moves the clock, and the last call was made before.
        if lost.is_some() && self.lasting == Lasting::FromThereOn {
            self.dead.store(true, Ordering::SeqCst);
            self.died.notify_one();
        }
        answer
    }
}

#[async_trait]
impl Store for FaultyBackend {
    async fn push(&self, call: CallId, jobs: &[Arc<Envelope>]) -> Result<Vec<Pushed>, StoreError> {
        self.line.pass(self.inner.push(call, jobs), |history, reply| history.pushed(call, jobs, reply)).await
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, StoreError> {
        self.line.pass(self.inner.claim(claim), |history, reply| history.claimed(claim.call, reply)).await
    }

    async fn settle(&self, call: CallId, jobs: &[Settlement]) -> Result<Vec<Fenced>, StoreError> {
        self.line
            .pass(self.inner.settle(call, jobs), |history, reply| history.settled(call, jobs, reply))
            .await
    }

    async fn settle_and_claim(
        &self,
        call: CallId,
        jobs: &[Settlement],
        claim: Claim<'_>,
    ) -> (Result<Vec<Fenced>, StoreError>, Result<Claimed, StoreError>) {
        let both = async { Ok(self.inner.settle_and_claim(call, jobs, claim).await) };
        let passed = self.line.pass(both, |history, (settled, claimed)| {
            if let Ok(reply) = settled {
                history.settled(call, jobs, reply);
            }
            if let Ok(reply) = claimed {
                history.claimed(claim.call, reply);
            }
        });
        match passed.await {
            Ok(both) => both,
            Err(error) => (Err(error), Err(StoreError::unanswered("what went with it was lost"))),
        }
    }

    async fn report(&self, reports: &[(Arc<Envelope>, Token, Report)]) -> Result<Vec<Fenced>, StoreError> {
        self.line.pass(self.inner.report(reports), |_, _| {}).await
    }

    async fn leases(&self) -> Result<Box<dyn Leases>, StoreError> {
        let leases = self.inner.leases().await?;
        Ok(Box::new(FaultyLeases { inner: leases, line: self.line.clone() }))
    }

    async fn signals(&self, worker: WorkerId, queues: &[Name]) -> Result<Box<dyn Signals>, StoreError> {
        self.line.pass(self.inner.signals(worker, queues), |_, _| {}).await
    }
}

struct FaultyLeases {
    inner: Box<dyn Leases>,
    line: Arc<Line>,
}

#[async_trait]
impl Leases for FaultyLeases {
    async fn extend(
        &mut self,
        worker: WorkerId,
        held: &[(Arc<Envelope>, Token)],
        lease: Duration,
    ) -> Result<Extension, StoreError> {
        self.line.pass(self.inner.extend(worker, held, lease), |_, _| {}).await
    }
}

#[async_trait]
impl Upkeep for FaultyBackend {
    async fn rescue(&self, max_crashes: u32, limit: usize) -> Result<usize, StoreError> {
        self.line.pass(self.inner.rescue(max_crashes, limit), |history, count| history.rescued(*count)).await
    }

    async fn expire(&self, limit: usize) -> Result<usize, StoreError> {
        self.inner.expire(limit).await
    }

    async fn prune(&self, limits: &Limits, limit: usize) -> Result<usize, StoreError> {
        self.inner.prune(limits, limit).await
    }

    async fn register(&self, worker: &WorkerInfo, lease: Duration) -> Result<(), StoreError> {
        self.line.pass(self.inner.register(worker, lease), |_, ()| {}).await
    }

    async fn deregister(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.line.pass(self.inner.deregister(worker), |history, ()| history.deregistered(worker)).await
    }
}

#[async_trait]
impl Inspect for FaultyBackend {
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
        self.inner.subscribe(filter).await
    }
}

#[async_trait]
impl Control for FaultyBackend {
    async fn pause(&self, queue: &Name) -> Result<bool, StoreError> {
        self.line.pass(self.inner.pause(queue), |_, _| {}).await
    }

    async fn resume(&self, queue: &Name) -> Result<bool, StoreError> {
        self.line.pass(self.inner.resume(queue), |_, _| {}).await
    }

    async fn cancel(&self, queue: &Name, id: &JobId, reason: Option<&str>) -> Result<Ordered, StoreError> {
        self.line.pass(self.inner.cancel(queue, id, reason), |_, _| {}).await
    }

    async fn retry(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        self.line.pass(self.inner.retry(queue, id), |history, order| history.replayed(id, *order)).await
    }

    async fn remove(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        self.inner.remove(queue, id).await
    }

    async fn promote(&self, queue: &Name, id: &JobId) -> Result<Ordered, StoreError> {
        self.line.pass(self.inner.promote(queue, id), |_, _| {}).await
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

impl Backend for FaultyBackend {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
}
