//! Follows one job.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use crate::backend::{EventStream, Heard, Ordered, Pause, StoreError};
use crate::client::{Client, Untyped};
use crate::error::{Error, Result};
use crate::event::{Event, EventData, EventFilter, EventKind};
use crate::job::{Envelope, Job, JobId, JobState, Name, Progress};
use crate::task::Task;

/// How often a waiting producer looks for itself, should an event be lost.
const RECHECK: Duration = Duration::from_secs(5);

/// A handle to one job. Cheap to clone; dropping it does nothing to the job.
pub struct JobHandle<T = Untyped> {
    client: Client,
    queue: Name,
    id: JobId,
    marker: PhantomData<fn() -> T>,
}

impl<T> JobHandle<T> {
    pub(crate) fn of(client: &Client, envelope: &Arc<Envelope>) -> Self {
        Self::to(client, &envelope.queue, &envelope.id)
    }

    pub(crate) fn to(client: &Client, queue: &Name, id: &JobId) -> Self {
        let (queue, id) = (queue.clone(), id.clone());
        Self { client: client.clone(), queue, id, marker: PhantomData }
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the job's id.
    #[must_use]
    pub const fn id(&self) -> &JobId {
        &self.id
    }

    pub(super) const fn queue_name(&self) -> &Name {
        &self.queue
    }

    /// Returns the queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Returns the job as it stands.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when its record is not kept any longer.
    pub async fn job(&self) -> Result<Job> {
        self.find().await?.ok_or_else(|| self.not_found())
    }

    /// Returns where the job stands.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when its record is not kept any longer.
    pub async fn state(&self) -> Result<JobState> {
        Ok(self.job().await?.state())
    }

    /// Returns what the job's handler last said of its progress.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when its record is not kept any longer.
    pub async fn progress(&self) -> Result<Option<Progress>> {
        Ok(self.job().await?.progress().cloned())
    }

    /// Cancels the job. Returns whether it was, or, if it is running, will be; false if it had ended before.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when its record is not kept any longer.
    pub async fn cancel(&self) -> Result<bool> {
        let control = self.client.backend();
        let order = control.cancel(&self.queue, &self.id, None);
        match self.client.handle.ask("cancel a job", order).await? {
            Ordered::Done | Ordered::Requested => Ok(true),
            Ordered::Refused(_) => Ok(false),
            Ordered::Missing => Err(self.not_found()),
        }
    }

    async fn find(&self) -> Result<Option<Job>> {
        let find = self.client.backend().find(&self.queue, &self.id);
        self.client.handle.ask("look a job up", find).await
    }

    fn not_found(&self) -> Error {
        Error::NotFound { id: self.id.clone(), queue: self.queue.to_string() }
    }

    /// Waits until the job has ended and returns its result as JSON.
    async fn outcome(self) -> Result<Bytes> {
        let filter = EventFilter::all().job(self.queue.clone(), self.id.clone());
        let mut pause = Pause::new();
        loop {
            let (mut events, job) = match self.listen_and_look(filter.clone()).await {
                Ok(seen) => seen,
                // A store that is away now is waited for, as the job is.
                Err(error) if error.is_retryable() => {
                    pause.wait().await;
                    continue;
                }
                Err(error) => return Err(self.client.handle.worded("look a job up", error)),
            };
            let Some(job) = job else {
                return Err(Error::ResultGone { id: self.id });
            };
            if job.state().is_terminal() {
                return outcome_of(&job);
            }
            while let Ok(Some(Heard::Event(event))) = tokio::time::timeout(RECHECK, events.next()).await {
                if event.kind().is_terminal() || event.kind() == EventKind::Debounced {
                    return self.outcome_told(*event);
                }
            }
        }
    }

    /// Listens first and looks then, so that no end falls in between.
    async fn listen_and_look(&self, filter: EventFilter) -> Result<(EventStream, Option<Job>), StoreError> {
        let events = self.client.backend().subscribe(filter).await?;
        let job = self.client.backend().find(&self.queue, &self.id).await?;
        Ok((events, job))
    }

    fn outcome_told(self, event: Event) -> Result<Bytes> {
        let id = self.id;
        match (event.kind, event.data) {
            (EventKind::Completed, EventData::Result(result)) => Ok(result),
            (EventKind::Failed, EventData::Failure(failure)) => {
                Err(Error::JobFailed { id, attempts: event.attempt, message: failure.message().into() })
            }
            (EventKind::Cancelled, EventData::Reason(reason)) => {
                Err(Error::JobCancelled { id, reason: Some(reason) })
            }
            (EventKind::Cancelled, _) => Err(Error::JobCancelled { id, reason: None }),
            (EventKind::Debounced, EventData::Dedup { job, .. }) => Err(Error::JobReplaced { id, by: job }),
            (EventKind::Expired, _) => Err(Error::JobExpired { id }),
            _ => Err(Error::ResultGone { id }),
        }
    }
}

fn outcome_of(job: &Job) -> Result<Bytes> {
    let (id, status) = (job.id().clone(), job.status());
    match job.state() {
        JobState::Completed => status.result.clone().ok_or(Error::ResultGone { id }),
        JobState::Cancelled => Err(Error::JobCancelled { id, reason: status.notes.reason.clone() }),
        JobState::Expired => Err(Error::JobExpired { id }),
        _ => {
            let message = job.errors().last().map(|failure| failure.message().to_owned());
            Err(Error::JobFailed { id, attempts: job.attempt(), message: message.unwrap_or_default() })
        }
    }
}

impl<T: Task> JobHandle<T> {
    /// Waits until the job has ended and returns what its handler returned. Woken by the store, not by polling; it
    /// looks for itself at least every 5 s, should an event be lost.
    ///
    /// # Errors
    ///
    /// [`Error::JobFailed`], [`Error::JobCancelled`], [`Error::JobExpired`] tell how else the job ended, [`Error::JobReplaced`]
    /// that one of its deduplication key took its place while this waited;
    /// [`Error::ResultGone`] that its record is not kept, also of one that was replaced earlier; [`Error::ResultType`] that the result is of another type.
    pub fn result(&self) -> ResultFuture<T::Output>
    where
        T::Output: DeserializeOwned,
    {
        self.result_as()
    }

    /// Waits like [`JobHandle::result`], but not longer than `within`.
    ///
    /// # Errors
    ///
    /// What [`JobHandle::result`] says, and [`Error::ResultTimeout`].
    pub fn result_within(&self, within: Duration) -> ResultFuture<T::Output>
    where
        T::Output: DeserializeOwned,
    {
        self.result().within(&self.id, within)
    }
}

impl JobHandle<Untyped> {
    /// Waits until the job has ended and returns what its handler returned, read as `R`: `serde_json::Value` takes
    /// anything. It waits as the handle of a linked task does.
    ///
    /// # Errors
    ///
    /// Those of a linked task's handle; [`Error::ResultType`] when the result cannot be read as `R`.
    pub fn result<R: DeserializeOwned + 'static>(&self) -> ResultFuture<R> {
        self.result_as()
    }

    /// Waits like [`JobHandle::result`], but not longer than `within`.
    ///
    /// # Errors
    ///
    /// What [`JobHandle::result`] says, and [`Error::ResultTimeout`].
    pub fn result_within<R: DeserializeOwned + 'static>(&self, within: Duration) -> ResultFuture<R> {
        self.result().within(&self.id, within)
    }
}

impl<T: 'static> JobHandle<T> {
    /// Waits until the job has ended and reads its result.
    fn result_as<R: DeserializeOwned>(&self) -> ResultFuture<R> {
        let (id, outcome) = (self.id.clone(), self.clone().outcome());
        let read = move |json: Bytes| {
            serde_json::from_slice(&json).map_err(|source| Error::ResultType { id, source })
        };
        ResultFuture(Box::pin(async move { read(outcome.await?) }))
    }
}

/// The result of a job, to be awaited.
#[must_use = "a result is not waited for before this is awaited: add `.await?`"]
pub struct ResultFuture<R>(Pin<Box<dyn Future<Output = Result<R>> + Send>>);

impl<R: Send + 'static> ResultFuture<R> {
    /// One that has failed before anything was waited for.
    pub(super) fn failed(error: Error) -> Self {
        Self(Box::pin(std::future::ready(Err(error))))
    }
}

impl<R: 'static> ResultFuture<R> {
    fn within(self, id: &JobId, within: Duration) -> Self {
        let id = id.clone();
        Self(Box::pin(async move {
            let result = tokio::time::timeout(within, self).await;
            result.unwrap_or(Err(Error::ResultTimeout { id, within }))
        }))
    }
}

impl<R> Future for ResultFuture<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Result<R>> {
        self.0.as_mut().poll(poller)
    }
}

impl<R> fmt::Debug for ResultFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResultFuture")
    }
}

impl<T> Clone for JobHandle<T> {
    fn clone(&self) -> Self {
        let (client, queue, id) = (self.client.clone(), self.queue.clone(), self.id.clone());
        Self { client, queue, id, marker: PhantomData }
    }
}

impl<T> From<&JobHandle<T>> for JobId {
    fn from(handle: &JobHandle<T>) -> Self {
        handle.id.clone()
    }
}

impl<T> From<JobHandle<T>> for JobId {
    fn from(handle: JobHandle<T>) -> Self {
        handle.id
    }
}

impl<T> fmt::Debug for JobHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle").field("id", &self.id).field("queue", &self.queue).finish_non_exhaustive()
    }
}
