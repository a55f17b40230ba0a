//! Carries a transition out on a job's status: what a store writes in its one step.

use crate::clock::Timestamp;
use crate::job::{Failure, JobState, Status, remember};
use crate::lifecycle::Transition;

/// Returns what becomes of a job that somebody wanted cancelled while it ran: it is cancelled, unless it failed.
#[must_use]
pub fn heed_cancel(transition: Transition, reason: Option<String>) -> Transition {
    match transition {
        Transition::Fail { .. } | Transition::Cancel { reason: Some(_) } => transition,
        _ => Transition::Cancel { reason },
    }
}

/// Changes the status of a job that was held as `transition` says, at `now`.
pub fn apply(status: &mut Status, transition: Transition, now: Timestamp) {
    match transition {
        Transition::Complete { result, .. } => {
            end(status, JobState::Completed, now);
            status.result = Some(result);
        }
        Transition::Retry { failure, after } => {
            fail(status, failure, now);
            wait_until(status, now, now.after(after));
        }
        Transition::Fail { failure } => {
            fail(status, failure, now);
            end(status, JobState::Failed, now);
        }
        Transition::Snooze { after } => {
            give_back(status);
            // It has started once: it is not thrown away for its age any more.
            status.expires_at = None;
            wait_until(status, now, now.after(after));
        }
        Transition::Await { .. } => {
            give_back(status);
            status.expires_at = None;
            status.state = JobState::Blocked;
        }
        Transition::Cancel { reason } => {
            end(status, JobState::Cancelled, now);
            status.set_reason(reason);
        }
        Transition::Release => {
            give_back(status);
            status.state = JobState::Waiting;
        }
    }
}

fn end(status: &mut Status, state: JobState, now: Timestamp) {
    status.state = state;
    status.finished_at = Some(now);
}

fn fail(status: &mut Status, failure: Failure, now: Timestamp) {
    remember(&mut status.notes.errors, failure.at(now));
}

/// The attempt is not spent.
fn give_back(status: &mut Status) {
    status.attempt = status.attempt.saturating_sub(1);
}

fn wait_until(status: &mut Status, now: Timestamp, run_at: Timestamp) {
    status.run_at = run_at;
    status.state = if now < run_at { JobState::Delayed } else { JobState::Waiting };
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::job::{FailureKind, Retention};

    const NOW: Timestamp = Timestamp::from_micros(1_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn held() -> Status {
        let mut status = Status::new(JobState::Active, Timestamp::default(), Timestamp::default());
        status.attempt = 2;
        status.expires_at = Some(NOW);
        status
    }

    fn after(transition: Transition) -> Status {
        let mut status = held();
        apply(&mut status, transition, NOW);
        status
    }

    fn failure() -> Failure {
        Failure::new(2, FailureKind::Error, "no")
    }

    #[test]
    fn a_completed_job_has_its_result_and_its_end() {
        let result = Bytes::from_static(b"1");
        let status = after(Transition::Complete { result: result.clone(), retention: Retention::Standard });
        assert_eq!((status.state, status.finished_at), (JobState::Completed, Some(NOW)));
        assert_eq!((status.attempt, status.result), (2, Some(result)));
    }

    #[test]
    fn a_retry_spends_the_attempt_and_waits() {
        let status = after(Transition::Retry { failure: failure(), after: SECOND });
        assert_eq!((status.state, status.run_at), (JobState::Delayed, NOW.after(SECOND)));
        assert_eq!((status.attempt, status.finished_at), (2, None));
        assert_eq!(status.notes.errors, [failure().at(NOW)]);
        let at_once = after(Transition::Retry { failure: failure(), after: Duration::ZERO });
        assert_eq!((at_once.state, at_once.run_at), (JobState::Waiting, NOW));
    }

    #[test]
    fn a_failed_job_is_dead_with_its_last_error() {
        let status = after(Transition::Fail { failure: failure() });
        assert_eq!((status.state, status.finished_at), (JobState::Failed, Some(NOW)));
        assert_eq!(status.notes.errors, [failure().at(NOW)]);
    }

    #[test]
    fn snoozed_and_released_jobs_get_their_attempt_back() {
        let status = after(Transition::Snooze { after: SECOND });
        assert_eq!((status.state, status.run_at), (JobState::Delayed, NOW.after(SECOND)));
        assert_eq!((status.attempt, status.notes.errors.len()), (1, 0));
        assert_eq!(status.expires_at, None, "it has started once");
        let status = after(Transition::Await { parents: Vec::new() });
        assert_eq!((status.state, status.attempt, status.expires_at), (JobState::Blocked, 1, None));
        let status = after(Transition::Release);
        assert_eq!((status.state, status.run_at), (JobState::Waiting, Timestamp::default()));
        assert_eq!((status.attempt, status.finished_at), (1, None));
        assert_eq!(status.expires_at, Some(NOW), "it is as if it had never been claimed");
    }

    #[test]
    fn a_cancelled_job_keeps_the_reason() {
        let status = after(Transition::Cancel { reason: Some("over budget".into()) });
        assert_eq!((status.state, status.finished_at), (JobState::Cancelled, Some(NOW)));
        assert_eq!((status.attempt, status.notes.reason.as_deref()), (2, Some("over budget")));
    }

    #[test]
    fn who_was_to_be_cancelled_is_cancelled_unless_it_failed() {
        let reason = || Some("user".to_owned());
        let cancelled = Transition::Cancel { reason: reason() };
        let fail = Transition::Fail { failure: failure() };
        assert_eq!(heed_cancel(fail.clone(), reason()), fail);
        let own = Transition::Cancel { reason: Some("own".into()) };
        assert_eq!(heed_cancel(own.clone(), reason()), own);
        let complete = Transition::Complete { result: Bytes::new(), retention: Retention::Standard };
        let retry = Transition::Retry { failure: failure(), after: SECOND };
        let others = [
            complete,
            retry,
            Transition::Snooze { after: SECOND },
            Transition::Await { parents: Vec::new() },
            Transition::Release,
            Transition::Cancel { reason: None },
        ];
        for transition in others {
            assert_eq!(heed_cancel(transition, reason()), cancelled);
        }
    }
}
