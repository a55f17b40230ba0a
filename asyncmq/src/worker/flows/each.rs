//! The job that makes a job of each element of a list, waits for them, and returns the list of their outputs.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{arguments, named, parents};
use crate::backend::Pushed;
use crate::client::{EachArgs, MADE_FOR, Untyped, first_made, made_id};
use crate::job::{Envelope, JobId, MAX_PARENTS, OnFailure, Parent, Passes, Retention};
use crate::task::{Context, Stop, TaskError, bound};

/// How many jobs are made between two looks at whether this one is to stop.
const AT_ONCE: usize = 1_000;

pub(super) async fn run(context: Context) -> Result<Bytes, TaskError> {
    let args: EachArgs = arguments(&context)?;
    let own = first_made(&context.0.job.envelope);
    match parents(&context).get(own..) {
        Some(made) if !made.is_empty() => collected(&context, &args, own, made),
        _ => spread(&context, &args).await,
    }
}

/// Makes the jobs. It may have done so before, and died.
async fn spread(context: &Context, args: &EachArgs) -> Result<Bytes, TaskError> {
    let jobs = jobs(context, args)?;
    if jobs.is_empty() {
        return Ok(Bytes::from_static(b"[]"));
    }
    let client = context.client();
    for (number, some) in jobs.chunks(AT_ONCE).enumerate() {
        match context.0.stop_reason() {
            None => {}
            Some(Stop::Cancelled) => return call_off(context, &jobs[..number * AT_ONCE]).await,
            // It is given back, or somebody else has it by now, and goes on with what is made.
            Some(_) => return Err(TaskError::retry("the worker stops")),
        }
        let pushed = client.handle.push(some).await.map_err(TaskError::retry)?;
        for (job, pushed) in some.iter().zip(&pushed) {
            client.handle_to::<Untyped>(job, pushed).map_err(TaskError::permanent)?;
        }
        refuse_leftovers(context, some, &pushed).await?;
    }
    if context.0.stop_reason() == Some(Stop::Cancelled) {
        return call_off(context, &jobs).await;
    }
    Err(TaskError::wait_for(jobs.iter().map(|job| parent_of(job)).collect()))
}

/// Begins anew as long as jobs are kept that a flow of the same id made before: they are being forgotten, the first ones first.
async fn refuse_leftovers(
    context: &Context,
    jobs: &[Arc<Envelope>],
    pushed: &[Pushed],
) -> Result<(), TaskError> {
    let known = jobs.iter().zip(pushed).rfind(|(_, pushed)| matches!(pushed, Pushed::Exists { .. }));
    let Some((known, _)) = known else { return Ok(()) };
    let client = context.client();
    let (backend, own) = (client.backend(), &context.0.job.envelope);
    let looks = async {
        Ok((backend.find(&own.queue, &own.id).await?, backend.find(&known.queue, &known.id).await?))
    };
    match client.handle.ask("look a job up", looks).await.map_err(TaskError::retry)? {
        (Some(own), Some(found)) if found.created_at() < own.created_at() => Err(TaskError::retry(format!(
            "job {} is kept of a flow of the same id: this one goes on once that is forgotten, or removed",
            found.id()
        ))),
        _ => Ok(()),
    }
}

fn parent_of(job: &Envelope) -> Parent {
    // All of them end before this one does, also where some fail.
    let (on_failure, passes) = (OnFailure::Run, Passes::Output);
    Parent { queue: job.queue.clone(), id: job.id.clone(), on_failure, passes }
}

/// Describes the jobs.
fn jobs(context: &Context, args: &EachArgs) -> Result<Vec<Arc<Envelope>>, TaskError> {
    let own = &context.0.job;
    let list =
        own.inputs.get(args.list).and_then(Option::as_deref).filter(|list| !list.is_empty()).unwrap_or(b"[]");
    let elements: Vec<&RawValue> = serde_json::from_slice(list).map_err(|error| {
        TaskError::permanent(format!("what is to be taken apart is not a list, but {}: {error}", shown(list)))
    })?;
    let before = first_made(&own.envelope);
    let most = MAX_PARENTS - before.min(MAX_PARENTS);
    if most < elements.len() {
        return Err(TaskError::permanent(format!(
            "the list has {} elements, {most} are allowed: let each stand for several",
            elements.len()
        )));
    }
    let mut inputs = own.inputs.clone();
    inputs.resize(before.max(args.list + 1), None);
    let largest = context.0.site.backend.max_payload();
    let each = elements.iter().enumerate().map(|(place, element)| {
        if let Some(input) = inputs.get_mut(args.list) {
            *input = Some(Bytes::copy_from_slice(element.get().as_bytes()));
        }
        let mut job = args.job.clone();
        job.id = made_id(&own.envelope.id, place);
        job.retention = kept(job.retention);
        job.args = bound(&args.job.args, &args.bindings, &inputs);
        job.extras_mut().flow.clone_from(&own.envelope.extras().flow);
        if largest < job.args.len() {
            return Err(TaskError::permanent(format!(
                "the arguments for element {place} have {} bytes, {largest} are allowed: let the list have references, or raise `max_payload`",
                job.args.len()
            )));
        }
        Ok(Arc::new(job))
    });
    each.collect()
}

/// What a made job returned must be there when this one begins to wait for it, which may be after its end.
fn kept(retention: Retention) -> Retention {
    match retention {
        Retention::For(time) => Retention::For(time.max(MADE_FOR)),
        Retention::Standard | Retention::Nothing => Retention::For(MADE_FOR),
    }
}

fn shown(json: &[u8]) -> String {
    String::from_utf8_lossy(&json[..json.len().min(40)]).into_owned()
}

/// Cancels what was made, as this job is cancelled.
async fn call_off(context: &Context, jobs: &[Arc<Envelope>]) -> Result<Bytes, TaskError> {
    let client = context.client();
    let reason = format!("job {} was cancelled", context.job_id());
    for job in jobs.iter().rev() {
        let order = client.backend().cancel(&job.queue, &job.id, Some(&reason));
        client.handle.ask("cancel a job", order).await.map_err(TaskError::retry)?;
    }
    Err(TaskError::cancel("it was cancelled while it made jobs"))
}

/// Returns the list of what the jobs returned.
fn collected(context: &Context, args: &EachArgs, own: usize, made: &[Parent]) -> Result<Bytes, TaskError> {
    let inputs = context.0.job.inputs.get(own..).unwrap_or_default();
    let outputs: Vec<_> = (0..made.len()).map(|place| inputs.get(place).and_then(Option::as_deref)).collect();
    let missing: Vec<&JobId> =
        made.iter().zip(&outputs).filter(|(_, output)| output.is_none()).map(|(job, _)| &job.id).collect();
    if !(args.optional || missing.is_empty()) {
        let (some, all) = (missing.len(), made.len());
        let names = named(missing.into_iter());
        return Err(TaskError::permanent(format!("{some} of {all} jobs did not complete: {names}")));
    }
    let mut list = vec![b'['];
    for (place, output) in outputs.iter().enumerate() {
        if place != 0 {
            list.push(b',');
        }
        list.extend_from_slice(output.filter(|output| !output.is_empty()).unwrap_or(b"null"));
    }
    list.push(b']');
    Ok(list.into())
}
