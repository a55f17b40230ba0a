//! Runs one job at a time, by hand: for tests.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::Claim;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::job::{JobId, Name};
use crate::lifecycle::Outcome;
use crate::task::{Attempt, Registry, States};
use crate::worker::builder::Worker;
use crate::worker::execute::{STOP_GRACE, conclude, observe};
use crate::worker::limits::declare_in;
use crate::worker::shared::Shared;
use crate::worker::start::{Handlers, check_task};

/// A worker without loops.
pub(crate) struct Solo(Arc<Shared>);

/// What came of looking for a job.
pub(crate) enum Turn {
    /// One was run to its end.
    Ran(JobId, String, Outcome),
    /// None may start now. How long until one is due, or a rate lets one start; none if time alone changes nothing.
    Idle(Option<Duration>),
}

impl Solo {
    /// Makes one for every task that it can run.
    pub(crate) fn new(client: &Client, states: States, registry: &Registry) -> Result<Self> {
        let worker = Worker { states, ..Worker::new(client) };
        registry.check()?;
        Ok(Self(worker.plan_of(registry, Vec::new(), Handlers::Here)?.shared))
    }

    pub(super) fn of(worker: &Worker) -> Result<Self> {
        Ok(Self(worker.plan(Handlers::Here)?.shared))
    }

    /// Tells the store what its tasks are held to in these queues.
    pub(crate) async fn declare_limits(&self, queues: &[Name]) -> Result<()> {
        self.0.backend.ask("declare limits", declare_in(&self.0, queues)).await
    }

    /// Claims one job of these queues and runs it to its end.
    pub(crate) async fn run_one(&self, queues: &[Name]) -> Result<Turn> {
        let shared = &self.0;
        let call = shared.backend.next_call();
        let claim = Claim { call, queues, tasks: &shared.known, limit: 1, lease: shared.times.lease };
        let claimed = shared.backend.ask("give a job out", shared.backend.claim(claim)).await?;
        let Some(job) = claimed.jobs.into_iter().next() else {
            return claimed
                .unknown
                .into_iter()
                .next()
                .map_or(Ok(Turn::Idle(claimed.next_due)), |(_, task)| Err(self.cannot_run(&task)));
        };
        let Some(task) = shared.tasks.get(job.envelope.task.as_str()).copied() else {
            return Ok(Turn::Idle(None));
        };
        let envelope = job.envelope.clone();
        let attempt = Arc::new(Attempt::new(job, shared.site.clone()));
        let observed = observe(&attempt, task, &shared.layers, STOP_GRACE).await;
        let outcome = observed.outcome.clone();
        let settlement = conclude(&attempt, task, observed).await;
        let call = shared.backend.next_call();
        shared.backend.ask("settle a job", shared.backend.settle(call, &[settlement])).await?;
        Ok(Turn::Ran(envelope.id.clone(), envelope.task.to_string(), outcome))
    }

    fn cannot_run(&self, task: &Name) -> Error {
        let linked = crate::task::linked(task);
        let why = linked.and_then(|definition| check_task(definition, &self.0.site.states, true));
        Error::Startup(why.unwrap_or_else(|| {
            format!("a job of task {task:?} waits, which is not linked here, or not in that version: `use your_crate as _;`")
        }))
    }

    /// Strikes it off.
    pub(crate) async fn end(&self) -> Result<()> {
        let shared = &self.0;
        shared.backend.ask("strike a worker off", shared.backend.backend().deregister(shared.id)).await
    }
}
