//! Flows, in a list and in full.

use std::time::SystemTime;

use serde::Serialize;

use super::rfc3339;
use crate::admin::{FlowInfo, Hidden};
use crate::client::{FlowGraph, FlowNode};
use crate::clock::Timestamp;
use crate::job::{Job, JobState, OnFailure};

/// A flow as a list shows it.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct FlowView {
    pub id: String,
    pub queue: String,
    pub state: &'static str,
    pub jobs: usize,
    pub ended: Option<usize>,
    pub failed: Option<usize>,
    pub created_at: Option<String>,
    pub finished_at: Option<String>,
}

impl From<&FlowInfo> for FlowView {
    fn from(info: &FlowInfo) -> Self {
        let time = |time: SystemTime| rfc3339(Timestamp::from(time));
        Self {
            id: info.id.clone(),
            queue: info.queue.clone(),
            state: info.state.name(),
            jobs: info.jobs,
            ended: info.ended,
            failed: info.failed,
            created_at: info.began.map(time),
            finished_at: info.over.map(time),
        }
    }
}

/// A job that another one of a flow waits for, or waited for.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct FlowEdgeView {
    pub id: String,
    pub on_failure: &'static str,
}

/// A job of a flow.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct FlowNodeView {
    pub id: String,
    pub queue: String,
    pub task: Option<String>,
    pub state: Option<&'static str>,
    pub waits_for: Vec<FlowEdgeView>,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub seconds: Option<f64>,
    pub error: Option<String>,
}

impl FlowNodeView {
    fn of(node: &FlowNode, hidden: &Hidden) -> Self {
        let job = node.job.as_ref();
        let edge = |(id, on_failure): &(_, OnFailure)| edge(id, *on_failure);
        let error = |job: &Job| {
            job.errors().last().map(|error| hidden.text(job.task(), error.message()).into_owned())
        };
        Self {
            id: node.id.to_string(),
            queue: node.queue.clone(),
            task: job.map(|job| job.task().to_owned()),
            state: node.state().map(JobState::name),
            waits_for: node.parents.iter().map(edge).collect(),
            started_at: job.and_then(|job| job.status().started_at).map(rfc3339),
            finished_at: job.and_then(|job| job.status().finished_at).map(rfc3339),
            seconds: job.and_then(ran_for).map(|time| time.as_secs_f64()),
            error: job.and_then(error),
        }
    }
}

fn edge(id: &crate::job::JobId, on_failure: OnFailure) -> FlowEdgeView {
    FlowEdgeView { id: id.to_string(), on_failure: on_failure.name() }
}

/// Returns how long the last attempt of a job that has ended took.
pub(crate) fn ran_for(job: &Job) -> Option<std::time::Duration> {
    let status = job.status();
    let (started, ended) = status.started_at.zip(status.finished_at)?;
    (started <= ended).then(|| ended.since(started))
}

/// All about a flow.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/cli.md says what each field is")]
pub struct FlowDetailView {
    #[serde(flatten)]
    pub flow: FlowView,
    pub nodes: Vec<FlowNodeView>,
}

/// Without what is always hidden.
impl From<&FlowGraph> for FlowDetailView {
    fn from(graph: &FlowGraph) -> Self {
        Self::hiding(graph, &Hidden::default())
    }
}

impl FlowDetailView {
    /// Describes a flow without what is hidden of its jobs.
    pub(crate) fn hiding(graph: &FlowGraph, hidden: &Hidden) -> Self {
        let nodes = graph.nodes.iter().map(|node| FlowNodeView::of(node, hidden));
        Self { flow: FlowView::from(&FlowInfo::from(graph)), nodes: nodes.collect() }
    }
}
