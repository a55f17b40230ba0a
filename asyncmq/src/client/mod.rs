//! What application code holds: a [`Client`] enqueues and looks, a [`JobHandle`] follows one job, a [`Queue`] steers.

mod arguments;
mod connect;
mod default;
mod dependency;
mod enqueue;
mod events;
mod explain;
mod flow;
mod job_handle;
mod job_logs;
mod new_job;
mod node;
mod order;
mod parents;
mod published;
mod queue;
mod queue_admin;
mod queue_limits;
mod schedules;
mod seal;
mod trace;

use std::sync::Arc;

pub(crate) use connect::say_that_jobs_are_in_memory;
pub use default::init;
pub(crate) use default::{Scope, current as current_client, current_or_made, scoped, with_running};
pub use dependency::Dependency;
pub use enqueue::{Enqueue, EnqueueAll};
pub use events::{Events, Subscription};
pub use explain::{Explanation, WaitsFor};
pub(crate) use flow::{
    EACH, EachArgs, GATE, GateArgs, HEAD, HeadArgs, MADE_FOR, STAGING, ended_badly, first_made, head_id,
    made_id, part_id,
};
pub use flow::{EnqueueFlow, Flow, FlowEvents, FlowGraph, FlowHandle, FlowNode, FlowState};
pub use job_handle::{JobHandle, ResultFuture};
pub use job_logs::job_logs;
pub use new_job::{FedArguments, JobBuilder, NewJob, Untyped};
pub use node::{Feed, Node, OptionalNode};
pub use queue::{Queue, QueueBuilder};
pub use queue_admin::QueueStats;
pub(crate) use schedules::{Declared, declared, fire_due, schedule_of};
pub use schedules::{ScheduleInfo, Schedules};

use crate::backend::{Backend, BackendHandle, DEFAULT_MAX_PAYLOAD, WorkerInfo};
use crate::error::{Error, Result};
use crate::job::{Envelope, Job, JobId, Name};
use crate::task::Task;
use new_job::TaskRef;
use seal::Known;

/// A connection to a store. Cheap to clone; all clones share it.
///
/// # Examples
///
/// ```
/// # async fn example() -> asyncmq::Result<()> {
/// use asyncmq::{Client, NewJob};
///
/// let client = Client::memory();
/// let handle = client.queue("reports").add(NewJob::new("app.report")).await?;
/// assert_eq!(client.queue("reports").counts().await?.waiting, 1);
/// # let _ = handle; Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) handle: BackendHandle,
}

impl Client {
    /// Uses a store of your own making.
    #[must_use]
    pub fn with_backend(backend: Arc<dyn Backend>) -> Self {
        Self::bounded(backend, DEFAULT_MAX_PAYLOAD)
    }

    /// Sets how many bytes the arguments or the result of a job may have; 1 MiB unless set.
    ///
    /// The returned client is another sender on the same store.
    #[must_use]
    pub fn max_payload(self, bytes: usize) -> Self {
        Self::bounded(self.handle.backend().clone(), bytes)
    }

    fn bounded(backend: Arc<dyn Backend>, max_payload: usize) -> Self {
        Self { handle: BackendHandle::new(backend, max_payload) }
    }

    /// Returns the store behind this client.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn Backend> {
        self.handle.backend()
    }

    /// Returns a queue, to add jobs by name and to steer it. Its name is checked when it is used.
    #[must_use]
    pub fn queue(&self, name: impl Into<String>) -> Queue {
        Queue::of(self.clone(), name.into())
    }

    /// Returns the job of this id, in whichever queue it is; the first by the queues' names if there are several.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn job(&self, id: impl AsRef<str>) -> Result<Option<Job>> {
        let id = JobId::from_stored(id.as_ref());
        let jobs = self.handle.ask("look a job up", self.backend().find_everywhere(&id)).await?;
        Ok(jobs.into_iter().next())
    }

    /// Returns a handle to a kept job of this task.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or [`Error::OtherTask`] when only other tasks have a job of this id.
    pub async fn handle<T: Task>(&self, id: impl AsRef<str>) -> Result<JobHandle<T>> {
        let id = JobId::from_stored(id.as_ref());
        let jobs = self.handle.ask("look a job up", self.backend().find_everywhere(&id)).await?;
        match jobs.iter().find(|job| job.task() == T::NAME).or(jobs.first()) {
            None => Err(Error::NotFound { id, queue: T::QUEUE.into() }),
            Some(job) if job.task() != T::NAME => {
                Err(Error::OtherTask { id, found: job.task().into(), wanted: T::NAME.into() })
            }
            Some(job) => Ok(JobHandle::of(self, job.envelope())),
        }
    }

    /// Lists the workers that serve, with those that fell silent within the last minutes.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        self.handle.ask("list the workers", self.backend().workers()).await
    }

    /// Lists the names of the queues that were ever used.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn queues(&self) -> Result<Vec<Name>> {
        self.handle.ask("list the queues", self.backend().queues()).await
    }

    /// Checks a job and puts it into an envelope, with what its task says about its jobs.
    pub(crate) async fn seal<T>(&self, job: NewJob<T>, queue: Option<&Name>) -> Result<Arc<Envelope>> {
        let name = match &job.task {
            TaskRef::Linked(definition) => return self.seal_as(&Known::Linked(definition), job, queue),
            TaskRef::Named(name) => name.clone(),
        };
        if let Some(definition) = crate::task::linked(&name) {
            return self.seal_as(&Known::Linked(definition), job, queue);
        }
        let published = published::find(self, &name).await;
        self.seal_as(&published.as_ref().map_or(Known::Unknown, Known::Published), job, queue)
    }

    fn seal_as<T>(&self, known: &Known<'_>, job: NewJob<T>, queue: Option<&Name>) -> Result<Arc<Envelope>> {
        seal::seal(job, known, queue, self.handle.max_payload())
    }

    /// Checks many jobs, those of linked tasks without waiting for anything.
    pub(crate) async fn seal_all<T>(
        &self,
        jobs: Vec<NewJob<T>>,
        queue: Option<&Name>,
    ) -> Result<Vec<Arc<Envelope>>> {
        let mut envelopes = Vec::with_capacity(jobs.len());
        for (index, job) in jobs.into_iter().enumerate() {
            let sealed = match job.task {
                TaskRef::Linked(definition) => self.seal_as(&Known::Linked(definition), job, queue),
                TaskRef::Named(_) => Box::pin(self.seal(job, queue)).await,
            };
            envelopes.push(sealed.map_err(|error| Error::Bulk { index, source: Box::new(error) })?);
        }
        Ok(envelopes)
    }
}
