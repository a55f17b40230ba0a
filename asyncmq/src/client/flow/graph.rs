//! What a flow looks like, and how it stands.

use crate::job::{Job, JobId, JobState, OnFailure};

/// How a flow stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlowState {
    /// Some of its jobs have not ended.
    Running,
    /// All have completed, but for those that ran only if others failed.
    Completed,
    /// All have ended, and some did not complete.
    Failed,
}

impl FlowState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Running, Self::Completed, Self::Failed];

    /// Returns the state's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Returns the state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Tells whether all of its jobs have ended.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Running)
    }

    /// Returns how a flow stands whose own job stands so.
    pub(crate) const fn of(head: JobState) -> Self {
        match head {
            JobState::Completed => Self::Completed,
            JobState::Failed | JobState::Expired | JobState::Cancelled => Self::Failed,
            JobState::Waiting | JobState::Delayed | JobState::Blocked | JobState::Active => Self::Running,
        }
    }
}

impl std::fmt::Display for FlowState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The jobs of a flow as they stood when it was looked at.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FlowGraph {
    /// The flow's id.
    pub id: String,
    /// How it stands.
    pub state: FlowState,
    /// Its jobs, in the order in which they were added, and behind them those that [`Flow::map`](crate::Flow::map) made.
    pub nodes: Vec<FlowNode>,
}

/// One job of a flow.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FlowNode {
    /// Its id.
    pub id: JobId,
    /// Its queue.
    pub queue: String,
    /// The job; `None` if its record is no longer kept.
    pub job: Option<Job>,
    /// The jobs that it waits for, or waited for, each with what its failure means.
    pub parents: Vec<(JobId, OnFailure)>,
}

impl FlowNode {
    /// Returns where the job stands; `None` if its record is no longer kept.
    #[must_use]
    pub fn state(&self) -> Option<JobState> {
        self.job.as_ref().map(Job::state)
    }
}

/// Tells whether a job has ended otherwise than it was to: one that is there only for failures is cancelled if there are none.
pub(crate) fn ended_badly(job: &Job) -> bool {
    let was_not_called = job.envelope().extras().only_if_failed && job.state() == JobState::Cancelled;
    job.state().is_terminal() && job.state() != JobState::Completed && !was_not_called
}

impl FlowGraph {
    /// Returns how many jobs stand in this state.
    #[must_use]
    pub fn count(&self, state: JobState) -> usize {
        self.nodes.iter().filter(|node| node.state() == Some(state)).count()
    }

    /// Tells whether every job has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.nodes.iter().all(|node| node.state().is_none_or(JobState::is_terminal))
    }

    /// Tells whether every job whose record is kept has completed, but for those that ran only if others failed, and did not.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.nodes
            .iter()
            .filter_map(|node| node.job.as_ref())
            .all(|job| !ended_badly(job) && job.state().is_terminal())
    }

    /// Draws the flow as a graph in the language of Graphviz.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let mut dot = String::from("digraph flow {\n  rankdir=LR;\n");
        for node in &self.nodes {
            let state = node.state().map_or("gone", JobState::name);
            let task = node.job.as_ref().map_or("", |job| job.task());
            let label = quoted(&format!("{task} ({state})"));
            dot.push_str(&format!("  {} [label={label}];\n", quoted(&node.id)));
            for (parent, _) in &node.parents {
                dot.push_str(&format!("  {} -> {};\n", quoted(parent), quoted(&node.id)));
            }
        }
        dot.push_str("}\n");
        dot
    }
}
