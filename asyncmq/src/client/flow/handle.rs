//! Follows and steers a flow as a whole.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::graph::ended_badly;
use super::own::{EACH, HEAD, first_made, head_id, is_gate, made_id};
use super::{FlowGraph, FlowNode, FlowState};
use crate::backend::{Ordered, Pushed};
use crate::client::node::Node;
use crate::client::order::{in_order, parents_first};
use crate::client::{Client, JobHandle, ResultFuture, Untyped};
use crate::error::{Error, Result};
use crate::job::{Envelope, Job, JobId, JobState, Name, Parent};

/// How many jobs are looked up at once.
const AT_ONCE: usize = 16;
/// How long a job that makes others is waited for that was asked to stop.
const MAKER_STOPS: Duration = Duration::from_secs(10);

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

    /// Lists the ids of its jobs, and of its own.
    pub(super) fn ids(&self) -> HashSet<JobId> {
        self.parts.iter().map(|(_, id)| id).chain([&self.head]).cloned().collect()
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
        let mut nodes = self.added().await?;
        for place in 0..nodes.len() {
            let made =
                match nodes.get(place).and_then(|node| node.job.as_ref()).filter(|job| job.task() == EACH) {
                    Some(maker) => self.made_by(maker).await?,
                    None => Vec::new(),
                };
            nodes.extend(made);
        }
        Ok(FlowGraph { id: self.id.to_string(), state, nodes })
    }

    /// Looks the jobs up that were added to the flow, 16 at once.
    pub(crate) async fn added(&self) -> Result<Vec<FlowNode>> {
        self.nodes(&self.parts).await
    }

    async fn nodes(&self, parts: &[(Name, JobId)]) -> Result<Vec<FlowNode>> {
        // Nothing of them happens before they are polled.
        let looks: Vec<_> = parts.iter().map(|(queue, id)| self.node(queue, id)).collect();
        stream::iter(looks).buffered(AT_ONCE).try_collect().await
    }

    /// Returns the jobs that a job made of the elements of a list. One that was stopped meanwhile does not know them: they are looked for by
    /// their ids.
    async fn made_by(&self, maker: &Job) -> Result<Vec<FlowNode>> {
        let own = first_made(maker.envelope());
        let made = |parent: &Parent| (parent.queue.clone(), parent.id.clone());
        let known: Vec<_> = maker.parents().iter().skip(own).map(made).collect();
        if !known.is_empty() {
            return self.nodes(&known).await;
        }
        let mut found = Vec::new();
        loop {
            let next = found.len()..found.len() + AT_ONCE;
            let ids: Vec<_> =
                next.map(|place| (maker.queue_name().clone(), made_id(maker.id(), place))).collect();
            let nodes = self.nodes(&ids).await?;
            let kept = nodes.iter().take_while(|node| node.job.is_some()).count();
            found.extend(nodes.into_iter().take(kept));
            if kept < AT_ONCE {
                return Ok(found);
            }
        }
    }

    async fn node(&self, queue: &Name, id: &JobId) -> Result<FlowNode> {
        let job = self.find(queue, id).await?;
        let parents = job.iter().flat_map(Job::parents).filter(|parent| !is_gate(&self.id, &parent.id));
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
        // How it ended is in the graph.
        match self.end().await {
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
        let (mut asked, mut awaited) = (HashSet::new(), HashSet::new());
        loop {
            let graph = self.graph().await?;
            let mut is_new = false;
            for job in self.makers_first(&graph).filter(|job| !job.state().is_terminal()) {
                if asked.contains(job.id()) {
                    continue;
                }
                let order = self.client.backend().cancel(job.queue_name(), job.id(), Some(&reason));
                let ordered = self.client.handle.ask("cancel a job", order).await?;
                if matches!(ordered, Ordered::Done | Ordered::Requested) {
                    is_new = true;
                    asked.insert(job.id().clone());
                }
            }
            // Those that make jobs may make some until they have ended.
            let makes = |job: &&Job| job.task() == EACH && job.state() == JobState::Active;
            for maker in self.makers_first(&graph).filter(makes) {
                if awaited.insert(maker.id().clone()) {
                    is_new = true;
                    let maker: JobHandle<Untyped> =
                        JobHandle::to(&self.client, maker.queue_name(), maker.id());
                    let _ = maker.result_within::<IgnoredAny>(MAKER_STOPS).await;
                }
            }
            if !is_new {
                return Ok(asked.len());
            }
        }
    }

    /// Tells the jobs that were added from those that were made of elements.
    fn parts_and_made<'a>(&self, graph: &'a FlowGraph) -> (&'a [FlowNode], &'a [FlowNode]) {
        graph.nodes.split_at(self.parts.len().min(graph.nodes.len()))
    }

    /// Goes over the jobs that are kept, the last first, so that none ends with another one before its turn, and those that were made of
    /// elements behind those that made them.
    fn makers_first<'a>(&self, graph: &'a FlowGraph) -> impl Iterator<Item = &'a Job> + use<'a> {
        let (parts, made) = self.parts_and_made(graph);
        parts.iter().rev().chain(made.iter().rev()).filter_map(|node| node.job.as_ref())
    }

    /// Lets every job that ended without completing begin anew, each behind those that it waits for, and with them the flow. Returns how
    /// many.
    ///
    /// # Errors
    ///
    /// Those of [`FlowHandle::graph`]; some may have begun then, and the rest follows when it is ordered again.
    pub async fn retry(&self) -> Result<usize> {
        let graph = self.graph().await?;
        if !graph.nodes.iter().filter_map(|node| node.job.as_ref()).any(ended_badly) {
            return Ok(0);
        }
        // Also one that was not called for, which may be this time.
        let is_to_begin = |job: &&Job| job.state().is_terminal() && job.state() != JobState::Completed;
        let (parts, made) = self.parts_and_made(&graph);
        let badly = |nodes: &[FlowNode]| -> Vec<Arc<Envelope>> {
            let jobs = nodes.iter().filter_map(|node| node.job.as_ref()).filter(is_to_begin);
            jobs.map(|job| job.envelope().clone()).collect()
        };
        let parts = badly(parts);
        let parts = parents_first(&parts)?.map_or_else(|| parts.clone(), |order| in_order(&order, &parts));
        let mut begun = 0;
        // Who made jobs waits for them, though one that was stopped in its midst does not know it.
        for job in badly(made).into_iter().chain(parts) {
            begun += usize::from(self.begin_anew(&job.queue, &job.id).await?);
        }
        // Refused while the flow runs, or if it has completed.
        self.begin_anew(&self.queue, &self.head).await?;
        Ok(begun)
    }

    /// Cancels what has not ended, and removes the records of all of its jobs and that of the flow. Returns how many jobs were removed.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] while some of them run: they were asked to stop, and nothing is removed; call this again. Those of
    /// [`FlowHandle::graph`]; some may be gone then.
    pub async fn remove(&self) -> Result<usize> {
        self.cancel().await?;
        let graph = self.graph().await?;
        let running = graph.count(JobState::Active);
        if running != 0 {
            return Err(Error::Invalid(format!(
                "{running} jobs of flow {:?} still run, and were asked to stop: remove it again when they have ended",
                self.id
            )));
        }
        let mut removed = 0;
        for job in self.makers_first(&graph) {
            removed += usize::from(self.remove_one(job.queue_name(), job.id()).await? == Ordered::Done);
        }
        // Last, as it is by its record that the flow is found; it may run just now, as all have ended.
        while matches!(self.remove_one(&self.queue, &self.head).await?, Ordered::Refused(_)) {
            let _ = self.end().await;
        }
        Ok(removed)
    }

    /// Waits for the end of the flow's own job.
    fn end(&self) -> ResultFuture<IgnoredAny> {
        JobHandle::<Untyped>::to(&self.client, &self.queue, &self.head).result()
    }

    async fn remove_one(&self, queue: &Name, id: &JobId) -> Result<Ordered> {
        self.client.handle.ask("remove a job", self.client.backend().remove(queue, id)).await
    }

    async fn begin_anew(&self, queue: &Name, id: &JobId) -> Result<bool> {
        let order = self.client.backend().retry(queue, id);
        Ok(self.client.handle.ask("let a job begin anew", order).await? == Ordered::Done)
    }

    /// Removes the jobs that a push has just added.
    pub(super) async fn remove_added(&self, jobs: &[Arc<Envelope>], pushed: &[Pushed]) -> Result<()> {
        let added = jobs.iter().zip(pushed).filter(|(_, pushed)| pushed.is_taken_in());
        for (job, _) in added.rev() {
            // One that has begun already is asked to stop at least.
            if matches!(self.remove_one(&job.queue, &job.id).await?, Ordered::Refused(_)) {
                let cancel = self.client.backend().cancel(&job.queue, &job.id, Some("its flow was refused"));
                self.client.handle.ask("cancel a job", cancel).await?;
            }
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
