//! Decides what becomes of a job once an attempt at it has ended.

use std::time::Duration;

use bytes::Bytes;

use crate::job::{Envelope, Failure, Parent};
use crate::lifecycle::Transition;

/// How one attempt ended, as the worker saw it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The handler returned.
    Completed(Bytes),
    /// The handler returned an error, panicked, or ran out of time.
    Failed(Failure),
    /// The same, and the error named the delay before the next attempt.
    FailedFor(Failure, Duration),
    /// The same, and no further attempt can help.
    FailedForGood(Failure),
    /// The handler asked to run again later.
    Snoozed(Duration),
    /// The handler enqueued jobs and goes on once they have ended.
    Awaits(Vec<Parent>),
    /// The handler, or somebody while it ran, cancelled the job.
    Cancelled(Option<String>),
    /// The worker could not let it finish.
    Abandoned,
}

/// Returns the transition that settles a job after its attempt number `attempt`.
///
/// `backoff` is the delay that the job's policy grants before the next attempt: `None` if the policy gives up.
///
/// # Examples
///
/// ```
/// # use asyncmq::{JobId, job::{Envelope, Failure, FailureKind, Name}, lifecycle::{Outcome, Transition, settle}};
/// # use std::time::Duration;
/// # let mut job = Envelope::new(JobId::generate(), Name::queue("q")?, Name::task("t")?, Default::default());
/// job.max_attempts = 2;
/// let failure = Failure::new(1, FailureKind::Error, "no answer");
/// let next = settle(&job, 1, Outcome::Failed(failure.clone()), || Some(Duration::from_secs(1)));
/// assert_eq!(next, Transition::Retry { failure, after: Duration::from_secs(1) });
/// # Ok::<(), asyncmq::Error>(())
/// ```
pub fn settle(
    job: &Envelope,
    attempt: u32,
    outcome: Outcome,
    backoff: impl FnOnce() -> Option<Duration>,
) -> Transition {
    let has_more = attempt < job.max_attempts;
    match outcome {
        Outcome::Completed(result) => Transition::Complete { result, retention: job.retention },
        Outcome::Failed(failure) if has_more => match backoff() {
            Some(after) => Transition::Retry { failure, after },
            None => Transition::Fail { failure },
        },
        Outcome::FailedFor(failure, after) if has_more => Transition::Retry { failure, after },
        Outcome::Failed(failure) | Outcome::FailedFor(failure, _) | Outcome::FailedForGood(failure) => {
            Transition::Fail { failure }
        }
        Outcome::Snoozed(after) => Transition::Snooze { after },
        Outcome::Awaits(parents) => Transition::Await { parents },
        Outcome::Cancelled(reason) => Transition::Cancel { reason },
        Outcome::Abandoned => Transition::Release,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{FailureKind, JobId, Name, Retention};

    const SECOND: Duration = Duration::from_secs(1);

    fn job(max_attempts: u32) -> Envelope {
        let name = Name::from_static("x");
        let retention = Retention::For(SECOND);
        Envelope {
            max_attempts,
            retention,
            ..Envelope::new(JobId::generate(), name.clone(), name, Bytes::new())
        }
    }

    fn failure() -> Failure {
        Failure::new(1, FailureKind::Error, "no")
    }

    fn never() -> Option<Duration> {
        unreachable!("the policy is asked only where another attempt is possible")
    }

    #[test]
    fn a_failure_is_retried_while_attempts_and_policy_last() {
        let (failure, after) = (failure(), SECOND);
        let retry = Transition::Retry { failure: failure.clone(), after };
        assert_eq!(settle(&job(2), 1, Outcome::Failed(failure.clone()), || Some(SECOND)), retry);
        let fail = Transition::Fail { failure: failure.clone() };
        assert_eq!(settle(&job(2), 1, Outcome::Failed(failure.clone()), || None), fail);
        assert_eq!(settle(&job(2), 2, Outcome::Failed(failure.clone()), never), fail);
        assert_eq!(settle(&job(2), 3, Outcome::Failed(failure), never), fail);
    }

    #[test]
    fn an_error_that_names_its_delay_goes_before_the_policy() {
        let outcome = Outcome::FailedFor(failure(), SECOND * 7);
        let retry = Transition::Retry { failure: failure(), after: SECOND * 7 };
        assert_eq!(settle(&job(2), 1, outcome.clone(), never), retry);
        assert_eq!(settle(&job(1), 1, outcome, never), Transition::Fail { failure: failure() });
    }

    #[test]
    fn a_permanent_error_skips_the_remaining_attempts() {
        let outcome = Outcome::FailedForGood(failure());
        assert_eq!(settle(&job(9), 1, outcome, never), Transition::Fail { failure: failure() });
    }

    #[test]
    fn every_other_end_is_what_it_says() {
        let result = Bytes::from_static(b"7");
        let complete = Transition::Complete { result: result.clone(), retention: Retention::For(SECOND) };
        assert_eq!(settle(&job(1), 1, Outcome::Completed(result), never), complete);
        assert_eq!(settle(&job(1), 1, Outcome::Snoozed(SECOND), never), Transition::Snooze { after: SECOND });
        let cancel = Transition::Cancel { reason: Some("x".into()) };
        assert_eq!(settle(&job(1), 1, Outcome::Cancelled(Some("x".into())), never), cancel);
        assert_eq!(settle(&job(1), 1, Outcome::Abandoned, never), Transition::Release);
    }
}
