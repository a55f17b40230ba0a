//! The one caller of a store's hot path: it numbers calls, repeats what was not answered, and words the errors.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::backend::batch::batches;
use crate::backend::gather::Gather;
use crate::backend::{
    Backend, CallId, Claim, Claimed, Fenced, MAX_BATCH, Pushed, RECALLED_CALLS, Settlement, StoreError,
    TaskInfo,
};
use crate::chance::random_bits;
use crate::error::{Error, Result};
use crate::job::{Envelope, JobId, Name, WorkerId};
use crate::seeded::{Bug, is_seeded};

/// How long an enqueue is repeated before its sender is told that it is unconfirmed.
const CONFIRM_WITHIN: Duration = Duration::from_secs(10);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How many batches of one bulk push are under way at once: a store takes in the next while it makes one durable.
const BATCHES_UNDER_WAY: usize = 4;
/// How many those of all bulk pushes of a client are together.
const BULK_CALLS: usize = RECALLED_CALLS / 4;

/// The largest arguments and results that are stored unless set otherwise: 1 MiB.
pub const DEFAULT_MAX_PAYLOAD: usize = 1_048_576;

/// A store and the sender that talks to it.
#[derive(Clone)]
pub(crate) struct BackendHandle(Arc<Inner>);

struct Inner {
    backend: Arc<dyn Backend>,
    sender: WorkerId,
    sequence: AtomicU64,
    max_payload: usize,
    pushes: Arc<Gather>,
    /// Bounds the calls of bulk pushes that are under way, so that the store can repeat the answer to each.
    bulk: Semaphore,
    /// Who sends them, one call at a time each: however long one is repeated, no other call of its sender makes the store
    /// forget the answer.
    bulk_senders: Mutex<Vec<WorkerId>>,
    after_push: Option<AfterPush>,
    /// What workers published of tasks that are not linked here, and when that was read.
    published: Mutex<HashMap<Name, (Instant, TaskInfo)>>,
}

/// How long what a worker published of a task is taken as it was.
const PUBLISHED_FOR: Duration = Duration::from_secs(5);
/// How many tasks are remembered so.
const MOST_PUBLISHED: usize = 1_000;

/// What is done after each push: tests run jobs at once.
pub(crate) type AfterPush = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// A sender that nobody else sends as meanwhile.
struct Lent<'a> {
    senders: &'a Mutex<Vec<WorkerId>>,
    sender: WorkerId,
}

impl<'a> Lent<'a> {
    fn of(senders: &'a Mutex<Vec<WorkerId>>) -> Self {
        let free = senders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { senders, sender: free.unwrap_or_else(WorkerId::generate) }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner).push(self.sender);
    }
}

impl BackendHandle {
    pub(crate) fn new(backend: Arc<dyn Backend>, max_payload: usize) -> Self {
        Self::of(backend, WorkerId::generate(), max_payload, None)
    }

    fn of(
        backend: Arc<dyn Backend>,
        sender: WorkerId,
        max_payload: usize,
        after_push: Option<AfterPush>,
    ) -> Self {
        let (sequence, pushes) = (AtomicU64::new(0), Arc::default());
        let (published, bulk, bulk_senders) =
            (Mutex::default(), Semaphore::new(BULK_CALLS), Mutex::default());
        Self(Arc::new(Inner {
            backend,
            sender,
            sequence,
            max_payload,
            pushes,
            bulk,
            bulk_senders,
            after_push,
            published,
        }))
    }

    /// Returns a handle for another sender on the same store: what a worker uses.
    pub(crate) fn for_sender(&self, sender: WorkerId) -> Self {
        Self::of(self.0.backend.clone(), sender, self.0.max_payload, self.0.after_push.clone())
    }

    /// Returns a handle that does this after each push.
    pub(crate) fn with_after_push(&self, after_push: AfterPush) -> Self {
        Self::of(self.0.backend.clone(), WorkerId::generate(), self.0.max_payload, Some(after_push))
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        &self.0.backend
    }

    pub(crate) fn max_payload(&self) -> usize {
        self.0.max_payload
    }

    /// Returns what a worker published of a task a moment ago.
    pub(crate) fn published(&self, task: &str) -> Option<TaskInfo> {
        let published = self.0.published.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, info) = published.get(task)?;
        (read_at.elapsed() < PUBLISHED_FOR).then(|| info.clone())
    }

    /// Remembers for a moment what a worker published of a task.
    pub(crate) fn remember_published(&self, info: &TaskInfo) {
        let mut published = self.0.published.lock().unwrap_or_else(PoisonError::into_inner);
        if MOST_PUBLISHED <= published.len() {
            published.clear();
        }
        published.insert(info.name.clone(), (Instant::now(), info.clone()));
    }

    pub(crate) fn sender(&self) -> WorkerId {
        self.0.sender
    }

    /// Returns the id for a call that is about to be made, and made again until it is answered.
    pub(crate) fn next_call(&self) -> CallId {
        CallId { sender: self.0.sender, sequence: self.0.sequence.fetch_add(1, Ordering::Relaxed) }
    }

    /// Pushes jobs in as few batches as the store bears, each repeated under its id until it is answered.
    ///
    /// Several batches leave in their order without waiting for each other's answers. One that has to be repeated may
    /// arrive behind a later one.
    ///
    /// # Errors
    ///
    /// [`Error::Unconfirmed`] with the ids whose batch was not answered in time and those behind it.
    pub(crate) async fn push(&self, jobs: &[Arc<Envelope>]) -> Result<Vec<Pushed>> {
        let replies = match jobs {
            // A lone job is worth no list of batches.
            [job] => {
                let answer = self.push_batch(jobs, self.0.backend.weight(job), true).await;
                answer.map_err(|error| self.worded_push(error, jobs))?
            }
            _ => self.push_batches(jobs).await?,
        };
        self.note_push().await?;
        Ok(replies)
    }

    async fn push_batches(&self, jobs: &[Arc<Envelope>]) -> Result<Vec<Pushed>> {
        let mut replies = Vec::with_capacity(jobs.len());
        // Nothing of them happens before they are polled.
        let mut calls = Vec::with_capacity(jobs.len().div_ceil(MAX_BATCH));
        for (batch, weight) in batches(jobs, |job| self.0.backend.weight(job)) {
            calls.push(self.push_batch(batch, weight, batch.len() == jobs.len()));
        }
        // Parents must be there before their children come.
        let waits = jobs.iter().any(|job| !job.extras().parents.is_empty());
        let mut answers = stream::iter(calls).buffered(if waits { 1 } else { BATCHES_UNDER_WAY });
        while let Some(answer) = answers.next().await {
            let reply = answer.map_err(|error| self.worded_push(error, &jobs[replies.len()..]))?;
            replies.extend(reply);
        }
        Ok(replies)
    }

    /// Words the error of a push, given the jobs of which it is not known whether they were taken in.
    fn worded_push(&self, error: StoreError, unanswered: &[Arc<Envelope>]) -> Error {
        if !error.is_retryable() {
            return self.worded("enqueue", error);
        }
        let ids = unanswered.iter().map(|job| job.id.clone()).collect();
        Error::Unconfirmed { ids, source: error.into_source() }
    }

    /// Pushes jobs in one call, all or none, whatever they weigh.
    pub(crate) async fn push_whole(&self, jobs: &[Arc<Envelope>]) -> Result<Vec<Pushed>> {
        let _permit = self.0.bulk.acquire().await;
        let lent = Lent::of(&self.0.bulk_senders);
        let answer = self.push_confirmed(lent.sender, jobs).await;
        drop(lent);
        let replies = answer.map_err(|error| self.worded_push(error, jobs))?;
        self.note_push().await?;
        Ok(replies)
    }

    /// Does what is to be done after a push.
    pub(crate) async fn note_push(&self) -> Result<()> {
        match &self.0.after_push {
            Some(after_push) => after_push().await,
            None => Ok(()),
        }
    }

    /// Pushes one batch of that weight: one that `is_all` together with whatever else is pushed in the meantime.
    async fn push_batch(
        &self,
        batch: &[Arc<Envelope>],
        weight: usize,
        is_all: bool,
    ) -> Result<Vec<Pushed>, StoreError> {
        if !is_all {
            let _permit = self.0.bulk.acquire().await.map_err(StoreError::unanswered)?;
            let lent = Lent::of(&self.0.bulk_senders);
            return self.push_confirmed(lent.sender, batch).await;
        }
        let this = self.clone();
        let send = move |jobs: Vec<Arc<Envelope>>| {
            let this = this.clone();
            async move { this.push_confirmed(this.0.sender, &jobs).await }
        };
        self.0.pushes.push((batch, weight), self.push_confirmed(self.0.sender, batch), send).await
    }

    /// Makes one call, repeated under its id until it is answered.
    async fn push_confirmed(
        &self,
        sender: WorkerId,
        batch: &[Arc<Envelope>],
    ) -> Result<Vec<Pushed>, StoreError> {
        let (mut call, start) = (CallId { sender, ..self.next_call() }, Instant::now());
        let (mut pause, mut batch) = (Pause::new(), Cow::Borrowed(batch));
        loop {
            match self.0.backend.push(call, &batch).await {
                Err(error) if error.is_retryable() && start.elapsed() < CONFIRM_WITHIN => pause.wait().await,
                answer => return answer,
            }
            if is_seeded(Bug::PushedAnew) {
                call = CallId { sender, ..self.next_call() };
                let anew = |job: &Arc<Envelope>| Envelope { id: JobId::generate(), ..Envelope::clone(job) };
                batch = batch.iter().map(|job| Arc::new(anew(job))).collect();
            }
        }
    }

    /// Claims once; the caller repeats the same claim until it is answered.
    pub(crate) async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, StoreError> {
        self.0.backend.claim(claim).await
    }

    /// Settles and claims once; the caller repeats what was not answered, under the same ids.
    pub(crate) async fn settle_and_claim(
        &self,
        call: CallId,
        jobs: &[Settlement],
        claim: Claim<'_>,
    ) -> (Result<Vec<Fenced>, StoreError>, Result<Claimed, StoreError>) {
        self.0.backend.settle_and_claim(call, jobs, claim).await
    }

    /// Settles, for as long as it takes to get a definite answer.
    ///
    /// # Errors
    ///
    /// That of a store which refuses the batch; no repetition would help.
    pub(crate) async fn settle(&self, call: CallId, jobs: &[Settlement]) -> Result<Vec<Fenced>, StoreError> {
        let mut pause = Pause::new();
        loop {
            match self.0.backend.settle(call, jobs).await {
                Err(error) if error.is_retryable() => {
                    tracing::warn!(jobs = jobs.len(), %error, "the store did not answer a settle; it is repeated");
                    pause.wait().await;
                }
                answer => return answer,
            }
        }
    }

    /// Makes one of the other calls and words its error.
    pub(crate) async fn ask<T>(
        &self,
        action: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T> {
        call.await.map_err(|error| self.worded(action, error))
    }

    /// Makes one of the other calls until it is answered, for as long as a push is repeated: one that may be carried out twice.
    pub(crate) async fn ask_surely<'a, T>(
        &self,
        action: &'static str,
        call: impl Fn() -> Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>,
    ) -> Result<T> {
        let (start, mut pause) = (Instant::now(), Pause::new());
        loop {
            match call().await {
                Err(error) if error.is_retryable() && start.elapsed() < CONFIRM_WITHIN => pause.wait().await,
                answer => return answer.map_err(|error| self.worded(action, error)),
            }
        }
    }

    pub(crate) fn worded(&self, action: &'static str, error: StoreError) -> Error {
        Error::Store { store: self.0.backend.kind(), action, source: error.into_source() }
    }
}

impl fmt::Debug for BackendHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} store", self.0.backend.kind())
    }
}

/// Pauses between tries that double up to a bound, each drawn between half and all of itself.
pub(crate) struct Pause {
    next: Duration,
}

impl Pause {
    pub(crate) const fn new() -> Self {
        Self { next: Duration::from_millis(5) }
    }

    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(jittered(self.next)).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
    }
}

/// Draws a time between half and all of `time`, so that many senders do not knock at once.
pub(crate) fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.5 + random_bits() as u32 as f64 / (2.0 * f64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_lent_to_one_call_at_a_time_and_then_to_the_next() {
        let senders = Mutex::default();
        let (one, other) = (Lent::of(&senders), Lent::of(&senders));
        assert_ne!(one.sender, other.sender);
        let free = one.sender;
        drop(one);
        assert_eq!(Lent::of(&senders).sender, free);
    }
}
