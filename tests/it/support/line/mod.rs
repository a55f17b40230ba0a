//! The line between one client and its store: every call goes over a wire, which decides what becomes of it.
//!
//! What the store did is written down, whether or not its caller learnt of it.

mod control;
mod inspect;
mod schedules;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use asyncmq::backend::{
    Backend, CallId, Claim, Claimed, Extension, Fenced, Leases, Pushed, Report, Settlement, Signals, Store,
    StoreError, Token, Upkeep, WorkerInfo,
};
use asyncmq::job::{Envelope, Name, WorkerId};
use asyncmq::lifecycle::Limits;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{Mutex, MutexGuard};

use super::history::History;

/// What is asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    Push,
    Claim,
    Settle,
    SettleAndClaim,
    Report,
    Extend,
    Signals,
    Rescue,
    Tidy,
    Register,
    Deregister,
    Subscribe,
    Look,
    Order,
    Fire,
}

/// What a call is answered.
pub(crate) type Answer<T> = Result<T, StoreError>;

/// A call, to be made when it arrives: once, never, or several times.
pub(crate) trait Call<T>: Fn() -> BoxFuture<'static, Answer<T>> + Send + Sync + 'static {}

impl<T, C: Fn() -> BoxFuture<'static, Answer<T>> + Send + Sync + 'static> Call<T> for C {}

/// What decides about calls.
pub(crate) trait Wire: Send + Sync + 'static {
    /// Whether a settle and a claim that go together are one call.
    const JOINS: bool = true;

    /// Carries a call to the store and the answer back, or does not.
    fn carry<T: Send + 'static>(
        &self,
        verb: Verb,
        call: impl Call<T>,
    ) -> impl Future<Output = Answer<T>> + Send;

    /// Passes on what the store signals.
    fn listen(&self, signals: Box<dyn Signals>) -> Box<dyn Signals> {
        signals
    }
}

/// A store at the other end of a wire.
pub(crate) struct Line<W> {
    inner: Arc<dyn Backend>,
    wire: Arc<W>,
    /// Held while a call is made, so that what is written down stands in the order in which it was done.
    history: Arc<Mutex<History>>,
}

impl<W: Wire> Line<W> {
    pub(crate) fn over(inner: Arc<dyn Backend>, wire: W) -> Arc<Self> {
        Self::writing(inner, wire, Arc::default())
    }

    /// Makes a line that writes into the same history as others of that store.
    pub(crate) fn writing(inner: Arc<dyn Backend>, wire: W, history: Arc<Mutex<History>>) -> Arc<Self> {
        Arc::new(Self { inner, wire: Arc::new(wire), history })
    }

    /// Returns the same store on another wire.
    pub(crate) fn on(&self, wire: W) -> Arc<Self> {
        Self::writing(self.inner.clone(), wire, self.history.clone())
    }

    pub(crate) fn wire(&self) -> &Arc<W> {
        &self.wire
    }

    /// Returns what the store did so far.
    pub(crate) async fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().await
    }

    /// Returns the store itself.
    pub(crate) fn inner(&self) -> &Arc<dyn Backend> {
        &self.inner
    }

    /// Sends a call of which nothing is written down.
    async fn send<T, F>(
        &self,
        verb: Verb,
        call: impl Fn(Arc<dyn Backend>) -> F + Send + Sync + 'static,
    ) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Answer<T>> + Send + 'static,
    {
        let inner = self.inner.clone();
        self.wire.carry(verb, move || call(inner.clone()).boxed()).await
    }

    /// Sends a call and writes down what it did.
    async fn note<T, F>(
        &self,
        verb: Verb,
        call: impl Fn(Arc<dyn Backend>) -> F + Send + Sync + 'static,
        note: impl Fn(&mut History, &T) + Send + Sync + 'static,
    ) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Answer<T>> + Send + 'static,
    {
        let (inner, history, note) = (self.inner.clone(), self.history.clone(), Arc::new(note));
        let make = move || {
            let (done, history, note) = (call(inner.clone()), history.clone(), note.clone());
            async move {
                let mut history = history.lock().await;
                let answer = done.await?;
                note(&mut history, &answer);
                Ok(answer)
            }
            .boxed()
        };
        self.wire.carry(verb, make).await
    }
}

/// A claim that owns what it names.
#[derive(Clone)]
struct Asked {
    call: CallId,
    queues: Arc<[Name]>,
    tasks: Arc<asyncmq::backend::TaskSet>,
    limit: usize,
    lease: Duration,
}

impl Asked {
    fn of(claim: &Claim<'_>) -> Self {
        let (queues, tasks) = (claim.queues.into(), Arc::new(claim.tasks.clone()));
        Self { call: claim.call, queues, tasks, limit: claim.limit, lease: claim.lease }
    }

    fn claim(&self) -> Claim<'_> {
        let Self { call, queues, tasks, limit, lease } = self;
        Claim { call: *call, queues, tasks, limit: *limit, lease: *lease }
    }
}

#[async_trait]
impl<W: Wire> Store for Line<W> {
    async fn push(&self, call: CallId, jobs: &[Arc<Envelope>]) -> Answer<Vec<Pushed>> {
        let sent: Arc<[Arc<Envelope>]> = jobs.into();
        let jobs = sent.clone();
        let push = move |store: Arc<dyn Backend>| {
            let jobs = jobs.clone();
            async move { store.push(call, &jobs).await }
        };
        self.note(Verb::Push, push, move |history, reply| history.pushed(call, &sent, reply)).await
    }

    fn weight(&self, job: &Envelope) -> usize {
        self.inner.weight(job)
    }

    async fn claim(&self, claim: Claim<'_>) -> Answer<Claimed> {
        let (call, asked) = (claim.call, Asked::of(&claim));
        let claim = move |store: Arc<dyn Backend>| {
            let asked = asked.clone();
            async move { store.claim(asked.claim()).await }
        };
        self.note(Verb::Claim, claim, move |history, reply| history.claimed(call, reply)).await
    }

    async fn settle(&self, call: CallId, jobs: &[Settlement]) -> Answer<Vec<Fenced>> {
        let sent: Arc<[Settlement]> = jobs.into();
        let jobs = sent.clone();
        let settle = move |store: Arc<dyn Backend>| {
            let jobs = jobs.clone();
            async move { store.settle(call, &jobs).await }
        };
        self.note(Verb::Settle, settle, move |history, reply| history.settled(call, &sent, reply)).await
    }

    async fn settle_and_claim(
        &self,
        call: CallId,
        jobs: &[Settlement],
        claim: Claim<'_>,
    ) -> (Answer<Vec<Fenced>>, Answer<Claimed>) {
        if !W::JOINS {
            return tokio::join!(self.settle(call, jobs), self.claim(claim));
        }
        let (claiming, asked) = (claim.call, Asked::of(&claim));
        let sent: Arc<[Settlement]> = jobs.into();
        let jobs = sent.clone();
        let both = move |store: Arc<dyn Backend>| {
            let (jobs, asked) = (jobs.clone(), asked.clone());
            async move { Ok(store.settle_and_claim(call, &jobs, asked.claim()).await) }
        };
        let note = move |history: &mut History,
                         (settled, claimed): &(Answer<Vec<Fenced>>, Answer<Claimed>)| {
            if let Ok(reply) = settled {
                history.settled(call, &sent, reply);
            }
            if let Ok(reply) = claimed {
                history.claimed(claiming, reply);
            }
        };
        match self.note(Verb::SettleAndClaim, both, note).await {
            Ok(both) => both,
            Err(error) => (Err(error), Err(StoreError::unanswered("what went with it was lost"))),
        }
    }

    async fn report(&self, reports: &[(Arc<Envelope>, Token, Report)]) -> Answer<Vec<Fenced>> {
        let reports: Arc<[_]> = reports.into();
        let report = move |store: Arc<dyn Backend>| {
            let reports = reports.clone();
            async move { store.report(&reports).await }
        };
        self.send(Verb::Report, report).await
    }

    async fn leases(&self) -> Answer<Box<dyn Leases>> {
        let leases = Arc::new(Mutex::new(self.inner.leases().await?));
        Ok(Box::new(LineLeases { leases, wire: self.wire.clone() }))
    }

    async fn signals(&self, worker: WorkerId, queues: &[Name]) -> Answer<Box<dyn Signals>> {
        let queues: Arc<[Name]> = queues.into();
        let open = move |store: Arc<dyn Backend>| {
            let queues = queues.clone();
            async move { store.signals(worker, &queues).await }
        };
        Ok(self.wire.listen(self.send(Verb::Signals, open).await?))
    }
}

struct LineLeases<W> {
    leases: Arc<Mutex<Box<dyn Leases>>>,
    wire: Arc<W>,
}

#[async_trait]
impl<W: Wire> Leases for LineLeases<W> {
    async fn extend(
        &mut self,
        worker: WorkerId,
        held: &[(Arc<Envelope>, Token)],
        lease: Duration,
    ) -> Answer<Extension> {
        let (leases, held): (_, Arc<[_]>) = (self.leases.clone(), held.into());
        let extend = move || {
            let (leases, held) = (leases.clone(), held.clone());
            async move { leases.lock().await.extend(worker, &held, lease).await }.boxed()
        };
        self.wire.carry(Verb::Extend, extend).await
    }
}

#[async_trait]
impl<W: Wire> Upkeep for Line<W> {
    async fn rescue(&self, max_crashes: u32, limit: usize) -> Answer<usize> {
        let rescue = move |store: Arc<dyn Backend>| async move { store.rescue(max_crashes, limit).await };
        self.note(Verb::Rescue, rescue, |history, count| history.rescued(*count)).await
    }

    async fn expire(&self, limit: usize) -> Answer<usize> {
        self.send(Verb::Tidy, move |store| async move { store.expire(limit).await }).await
    }

    async fn prune(&self, limits: &Limits, limit: usize) -> Answer<usize> {
        let limits = *limits;
        let prune = move |store: Arc<dyn Backend>| async move { store.prune(&limits, limit).await };
        self.send(Verb::Tidy, prune).await
    }

    async fn register(&self, worker: &WorkerInfo, lease: Duration) -> Answer<()> {
        let worker = worker.clone();
        let register = move |store: Arc<dyn Backend>| {
            let worker = worker.clone();
            async move { store.register(&worker, lease).await }
        };
        self.send(Verb::Register, register).await
    }

    async fn deregister(&self, worker: WorkerId) -> Answer<()> {
        let deregister = move |store: Arc<dyn Backend>| async move { store.deregister(worker).await };
        self.note(Verb::Deregister, deregister, move |history, ()| history.deregistered(worker)).await
    }
}

impl<W: Wire> Backend for Line<W> {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn is_volatile(&self) -> bool {
        self.inner.is_volatile()
    }
}
