//! Where a job stands, in the words that users, stores and events share.

use std::fmt;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobState {
    /// Ready to run as soon as a worker has a permit.
    Waiting,
    /// Held by a worker.
    Active,
    /// Not yet due.
    Delayed,
    /// Waiting for other jobs to end: for its parents, or for the one that holds its deduplication key.
    Blocked,
    /// Ended well.
    Completed,
    /// Ended badly: out of attempts, failed for good, or crashed too often. A dead letter.
    Failed,
    /// Ended without a run, as its time to live was over. A dead letter.
    Expired,
    /// Ended because somebody said so.
    Cancelled,
}

impl JobState {
    /// Every state, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Active,
        Self::Delayed,
        Self::Blocked,
        Self::Completed,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
    ];

    /// Returns the state's name, as stores and programs spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Delayed => "delayed",
            Self::Blocked => "blocked",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns the state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Tells whether the job has ended.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Expired | Self::Cancelled)
    }

    /// Tells whether the job lies in the dead-letter queue.
    #[must_use]
    pub const fn is_dead(self) -> bool {
        matches!(self, Self::Failed | Self::Expired)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_states_are_one_to_one() {
        for state in JobState::ALL {
            assert_eq!(JobState::from_name(state.name()), Some(state));
        }
        assert_eq!(JobState::from_name("done"), None);
    }

    #[test]
    fn exactly_the_dead_the_completed_and_the_cancelled_have_ended() {
        let ended: Vec<_> = JobState::ALL.into_iter().filter(|state| state.is_terminal()).collect();
        assert_eq!(ended, [JobState::Completed, JobState::Failed, JobState::Expired, JobState::Cancelled]);
        let dead: Vec<_> = JobState::ALL.into_iter().filter(|state| state.is_dead()).collect();
        assert_eq!(dead, [JobState::Failed, JobState::Expired]);
    }
}
