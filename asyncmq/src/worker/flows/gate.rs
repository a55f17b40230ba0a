//! The job for which the first ones of a large flow wait until all are there.

use bytes::Bytes;

use super::arguments;
use crate::client::{GateArgs, STAGING, head_id, part_id};
use crate::job::{JobId, Name};
use crate::task::{Context, TaskError};

/// Lets the flow begin if all of it is there. Whoever enqueued it sends the job that ends with it last and promotes this one then; otherwise
/// this one runs once it has waited long enough, and removes what there is.
pub(super) async fn run(context: Context) -> Result<Bytes, TaskError> {
    let GateArgs { parts: parts_in_order } = arguments(&context)?;
    let (client, job) = (context.client(), &context.0.job.envelope);
    let flow = job.extras().flow.clone().unwrap_or_default();
    let head = head_id(&flow);
    let head = client.backend().find(&job.queue, &head);
    if client.handle.ask("look a job up", head).await.map_err(TaskError::retry)?.is_some() {
        return Ok(Bytes::from_static(b"null"));
    }
    // One after the other, and children first, so that none runs because another one is gone.
    for (queue, id) in parts(&flow, &parts_in_order).into_iter().rev() {
        let remove = client.backend().remove(&queue, &id);
        client.handle.ask("remove a job", remove).await.map_err(TaskError::retry)?;
    }
    Err(TaskError::permanent(format!(
        "flow {flow:?} was not enqueued as a whole within {STAGING:?}: what there was of it is removed"
    )))
}

/// Lists the jobs of a flow in the order in which they were sent.
fn parts(flow: &str, runs: &[(String, Vec<usize>)]) -> Vec<(Name, JobId)> {
    let of_run = |(queue, places): &(String, Vec<usize>)| {
        let queue = Name::from_stored(queue);
        places.iter().map(|place| (queue.clone(), part_id(flow, *place))).collect::<Vec<_>>()
    };
    runs.iter().flat_map(of_run).collect()
}
