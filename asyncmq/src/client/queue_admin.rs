//! What people order a queue to do.

use std::future::Future;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use crate::backend::{Counts, Drain, Force, MAX_BATCH, Ordered, StoreError};
use crate::client::Queue;
use crate::error::{Error, Result};
use crate::job::{JobId, JobState, Name};

/// How a queue stands and moves.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueueStats {
    /// Its jobs by state.
    pub counts: Counts,
    /// Whether it gives nothing out.
    pub paused: bool,
    /// How long its oldest waiting job has been due.
    pub oldest_waiting: Option<Duration>,
    /// How many live workers serve it.
    pub workers: usize,
    /// Jobs taken in per second since the last look through this `Queue`; `None` at the first.
    pub enqueued_per_second: Option<f64>,
    /// Jobs ended per second since the last look through this `Queue`; `None` at the first.
    pub ended_per_second: Option<f64>,
}

impl Queue {
    /// Stops the queue from giving out, for every worker, at once; running jobs go on. Returns whether it changed.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn pause(&self) -> Result<bool> {
        let queue = self.checked()?;
        self.client.handle.ask("pause a queue", self.client.backend().pause(&queue)).await
    }

    /// Lets the queue give out again; idle workers take from it at once. Returns whether it changed.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn resume(&self) -> Result<bool> {
        let queue = self.checked()?;
        self.client.handle.ask("resume a queue", self.client.backend().resume(&queue)).await
    }

    /// Tells whether the queue gives nothing out.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn is_paused(&self) -> Result<bool> {
        let queue = self.checked()?;
        Ok(self.client.handle.ask("look at a queue", self.client.backend().queue(&queue)).await?.paused)
    }

    /// Returns how the queue stands and moves.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn stats(&self) -> Result<QueueStats> {
        let queue = self.checked()?;
        let info = self.client.handle.ask("look at a queue", self.client.backend().queue(&queue)).await?;
        let workers = self.client.workers().await?;
        let workers = workers.iter().filter(|worker| worker.alive && worker.queues.contains(&queue)).count();
        let rates = self.rates(info.enqueued, info.ended);
        Ok(QueueStats {
            counts: info.counts,
            paused: info.paused,
            oldest_waiting: info.oldest_waiting,
            workers,
            enqueued_per_second: rates.map(|rates| rates.0),
            ended_per_second: rates.map(|rates| rates.1),
        })
    }

    fn rates(&self, enqueued: u64, ended: u64) -> Option<(f64, f64)> {
        let now = Instant::now();
        let last =
            self.last_look.lock().unwrap_or_else(PoisonError::into_inner).replace((now, enqueued, ended));
        let (then, enqueued_then, ended_then) = last?;
        let seconds = (now - then).as_secs_f64().max(1e-9);
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no exact count")]
        let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        Some((rate(enqueued, enqueued_then), rate(ended, ended_then)))
    }

    /// Cancels a job. Returns whether it was, or, if it is running, will be; false if it had ended before.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is none of this id.
    pub async fn cancel_job(&self, id: impl AsRef<str>) -> Result<bool> {
        let (queue, id) = self.subject(id)?;
        let order = self.client.backend().cancel(&queue, &id, None);
        match self.client.handle.ask("cancel a job", order).await? {
            Ordered::Done | Ordered::Requested => Ok(true),
            Ordered::Refused(_) => Ok(false),
            Ordered::Missing => Err(Error::NotFound { id, queue: queue.to_string() }),
        }
    }

    /// Tells whether a job was cancelled.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is none of this id.
    pub async fn is_job_cancelled(&self, id: impl AsRef<str>) -> Result<bool> {
        let (queue, id) = self.subject(id)?;
        match self.get_job(&id).await? {
            Some(job) => Ok(job.state() == JobState::Cancelled),
            None => Err(Error::NotFound { id, queue: queue.to_string() }),
        }
    }

    /// Puts a failed, expired or cancelled job back with fresh attempts and a fresh time to live. It holds its deduplication key
    /// again if nobody else does, else it runs without one.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or [`Error::IllegalMove`] for a job in another state.
    pub async fn retry_job(&self, id: impl AsRef<str>) -> Result<()> {
        let (queue, id) = self.subject(id)?;
        let order = self.client.backend().retry(&queue, &id);
        self.carried_out("retry a job", order, (queue.clone(), id.clone()), JobState::Waiting).await
    }

    /// Puts every failed, expired or cancelled job of this state back. Returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for another state.
    pub async fn retry_all(&self, state: JobState) -> Result<u64> {
        if !(state.is_dead() || state == JobState::Cancelled) {
            return Err(Error::Invalid(format!(
                "{state} jobs cannot be retried; failed, expired and cancelled ones can"
            )));
        }
        let (queue, mut retried) = (self.checked()?, 0);
        loop {
            let jobs = self.list_jobs(state, 0..MAX_BATCH as u64).await?;
            let before = retried;
            for job in &jobs {
                let order = self.client.backend().retry(&queue, job.id());
                let answer = self.client.handle.ask("retry a job", order).await?;
                retried += u64::from(answer == Ordered::Done);
            }
            if retried == before {
                return Ok(retried);
            }
        }
    }

    /// Removes a job that no worker holds, with all that is kept of it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or [`Error::IllegalMove`] for a running job: cancel it first.
    pub async fn remove_job(&self, id: impl AsRef<str>) -> Result<()> {
        let (queue, id) = self.subject(id)?;
        let order = self.client.backend().remove(&queue, &id);
        self.carried_out("remove a job", order, (queue.clone(), id.clone()), JobState::Cancelled).await
    }

    /// Makes a delayed job due now.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or [`Error::IllegalMove`] for a job that is not delayed.
    pub async fn promote_job(&self, id: impl AsRef<str>) -> Result<()> {
        let (queue, id) = self.subject(id)?;
        let order = self.client.backend().promote(&queue, &id);
        self.carried_out("promote a job", order, (queue.clone(), id.clone()), JobState::Waiting).await
    }

    /// Frees a deduplication key: the next job of it is taken in, the one that held it goes on, and one that was blocked behind
    /// it waits from now on. Returns whether the key was held.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn remove_deduplication_key(&self, key: impl AsRef<str>) -> Result<bool> {
        let queue = self.checked()?;
        let order = self.client.backend().free_dedup_key(&queue, key.as_ref());
        self.client.handle.ask("free a deduplication key", order).await
    }

    /// Removes a job that is not yet due.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or [`Error::IllegalMove`] for a job that is not delayed.
    pub async fn remove_delayed(&self, id: impl AsRef<str>) -> Result<()> {
        let (queue, id) = self.subject(id)?;
        match self.get_job(&id).await? {
            Some(job) if job.state() == JobState::Delayed => self.remove_job(&id).await,
            Some(job) => Err(Error::IllegalMove { id, from: job.state(), to: JobState::Cancelled }),
            None => Err(Error::NotFound { id, queue: queue.to_string() }),
        }
    }

    /// Removes the jobs that have not started. Returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn drain(&self, which: Drain) -> Result<u64> {
        let queue = self.checked()?;
        self.in_batches("drain a queue", || self.client.backend().drain(&queue, which, MAX_BATCH)).await
    }

    /// Removes jobs of a state that ended before a time; of those that have not ended, the ones due before it.
    /// Returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for running jobs: they cannot be cleaned away.
    pub async fn clean(&self, state: JobState, older_than: SystemTime) -> Result<u64> {
        if state == JobState::Active {
            return Err(Error::Invalid(
                "active jobs cannot be cleaned away: cancel them, or obliterate the queue".into(),
            ));
        }
        let (queue, before) = (self.checked()?, older_than.into());
        self.in_batches("clean a queue", || self.client.backend().clean(&queue, state, before, MAX_BATCH))
            .await
    }

    /// Removes the queue with all its jobs. Returns how many jobs there were.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] while jobs are running, unless forced.
    pub async fn obliterate(&self, force: Force) -> Result<u64> {
        let (queue, mut removed) = (self.checked()?, 0);
        loop {
            let order = self.client.backend().obliterate(&queue, force, MAX_BATCH);
            match self.client.handle.ask("obliterate a queue", order).await? {
                Err(active) => {
                    return Err(Error::Invalid(format!(
                        "queue {queue:?} has {active} active job(s): pause it and wait, or obliterate with \
                         Force::RemoveActive"
                    )));
                }
                Ok(count) => removed += count as u64,
            }
            if self.counts().await?.total() == 0 {
                return Ok(removed);
            }
        }
    }

    fn subject(&self, id: impl AsRef<str>) -> Result<(Name, JobId)> {
        Ok((self.checked()?, JobId::from_stored(id.as_ref())))
    }

    async fn carried_out(
        &self,
        action: &'static str,
        order: impl Future<Output = Result<Ordered, StoreError>>,
        (queue, id): (Name, JobId),
        to: JobState,
    ) -> Result<()> {
        match self.client.handle.ask(action, order).await? {
            Ordered::Done | Ordered::Requested => Ok(()),
            Ordered::Refused(from) => Err(Error::IllegalMove { id, from, to }),
            Ordered::Missing => Err(Error::NotFound { id, queue: queue.to_string() }),
        }
    }

    /// Repeats an order that does a bounded part until nothing is left to do.
    async fn in_batches<F>(&self, action: &'static str, order: impl Fn() -> F) -> Result<u64>
    where
        F: Future<Output = Result<usize, StoreError>>,
    {
        let mut done = 0;
        loop {
            let count = self.client.handle.ask(action, order()).await?;
            done += count as u64;
            if count < MAX_BATCH {
                return Ok(done);
            }
        }
    }
}
