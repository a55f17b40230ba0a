//! Flows as operators see them: how each stands as a whole, and orders about one.

mod list;
mod place;

use std::fmt;
use std::time::SystemTime;

pub use list::{FlowFilter, FlowPage};

use crate::admin::Admin;
use crate::client::{FlowGraph, FlowHandle, FlowNode};
use crate::error::Result;
use crate::job::{Job, JobState};

/// How a flow stands as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowState {
    /// Some of its jobs have not ended.
    Running,
    /// All have completed; who is called only if some do not was cancelled.
    Completed,
    /// All have ended, and some did not complete.
    Failed,
}

impl FlowState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Running, Self::Completed, Self::Failed];

    /// Returns its name: `running`, `completed` or `failed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Returns the state of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Returns how a flow stood when it was looked at.
    #[must_use]
    pub fn of(graph: &FlowGraph) -> Self {
        match graph.nodes.iter().all(ended_well) {
            _ if !graph.is_over() => Self::Running,
            true => Self::Completed,
            false => Self::Failed,
        }
    }
}

impl fmt::Display for FlowState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Tells whether a job of a flow that has ended is as it should be: it completed, or it was not called for. Records that have gone are those of
/// jobs that ended, and say nothing any more.
fn ended_well(node: &FlowNode) -> bool {
    let Some(job) = &node.job else { return true };
    let was_not_called = job.envelope().extras().only_if_failed && job.state() == JobState::Cancelled;
    job.state() == JobState::Completed || was_not_called
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
    /// How many jobs it has.
    pub jobs: usize,
    /// How many of them have ended, however; those whose records have gone are among them.
    pub ended: usize,
    /// How many of them ended otherwise than they should: failed, expired, cancelled.
    pub failed: usize,
    /// When it was enqueued; nothing if no record of it is left.
    pub began: Option<SystemTime>,
    /// When the last of its jobs ended, if all have.
    pub over: Option<SystemTime>,
}

impl From<&FlowGraph> for FlowInfo {
    fn from(graph: &FlowGraph) -> Self {
        let jobs = || graph.nodes.iter().filter_map(|node| node.job.as_ref());
        let state = FlowState::of(graph);
        let has_ended = |node: &&FlowNode| node.state().is_none_or(JobState::is_terminal);
        let ended = graph.nodes.iter().filter(has_ended);
        let last = jobs().filter_map(|job: &Job| job.status().finished_at).max();
        Self {
            id: graph.id.clone(),
            queue: graph.nodes.first().map(|node| node.queue.clone()).unwrap_or_default(),
            state,
            jobs: graph.nodes.len(),
            failed: ended.clone().filter(|node| !ended_well(node)).count(),
            ended: ended.count(),
            began: jobs().map(|job| job.status().created_at).min().map(Into::into),
            over: last.filter(|_| state != FlowState::Running).map(Into::into),
        }
    }
}

impl Admin {
    /// Returns a flow with all of its jobs, each of which is looked up: 1,000 at most, 16 at once.
    ///
    /// # Errors
    ///
    /// [`Error::FlowNotFound`](crate::Error::FlowNotFound) when there is none.
    pub async fn flow(&self, id: &str) -> Result<FlowGraph> {
        self.flow_handle(id).await?.graph().await
    }

    /// Returns a handle to a flow, to wait for it.
    pub(crate) async fn flow_handle(&self, id: &str) -> Result<FlowHandle> {
        self.client.flow(id).await
    }

    /// Cancels every job of a flow that has not ended; those that run are asked to stop. Returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::FlowNotFound`](crate::Error::FlowNotFound) when there is none. When the store cannot be asked some may be cancelled.
    pub async fn cancel_flow(&self, id: &str) -> Result<usize> {
        let cancelled = async { self.flow_handle(id).await?.cancel().await };
        self.on_record(("flow.cancel", id), cancelled, |count| *count as u64).await
    }

    /// Lets every job of a flow that ended without completing begin anew, each behind those that it waits for. Returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::FlowNotFound`](crate::Error::FlowNotFound) when there is none. When the store cannot be asked some may have begun; ordered again, the
    /// rest follows.
    pub async fn retry_flow(&self, id: &str) -> Result<usize> {
        let begun = async { self.flow_handle(id).await?.retry().await };
        self.on_record(("flow.retry", id), begun, |count| *count as u64).await
    }
}
