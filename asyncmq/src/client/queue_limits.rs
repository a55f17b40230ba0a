//! What people hold a queue and its tasks to.

use crate::backend::{KeyWeight, LimitInfo};
use crate::client::Queue;
use crate::error::{Error, Result};
use crate::job::{Limit, LimitScope, LimitSource, MAX_KEY_WEIGHT, Name, checked_key};

impl Queue {
    /// Holds the queue to a limit from now on, over all its workers; `None` takes back what was ordered. It counts at once,
    /// and outlives workers and restarts.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what [`Limit::check`] refuses; [`Error::Store`] when the store cannot be asked, or has
    /// no limits.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(client: asyncmq::Client) -> asyncmq::Result<()> {
    /// use std::time::Duration;
    /// use asyncmq::{Limit, RateLimit};
    ///
    /// let queue = client.queue("email");
    /// queue.limit(Some(Limit::NONE.rate(RateLimit::per(100, Duration::from_secs(1))))).await?;
    /// queue.limit_task("send_welcome", Some(Limit::NONE.concurrency(3))).await?;
    /// queue.limit(None).await?;
    /// # Ok(()) }
    /// ```
    pub async fn limit(&self, limit: Option<Limit>) -> Result<bool> {
        self.set_limit(LimitScope::Queue, limit).await
    }

    /// Holds the jobs of a task in this queue to a limit, in place of what its code says; those with keys, each key for
    /// itself. `None` takes back what was ordered: what the code says counts again. Jobs that run already when a concurrency limit
    /// comes may not be counted.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`], and what [`Queue::limit`] says.
    pub async fn limit_task(&self, task: impl AsRef<str>, limit: Option<Limit>) -> Result<bool> {
        self.set_limit(LimitScope::Task(Name::task(task.as_ref())?), limit).await
    }

    /// Lists what the queue and its tasks are held to.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn limits(&self) -> Result<Vec<LimitInfo>> {
        let queue = self.checked()?;
        self.client.handle.ask("look at limits", self.client.backend().limits(&queue)).await
    }

    /// Gives a key `weight` turns where each other key has one: while jobs of several keys of a task wait, so many of its jobs start for one
    /// of each other. 1 takes it back. It counts at once, and outlives workers and restarts.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`](crate::Error::InvalidName), [`Error::Invalid`] for a key that no job can have, and for a weight that is not from 1 to
    /// [`MAX_KEY_WEIGHT`]; [`Error::Store`](crate::Error::Store) when the store cannot be asked, or the queue has
    /// [`MAX_KEY_WEIGHTS`](crate::backend::MAX_KEY_WEIGHTS) weights already.
    pub async fn set_key_weight(
        &self,
        task: impl AsRef<str>,
        key: impl AsRef<str>,
        weight: u32,
    ) -> Result<bool> {
        let (queue, task, key) = (self.checked()?, Name::task(task.as_ref())?, checked_key(key.as_ref())?);
        if !(1..=MAX_KEY_WEIGHT).contains(&weight) {
            return Err(Error::Invalid(format!(
                "a key has from 1 to {MAX_KEY_WEIGHT} turns, not {weight}: limit the task to 0 to hold its jobs back"
            )));
        }
        let order = self.client.backend().set_key_weight(&queue, &task, &key, weight);
        self.client.handle.ask("set the weight of a key", order).await
    }

    /// Lists the keys that have more than one turn, by task and key.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store cannot be asked.
    pub async fn key_weights(&self) -> Result<Vec<KeyWeight>> {
        let queue = self.checked()?;
        self.client.handle.ask("look at the weights of keys", self.client.backend().key_weights(&queue)).await
    }

    async fn set_limit(&self, scope: LimitScope, limit: Option<Limit>) -> Result<bool> {
        if let Some(limit) = &limit {
            limit.check(&scope)?;
        }
        let (queue, limits) = (self.checked()?, [(scope, limit)]);
        let order = self.client.backend().set_limits(&queue, LimitSource::Ordered, &limits);
        self.client.handle.ask("set a limit", order).await
    }
}
