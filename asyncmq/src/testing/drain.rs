//! Runs jobs one after the other, each to its end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::backend::BackendHandle;
use crate::client::{Client, declared, fire_due};
use crate::error::{Error, Result};
use crate::job::JobId;
use crate::lifecycle::Outcome;
use crate::task::{OWN, Registry, States};
use crate::worker::{Solo, Turn};

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
            Outcome::Snoozed(_) | Outcome::Awaits(_) | Outcome::Cancelled(_) | Outcome::Abandoned => {
                self.others += 1
            }
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

    /// Runs what may start now, and what that enqueues. Returns how long it is until something may start again: a job is due, or a rate
    /// lets one start; none if time alone changes nothing.
    pub(super) async fn run_due(&self, drained: &mut Drained) -> Result<Option<Duration>> {
        match self.begin() {
            Some(_running) => self.run_all(drained).await,
            None => Ok(None),
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

    /// Returns how long until something may start again that time alone holds back.
    async fn run_all(&self, drained: &mut Drained) -> Result<Option<Duration>> {
        self.fire().await?;
        let (client, mut solo, mut known) = (Client { handle: self.handle.clone() }, None, Vec::new());
        loop {
            let queues = client.queues().await?;
            if queues.is_empty() {
                return Ok(None);
            }
            let solo = match &mut solo {
                Some(solo) => solo,
                None => solo.insert(Solo::new(&client, self.states.clone(), &self.registry)?),
            };
            if known != queues {
                solo.declare_limits(&queues).await?;
                known.clone_from(&queues);
            }
            match solo.run_one(&queues).await? {
                Turn::Ran(_, task, _) if task.starts_with(OWN) => {}
                Turn::Ran(job, task, outcome) => drained.note(job, task, outcome),
                Turn::Idle(wait) => return solo.end().await.map(|()| wait),
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
}
