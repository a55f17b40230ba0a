//! What queues and tasks are held to, and what is ordered about it.

use std::time::Duration;

use futures_util::future::try_join_all;

use crate::admin::Admin;
use crate::backend::{LimitInfo, LimitStanding, WorkerInfo};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::job::{Limit, LimitScope, Name};
use crate::lifecycle::Allowance;

/// A limit and how much of it is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitUse {
    /// What is set.
    pub info: LimitInfo,
    /// Whether it counts each key of its task for itself, as a live worker says.
    pub keyed: bool,
    /// How it stands, for jobs without a key; nothing if the limit went away meanwhile.
    pub standing: Option<LimitStanding>,
    /// The store's time, by which it stands so.
    pub now: Timestamp,
}

/// What a queue and its tasks are held to, and how much of it is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitsInUse {
    /// The queue's first, then those of tasks by name.
    pub limits: Vec<LimitUse>,
    /// How many keys are set aside, as they are at their limit and have jobs that wait; one with jobs of several priorities counts for
    /// each.
    pub parked_keys: u64,
}

impl LimitUse {
    /// Says how much is in use: `2/3 run, 5 may start now`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match &self.standing {
            _ if self.keyed => "each key for itself".into(),
            Some(standing) => standing_in_words(standing, self.now),
            None => "-".into(),
        }
    }

    /// Tells whether nothing may start now.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let held = |standing: &LimitStanding| !matches!(standing.allowance, Allowance::May(_));
        !self.keyed && self.standing.as_ref().is_some_and(held)
    }
}

/// Says how a limit stands: `2/3 run, 5 may start now`.
pub(crate) fn standing_in_words(standing: &LimitStanding, now: Timestamp) -> String {
    let limit = standing.limit;
    let running = limit.concurrency_limit().map(|most| format!("{}/{most} run", standing.running));
    let starts = limit.rate_limit().map(|_| match standing.allowance {
        Allowance::May(count) => format!("{count} may start now"),
        Allowance::Until(time) => {
            let millis = u64::try_from(time.since(now).as_millis()).unwrap_or(u64::MAX);
            format!("the next may start in {:?}", Duration::from_millis(millis.max(1)))
        }
        Allowance::Full => "none may start now".into(),
    });
    match (running, starts) {
        (Some(running), Some(starts)) => format!("{running}, {starts}"),
        (running, starts) => running.or(starts).unwrap_or_else(|| "-".into()),
    }
}

impl Admin {
    /// Lists what a queue and its tasks are held to, and how much of it is in use. Asks once for each limit.
    ///
    /// # Errors
    ///
    /// What [`Admin::limits`] says.
    pub async fn limits_in_use(&self, name: &str) -> Result<LimitsInUse> {
        let limits = self.limits(name).await?;
        let workers = if limits.is_empty() { Vec::new() } else { self.workers().await? };
        self.used(name, limits, &workers).await
    }

    /// Finds out how much of these limits of a queue is in use.
    pub(crate) async fn used(
        &self,
        name: &str,
        limits: Vec<LimitInfo>,
        workers: &[WorkerInfo],
    ) -> Result<LimitsInUse> {
        if limits.is_empty() {
            return Ok(LimitsInUse { limits: Vec::new(), parked_keys: 0 });
        }
        let queue = Name::queue(name)?;
        let (backend, handle) = (self.client.backend(), &self.client.handle);
        let looks = limits.iter().map(|info| {
            let task = match &info.scope {
                LimitScope::Task(task) => task.clone(),
                // That of the queue is told with whatever task.
                LimitScope::Queue => Name::from_static("any"),
            };
            let queue = &queue;
            async move { backend.held_by(queue, &task, None).await }
        });
        let standings = handle.ask("look at limits", try_join_all(looks)).await?;
        let parked_keys = handle.ask("look at limits", backend.parked_keys(&queue)).await?;
        let now = handle.ask("tell its time", backend.now()).await?;
        let used = limits.into_iter().zip(standings).map(|(info, standings)| LimitUse {
            keyed: is_keyed(workers, &queue, &info.scope),
            standing: standings.into_iter().find(|standing| standing.scope == info.scope),
            info,
            now,
        });
        Ok(LimitsInUse { limits: used.collect(), parked_keys })
    }

    /// Returns how the limits stand that hold for a job of this task and key, with the store's time.
    #[cfg(feature = "dashboard")]
    pub(crate) async fn key_stands(
        &self,
        (name, task, key): (&str, &str, &str),
    ) -> Result<(Vec<LimitStanding>, Timestamp)> {
        let (queue, task) = (Name::queue(name)?, Name::task(task)?);
        let (backend, handle) = (self.client.backend(), &self.client.handle);
        let key = crate::job::checked_key(key)?;
        let standings = handle.ask("look at limits", backend.held_by(&queue, &task, Some(&key))).await?;
        Ok((standings, handle.ask("tell its time", backend.now()).await?))
    }

    /// Lists what a queue and its tasks are held to.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`](crate::Error::InvalidName), and [`Error::Store`](crate::Error::Store) when the store cannot be
    /// asked.
    pub async fn limits(&self, name: &str) -> Result<Vec<LimitInfo>> {
        self.client.queue(name).limits().await
    }

    /// Says how many turns a key of a task has while each other key has one. Returns whether that changed anything.
    ///
    /// # Errors
    ///
    /// What [`Queue::set_key_weight`](crate::Queue::set_key_weight) says.
    pub async fn set_key_weight(&self, name: &str, task: &str, key: &str, weight: u32) -> Result<bool> {
        let (queue, subject) = (self.client.queue(name), format!("{name} task:{task} key:{key}"));
        let set = queue.set_key_weight(task, key, weight);
        self.on_record(("queue.weigh", &subject), set, |changed| u64::from(*changed)).await
    }

    /// Holds a queue or one of its tasks to a limit; `None` takes back what was ordered. Returns whether that changed anything.
    ///
    /// # Errors
    ///
    /// What [`Admin::limits`] says.
    pub async fn set_limit(&self, name: &str, scope: LimitScope, limit: Option<Limit>) -> Result<bool> {
        let queue = self.client.queue(name);
        let subject = match &scope {
            LimitScope::Queue => name.to_owned(),
            LimitScope::Task(task) => format!("{name} task:{task}"),
        };
        let set = async {
            match &scope {
                LimitScope::Queue => queue.limit(limit).await,
                LimitScope::Task(task) => queue.limit_task(task.as_str(), limit).await,
            }
        };
        let action = if limit.is_some() { "queue.limit" } else { "queue.unlimit" };
        self.on_record((action, &subject), set, |changed| u64::from(*changed)).await
    }
}

fn is_keyed(workers: &[WorkerInfo], queue: &Name, scope: &LimitScope) -> bool {
    let LimitScope::Task(task) = scope else { return false };
    let serving = workers.iter().filter(|worker| worker.alive && worker.queues.contains(queue));
    serving.flat_map(|worker| &worker.tasks).any(|info| info.name == *task && info.defaults.keyed)
}
