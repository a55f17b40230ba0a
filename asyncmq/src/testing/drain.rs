//! Runs jobs one after the other, each to its end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::backend::BackendHandle;
use crate::client::{Client, declared, fire_due};
use crate::error::{Error, Result};
use crate::job::JobId;
use crate::lifecycle::Outcome;
use crate::task::{Registry, States};
use crate::worker::Solo;

/// How many attempts one drain makes.
const MOST_ATTEMPTS: usize = 10_000;

/// What a drain did.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Drained {
    /// Attempts that ended well.
    pub completed: usize,
    /// Attempts that failed, whether or not another one followed.
    pub failed: usize,
    /// Attempts that ended otherwise: snoozed, cancelled, given back.
    pub others: usize,
    /// Each attempt: the job, its task, and how it ended.
    pub attempts: Vec<(JobId, String, Outcome)>,
}

impl Drained {
    /// Returns how many attempts there were.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.completed + self.failed + self.others
    }

    fn note(&mut self, job: JobId, task: String, outcome: Outcome) {
        match &outcome {
            Outcome::Completed(_) => self.completed += 1,
            Outcome::Failed(_) | Outcome::FailedFor(..) | Outcome::FailedForGood(_) => self.failed += 1,
            Outcome::Snoozed(_) | Outcome::Cancelled(_) | Outcome::Abandoned => self.others += 1,
        }
        self.attempts.push((job, task, outcome));
    }
}

/// Runs the jobs of every queue that there is.
#[derive(Clone)]
pub(super) struct Runner {
    handle: BackendHandle,
    states: States,
    registry: Registry,
    /// Jobs that a running job enqueues inline wait for it, so that a handler never runs within another's.
    running: Arc<Mutex<bool>>,
}

/// Jobs are being run.
struct Running(Arc<Mutex<bool>>);

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }
}

impl Runner {
    pub(super) fn new(handle: BackendHandle, states: States, registry: Option<Registry>) -> Self {
        let registry = registry.unwrap_or_else(Registry::linked);
        Self { handle, states, registry, running: Arc::default() }
    }

    /// Begins to run jobs until what is returned is dropped; `None` if it has begun already.
    fn begin(&self) -> Option<Running> {
        let running =
            std::mem::replace(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner), true);
        (!running).then(|| Running(self.running.clone()))
    }

    /// Runs what is due, and what that enqueues.
    pub(super) async fn run_due(&self, drained: &mut Drained) -> Result<()> {
        match self.begin() {
            Some(_running) => self.run_all(drained).await,
            None => Ok(()),
        }
    }

    /// Fires the schedules that are due.
    async fn fire(&self) -> Result<()> {
        let client = Client { handle: self.handle.clone() };
        loop {
            let queues = client.queues().await?;
            let next_in = self.handle.ask("fire schedules", fire_due(&self.handle, &queues)).await?;
            if next_in != Some(Duration::ZERO) {
                return Ok(());
            }
        }
    }

    async fn run_all(&self, drained: &mut Drained) -> Result<()> {
        self.fire().await?;
        let mut solo = None;
        loop {
            let client = Client { handle: self.handle.clone() };
            let queues = client.queues().await?;
            if queues.is_empty() {
                return Ok(());
            }
            let solo = match &mut solo {
                Some(solo) => solo,
                None => solo.insert(Solo::new(&client, self.states.clone(), &self.registry)?),
            };
            match solo.run_one(&queues).await? {
                Some((job, task, outcome)) => drained.note(job, task, outcome),
                None => return solo.end().await,
            }
            if drained.total() == MOST_ATTEMPTS {
                return Err(Error::Invalid(format!(
                    "{MOST_ATTEMPTS} attempts were made and there is no end: a job seems to enqueue itself, or is retried for ever"
                )));
            }
        }
    }

    /// Brings the schedules that the tasks declare into the store.
    pub(super) async fn declare(&self) -> Result<()> {
        let client = Client { handle: self.handle.clone() };
        let mut declarations = Vec::new();
        for task in self.registry.iter() {
            declarations.extend(declared(task, self.handle.max_payload())?);
        }
        client.schedules().declare(&declarations).await
    }

    /// Returns how long it is until the next job is due that is not paused.
    pub(super) async fn next_due(&self) -> Result<Option<Duration>> {
        let client = Client { handle: self.handle.clone() };
        let now = self.handle.ask("tell its time", self.handle.backend().now()).await?;
        let mut next = None;
        for name in client.queues().await? {
            let queue = client.queue(name.as_str());
            if queue.is_paused().await? {
                continue;
            }
            let first = queue.list_delayed(0..1).await?;
            let wait = first.first().map(|job| job.status().run_at.since(now));
            next = [next, wait].into_iter().flatten().min();
        }
        Ok(next)
    }
}
