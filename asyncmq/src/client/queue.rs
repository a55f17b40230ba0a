//! A queue as an operator and a producer by name hold it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::backend::{Counts, Page};
use crate::client::{Client, JobHandle, NewJob, Untyped};
use crate::error::{Error, Result};
use crate::job::{Job, JobId, JobState, Name, RateLimit};

/// A queue: adds jobs by task name, looks into it, steers it, and serves it.
///
/// # Examples
///
/// ```
/// # async fn example(client: asyncmq::Client) -> asyncmq::Result<()> {
/// use asyncmq::NewJob;
/// use serde_json::json;
///
/// let queue = client.queue("email");
/// queue.add(NewJob::new("send_welcome").args(json!({"to": "ann@example.com"})).retries(2)).await?;
/// queue.pause().await?;
/// assert!(queue.is_paused().await?);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Queue {
    pub(crate) client: Client,
    name: String,
    serving: Serving,
    /// When the totals were last looked at, and what they were.
    pub(super) last_look: Arc<Mutex<Option<(Instant, u64, u64)>>>,
}

/// How [`Queue::run`] serves the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Serving {
    pub(crate) concurrency: usize,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) scan_interval: Duration,
}

impl Default for Serving {
    fn default() -> Self {
        Self { concurrency: 3, rate_limit: None, scan_interval: Duration::from_secs(1) }
    }
}

impl Queue {
    pub(crate) fn of(client: Client, name: String) -> Self {
        Self { client, name, serving: Serving::default(), last_look: Arc::default() }
    }

    /// Begins to describe a queue that is to be served with [`Queue::run`].
    pub fn builder(name: impl Into<String>) -> QueueBuilder {
        QueueBuilder {
            name: name.into(),
            client: None,
            rate_limit: None,
            interval: None,
            serving: Serving::default(),
        }
    }

    /// Returns the queue's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the client.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) const fn serving(&self) -> Serving {
        self.serving
    }

    pub(crate) fn checked(&self) -> Result<Name> {
        Name::queue(&self.name)
    }

    /// Adds a job of a task by its name. What the task says of its jobs counts, if its code is linked here or a live
    /// worker has published it.
    ///
    /// # Errors
    ///
    /// What [`Client::enqueue`] says.
    pub async fn add<T>(&self, job: NewJob<T>) -> Result<JobHandle<T>> {
        self.client.enqueue_to(job, Some(self.checked()?)).await
    }

    /// Adds many jobs, up to a thousand in a round trip (in Redis 125 of those that are delayed or have a time to live, tags or
    /// headers). All are checked before any is sent; each round trip takes all of its jobs in or none.
    ///
    /// # Errors
    ///
    /// What [`Client::enqueue_all`] says.
    pub async fn add_bulk<T>(&self, jobs: impl IntoIterator<Item = NewJob<T>>) -> Result<Vec<JobHandle<T>>> {
        let queue = self.checked()?;
        self.client.enqueue_all_to(jobs.into_iter().collect(), Some(queue)).await
    }

    /// Returns a job of this queue.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn get_job(&self, id: impl AsRef<str>) -> Result<Option<Job>> {
        let (queue, id) = (self.checked()?, JobId::from_stored(id.as_ref()));
        self.client.handle.ask("look a job up", self.client.backend().find(&queue, &id)).await
    }

    /// Returns a job of this queue; the same as [`Queue::get_job`].
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn job(&self, id: impl AsRef<str>) -> Result<Option<Job>> {
        self.get_job(id).await
    }

    /// Returns a handle to a kept job of this queue.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is none of this id.
    pub async fn handle(&self, id: impl AsRef<str>) -> Result<JobHandle<Untyped>> {
        match self.get_job(id.as_ref()).await? {
            Some(job) => Ok(JobHandle::of(&self.client, job.envelope())),
            None => Err(Error::NotFound { id: JobId::from_stored(id.as_ref()), queue: self.name.clone() }),
        }
    }

    /// Lists jobs of a state by their place: waiting ones as they will run, delayed ones as they will be due, ended ones
    /// newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn list_jobs(&self, state: JobState, page: impl Into<Page>) -> Result<Vec<Job>> {
        let queue = self.checked()?;
        let list = self.client.backend().list(&queue, state, page.into());
        self.client.handle.ask("list jobs", list).await
    }

    /// Returns how many jobs are in each state; kept by the store, not counted.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn counts(&self) -> Result<Counts> {
        let queue = self.checked()?;
        Ok(self.client.handle.ask("count jobs", self.client.backend().queue(&queue)).await?.counts)
    }

    /// Returns the job that holds a deduplication key. It may have ended while a throttle's window runs.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn get_deduplication_job_id(&self, key: impl AsRef<str>) -> Result<Option<JobId>> {
        let queue = self.checked()?;
        let owner = self.client.backend().dedup_owner(&queue, key.as_ref());
        self.client.handle.ask("look a deduplication key up", owner).await
    }

    /// Lists jobs that are not yet due, the next one first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn list_delayed(&self, page: impl Into<Page>) -> Result<Vec<Job>> {
        self.list_jobs(JobState::Delayed, page).await
    }

    /// Lists delayed jobs whose time has come but which no worker has picked up yet. Only looks.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn due_delayed(&self) -> Result<Vec<Job>> {
        let now = self.client.handle.ask("tell its time", self.client.backend().now()).await?;
        let delayed = self.list_delayed(0..1_000).await?;
        Ok(delayed.into_iter().filter(|job| job.status().run_at <= now).collect())
    }
}

/// Describes a queue that is to be served.
#[derive(Debug)]
#[must_use = "a queue is not made before `.build()`"]
pub struct QueueBuilder {
    name: String,
    client: Option<Client>,
    rate_limit: Option<u32>,
    interval: Option<Duration>,
    serving: Serving,
}

impl QueueBuilder {
    /// Sets the client; without one it is made from the environment.
    pub fn client(mut self, client: &Client) -> Self {
        self.client = Some(client.clone());
        self
    }

    /// Sets how many jobs run at once: 3 unless set.
    pub const fn concurrency(mut self, jobs: usize) -> Self {
        self.serving.concurrency = jobs;
        self
    }

    /// Sets how many jobs may start in the rate interval: 0 blocks all, none is off.
    pub fn rate_limit(mut self, starts: impl Into<Option<u32>>) -> Self {
        self.rate_limit = starts.into();
        self
    }

    /// Sets the rate interval: 1 s unless set.
    pub const fn rate_interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Sets the longest wait of a worker whose wake-up was lost: 1 s unless set.
    pub const fn scan_interval(mut self, interval: Duration) -> Self {
        self.serving.scan_interval = interval;
        self
    }

    /// Makes the queue.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`], and what [`Client::from_env`] says when no client was set.
    pub async fn build(self) -> Result<Queue> {
        Name::queue(&self.name)?;
        let client = match self.client {
            Some(client) => client,
            None => crate::client::default::current_or_made().await?,
        };
        let interval = self.interval.unwrap_or(Duration::from_secs(1));
        let rate_limit = self.rate_limit.map(|starts| RateLimit::per(starts, interval));
        let serving = Serving { rate_limit, ..self.serving };
        Ok(Queue { serving, ..Queue::of(client, self.name) })
    }
}
