//! The flow of a job, the jobs that it waits for, and those that wait for it.

use crate::dashboard::error::Refusal;
use crate::dashboard::visit::Visit;
use crate::job::{Job, OnFailure, Parent};

/// How many of each are shown.
const SHOWN: usize = 20;
/// Of how many jobs a flow may be so that those are looked for that wait for one of them: a page of a job looks again with every change.
const MOST_LOOKED: usize = 300;

/// What a job has to do with others. Who waits for it is known of jobs of a flow alone, unless that is large.
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
    /// Looks for them: 20 look-ups, and one for each job of its flow, unless that is large.
    pub(super) async fn of(visit: &Visit, job: &Job) -> Result<Self, Refusal> {
        let mut kin = Self { more_parents: job.parents().len().saturating_sub(SHOWN), ..Self::default() };
        for parent in job.parents().iter().take(SHOWN) {
            let found = visit.dashboard.client.backend().find(&parent.queue, &parent.id);
            let found = visit.dashboard.client.handle.ask("look a job up", found).await?;
            kin.parents.push(Relative::parent(visit, parent, found.as_ref()));
        }
        if let Some((flow, children)) = visit.admin().flow_around(job, MOST_LOOKED).await? {
            kin.flow = Some((flow.id().to_owned(), visit.link("/flow", &[("id", flow.id())])));
            kin.more_children = children.len().saturating_sub(SHOWN);
            kin.children =
                children.iter().take(SHOWN).map(|child| Relative::child(visit, child, job)).collect();
        }
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

    /// A job of the same flow that waits for this one, or did.
    fn child(visit: &Visit, child: &Job, job: &Job) -> Self {
        let edge = child.parents().iter().find(|parent| parent.id == *job.id());
        Self {
            id: child.id().to_string(),
            link: Some(visit.link("/job", &[("queue", child.queue()), ("id", child.id())])),
            task: child.task().to_owned(),
            state: child.state().name(),
            note: match edge.map(|parent| parent.on_failure) {
                Some(OnFailure::Run) => "that one runs even if this fails",
                Some(OnFailure::Cancel) => "that one is cancelled if this fails",
                Some(OnFailure::Fail) | None => "",
            },
        }
    }
}
