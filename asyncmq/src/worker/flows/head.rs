//! The job that ends with its flow, and as it does.

use std::collections::HashSet;

use bytes::Bytes;

use super::{arguments, named, parents};
use crate::client::HeadArgs;
use crate::job::{Job, JobId, JobState, Parent};
use crate::task::{Context, TaskError};

/// Completes if every job of the flow did, but for those that run only if others fail. One that begins anew meanwhile is waited for.
pub(super) async fn run(context: Context) -> Result<Bytes, TaskError> {
    let HeadArgs { spare } = arguments(&context)?;
    let (all, inputs) = (parents(&context), &context.0.job.inputs);
    let completed: HashSet<&JobId> =
        all.iter().zip(inputs).filter(|(_, input)| input.is_some()).map(|(parent, _)| &parent.id).collect();
    let spare: HashSet<&JobId> =
        spare.iter().filter_map(|place| all.get(*place as usize)).map(|parent| &parent.id).collect();
    let mut seen = HashSet::new();
    let open = all.iter().filter(|parent| !completed.contains(&parent.id) && seen.insert(&parent.id));
    let (mut failed, mut live) = (Vec::new(), Vec::new());
    for parent in open {
        match state_of(&context, parent).await? {
            Some(JobState::Completed) => {}
            Some(state) if !state.is_terminal() => live.push(parent.clone()),
            _ if spare.contains(&parent.id) => {}
            _ => failed.push(&parent.id),
        }
    }
    if !live.is_empty() {
        return Err(TaskError::wait_for(live));
    }
    let count = seen.len() + completed.len();
    match failed.len() {
        0 => Ok(Bytes::from_static(b"null")),
        some => {
            let names = named(failed.into_iter());
            Err(TaskError::permanent(format!("{some} of {count} jobs of the flow did not complete: {names}")))
        }
    }
}

/// Returns how a job stands now: it may have begun anew since its end was told.
async fn state_of(context: &Context, parent: &Parent) -> Result<Option<JobState>, TaskError> {
    let client = context.client();
    let found = client.handle.ask("look a job up", client.backend().find(&parent.queue, &parent.id)).await;
    Ok(found.map_err(TaskError::retry)?.as_ref().map(Job::state))
}
