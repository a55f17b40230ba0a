//! Which moves between states there are.

use crate::job::JobState;

/// Tells whether a job that is `from` may become `to`.
///
/// # Examples
///
/// ```
/// use asyncmq::{JobState, lifecycle::is_legal};
/// assert!(is_legal(JobState::Failed, JobState::Waiting), "a dead letter can be replayed");
/// assert!(!is_legal(JobState::Completed, JobState::Waiting), "a completed job has had its effect");
/// ```
#[must_use]
pub const fn is_legal(from: JobState, to: JobState) -> bool {
    use JobState::{Active, Blocked, Cancelled, Completed, Delayed, Expired, Failed, Waiting};
    match from {
        Waiting => matches!(to, Active | Expired | Cancelled),
        Delayed => matches!(to, Waiting | Expired | Cancelled),
        Blocked => matches!(to, Waiting | Delayed | Failed | Cancelled),
        Active => matches!(to, Waiting | Delayed | Blocked | Completed | Failed | Cancelled),
        Failed | Expired | Cancelled => matches!(to, Waiting | Blocked),
        Completed => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use JobState::{Active, Blocked, Cancelled, Completed, Delayed, Expired, Failed, Waiting};

    #[test]
    fn the_legal_moves_are_exactly_these() {
        let legal = [
            (Waiting, Active),
            (Waiting, Expired),
            (Waiting, Cancelled),
            (Active, Waiting),
            (Active, Delayed),
            (Active, Blocked),
            (Active, Completed),
            (Active, Failed),
            (Active, Cancelled),
            (Delayed, Waiting),
            (Delayed, Expired),
            (Delayed, Cancelled),
            (Blocked, Waiting),
            (Blocked, Delayed),
            (Blocked, Failed),
            (Blocked, Cancelled),
            (Failed, Waiting),
            (Expired, Waiting),
            (Cancelled, Waiting),
            (Failed, Blocked),
            (Expired, Blocked),
            (Cancelled, Blocked),
        ];
        for from in JobState::ALL {
            for to in JobState::ALL {
                assert_eq!(is_legal(from, to), legal.contains(&(from, to)), "{from} to {to}");
            }
        }
    }
}
