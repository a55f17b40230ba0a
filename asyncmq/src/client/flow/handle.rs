//! Follows and steers a flow as a whole.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;

use super::own::{EACH, EachArgs, HEAD, gate_id, head_id};
use super::{FlowGraph, FlowNode, FlowState};
use crate::backend::{Ordered, Pushed};
use crate::client::node::Node;
use crate::client::order::{in_order, parents_first};
use crate::client::{Client, JobHandle, ResultFuture, Untyped};
use crate::error::{Error, Result};
use crate::job::{Envelope, Job, JobId, JobState, Name, Parent};

/// How many jobs are looked up at once.
const AT_ONCE: usize = 16;

/// A handle to a flow. Cheap to clone; dropping it does nothing to the flow.
#[derive(Clone)]
pub struct FlowHandle {
    pub(super) client: Client,
    id: Arc<str>,
    /// The job that ends with it, and its queue.
    pub(super) head: JobId,
    queue: Name,
    /// Where its jobs are, in the order in which they were added.
    parts: Arc<[(Name, JobId)]>,
}

impl Client {
    /// Returns a handle to a kept flow.
    ///
    /// # Errors
    ///
    /// [`Error::FlowNotFound`] when there is none, or its record is no longer kept.
    pub async fn flow(&self, id: impl AsRef<str>) -> Result<FlowHandle> {
        let id = id.as_ref();
        let found = self.handle.ask("look a flow up", self.backend().find_everywhere(&head_id(id))).await?;
        let head = found.iter().find(|job| job.task() == HEAD);
        let head = head.ok_or_else(|| Error::FlowNotFound { id: id.to_owned() })?;
        Ok(FlowHandle::new(self, head.envelope()))
    }
}

impl FlowHandle {
    /// Makes one from the job that ends with the flow, which knows where all others are. It may wait for some of them once more.
    pub(crate) fn new(client: &Client, head: &Envelope) -> Self {
        let mut seen = HashSet::new();
        let parts = head.extras().parents.iter().filter(|parent| seen.insert(&parent.id));
        let parts = parts.map(|parent| (parent.queue.clone(), parent.id.clone())).collect();
        let id = head.extras().flow.clone().unwrap_or_default();
        Self { client: client.clone(), id, head: head.id.clone(), queue: head.queue.clone(), parts }
    }

    /// Lists the queues of its jobs.
    pub(super) fn queues(&self) -> HashSet<Name> {
        self.parts.iter().map(|(queue, _)| queue).chain([&self.queue]).cloned().collect()
    }

    /// Returns the flow's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns handles to its jobs, in the order in which they were added.
    pub fn jobs(&self) -> impl Iterator<Item = JobHandle<Untyped>> + '_ {
        self.parts.iter().map(|(queue, id)| JobHandle::to(&self.client, queue, id))
    }

    /// Returns a handle to the job of a node.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when the node is of another flow.
    pub fn job<O>(&self, node: &Node<O>) -> Result<JobHandle<Untyped>> {
        let found = self.parts.iter().find(|(_, id)| id == node.id());
        let (queue, id) = found.ok_or_else(|| Error::NotFound {
            id: node.id().clone(),
            queue: node.job.queue.as_deref().unwrap_or_default().to_owned(),
        })?;
        Ok(JobHandle::to(&self.client, queue, id))
    }

    /// Waits until the job of a node has ended and returns what it returned.
    ///
    /// # Errors
    ///
    /// Those of [`JobHandle::result`]; one whose job never ran because of another one tells so.
    pub fn result<O: DeserializeOwned + Send + 'static>(&self, node: &Node<O>) -> ResultFuture<O> {
        match self.job(node) {
            Ok(job) => job.result(),
            Err(error) => ResultFuture::failed(error),
        }
    }

    /// Returns how the flow stands.
    ///
    /// # Errors
    ///
    /// [`Error::FlowNotFound`] when its record is no longer kept; [`Error::Store`] when the store cannot be asked.
    pub async fn state(&self) -> Result<FlowState> {
        let head = self.find(&self.queue, &self.head).await?;
        head.map(|head| FlowState::of(head.state()))
            .ok_or_else(|| Error::FlowNotFound { id: self.id.to_string() })
    }

    /// Returns the flow's jobs as they stand, with what each waits for. Costs a look-up for each.
    ///
    /// # Errors
    ///
    /// Those of [`FlowHandle::state`].
    pub async fn graph(&self) -> Result<FlowGraph> {
        let state = self.state().await?;
        let mut nodes = self.nodes(&self.parts).await?;
        let made: Vec<_> = nodes.iter().flat_map(|node| made_by(node.job.as_ref())).collect();
        nodes.extend(self.nodes(&made).await?);
        Ok(FlowGraph { id: self.id.to_string(), state, nodes })
    }

    async fn nodes(&self, parts: &[(Name, JobId)]) -> Result<Vec<FlowNode>> {
        // Nothing of them happens before they are polled.
        let looks: Vec<_> = parts.iter().map(|(queue, id)| self.node(queue, id)).collect();
        stream::iter(looks).buffered(AT_ONCE).try_collect().await
    }

    async fn node(&self, queue: &Name, id: &JobId) -> Result<FlowNode> {
        let job = self.find(queue, id).await?;
        let gate = gate_id(&self.id);
        let parents = job.iter().flat_map(Job::parents).filter(|parent| parent.id != gate);
        let parents = parents.map(|parent| (parent.id.clone(), parent.on_failure)).collect();
        Ok(FlowNode { id: id.clone(), queue: queue.to_string(), job, parents })
    }

    async fn find(&self, queue: &Name, id: &JobId) -> Result<Option<Job>> {
        self.client.handle.ask("look a job up", self.client.backend().find(queue, id)).await
    }

    /// Waits until every job has ended, and returns how they stand. The flow's own job tells, so a worker of its first job's queue
    /// has to run.
    ///
    /// # Errors
    ///
    /// Those of [`FlowHandle::graph`].
    pub async fn wait(&self) -> Result<FlowGraph> {
        let head: JobHandle<Untyped> = JobHandle::to(&self.client, &self.queue, &self.head);
        // How it ended is in the graph.
        match head.result::<serde::de::IgnoredAny>().await {
            Err(error @ Error::Store { .. }) => Err(error),
            _ => self.graph().await,
        }
    }

    /// Cancels every job that has not ended; those that run are asked to stop. Returns how many.
    ///
    /// # Errors
    ///
    /// Those of [`FlowHandle::graph`]; some may be cancelled then.
    pub async fn cancel(&self) -> Result<usize> {
        let reason = format!("flow {} was cancelled", self.id);
        let mut asked = HashSet::new();
        loop {
            let graph = self.graph().await?;
            let live = |job: &&Job| !job.state().is_terminal() && !asked.contains(job.id());
            // The last first, and who made others before those, so that each ends by this order and not by the end of another one.
            let (parts, made) = graph.nodes.split_at(self.parts.len().min(graph.nodes.len()));
            let jobs = parts.iter().rev().chain(made.iter().rev()).filter_map(|node| node.job.as_ref());
            let mut cancelled = Vec::new();
            for job in jobs.filter(live) {
                let order = self.client.backend().cancel(job.queue_name(), job.id(), Some(&reason));
                let ordered = self.client.handle.ask("cancel a job", order).await?;
                if matches!(ordered, Ordered::Done | Ordered::Requested) {
                    cancelled.push(job.id().clone());
                }
            }
            if cancelled.is_empty() {
                return Ok(asked.len());
            }
            // Meanwhile one may have made others.
            asked.extend(cancelled);
        }
    }

    /// Lets every job that ended without completing begin anew, each behind those that it waits for, and with them the flow. Returns how
    /// many.
    ///
    /// # Errors
    ///
    /// Those of [`FlowHandle::graph`]; some may have begun then, and the rest follows when it is ordered again.
    pub async fn retry(&self) -> Result<usize> {
        let ended_badly = |job: &&Job| job.state().is_terminal() && job.state() != JobState::Completed;
        let graph = self.graph().await?;
        let jobs = graph.nodes.iter().filter_map(|node| node.job.as_ref()).filter(ended_badly);
        let jobs: Vec<_> = jobs.map(|job| job.envelope().clone()).collect();
        let jobs = parents_first(&jobs)?.map_or_else(|| jobs.clone(), |order| in_order(&order, &jobs));
        let mut begun = 0;
        for job in jobs {
            begun += usize::from(self.begin_anew(&job.queue, &job.id).await?);
        }
        if graph.state == FlowState::Failed {
            self.begin_anew(&self.queue, &self.head).await?;
        }
        Ok(begun)
    }

    async fn begin_anew(&self, queue: &Name, id: &JobId) -> Result<bool> {
        let order = self.client.backend().retry(queue, id);
        Ok(self.client.handle.ask("let a job begin anew", order).await? == Ordered::Done)
    }

    /// Removes the jobs that a push has just added.
    pub(super) async fn remove_added(&self, jobs: &[Arc<Envelope>], pushed: &[Pushed]) -> Result<()> {
        let added = jobs.iter().zip(pushed).filter(|(_, pushed)| pushed.is_taken_in());
        for (job, _) in added.rev() {
            let order = self.client.backend().remove(&job.queue, &job.id);
            self.client.handle.ask("remove a job", order).await?;
        }
        Ok(())
    }
}

/// Lists the jobs that a job made of the elements of a list.
fn made_by(job: Option<&Job>) -> Vec<(Name, JobId)> {
    let Some(job) = job.filter(|job| job.task() == EACH) else { return Vec::new() };
    let own = serde_json::from_slice::<EachArgs>(&job.envelope().args).map_or(usize::MAX, |args| args.own);
    let made = |parent: &Parent| (parent.queue.clone(), parent.id.clone());
    job.parents().iter().skip(own).map(made).collect()
}

impl fmt::Debug for FlowHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowHandle")
            .field("id", &self.id)
            .field("jobs", &self.parts.len())
            .finish_non_exhaustive()
    }
}
