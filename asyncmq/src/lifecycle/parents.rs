//! Decides what the end of a job means for those that wait for it.

use crate::job::{Failure, FailureKind, JobState, OnFailure, Parent};
use crate::lifecycle::Transition;

/// What the end of a parent means for a job that waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heed {
    /// It waits for one less.
    Counts,
    /// It fails.
    Fails,
    /// It is cancelled.
    Cancels,
}

/// Decides what it means for a job that a parent ended as `ended`; `None` if it was removed, or is not known any longer.
#[must_use]
pub const fn heed(policy: OnFailure, ended: Option<JobState>) -> Heed {
    match (ended, policy) {
        (Some(JobState::Completed), _) | (_, OnFailure::Run) => Heed::Counts,
        (_, OnFailure::Fail) => Heed::Fails,
        (_, OnFailure::Cancel) => Heed::Cancels,
    }
}

/// How a job stands to one of its parents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// It waits for it.
    Open,
    /// It waited, and does not any more.
    Counts,
    /// It ended with it.
    Broken,
}

/// Decides how a job stands to a parent that is found in state `found`; `None` if it is not known.
///
/// `before` is how they stood when the job was last looked at, as one that begins anew looks at its parents once more: what counted goes on
/// to count when the parent's record is no longer kept.
#[must_use]
pub fn stand(found: Option<JobState>, before: Option<Edge>, policy: OnFailure) -> Edge {
    match found {
        Some(state) if !state.is_terminal() => Edge::Open,
        None if before == Some(Edge::Counts) => Edge::Counts,
        ended if heed(policy, ended) == Heed::Counts => Edge::Counts,
        _ => Edge::Broken,
    }
}

/// Returns how a job ends whose parent ended as `ended`, if it ends with it.
#[must_use]
pub fn end_with(parent: &Parent, ended: Option<JobState>) -> Option<Transition> {
    match heed(parent.on_failure, ended) {
        Heed::Counts => None,
        Heed::Fails => {
            let failure = Failure::new(0, FailureKind::Parent, what_happened(parent, ended));
            Some(Transition::Fail { failure })
        }
        Heed::Cancels => Some(Transition::Cancel { reason: Some(what_happened(parent, ended)) }),
    }
}

/// Returns how a parent is named in what is said of its end, which follows.
#[must_use]
pub fn waited_for(parent: &Parent) -> String {
    format!("job {} of queue {:?}, which it waited for, ", parent.id, &*parent.queue)
}

fn what_happened(parent: &Parent, ended: Option<JobState>) -> String {
    let how = match ended {
        Some(JobState::Failed) => "failed",
        Some(JobState::Expired) => "expired",
        Some(JobState::Cancelled) => "was cancelled",
        Some(_) => "ended",
        None => "was removed",
    };
    waited_for(parent) + how
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{JobId, Name, Passes};

    const ENDS: [Option<JobState>; 5] = [
        Some(JobState::Completed),
        Some(JobState::Failed),
        Some(JobState::Expired),
        Some(JobState::Cancelled),
        None,
    ];

    #[test]
    fn a_completed_parent_counts_and_for_the_others_the_policy_decides() {
        for policy in OnFailure::ALL {
            for ended in ENDS {
                let expected = match policy {
                    _ if ended == Some(JobState::Completed) => Heed::Counts,
                    OnFailure::Run => Heed::Counts,
                    OnFailure::Fail => Heed::Fails,
                    OnFailure::Cancel => Heed::Cancels,
                };
                assert_eq!(heed(policy, ended), expected, "{policy:?} {ended:?}");
            }
        }
    }

    #[test]
    fn a_job_waits_for_a_parent_that_has_not_ended() {
        for policy in OnFailure::ALL {
            for state in [JobState::Waiting, JobState::Active, JobState::Blocked, JobState::Delayed] {
                assert_eq!(stand(Some(state), Some(Edge::Counts), policy), Edge::Open);
            }
            assert_eq!(stand(Some(JobState::Completed), None, policy), Edge::Counts);
            assert_eq!(stand(None, Some(Edge::Counts), policy), Edge::Counts, "its record may go");
        }
        assert_eq!(stand(None, None, OnFailure::Fail), Edge::Broken);
        assert_eq!(stand(None, Some(Edge::Broken), OnFailure::Cancel), Edge::Broken);
        assert_eq!(stand(Some(JobState::Failed), Some(Edge::Counts), OnFailure::Fail), Edge::Broken);
        assert_eq!(stand(Some(JobState::Failed), None, OnFailure::Run), Edge::Counts);
    }

    #[test]
    fn who_ends_with_its_parent_says_so() {
        let parent = |on_failure| Parent {
            queue: Name::from_static("q"),
            id: JobId::from_stored("a"),
            on_failure,
            passes: Passes::Nothing,
        };
        let expired = Some(JobState::Expired);
        let said = "job a of queue \"q\", which it waited for, expired";
        let failure = Failure::new(0, FailureKind::Parent, said);
        assert_eq!(end_with(&parent(OnFailure::Fail), expired), Some(Transition::Fail { failure }));
        let removed = Transition::Cancel {
            reason: Some("job a of queue \"q\", which it waited for, was removed".into()),
        };
        assert_eq!(end_with(&parent(OnFailure::Cancel), None), Some(removed));
        assert_eq!(end_with(&parent(OnFailure::Run), expired), None);
    }
}
