//! What people hold a queue and its tasks to.

use std::time::Duration;

use crate::backend::LimitInfo;
use crate::client::Queue;
use crate::error::{Error, Result};
use crate::job::{Limit, LimitScope, LimitSource, Name};

impl Queue {
    /// Holds the queue to a limit from now on, over all its workers; `None` takes back what was ordered. It counts at once,
    /// and outlives workers and restarts. Jobs that run already when a concurrency limit comes are not counted.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a rate whose interval is shorter than a microsecond; [`Error::Store`] when the store cannot be asked, or has
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
    /// itself. `None` takes back what was ordered: what the code says counts again.
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

    async fn set_limit(&self, scope: LimitScope, limit: Option<Limit>) -> Result<bool> {
        if let Some(rate) = limit.and_then(|limit| limit.rate_limit())
            && rate.interval() < Duration::from_micros(1)
        {
            return Err(Error::Invalid(format!(
                "a rate of {} in {:?} says nothing: give it an interval of a microsecond or more",
                rate.permits(),
                rate.interval()
            )));
        }
        let (queue, limits) = (self.checked()?, [(scope, limit)]);
        let order = self.client.backend().set_limits(&queue, LimitSource::Ordered, &limits);
        self.client.handle.ask("set a limit", order).await
    }
}
