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

impl Limits {
    /// Everything is kept that did not ask for a time of its own.
    pub const NONE: Self = Self {
        ended_for: Duration::MAX,
        ended_count: usize::MAX,
        dead_for: Duration::MAX,
        dead_count: usize::MAX,
    };
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
    /// As long as the job that pins it is kept.
    Pinned,
}

/// Decides how long a job is kept that ended in `state` at `now`; `is_pinned` by one whose record is kept.
#[must_use]
pub fn keep(state: JobState, retention: Retention, is_pinned: bool, now: Timestamp, limits: &Limits) -> Keep {
    match (state, retention) {
        (JobState::Completed, Retention::Nothing) => Keep::Nothing,
        _ if is_pinned => Keep::Pinned,
        (JobState::Completed, Retention::For(time)) => Keep::Exactly(now.after(time)),
        (state, _) if state.is_dead() => Keep::Counted(now.after(limits.dead_for)),
        _ => Keep::Counted(now.after(limits.ended_for)),
    }
}

/// Decides until when a job is kept that ended in `state` at `ended`, now that the one that pinned it is gone; `None` if it goes with it.
#[must_use]
pub fn unpinned(
    state: JobState,
    retention: Retention,
    strictly: bool,
    ended: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    match (state, retention) {
        (JobState::Completed, Retention::For(time)) if !strictly => {
            Some(ended.after(time)).filter(|until| now < *until)
        }
        _ => None,
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
        assert_eq!(keep(JobState::Completed, Retention::Nothing, false, NOW, &limits), Keep::Nothing);
        let exactly = Keep::Exactly(NOW.after(MINUTE));
        assert_eq!(keep(JobState::Completed, Retention::For(MINUTE), false, NOW, &limits), exactly);
        let hour = Keep::Counted(NOW.after(MINUTE * 60));
        assert_eq!(keep(JobState::Completed, Retention::Standard, false, NOW, &limits), hour);
        assert_eq!(keep(JobState::Cancelled, Retention::Nothing, false, NOW, &limits), hour);
        let week = Keep::Counted(NOW.after(MINUTE * 60 * 24 * 7));
        for state in [JobState::Failed, JobState::Expired] {
            assert_eq!(keep(state, Retention::Nothing, false, NOW, &limits), week);
        }
    }

    #[test]
    fn a_pinned_job_is_kept_with_the_one_that_pins_it_unless_it_is_not_to_be_kept() {
        let limits = Limits::default();
        for state in JobState::ALL.into_iter().filter(|state| state.is_terminal()) {
            for retention in [Retention::Standard, Retention::For(MINUTE), Retention::Nothing] {
                let expected = match (state, retention) {
                    (JobState::Completed, Retention::Nothing) => Keep::Nothing,
                    _ => Keep::Pinned,
                };
                assert_eq!(keep(state, retention, true, NOW, &limits), expected, "{state} {retention:?}");
            }
        }
    }

    #[test]
    fn it_goes_with_it_unless_it_asked_for_more() {
        let (asked, later) = (Retention::For(MINUTE), NOW.after(MINUTE / 2));
        let completed = |retention, now| unpinned(JobState::Completed, retention, false, NOW, now);
        assert_eq!(completed(asked, later), Some(NOW.after(MINUTE)));
        assert_eq!(completed(asked, NOW.after(MINUTE)), None);
        assert_eq!(completed(Retention::Standard, later), None);
        assert_eq!(unpinned(JobState::Failed, asked, false, NOW, later), None);
        assert_eq!(unpinned(JobState::Completed, asked, true, NOW, later), None);
    }
}
