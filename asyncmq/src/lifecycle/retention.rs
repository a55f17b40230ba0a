//! Decides how long what has ended is kept.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::job::{JobState, Retention};

/// How much of what has ended a queue keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a completed or cancelled job is kept: 1 h.
    pub ended_for: Duration,
    /// How many completed, and how many cancelled, jobs a queue keeps: 10,000 each.
    pub ended_count: usize,
    /// How long a dead letter is kept: 7 days.
    pub dead_for: Duration,
    /// How many dead letters a queue keeps: 100,000.
    pub dead_count: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ended_for: Duration::from_secs(3_600),
            ended_count: 10_000,
            dead_for: Duration::from_secs(7 * 86_400),
            dead_count: 100_000,
        }
    }
}

/// How long the record of a job that ended is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Not at all.
    Nothing,
    /// Until then, or until more of its kind have ended than the queue keeps.
    Counted(Timestamp),
    /// Until then, however many there are.
    Exactly(Timestamp),
}

/// Decides how long a job is kept that ended in `state` at `now`.
#[must_use]
pub fn keep(state: JobState, retention: Retention, now: Timestamp, limits: &Limits) -> Keep {
    match (state, retention) {
        (JobState::Completed, Retention::Nothing) => Keep::Nothing,
        (JobState::Completed, Retention::For(time)) => Keep::Exactly(now.after(time)),
        (state, _) if state.is_dead() => Keep::Counted(now.after(limits.dead_for)),
        _ => Keep::Counted(now.after(limits.ended_for)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(5);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn only_a_completed_job_is_kept_as_it_asks() {
        let limits = Limits::default();
        assert_eq!(keep(JobState::Completed, Retention::Nothing, NOW, &limits), Keep::Nothing);
        let exactly = Keep::Exactly(NOW.after(MINUTE));
        assert_eq!(keep(JobState::Completed, Retention::For(MINUTE), NOW, &limits), exactly);
        let hour = Keep::Counted(NOW.after(MINUTE * 60));
        assert_eq!(keep(JobState::Completed, Retention::Standard, NOW, &limits), hour);
        assert_eq!(keep(JobState::Cancelled, Retention::Nothing, NOW, &limits), hour);
        let week = Keep::Counted(NOW.after(MINUTE * 60 * 24 * 7));
        for state in [JobState::Failed, JobState::Expired] {
            assert_eq!(keep(state, Retention::Nothing, NOW, &limits), week);
        }
    }
}
