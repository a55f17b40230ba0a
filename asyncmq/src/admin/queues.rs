//! How queues stand, and what is ordered of a whole queue.

use std::time::Duration;

use crate::admin::Admin;
use crate::backend::{Drain, Force, QueueInfo, WorkerInfo};
use crate::error::{Error, Result};
use crate::job::{JobState, Name};

/// How a queue stands and who serves it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueueOverview {
    /// How it stands.
    pub info: QueueInfo,
    /// How many live workers serve it.
    pub workers: usize,
    /// How many jobs those can run at once, in all their queues.
    pub concurrency: u64,
}

/// What clears a queue, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cleared {
    /// What has not started.
    Drain(Drain),
    /// What has been in a state for longer than a time: ended, or, if it has not, due so long ago.
    Clean(JobState, Duration),
    /// The queue itself with all its jobs.
    Obliterate(Force),
}

impl Admin {
    /// Lists the queues that were ever used, by name.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn queues(&self) -> Result<Vec<QueueOverview>> {
        let workers = self.client.workers().await?;
        let mut queues = Vec::new();
        for name in self.client.queues().await? {
            queues.push(self.overview(&name, &workers).await?);
        }
        Ok(queues)
    }

    /// Returns how a queue stands.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for one that nobody ever used.
    pub async fn queue(&self, name: &str) -> Result<QueueOverview> {
        let name = self.known(name).await?;
        let workers = self.client.workers().await?;
        self.overview(&name, &workers).await
    }

    async fn overview(&self, name: &Name, workers: &[WorkerInfo]) -> Result<QueueOverview> {
        let info = self.client.handle.ask("look at a queue", self.client.backend().queue(name)).await?;
        let serving: Vec<_> =
            workers.iter().filter(|worker| worker.alive && worker.queues.contains(name)).collect();
        let concurrency = serving.iter().map(|worker| u64::from(worker.concurrency)).sum();
        Ok(QueueOverview { info, workers: serving.len(), concurrency })
    }

    /// Checks that there is such a queue: a misspelt name must not look like an empty queue.
    async fn known(&self, name: &str) -> Result<Name> {
        let checked = Name::queue(name)?;
        let queues = self.client.queues().await?;
        if queues.contains(&checked) {
            return Ok(checked);
        }
        let near = crate::job::nearest(name, queues.iter().map(Name::as_str));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        Err(Error::Invalid(format!("there is no queue {name:?}: nothing was ever put into it{hint}")))
    }

    /// Stops a queue from giving out, or lets it give out again. Returns whether that changed.
    ///
    /// A queue may be paused before anything is in it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`], and [`Error::Store`] when the store cannot be asked.
    pub async fn set_paused(&self, name: &str, paused: bool) -> Result<bool> {
        let queue = self.client.queue(name);
        let outcome = if paused { queue.pause().await } else { queue.resume().await };
        let action = if paused { "queue.pause" } else { "queue.resume" };
        self.record(action, name, outcome, |changed| u64::from(*changed)).await
    }

    /// Returns how many jobs would go, if that is known without looking at each.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a queue that nobody ever used.
    pub async fn preview_clear(&self, name: &str, what: Cleared) -> Result<Option<u64>> {
        let counts = self.queue(name).await?.info.counts;
        Ok(match what {
            Cleared::Drain(Drain::Waiting) => Some(counts.waiting),
            Cleared::Drain(Drain::WaitingAndDelayed) => Some(counts.waiting + counts.delayed),
            Cleared::Clean(state, Duration::ZERO) => Some(counts.of(state)),
            Cleared::Clean(..) => None,
            Cleared::Obliterate(Force::RefuseActive) => Some(counts.total() - counts.active),
            Cleared::Obliterate(Force::RemoveActive) => Some(counts.total()),
        })
    }

    /// Removes jobs of a queue. Returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a queue that nobody ever used, for cleaning running jobs away, and for
    /// obliterating a queue with running jobs without force.
    pub async fn clear(&self, name: &str, what: Cleared) -> Result<u64> {
        self.known(name).await?;
        let queue = self.client.queue(name);
        let (action, outcome) = match what {
            Cleared::Drain(which) => ("queue.drain", queue.drain(which).await),
            Cleared::Clean(state, age) => ("queue.clean", self.clean(name, state, age).await),
            Cleared::Obliterate(force) => ("queue.obliterate", queue.obliterate(force).await),
        };
        self.record(action, name, outcome, |removed| *removed).await
    }

    async fn clean(&self, name: &str, state: JobState, age: Duration) -> Result<u64> {
        // By the store's clock: that of this machine may differ.
        let now = self.client.handle.ask("tell its time", self.client.backend().now()).await?;
        let before = now.as_micros().saturating_sub(u64::try_from(age.as_micros()).unwrap_or(u64::MAX));
        // What ended in this very moment is older than no time at all.
        let before = crate::clock::Timestamp::from_micros(before.saturating_add(u64::from(age.is_zero())));
        self.client.queue(name).clean(state, before.into()).await
    }
}
