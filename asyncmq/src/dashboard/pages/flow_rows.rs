//! The jobs of a flow as rows of tables.

use std::time::SystemTime;

use super::rows::first_line;
use crate::admin::view::ran_for;
use crate::client::{FlowGraph, FlowNode};
use crate::clock::Timestamp;
use crate::dashboard::text::{grouped, short, visible};
use crate::dashboard::visit::Visit;
use crate::job::{JobId, JobState, OnFailure};

/// How many of the jobs that one waits for are named.
const NAMED: usize = 8;

/// A job of a flow.
pub(super) struct NodeRow {
    pub(super) id: String,
    /// Its id without the flow's: `.7`.
    pub(super) short_id: String,
    pub(super) link: Option<String>,
    pub(super) task: String,
    pub(super) state: &'static str,
    pub(super) queue: String,
    pub(super) queue_link: String,
    /// Whom it waits for, and how many more.
    pub(super) waits_for: Vec<String>,
    pub(super) more: usize,
    /// How long it has run, or ran.
    pub(super) time: String,
    pub(super) error: Option<String>,
}

impl NodeRow {
    pub(super) fn of(visit: &Visit, flow: &str, node: &FlowNode) -> Self {
        let job = node.job.as_ref();
        let has_failed = |state: JobState| !matches!(state, JobState::Completed | JobState::Waiting);
        let failed = job.filter(|job| has_failed(job.state()));
        let error = failed.and_then(|job| visit.dashboard.conceal.job(job).error);
        Self {
            id: node.id.to_string(),
            short_id: within(flow, &node.id).to_owned(),
            link: job.map(|_| visit.link("/job", &[("queue", &node.queue), ("id", &node.id)])),
            task: job.map_or("record gone", |job| job.task()).to_owned(),
            state: state_of(node),
            queue: node.queue.clone(),
            queue_link: visit.link("/queue", &[("name", &node.queue)]),
            waits_for: node.parents.iter().take(NAMED).map(|parent| parent_in_words(flow, parent)).collect(),
            more: node.parents.len().saturating_sub(NAMED),
            time: time_of(node).unwrap_or_else(|| "–".into()),
            error: error.map(|error| first_line(&error)),
        }
    }
}

pub(super) fn state_of(node: &FlowNode) -> &'static str {
    node.state().map_or("gone", JobState::name)
}

/// Returns the id of a job of a flow without the flow's own; that of another job whole.
pub(super) fn within<'a>(flow: &str, id: &'a JobId) -> &'a str {
    let own = id.as_str().strip_prefix(flow).filter(|rest| rest.starts_with('.'));
    own.unwrap_or(id.as_str())
}

/// Names a job that another one waits for, and what happens if that fails unless it is the usual.
pub(super) fn parent_in_words(flow: &str, (id, on_failure): &(JobId, OnFailure)) -> String {
    let id = visible(within(flow, id));
    match on_failure {
        OnFailure::Fail => id,
        other => format!("{id} ({})", other.name()),
    }
}

/// Says how long a job has run, or ran.
pub(super) fn time_of(node: &FlowNode) -> Option<String> {
    let job = node.job.as_ref()?;
    let running = job.status().started_at.filter(|_| job.state() == JobState::Active);
    let now = Timestamp::from(SystemTime::now());
    running.map(|started| now.since(started)).or_else(|| ran_for(job)).map(short)
}

/// A task, and how many jobs of a flow are in each state.
pub(super) struct TaskRow {
    pub(super) task: String,
    pub(super) jobs: String,
    pub(super) states: Vec<(&'static str, String)>,
}

/// Counts the jobs of a flow by task, in the order in which the tasks come.
pub(super) fn tasks(graph: &FlowGraph) -> Vec<TaskRow> {
    let mut counted: Vec<(&str, Vec<(&'static str, u64)>)> = Vec::new();
    for node in &graph.nodes {
        let task = node.job.as_ref().map_or("record gone", |job| job.task());
        *of(of(&mut counted, task), state_of(node)) += 1;
    }
    let row = |(task, states): (&str, Vec<(&'static str, u64)>)| TaskRow {
        task: task.to_owned(),
        jobs: grouped(states.iter().map(|(_, count)| count).sum()),
        states: states.into_iter().map(|(state, count)| (state, grouped(count))).collect(),
    };
    counted.into_iter().map(row).collect()
}

/// Returns what a list has under a key; it is added if it is not there.
fn of<K: PartialEq, V: Default>(list: &mut Vec<(K, V)>, key: K) -> &mut V {
    let place = list.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
        list.push((key, V::default()));
        list.len() - 1
    });
    &mut list[place].1
}
