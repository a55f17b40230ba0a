//! Sends jobs: one future for one job, one for many.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use crate::backend::Pushed;
use crate::client::default;
use crate::client::new_job::NewJob;
use crate::client::order::{in_order, parents_first};
use crate::client::parents::{check_outside, find_parents};
use crate::client::{Client, JobHandle};
use crate::error::{Error, Result};
use crate::job::{Envelope, Name};
use crate::task::Context;

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// An enqueue under way: gives the job's handle once the store has taken the job in.
///
/// # Cancel safety
///
/// Dropped before it is ready, the job may have been taken in or not.
#[must_use = "nothing is enqueued before this is awaited or spawned: add `.await?`"]
pub struct Enqueue<T>(Boxed<JobHandle<T>>);

/// An enqueue of many jobs under way.
///
/// # Cancel safety
///
/// Dropped before it is ready, any number of the jobs may have been taken in.
#[must_use = "nothing is enqueued before this is awaited or spawned: add `.await?`"]
pub struct EnqueueAll<T>(Boxed<Vec<JobHandle<T>>>);

impl<T: 'static> NewJob<T> {
    /// Sends the job through the default client: that of the running job's worker or of the test's scope, else the one
    /// given to [`init`](crate::init), else one made from the environment.
    ///
    /// # Errors
    ///
    /// What [`Client::enqueue`] says, and that the default client cannot be made.
    pub fn enqueue(self) -> Enqueue<T> {
        match default::current() {
            Some(client) => client.enqueue(self),
            None => Enqueue(Box::pin(async move { default::from_environment().await?.enqueue(self).await })),
        }
    }

    /// Sends the job through this client.
    ///
    /// # Errors
    ///
    /// What [`Client::enqueue`] says.
    pub fn enqueue_on(self, client: &Client) -> Enqueue<T> {
        client.enqueue(self)
    }
}

impl Client {
    /// Sends a job. Repeated until the store answers, which is harmless as the job has its id already.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`], [`Error::Payload`], [`Error::Unsupported`]: nothing was sent. [`Error::ParentGone`]: a job that it waits for is not known. [`Error::OtherTask`]: a job of
    /// that id is kept and belongs to another task. [`Error::KeyHeld`]: a job of another task holds its deduplication key. [`Error::Unconfirmed`]: the store did not answer within 10 s;
    /// enqueue the same id again. [`Error::Store`]: the store refused.
    pub fn enqueue<T: 'static>(&self, job: NewJob<T>) -> Enqueue<T> {
        let client = self.clone();
        Enqueue(Box::pin(async move { client.enqueue_to(job, None).await }))
    }

    pub(crate) async fn enqueue_to<T>(&self, job: NewJob<T>, queue: Option<Name>) -> Result<JobHandle<T>> {
        let mut envelope = self.seal(job, queue.as_ref()).await?;
        if envelope.extras.is_some() {
            find_parents(self, std::slice::from_mut(&mut envelope)).await?;
        }
        let pushed = self.handle.push(std::slice::from_ref(&envelope)).await?;
        match pushed.first() {
            Some(pushed) => self.handle_to(&envelope, pushed),
            None => Ok(JobHandle::of(self, &envelope)),
        }
    }

    /// Sends many jobs, up to a thousand in a round trip (in Redis 125 of those that are delayed or have a time to live, tags or
    /// headers). All are checked before any is sent; each round trip takes all of its jobs in or none. Jobs may wait for each other, in
    /// any order.
    ///
    /// # Errors
    ///
    /// [`Error::Bulk`] names the place of a job that is refused; nothing was sent. [`Error::ParentGone`]: one waits for a job that
    /// is not known; nothing was sent. [`Error::Unconfirmed`]
    /// names the ids that the store did not confirm. [`Error::Store`]: the store refused, be it that it is full; what earlier
    /// round trips carried may have been taken in. Give jobs ids of their own to be able to send them all again.
    pub fn enqueue_all<T: 'static>(&self, jobs: impl IntoIterator<Item = NewJob<T>>) -> EnqueueAll<T> {
        let jobs: Vec<_> = jobs.into_iter().collect();
        let client = self.clone();
        EnqueueAll(Box::pin(async move { client.enqueue_all_to(jobs, None).await }))
    }

    pub(crate) async fn enqueue_all_to<T>(
        &self,
        jobs: Vec<NewJob<T>>,
        queue: Option<Name>,
    ) -> Result<Vec<JobHandle<T>>> {
        let at = |index| move |error| Error::Bulk { index, source: Box::new(error) };
        let mut envelopes = self.seal_all(jobs, queue.as_ref()).await?;
        find_parents(self, &mut envelopes).await?;
        check_outside(self, &envelopes).await?;
        let pushed = match parents_first(&envelopes)? {
            None => self.handle.push(&envelopes).await?,
            Some(order) => self.push_in(&order, &envelopes).await?,
        };
        let pushed = envelopes.iter().zip(&pushed).enumerate();
        pushed.map(|(index, (sent, pushed))| self.handle_to(sent, pushed).map_err(at(index))).collect()
    }

    /// Pushes jobs in this order of theirs; the answers are in the order of the jobs.
    async fn push_in(&self, order: &[usize], jobs: &[Arc<Envelope>]) -> Result<Vec<Pushed>> {
        let answers = self.handle.push(&in_order(order, jobs)).await?;
        let mut pushed: Vec<_> = order.iter().copied().zip(answers).collect();
        pushed.sort_unstable_by_key(|(place, _)| *place);
        Ok(pushed.into_iter().map(|(_, pushed)| pushed).collect())
    }

    /// Returns the handle of the job that was taken in, or of the one that stands for it; refuses that of another task's.
    pub(crate) fn handle_to<T>(&self, sent: &Arc<Envelope>, pushed: &Pushed) -> Result<JobHandle<T>> {
        let (found, wanted) = match pushed {
            Pushed::Exists { task } | Pushed::Deduplicated { task, .. } if *task != sent.task => {
                (task.to_string(), sent.task.to_string())
            }
            Pushed::ParentGone { parent } => {
                let parent = sent.extras().parents.get(*parent);
                let (parent, queue) = parent.map_or_else(Default::default, |parent| {
                    (parent.id.to_string(), Some(parent.queue.to_string()))
                });
                return Err(Error::ParentGone { id: sent.id.clone(), parent, queue });
            }
            Pushed::Deduplicated { id, .. } => return Ok(JobHandle::to(self, &sent.queue, id)),
            Pushed::Added | Pushed::Exists { .. } | Pushed::Debounced { .. } => {
                return Ok(JobHandle::of(self, sent));
            }
        };
        Err(match pushed {
            Pushed::Deduplicated { id, .. } => {
                let key = sent.dedup().map_or_else(String::new, |dedup| dedup.key.to_string());
                Error::KeyHeld { key, id: id.clone(), found, wanted }
            }
            _ => Error::OtherTask { id: sent.id.clone(), found, wanted },
        })
    }
}

impl Context {
    /// Sends a job through the worker's own client.
    ///
    /// # Errors
    ///
    /// What [`Client::enqueue`] says.
    pub fn enqueue<T: 'static>(&self, job: NewJob<T>) -> Enqueue<T> {
        self.client().enqueue(job)
    }

    /// Returns the worker's own client.
    #[must_use]
    pub fn client(&self) -> Client {
        Client { handle: self.0.site.backend.clone() }
    }
}

impl<T> Future for Enqueue<T> {
    type Output = Result<JobHandle<T>>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(poller)
    }
}

impl<T> Future for EnqueueAll<T> {
    type Output = Result<Vec<JobHandle<T>>>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(poller)
    }
}

impl<T> fmt::Debug for Enqueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enqueue")
    }
}

impl<T> fmt::Debug for EnqueueAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnqueueAll")
    }
}
