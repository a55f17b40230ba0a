//! The tasks of this library's own that flows need: every worker has them, for the queues that it serves.

mod each;
mod gate;
mod head;

use serde::de::DeserializeOwned;

use crate::client::{EACH, GATE, HEAD};
use crate::job::{JobId, Parent};
use crate::task::{Context, TaskDefinition, TaskError, handler};

/// All of them.
pub(super) const TASKS: [&TaskDefinition; 3] = [
    &TaskDefinition::own(HEAD, |invocation| handler(head::run(invocation.context))),
    &TaskDefinition::own(GATE, |invocation| handler(gate::run(invocation.context))),
    &TaskDefinition::own(EACH, |invocation| handler(each::run(invocation.context))),
];

/// How many jobs are named where many did not complete.
const MOST_NAMED: usize = 5;

/// Reads the arguments of one of these jobs.
fn arguments<T: DeserializeOwned>(context: &Context) -> Result<T, TaskError> {
    let args = &context.0.job.envelope.args;
    serde_json::from_slice(args).map_err(|error| TaskError::undecodable(format!("cannot be read: {error}")))
}

/// Returns the jobs for which one of these waited.
fn parents(context: &Context) -> &[Parent] {
    &context.0.job.envelope.extras().parents
}

/// Names jobs, as many as are worth reading.
fn named<'a>(ids: impl ExactSizeIterator<Item = &'a JobId>) -> String {
    let more = ids.len().saturating_sub(MOST_NAMED);
    let names: Vec<&str> = ids.take(MOST_NAMED).map(|id| &**id).collect();
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names} and {more} more") }
}
