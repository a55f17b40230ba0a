//! Follows and steers a flow as a whole.

use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;

use super::{FlowGraph, FlowNode, part_id};
use crate::backend::{Ordered, Pushed};
use crate::client::node::Node;
use crate::client::order::{in_order, parents_first};
use crate::client::{Client, JobHandle, ResultFuture, Untyped};
use crate::error::{Error, Result};
use crate::job::{Envelope, Job, JobId, JobState, Name};

/// How many jobs are looked up at once.
const AT_ONCE: usize = 16;

/// A handle to a flow. Cheap to clone; dropping it does nothing to the flow.
#[derive(Clone)]
pub struct FlowHandle {
    client: Client,
    id: Arc<str>,
    /// Where its jobs are, in the order in which they were added.
    parts: Arc<[(Name, JobId)]>,
}

impl Client {
    /// Returns a handle to a kept flow.
    ///
    /// # Errors
    ///
    /// [`Error::FlowNotFound`] when there is none, or the record of its first job is no longer kept.
    pub async fn flow(&self, id: impl AsRef<str>) -> Result<FlowHandle> {
        let id = id.as_ref();
        let found =
            self.handle.ask("look a flow up", self.backend().find_everywhere(&part_id(id, 0))).await?;
        let queues = found.iter().find_map(|job| {
            let part = job.envelope().extras().flow.as_ref()?;
            (&*part.id == id && !part.queues.is_empty()).then(|| part.queues.clone())
        });
        let queues = queues.ok_or_else(|| Error::FlowNotFound { id: id.to_owned() })?;
        let parts = queues.into_iter().enumerate().map(|(place, queue)| (queue, part_id(id, place)));
        Ok(FlowHandle { client: self.clone(), id: id.into(), parts: parts.collect() })
    }
}

impl FlowHandle {
    pub(super) fn new(client: &Client, id: String, jobs: &[Arc<Envelope>]) -> Self {
        let parts = jobs.iter().map(|job| (job.queue.clone(), job.id.clone())).collect();
        Self { client: client.clone(), id: id.into(), parts }
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

    /// Returns the flow's jobs as they stand, with what each waits for.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn graph(&self) -> Result<FlowGraph> {
        // Nothing of them happens before they are polled.
        let looks: Vec<_> = self.parts.iter().map(|(queue, id)| self.node(queue, id)).collect();
        let nodes = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        Ok(FlowGraph { id: self.id.to_string(), nodes })
    }

    async fn node(&self, queue: &Name, id: &JobId) -> Result<FlowNode> {
        let find = self.client.backend().find(queue, id);
        let job = self.client.handle.ask("look a job up", find).await?;
        let parents = job.iter().flat_map(Job::parents);
        let parents = parents.map(|parent| (parent.id.clone(), parent.on_failure)).collect();
        Ok(FlowNode { id: id.clone(), queue: queue.to_string(), job, parents })
    }

    /// Waits until every job has ended, and returns how they stand.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn wait(&self) -> Result<FlowGraph> {
        for job in self.jobs() {
            // How it ended is in the graph.
            if let Err(error @ Error::Store { .. }) = job.result::<serde::de::IgnoredAny>().await {
                return Err(error);
            }
        }
        self.graph().await
    }

    /// Cancels every job that has not ended; those that run are asked to stop. Returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked; some may be cancelled then.
    pub async fn cancel(&self) -> Result<usize> {
        let reason = format!("flow {} was cancelled", self.id);
        let mut cancelled = 0;
        // The last first, so that each ends by this order and not by the end of another one.
        for (queue, id) in self.parts.iter().rev() {
            let order = self.client.backend().cancel(queue, id, Some(&reason));
            let ordered = self.client.handle.ask("cancel a job", order).await?;
            cancelled += usize::from(matches!(ordered, Ordered::Done | Ordered::Requested));
        }
        Ok(cancelled)
    }

    /// Lets every job that ended without completing begin anew, each behind those that it waits for. Returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked; some may have begun then, and the rest follows when it is ordered again.
    pub async fn retry(&self) -> Result<usize> {
        let ended_badly = |job: &&Job| job.state().is_terminal() && job.state() != JobState::Completed;
        let graph = self.graph().await?;
        let jobs = graph.nodes.iter().filter_map(|node| node.job.as_ref()).filter(ended_badly);
        let jobs: Vec<_> = jobs.map(|job| job.envelope().clone()).collect();
        let jobs = parents_first(&jobs)?.map_or_else(|| jobs.clone(), |order| in_order(&order, &jobs));
        let mut begun = 0;
        for job in jobs {
            let order = self.client.backend().retry(&job.queue, &job.id);
            let ordered = self.client.handle.ask("let a job begin anew", order).await?;
            begun += usize::from(ordered == Ordered::Done);
        }
        Ok(begun)
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

impl fmt::Debug for FlowHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowHandle")
            .field("id", &self.id)
            .field("jobs", &self.parts.len())
            .finish_non_exhaustive()
    }
}
