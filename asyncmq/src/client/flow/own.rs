//! The jobs that a flow has beside those that were added: one that ends with it, and one at which it begins if it cannot be taken
//! in in one step. Workers run them (`worker/flows`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::job::{
    Binding, Due, Envelope, JobId, MAX_JOB_ID, Name, OnFailure, Parent, Passes, Pins, Retention, template,
};

/// The task of the job that waits for all others of its flow, and ends as the flow does.
pub(crate) const HEAD: &str = "asyncmq.flow";
/// The task of the job for which the first ones of a large flow wait until all are there.
pub(crate) const GATE: &str = "asyncmq.gate";
/// The task of the job that makes a job of each element of a list.
pub(crate) const EACH: &str = "asyncmq.each";

/// How long taking in a large flow may take; after that what is there is removed.
pub(crate) const STAGING: Duration = Duration::from_secs(300);

/// The longest id of a flow, in bytes: the ids of its jobs are that and something more.
pub(super) const MAX_FLOW_ID: usize = 200;
const _: () = assert!(MAX_FLOW_ID + ".gate.".len() + 36 <= MAX_JOB_ID);

/// How often these jobs are tried, a store that cannot be reached being no reason to give up.
const ATTEMPTS: u32 = 20;

/// The arguments of the job that ends with its flow.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HeadArgs {
    /// The places of those that may end otherwise than completed.
    pub(crate) spare: Vec<u32>,
}

/// The arguments of the job for which the first ones of a large flow wait.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GateArgs {
    /// The places of the jobs of the flow in the order in which they are sent, parents first, by runs of one queue.
    pub(crate) parts: Vec<(String, Vec<usize>)>,
}

/// How long the record of a job that is made of an element is kept at least, so that whoever made it finds it when it begins to wait for it.
pub(crate) const MADE_FOR: Duration = Duration::from_secs(3_600);

/// Returns the place of the first job that one made of the elements of a list, among those for which it waits.
pub(crate) fn first_made(maker: &Envelope) -> usize {
    maker.extras().pins.map_or(usize::MAX, |pins| pins.from as usize)
}

/// The arguments of the job that makes a job of each element of a list. It pins what it makes, which stands behind what it waited for before.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EachArgs {
    /// What each of them is, without what is bound.
    #[serde(with = "template")]
    pub(crate) job: Envelope,
    /// What is bound, by the places of the parents; the element stands for the list.
    pub(crate) bindings: Vec<Binding>,
    /// The place of the list.
    pub(crate) list: usize,
    /// Whether the output has `null` for those that did not complete.
    pub(crate) optional: bool,
}

/// Returns the id of the job at a place of a flow.
pub(crate) fn part_id(flow: &str, place: usize) -> JobId {
    JobId::from_stored(&format!("{flow}.{place}"))
}

/// Returns the id of the job that ends with a flow.
pub(crate) fn head_id(flow: &str) -> JobId {
    JobId::from_stored(&format!("{flow}.flow"))
}

/// Returns the id of the job that a job made of an element of a list.
pub(crate) fn made_id(maker: &JobId, place: usize) -> JobId {
    JobId::from_stored(&format!("{maker}[{place}]"))
}

/// Tells whether a job is one for which the first ones of a large flow wait.
pub(super) fn is_gate(flow: &str, id: &JobId) -> bool {
    id.strip_prefix(flow).is_some_and(|rest| rest.starts_with(".gate."))
}

/// Makes a job of this library's own.
fn own(id: JobId, queue: &Name, task: &'static str, args: &impl Serialize, flow: &str) -> Result<Envelope> {
    let args = serde_json::to_vec(args).map_err(|error| Error::Payload {
        task: task.into(),
        reason: format!("cannot be written: {error}"),
    })?;
    let mut job = Envelope::new(id, queue.clone(), Name::from_static(task), Bytes::from(args));
    job.max_attempts = ATTEMPTS;
    // They take no time, and others wait for them.
    job.priority = 0;
    job.extras_mut().flow = Some(flow.into());
    Ok(job)
}

/// Makes the job that ends with a flow. It knows where all of its jobs are, and their records are kept as long as its own.
pub(super) fn head(flow: &str, jobs: &[Arc<Envelope>], retain: Option<Duration>) -> Result<Arc<Envelope>> {
    let places = (0_u32..).zip(jobs);
    let spare = places.filter(|(_, job)| job.extras().only_if_failed).map(|(place, _)| place).collect();
    let queue = jobs.first().map_or(Name::from_static("default"), |first| first.queue.clone());
    let mut head = own(head_id(flow), &queue, HEAD, &HeadArgs { spare }, flow)?;
    if let Some(time) = retain {
        head.retention = Retention::For(time);
    }
    head.extras_mut().pins = Some(Pins { from: 0, strictly: false });
    head.extras_mut().parents = jobs
        .iter()
        .map(|job| Parent {
            queue: job.queue.clone(),
            id: job.id.clone(),
            on_failure: OnFailure::Run,
            passes: Passes::End,
        })
        .collect();
    Ok(Arc::new(head))
}

/// Makes the job for which the first of these jobs wait, which stand in the order in which they are sent. It runs when it is promoted, and,
/// if nobody does that, once taking in has taken too long. Each sender has one of its own.
pub(super) fn gate(flow: &str, jobs: &[Arc<Envelope>], head: &Envelope) -> Result<Arc<Envelope>> {
    let places: HashMap<&JobId, usize> =
        head.extras().parents.iter().enumerate().map(|(place, parent)| (&parent.id, place)).collect();
    let parts = jobs.chunk_by(|one, other| one.queue == other.queue).filter_map(|run| {
        let queue = run.first()?.queue.to_string();
        Some((queue, run.iter().filter_map(|job| places.get(&job.id).copied()).collect()))
    });
    let id = JobId::from_stored(&format!("{flow}.gate.{}", JobId::generate()));
    let mut gate = own(id, &head.queue, GATE, &GateArgs { parts: parts.collect() }, flow)?;
    (gate.due, gate.retention) = (Due::After(STAGING), Retention::Nothing);
    Ok(Arc::new(gate))
}

/// Makes the job that makes a job like `template` of each element of what `list` returns.
pub(super) fn each(
    flow: &str,
    id: JobId,
    each: Envelope,
    list: Parent,
    optional: bool,
) -> Result<Arc<Envelope>> {
    let mut job = each;
    let queue = job.queue.clone();
    let extras = job.extras_mut();
    let (mut parents, bindings) = (std::mem::take(&mut extras.parents), std::mem::take(&mut extras.bindings));
    let place = parents.iter().position(|parent| parent.id == element_id()).unwrap_or_else(|| {
        parents.push(list.clone());
        parents.len() - 1
    });
    if let Some(parent) = parents.get_mut(place) {
        *parent = list;
    }
    // What it makes is kept as long as it is itself, and no longer unless that is asked for.
    let strictly = !matches!(job.retention, Retention::For(time) if MADE_FOR < time);
    let from = u32::try_from(parents.len()).unwrap_or(u32::MAX);
    let args = EachArgs { job, bindings, list: place, optional };
    let mut each = own(id, &queue, EACH, &args, flow)?;
    each.extras_mut().parents = parents;
    each.extras_mut().pins = Some(Pins { from, strictly });
    Ok(Arc::new(each))
}

/// The id by which a job that is made of each element of a list names the element.
pub(super) fn element_id() -> JobId {
    JobId::from_stored("asyncmq.element")
}
