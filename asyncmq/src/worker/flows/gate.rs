//! The job for which the first ones of a large flow wait until all are there.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::arguments;
use crate::client::{GateArgs, STAGING, head_id, part_id};
use crate::job::{JobId, Name};
use crate::task::{Context, TaskError};

/// How many jobs are removed at once.
const AT_ONCE: usize = 16;

/// Lets the flow begin if all of it is there. Whoever enqueued it sends the job that ends with it last and promotes this one then; otherwise
/// this one runs once it has waited long enough, and removes what there is.
pub(super) async fn run(context: Context) -> Result<Bytes, TaskError> {
    let GateArgs { queues } = arguments(&context)?;
    let (client, job) = (context.client(), &context.0.job.envelope);
    let flow = job.extras().flow.clone().unwrap_or_default();
    let head = head_id(&flow);
    let head = client.backend().find(&job.queue, &head);
    if client.handle.ask("look a job up", head).await.map_err(TaskError::retry)?.is_some() {
        return Ok(Bytes::from_static(b"null"));
    }
    // Children first, so that none of them ends with its parent.
    let parts: Vec<_> = parts(&flow, &queues).into_iter().rev().collect();
    let remove = |(queue, id): (Name, JobId)| {
        let client = client.clone();
        async move { client.handle.ask("remove a job", client.backend().remove(&queue, &id)).await }
    };
    let removed = stream::iter(parts).map(remove).buffered(AT_ONCE);
    let _: Vec<_> = removed.try_collect().await.map_err(TaskError::retry)?;
    Err(TaskError::permanent(format!(
        "flow {flow:?} was not enqueued as a whole within {STAGING:?}: what there was of it is removed"
    )))
}

/// Lists the jobs of a flow.
fn parts(flow: &str, queues: &[(String, usize)]) -> Vec<(Name, JobId)> {
    let names =
        queues.iter().flat_map(|(queue, count)| std::iter::repeat_n(Name::from_stored(queue), *count));
    names.enumerate().map(|(place, queue)| (queue, part_id(flow, place))).collect()
}
