//! Decides whether a job may start, and when it enters and leaves its waiting.

use crate::clock::Timestamp;
use crate::job::{Due, Envelope, JobState, Status};

/// What a store does with a job that it is about to hand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may start.
    Run,
    /// Its time to live is over: it becomes a dead letter.
    Expire,
    /// It is not due before this time.
    Wait(Timestamp),
}

/// Decides whether a job may start at `now`.
///
/// The time to live counts only until the first attempt: a retry is never thrown away for its age.
#[must_use]
pub fn admit(status: &Status, now: Timestamp) -> Admission {
    if is_over(status, now) {
        Admission::Expire
    } else if now < status.run_at {
        Admission::Wait(status.run_at)
    } else {
        Admission::Run
    }
}

fn is_over(status: &Status, now: Timestamp) -> bool {
    expires(status).is_some_and(|end| end <= now)
}

/// Returns when a job that waits, or is not yet due, becomes a dead letter; `None` if it has started before.
#[must_use]
pub fn expires(status: &Status) -> Option<Timestamp> {
    status.expires_at.filter(|_| status.attempt == 0 && status.crashes == 0)
}

/// Returns how a job stands that a store takes in at `now`: waiting, delayed, or blocked by its parents.
///
/// A due time in the past counts as now.
#[must_use]
pub fn enter(envelope: &Envelope, now: Timestamp) -> Status {
    let run_at = match envelope.due {
        Due::Now => now,
        Due::After(delay) => now.after(delay),
        Due::At(time) => now.max(time.into()),
    };
    let state = if !envelope.extras().parents.is_empty() {
        JobState::Blocked
    } else if now < run_at {
        JobState::Delayed
    } else {
        JobState::Waiting
    };
    let mut status = Status::new(state, now, run_at);
    status.expires_at = expiry(envelope, run_at);
    status
}

/// Returns when the time to live ends of a job that is, or again becomes, due at `run_at`.
#[must_use]
pub fn expiry(envelope: &Envelope, run_at: Timestamp) -> Option<Timestamp> {
    envelope.ttl.map(|ttl| run_at.after(ttl))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::job::{JobId, Name, OnFailure, Parent, Passes};

    const SECOND: Duration = Duration::from_secs(1);
    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

    fn envelope(due: Due, ttl: Option<Duration>) -> Envelope {
        let name = Name::from_static("x");
        Envelope { due, ttl, ..Envelope::new(JobId::generate(), name.clone(), name, Default::default()) }
    }

    #[test]
    fn a_job_enters_where_its_due_time_and_parents_put_it() {
        assert_eq!(enter(&envelope(Due::Now, None), NOW).state, JobState::Waiting);
        assert_eq!(enter(&envelope(Due::After(Duration::ZERO), None), NOW).state, JobState::Waiting);
        let later = enter(&envelope(Due::After(SECOND), None), NOW);
        assert_eq!((later.state, later.run_at), (JobState::Delayed, NOW.after(SECOND)));
        let past = enter(&envelope(Due::At(SystemTime::UNIX_EPOCH), None), NOW);
        assert_eq!((past.state, past.run_at), (JobState::Waiting, NOW));
        let mut child = envelope(Due::After(SECOND), None);
        let on_failure = OnFailure::Fail;
        let parent = Parent {
            queue: Name::from_static("x"),
            id: JobId::generate(),
            on_failure,
            passes: Passes::Nothing,
        };
        child.extras_mut().parents.push(parent);
        assert_eq!(enter(&child, NOW).state, JobState::Blocked);
    }

    #[test]
    fn age_counts_from_creation_or_from_the_due_time() {
        assert_eq!(enter(&envelope(Due::Now, None), NOW).expires_at, None);
        assert_eq!(enter(&envelope(Due::Now, Some(SECOND)), NOW).expires_at, Some(NOW.after(SECOND)));
        let delayed = enter(&envelope(Due::After(SECOND), Some(SECOND)), NOW);
        assert_eq!(delayed.expires_at, Some(NOW.after(SECOND * 2)));
    }

    #[test]
    fn a_job_expires_at_its_end_and_not_before() {
        let status = enter(&envelope(Due::Now, Some(SECOND)), NOW);
        assert_eq!(admit(&status, NOW), Admission::Run);
        assert_eq!(admit(&status, Timestamp::from_micros(NOW.after(SECOND).as_micros() - 1)), Admission::Run);
        assert_eq!(admit(&status, NOW.after(SECOND)), Admission::Expire);
    }

    #[test]
    fn only_the_first_attempt_is_checked_for_age() {
        let mut status = enter(&envelope(Due::Now, Some(SECOND)), NOW);
        status.attempt = 1;
        assert_eq!(admit(&status, NOW.after(SECOND * 9)), Admission::Run);
        (status.attempt, status.crashes) = (0, 1);
        assert_eq!(admit(&status, NOW.after(SECOND * 9)), Admission::Run);
    }

    #[test]
    fn a_job_waits_until_it_is_due() {
        let status = enter(&envelope(Due::After(SECOND), None), NOW);
        assert_eq!(admit(&status, NOW), Admission::Wait(NOW.after(SECOND)));
        assert_eq!(admit(&status, NOW.after(SECOND)), Admission::Run);
    }
}
