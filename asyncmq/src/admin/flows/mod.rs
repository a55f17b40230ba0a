//! Flows as operators see them: how each stands as a whole, and orders about one.

mod find;
mod list;
mod place;

use std::time::SystemTime;

pub use list::{FlowFilter, FlowPage};

use crate::admin::Admin;
use crate::client::{FlowGraph, FlowHandle, FlowNode, FlowState, ended_badly};
#[cfg(feature = "dashboard")]
use crate::error::Error;
use crate::error::Result;
use crate::job::{Job, JobState};

/// Tells whether a job of a flow that has ended is as it should be: it completed, or it was not called for. Records that have gone are those of
/// jobs that ended, and say nothing any more.
fn ended_well(job: Option<&Job>) -> bool {
    job.is_none_or(|job| job.state().is_terminal() && !ended_badly(job))
}

/// A flow in short.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FlowInfo {
    /// Its id.
    pub id: String,
    /// The queue of its first job.
    pub queue: String,
    /// How it stands.
    pub state: FlowState,
    /// How many jobs it has. In a list, how many were added to it: what [`Flow::map`](crate::Flow::map) makes of a list counts as one.
    pub jobs: usize,
    /// How many of them have ended, however; those whose records have gone are among them. In a list nothing for a large flow.
    pub ended: Option<usize>,
    /// How many of them ended otherwise than they should: failed, expired, cancelled. In a list nothing for a large flow.
    pub failed: Option<usize>,
    /// When it was enqueued; nothing if no record of it is left.
    pub began: Option<SystemTime>,
    /// When it ended, if it has.
    pub over: Option<SystemTime>,
}

impl From<&FlowGraph> for FlowInfo {
    fn from(graph: &FlowGraph) -> Self {
        let jobs = || graph.nodes.iter().filter_map(|node| node.job.as_ref());
        let has_ended = |node: &&FlowNode| node.state().is_none_or(JobState::is_terminal);
        let ended = graph.nodes.iter().filter(has_ended);
        let last = jobs().filter_map(|job| job.status().finished_at).max();
        Self {
            id: graph.id.clone(),
            queue: graph.nodes.first().map(|node| node.queue.clone()).unwrap_or_default(),
            state: graph.state,
            jobs: graph.nodes.len(),
            failed: Some(ended.clone().filter(|node| !ended_well(node.job.as_ref())).count()),
            ended: Some(ended.count()),
            began: jobs().map(|job| job.status().created_at).min().map(Into::into),
            over: last.filter(|_| graph.state.is_over()).map(Into::into),
        }
    }
}

impl Admin {
    /// Returns a flow with all of its jobs, each of which is looked up, 16 at once.
    ///
    /// # Errors
    ///
    /// [`FlowNotFound`](crate::Error::FlowNotFound) when there is none.
    pub async fn flow(&self, id: &str) -> Result<FlowGraph> {
        self.flow_handle(id).await?.graph().await
    }

    /// Returns the jobs of a job's flow that wait for it, or did, and the flow; nothing if it has none, or that is gone. Of a flow of more jobs than
    /// `most` only that there is one.
    #[cfg(feature = "dashboard")]
    pub(crate) async fn flow_around(&self, job: &Job, most: usize) -> Result<Option<(FlowHandle, Vec<Job>)>> {
        let Some(id) = job.flow_id() else { return Ok(None) };
        let flow = match self.flow_handle(id).await {
            Ok(flow) => flow,
            Err(Error::FlowNotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if most < flow.jobs().count() {
            return Ok(Some((flow, Vec::new())));
        }
        let waits = |other: &Job| other.parents().iter().any(|parent| parent.id == *job.id());
        let children = flow.added().await?.into_iter().filter_map(|node| node.job).filter(waits).collect();
        Ok(Some((flow, children)))
    }

    /// Returns a handle to a flow, to wait for it.
    pub(crate) async fn flow_handle(&self, id: &str) -> Result<FlowHandle> {
        self.client.flow(id).await
    }

    /// Cancels every job of a flow that has not ended; those that run are asked to stop. Returns how many.
    ///
    /// # Errors
    ///
    /// [`FlowNotFound`](crate::Error::FlowNotFound) when there is none. When the store cannot be asked some may be cancelled.
    pub async fn cancel_flow(&self, id: &str) -> Result<usize> {
        let cancelled = async { self.flow_handle(id).await?.cancel().await };
        self.on_record(("flow.cancel", id), cancelled, |count| *count as u64).await
    }

    /// Lets every job of a flow that ended without completing begin anew, each behind those that it waits for. Returns how many.
    ///
    /// # Errors
    ///
    /// [`FlowNotFound`](crate::Error::FlowNotFound) when there is none. When the store cannot be asked some may have begun; ordered again, the
    /// rest follows.
    pub async fn retry_flow(&self, id: &str) -> Result<usize> {
        let begun = async { self.flow_handle(id).await?.retry().await };
        self.on_record(("flow.retry", id), begun, |count| *count as u64).await
    }

    /// Cancels what has not ended of a flow, and removes all of its records. Returns how many jobs were removed.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::Error::Invalid) while some of its jobs run, which are asked to stop: nothing is removed then.
    /// [`FlowNotFound`](crate::Error::FlowNotFound) when there is none. When the store cannot be asked some may be gone.
    pub async fn remove_flow(&self, id: &str) -> Result<usize> {
        let removed = async { self.flow_handle(id).await?.remove().await };
        self.on_record(("flow.remove", id), removed, |count| *count as u64).await
    }
}
