//! Jobs that belong together: pushed as a whole, looked at as a whole.

mod graph;
mod handle;

pub use graph::{FlowGraph, FlowNode};
pub use handle::FlowHandle;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use crate::backend::MAX_BATCH;
use crate::client::dependency::Dependency;
use crate::client::new_job::NewJob;
use crate::client::node::Node;
use crate::client::order::{in_order, parents_first};
use crate::client::parents::{check_outside, find_parents};
use crate::client::{Client, Untyped, default};
use crate::error::{Error, Result};
use crate::job::{Envelope, FlowPart, JobId, MAX_JOB_ID, Name, OnFailure};
use crate::task::Task;

/// How often jobs of a flow may wait for others in all, as one step takes them all in.
const MAX_EDGES: usize = 10_000;
/// The longest id of a flow, in bytes: the ids of its jobs are that, a dot and a number.
const MAX_FLOW_ID: usize = MAX_JOB_ID - 5;

/// Jobs of which some wait for others, enqueued as a whole: all of them or none.
///
/// A job is added as it would be enqueued, or made by the stub `with` of its task, whose arguments may be nodes: what those jobs
/// return. An output of another type than the argument does not compile.
///
/// # Examples
///
/// ```
/// use asyncmq::{Flow, task};
///
/// #[task]
/// async fn fetch(url: String) -> Vec<u32> {
///     vec![url.len() as u32]
/// }
///
/// #[task]
/// async fn total(parts: Vec<u32>) -> u32 {
///     parts.iter().sum()
/// }
///
/// #[task]
/// async fn report(name: String, totals: Vec<u32>) {
///     # let _ = (name, totals);
/// }
///
/// # async fn example(client: asyncmq::Client) -> asyncmq::Result<()> {
/// let mut flow = Flow::new();
/// let totals: Vec<_> = ["https://a.example", "https://b.example"]
///     .map(|url| {
///         let page = flow.add(fetch::job(url));
///         flow.add(total::with(&page))
///     })
///     .into();
/// let report = flow.add(report::with("weekly", &totals));
/// let flow = flow.enqueue_on(&client).await?;
/// flow.result(&report).await?;
/// # Ok(()) }
/// ```
pub struct Flow {
    id: Result<String>,
    jobs: Vec<NewJob>,
    nodes: Vec<Dependency>,
}

impl Default for Flow {
    fn default() -> Self {
        Self::new()
    }
}

impl Flow {
    /// Begins a flow with an id of its own.
    #[must_use]
    pub fn new() -> Self {
        Self { id: Ok(JobId::generate().to_string()), jobs: Vec::new(), nodes: Vec::new() }
    }

    /// Begins a flow with this id: 1 to 250 bytes without control characters. Enqueued again, those of its jobs
    /// that are kept stay as they are.
    #[must_use]
    pub fn with_id(id: impl Into<String>) -> Self {
        let id = id.into();
        let checked = match id.len() {
            1..=MAX_FLOW_ID => JobId::custom(&id).map(|_| id),
            _ => Err(Error::Invalid(format!(
                "the id of a flow has 1 to {MAX_FLOW_ID} bytes, this one has {}",
                id.len()
            ))),
        };
        Self { id: checked, ..Self::new() }
    }

    /// Adds a job. What is returned stands for it: other jobs of the flow wait for it, or take its output.
    pub fn add<T: Task>(&mut self, job: NewJob<T>) -> Node<T::Output> {
        Node::of(self.take_in(job.untyped()))
    }

    /// Adds a job by name, whose output is read as any JSON.
    pub fn add_named(&mut self, job: NewJob<Untyped>) -> Node<serde_json::Value> {
        Node::of(self.take_in(job))
    }

    /// Adds a job that runs once every job that was added before has completed; if one does not, it is cancelled.
    pub fn on_success<T: Task>(&mut self, job: NewJob<T>) -> Node<T::Output> {
        let all = self.all(OnFailure::Cancel);
        self.add(job.depends_on(all))
    }

    /// Adds a job that runs once every job that was added before has ended and some did not complete; if all do, it is cancelled.
    pub fn on_failure<T: Task>(&mut self, job: NewJob<T>) -> Node<T::Output> {
        let all = self.all(OnFailure::Run);
        self.add(job.if_some_failed(all))
    }

    /// Adds a job that runs once every job that was added before has ended, however.
    pub fn finally<T: Task>(&mut self, job: NewJob<T>) -> Node<T::Output> {
        let all = self.all(OnFailure::Run);
        self.add(job.depends_on(all))
    }

    fn all(&self, on_failure: OnFailure) -> Vec<Dependency> {
        self.nodes.iter().map(|node| node.clone().on_failure(on_failure)).collect()
    }

    fn take_in(&mut self, job: NewJob) -> Dependency {
        let place = self.jobs.len();
        let id = self.id.as_ref().map_or_else(|_| JobId::generate(), |id| part_id(id, place));
        self.jobs.push(job.id(id.to_string()));
        let node = Dependency::from(id);
        self.nodes.push(node.clone());
        node
    }

    /// Enqueues all jobs through the default client, in one step.
    ///
    /// # Errors
    ///
    /// What [`Flow::enqueue_on`] says, and that the default client cannot be made.
    pub fn enqueue(self) -> EnqueueFlow {
        match default::current() {
            Some(client) => self.enqueue_on(&client),
            None => {
                EnqueueFlow(Box::pin(
                    async move { default::from_environment().await?.enqueue_flow(self).await },
                ))
            }
        }
    }

    /// Enqueues all jobs through this client, in one step: none runs before all are there. A flow of the same id that is kept is left
    /// as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a flow without jobs, with more than 1,000, or with jobs that wait for each other in a circle; [`Error::ParentGone`] for a job
    /// outside of it that is not known; [`Error::Bulk`] names the place of a job that is refused. Nothing was enqueued then.
    /// [`Error::Unconfirmed`]: the store did not answer; enqueue a flow of the same id again. [`Error::Store`]: the store refused.
    pub fn enqueue_on(self, client: &Client) -> EnqueueFlow {
        let client = client.clone();
        EnqueueFlow(Box::pin(async move { client.enqueue_flow(self).await }))
    }
}

/// Returns the id of the job at a place of a flow.
fn part_id(flow: &str, place: usize) -> JobId {
    JobId::from_stored(&format!("{flow}.{place}"))
}

impl Client {
    async fn enqueue_flow(&self, flow: Flow) -> Result<FlowHandle> {
        let id = flow.id?;
        if flow.jobs.is_empty() || MAX_BATCH < flow.jobs.len() {
            return Err(Error::Invalid(format!(
                "a flow has 1 to {MAX_BATCH} jobs, this one has {}: let a job enqueue what is more",
                flow.jobs.len()
            )));
        }
        let mut jobs = self.seal_all(flow.jobs, None).await?;
        let queues: Vec<Name> = jobs.iter().map(|job| job.queue.clone()).collect();
        for (place, job) in jobs.iter_mut().enumerate() {
            make_part(job, &id, place, &queues)?;
        }
        find_parents(self, &mut jobs).await?;
        let edges: usize = jobs.iter().map(|job| job.extras().parents.len()).sum();
        if MAX_EDGES < edges {
            return Err(Error::Invalid(format!(
                "the jobs of a flow wait for each other {edges} times in all, {MAX_EDGES} are allowed: let one job wait for many, and the others \
                 for that one"
            )));
        }
        let order = parents_first(&jobs)?;
        check_outside(self, &jobs).await?;
        let sorted = order.map_or_else(|| jobs.clone(), |order| in_order(&order, &jobs));
        let answers = self.handle.push_whole(&sorted).await?;
        let handle = FlowHandle::new(self, id, &jobs);
        for (job, pushed) in sorted.iter().zip(&answers) {
            if let Err(error) = self.handle_to::<Untyped>(job, pushed) {
                // It has the id of another task's job, or waits for one that went since it was looked for: all or none.
                handle.remove_added(&sorted, &answers).await?;
                return Err(error);
            }
        }
        Ok(handle)
    }
}

/// Writes into a job to which flow it belongs; the first one knows where all are.
fn make_part(job: &mut Arc<Envelope>, id: &str, place: usize, queues: &[Name]) -> Result<()> {
    if job.dedup().is_some() {
        return Err(Error::Bulk {
            index: place,
            source: Box::new(Error::Invalid(format!(
                "a job of a flow cannot be left out for another one, and task {:?} has `dedup`: give the flow an id of its own instead",
                &*job.task
            ))),
        });
    }
    let mut part = Envelope::clone(job);
    part.extras_mut().flow =
        Some(FlowPart { id: id.into(), queues: if place == 0 { queues.to_vec() } else { Vec::new() } });
    *job = Arc::new(part);
    Ok(())
}

impl<T> NewJob<T> {
    /// Waits for all of these, however they end, and runs only if some did not complete.
    fn if_some_failed(self, jobs: Vec<Dependency>) -> Self {
        self.with(|own| {
            jobs.into_iter().for_each(|job| own.waits.watch(job));
            own.only_if_failed = true;
        })
    }
}

/// A flow on its way into the store.
#[must_use = "nothing is enqueued before this is awaited or spawned: add `.await?`"]
pub struct EnqueueFlow(Pin<Box<dyn Future<Output = Result<FlowHandle>> + Send>>);

impl Future for EnqueueFlow {
    type Output = Result<FlowHandle>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(poller)
    }
}

impl fmt::Debug for EnqueueFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnqueueFlow")
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("id", &self.id.as_ref().ok())
            .field("jobs", &self.jobs)
            .finish_non_exhaustive()
    }
}
