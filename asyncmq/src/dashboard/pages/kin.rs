//! The flow of a job, the jobs that it waits for, and those that wait for it.

use crate::client::FlowNode;
use crate::dashboard::error::Refusal;
use crate::dashboard::visit::Visit;
use crate::error::Error;
use crate::job::{Job, JobState, OnFailure, Parent};

/// How many of each are shown.
const SHOWN: usize = 20;

/// What a job has to do with others. Who waits for it is known of jobs of a flow alone.
#[derive(Default)]
pub(super) struct Kin {
    pub(super) flow: Option<(String, String)>,
    pub(super) parents: Vec<Relative>,
    pub(super) more_parents: usize,
    pub(super) children: Vec<Relative>,
    pub(super) more_children: usize,
}

/// Another job.
pub(super) struct Relative {
    pub(super) id: String,
    /// Its page; nothing if its record has gone.
    pub(super) link: Option<String>,
    pub(super) task: String,
    pub(super) state: &'static str,
    /// What happens if it fails, or if the job fails for which it waits, unless that is the usual.
    pub(super) note: &'static str,
}

impl Kin {
    /// Looks for them: 20 look-ups, and one for each job of its flow.
    pub(super) async fn of(visit: &Visit, job: &Job) -> Result<Self, Refusal> {
        let graph = match job.flow_id() {
            Some(flow) => match visit.admin().flow(flow).await {
                Ok(graph) => Some(graph),
                // The record of its first job has gone.
                Err(Error::FlowNotFound { .. }) => None,
                Err(error) => return Err(error.into()),
            },
            None => None,
        };
        let mut kin = Self { more_parents: job.parents().len().saturating_sub(SHOWN), ..Self::default() };
        for parent in job.parents().iter().take(SHOWN) {
            let found = visit.dashboard.client.backend().find(&parent.queue, &parent.id);
            let found = visit.dashboard.client.handle.ask("look a job up", found).await?;
            kin.parents.push(Relative::parent(visit, parent, found.as_ref()));
        }
        let Some(graph) = graph else { return Ok(kin) };
        kin.flow = Some((graph.id.clone(), visit.link("/flow", &[("id", &graph.id)])));
        let children: Vec<_> =
            graph.nodes.iter().filter_map(|node| Relative::child(visit, node, job)).collect();
        kin.more_children = children.len().saturating_sub(SHOWN);
        kin.children = children.into_iter().take(SHOWN).collect();
        Ok(kin)
    }
}

impl Relative {
    fn parent(visit: &Visit, parent: &Parent, found: Option<&Job>) -> Self {
        Self {
            id: parent.id.to_string(),
            link: found.map(|_| visit.link("/job", &[("queue", &parent.queue), ("id", &parent.id)])),
            task: found.map_or("record gone", |job| job.task()).to_owned(),
            state: found.map_or("gone", |job| job.state().name()),
            note: match parent.on_failure {
                OnFailure::Fail => "",
                OnFailure::Run => "this one runs even if that fails",
                OnFailure::Cancel => "this one is cancelled if that fails",
            },
        }
    }

    /// Returns a job of the same flow if it waits for this one, or did.
    fn child(visit: &Visit, node: &FlowNode, job: &Job) -> Option<Self> {
        let (_, on_failure) = node.parents.iter().find(|(id, _)| id == job.id())?;
        Some(Self {
            id: node.id.to_string(),
            link: node.job.as_ref().map(|_| visit.link("/job", &[("queue", &node.queue), ("id", &node.id)])),
            task: node.job.as_ref().map_or("record gone", |job| job.task()).to_owned(),
            state: node.state().map_or("gone", JobState::name),
            note: match on_failure {
                OnFailure::Fail => "",
                OnFailure::Run => "that one runs even if this fails",
                OnFailure::Cancel => "that one is cancelled if this fails",
            },
        })
    }
}
