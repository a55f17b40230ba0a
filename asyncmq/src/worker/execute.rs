//! One attempt, from the handler's first step to the settlement: run, watch, judge.
//!
//! Whatever the handler does (fails, panics, also while something is dropped, overstays) ends as an [`Outcome`].

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use crate::backend::Settlement;
use crate::caught::{caught, drop_caught};
use crate::chance::random_bits;
use crate::client::{Scope, scoped};
use crate::job::{Failure, FailureKind};
use crate::lifecycle::{Draw, Outcome, delay_by, settle};
use crate::task::{
    Attempt, Context, Decision, HandlerFuture, Invocation, Stop, TaskDefinition, TaskError, Unbound,
};
use crate::worker::middleware::{Handled, Layers, Next};

/// How long a handler that listens for its cancellation has to return, once it was told.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(5);

/// How the handler's run ended.
enum Ended {
    Returned(Handled),
    Panicked(String),
    /// It was told to stop and did not return in time, or could not be told.
    Stopped(Stop),
}

/// What was seen of an attempt: how it ended, and the error that the task's own backoff is asked about.
pub(crate) struct Observed {
    pub(crate) outcome: Outcome,
    error: Option<TaskError>,
}

/// Runs an attempt to its end. Never panics.
pub(crate) async fn execute(
    attempt: &Arc<Attempt>,
    task: &'static TaskDefinition,
    layers: &Layers,
) -> Settlement {
    let observed = observe(attempt, task, layers, STOP_GRACE).await;
    conclude(attempt, task, observed).await
}

/// Runs the handler and says how that ended. One that listens for its cancellation has `grace` to return, once it was told.
pub(crate) async fn observe(
    attempt: &Arc<Attempt>,
    task: &'static TaskDefinition,
    layers: &Layers,
    grace: Duration,
) -> Observed {
    if let Some(unbound) = &attempt.unbound {
        return not_begun(attempt, unbound);
    }
    let context = Context(attempt.clone());
    let ended = scoped(Scope::Job(context), run(attempt, task, layers, grace)).await;
    judge(attempt, ended)
}

/// Says what becomes of a job that cannot have its arguments, or is not needed.
fn not_begun(attempt: &Attempt, unbound: &Unbound) -> Observed {
    let outcome = match unbound {
        Unbound::NothingFailed => Outcome::Cancelled(Some("every job that it waited for completed".into())),
        Unbound::TooLarge(why) => {
            Outcome::FailedForGood(Failure::new(attempt.job.attempt, FailureKind::Arguments, why.as_str()))
        }
    };
    Observed { outcome, error: None }
}

/// Lets the rules say what becomes of the job.
pub(crate) async fn conclude(
    attempt: &Attempt,
    task: &'static TaskDefinition,
    observed: Observed,
) -> Settlement {
    let (job, Observed { outcome, error }) = (&attempt.job, observed);
    let told = error.as_ref();
    let backoff = || {
        let own = task.backoff.map(|own| move || own_delay(own, job.attempt, told));
        delay_by(&job.envelope.backoff, job.attempt, Draw::from_bits(random_bits()), own)
    };
    let transition = settle(&job.envelope, job.attempt, outcome, backoff);
    let _ = drop_caught(error);
    Settlement {
        envelope: job.envelope.clone(),
        token: job.token,
        transition,
        report: attempt.last_report().await,
    }
}

/// Calls the handler, through the middleware if there is any, and watches it.
async fn run(
    attempt: &Arc<Attempt>,
    task: &'static TaskDefinition,
    layers: &Layers,
    grace: Duration,
) -> Ended {
    let invocation = Invocation { context: Context(attempt.clone()) };
    let call = || match layers.is_empty() || task.is_own() {
        true => call(invocation, task),
        false => Next::new(layers.clone(), task, invocation).run(),
    };
    let mut handler = match caught(call) {
        Ok(handler) => Some(handler),
        Err(message) => return Ended::Panicked(message),
    };
    // Most handlers that do nothing long are ready at once, and need no watching.
    let first = poll_fn(|poller| Poll::Ready(poll_caught(&mut handler, poller))).await;
    let ended = match first {
        Poll::Ready(ended) => ended,
        Poll::Pending => watch(attempt, task, grace, &mut handler).await,
    };
    match (drop_caught(handler), ended) {
        (Some(message), ended @ Ended::Returned(_)) => {
            let _ = drop_caught(ended);
            Ended::Panicked(message)
        }
        (Some(message), ended) => {
            tracing::error!(panic = message, "a handler panicked while it was dropped");
            ended
        }
        (None, ended) => ended,
    }
}

/// Calls the handler: here, or where its task is run instead.
pub(super) fn call(invocation: Invocation, task: &'static TaskDefinition) -> HandlerFuture {
    match invocation.context.0.site.elsewhere(task).cloned() {
        None => (task.run)(invocation),
        Some(elsewhere) => elsewhere.run(invocation.context, task),
    }
}

/// Waits for the handler, for its time to be over, or for somebody who wants it to stop.
async fn watch(
    attempt: &Attempt,
    task: &'static TaskDefinition,
    grace: Duration,
    handler: &mut Option<HandlerFuture>,
) -> Ended {
    let overdue = async {
        match attempt.deadline {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    };
    let why = tokio::select! {
        biased;
        ended = poll_fn(|poller| poll_caught(handler, poller)) => return ended,
        why = attempt.stopped() => why,
        () = overdue => {
            attempt.stop(Stop::TimedOut);
            Stop::TimedOut
        }
    };
    let is_elsewhere = attempt.site.elsewhere(task).is_some();
    if !(is_elsewhere || task.blocking || task.hears_cancel) {
        return Ended::Stopped(why);
    }
    let no_more_time = async {
        // A thread cannot be stopped: its job stays in this worker's hand until it returns, or the worker ends. And whoever
        // runs a handler elsewhere sees to it that it stops.
        if is_elsewhere || task.blocking || why == Stop::Shutdown {
            attempt.stopped_now().await;
        } else {
            let _ = tokio::time::timeout(grace, attempt.stopped_now()).await;
        }
    };
    tokio::select! {
        biased;
        ended = poll_fn(|poller| poll_caught(handler, poller)) => match ended {
            Ended::Returned(Err(error)) if error.is_mere_stop() => Ended::Stopped(why),
            // Elsewhere it is known how it came to its end.
            Ended::Returned(Err(error)) if is_elsewhere => Ended::Returned(Err(error)),
            _ if why == Stop::TimedOut => Ended::Stopped(why),
            ended => ended,
        },
        () = no_more_time => Ended::Stopped(why),
    }
}

/// Takes the handler a step further.
fn poll_caught(handler: &mut Option<HandlerFuture>, poller: &mut std::task::Context<'_>) -> Poll<Ended> {
    let Some(future) = handler.as_mut() else { return Poll::Pending };
    match caught(|| Pin::as_mut(future).poll(poller)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(handled)) => Poll::Ready(Ended::Returned(handled)),
        Err(message) => Poll::Ready(Ended::Panicked(message)),
    }
}

/// Says what an end means for the job.
fn judge(attempt: &Attempt, ended: Ended) -> Observed {
    let number = attempt.job.attempt;
    let plain = |outcome| Observed { outcome, error: None };
    let failed = |kind, message: String| {
        let error = TaskError::from_handler(message.clone().into());
        Observed { outcome: Outcome::Failed(Failure::new(number, kind, message)), error: Some(error) }
    };
    match ended {
        Ended::Returned(Ok(result)) => plain(kept(attempt, result)),
        // It was told to stop through no fault of its own.
        Ended::Returned(Err(error))
            if matches!(attempt.stop_reason(), Some(Stop::Shutdown | Stop::LeaseLost)) =>
        {
            let _ = drop_caught(error);
            plain(Outcome::Abandoned)
        }
        Ended::Returned(Err(error)) => match caught(|| refused(number, &error)) {
            Ok(outcome) => Observed { outcome, error: Some(error) },
            Err(message) => {
                let _ = drop_caught(error);
                failed(FailureKind::Panic, message)
            }
        },
        Ended::Panicked(message) => failed(FailureKind::Panic, message),
        Ended::Stopped(Stop::TimedOut) => {
            let timeout = attempt.job.envelope.timeout.unwrap_or_default();
            failed(FailureKind::Timeout, format!("timed out after {timeout:?}"))
        }
        Ended::Stopped(Stop::Cancelled) => plain(Outcome::Cancelled(None)),
        Ended::Stopped(Stop::LeaseLost | Stop::Shutdown) => plain(Outcome::Abandoned),
    }
}

/// Completes the job, unless its result is larger than what is kept.
fn kept(attempt: &Attempt, result: Bytes) -> Outcome {
    let most = attempt.site.backend.max_payload();
    if result.len() <= most {
        return Outcome::Completed(result);
    }
    let message = format!(
        "the result has {} bytes, {most} are allowed: store the data elsewhere and return a reference, or raise \
         `max_payload`",
        result.len()
    );
    Outcome::FailedForGood(Failure::new(attempt.job.attempt, FailureKind::Result, message))
}

/// Says what an error means that the handler returned.
fn refused(attempt: u32, error: &TaskError) -> Outcome {
    let failure = || Failure::new(attempt, error.kind(), error.message());
    match error.decision() {
        Decision::Retry => Outcome::Failed(failure()),
        Decision::RetryIn(delay) => Outcome::FailedFor(failure(), *delay),
        Decision::Permanent => Outcome::FailedForGood(failure()),
        Decision::Snooze(delay) => Outcome::Snoozed(*delay),
        Decision::Await(jobs) => Outcome::Awaits(jobs.clone()),
        Decision::Cancel(reason) => Outcome::Cancelled(Some(reason.clone())),
    }
}

/// Runs an attempt that no store knows of.
pub(crate) async fn observe_alone(attempt: &Arc<Attempt>, task: &'static TaskDefinition) -> Outcome {
    observe_in_child(attempt, task, STOP_GRACE).await
}

/// The same, where a handler has this long to return once it was told to stop.
pub(crate) async fn observe_in_child(
    attempt: &Arc<Attempt>,
    task: &'static TaskDefinition,
    grace: Duration,
) -> Outcome {
    let Observed { outcome, error } = observe(attempt, task, &Arc::default(), grace).await;
    let _ = drop_caught(error);
    outcome
}

/// Asks the task's own backoff; one that panics is answered by the default.
fn own_delay(backoff: crate::task::BackoffFn, attempt: u32, error: Option<&TaskError>) -> Option<Duration> {
    let unknown = TaskError::from_handler("the attempt failed".into());
    let ask = || backoff(attempt, error.unwrap_or(&unknown));
    caught(ask).unwrap_or_else(|message| {
        tracing::error!(panic = message, "a task's backoff panicked; the default is used");
        let default = crate::job::Backoff::DEFAULT;
        Some(crate::lifecycle::delay_before(&default, attempt, Draw::from_bits(random_bits())))
    })
}
