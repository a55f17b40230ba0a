//! Decides what becomes of a job that meets another one of its deduplication key.

use crate::clock::Timestamp;
use crate::job::{Dedup, JobState, Status};

/// How the job stands that took a key: its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// It is not yet due, and has never started.
    Delayed,
    /// It waits or is blocked, and has never started.
    Waiting,
    /// It runs, or has started before and will run again.
    Started,
    /// It has ended, or is gone.
    Ended,
}

impl Owner {
    /// Returns how an owner of this status stands.
    #[must_use]
    pub const fn of(status: &Status) -> Self {
        match status.state {
            state if state.is_terminal() => Self::Ended,
            _ if status.attempt != 0 || status.crashes != 0 => Self::Started,
            JobState::Delayed => Self::Delayed,
            _ => Self::Waiting,
        }
    }
}

/// What a store knows of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// How its owner stands.
    pub owner: Owner,
    /// When the window ends for which a throttle holds it.
    pub until: Option<Timestamp>,
    /// Whether a job is blocked until the owner has ended.
    pub has_next: bool,
}

impl Held {
    /// Tells whether the key is held at `now`: by a throttle's window if there is one, else by an owner that has not ended.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.has_next || self.until.map_or(self.owner != Owner::Ended, |end| now < end)
    }
}

/// What becomes of a job that comes to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is taken in and becomes the owner.
    Enter,
    /// It is left out: the owner stands for it.
    Duplicate,
    /// The same, and the window of the key begins anew with this job's own.
    Extend,
    /// It is taken in and becomes the owner; the owner, which has not started, is removed.
    Replace,
    /// It is taken in, but blocked until the owner has ended.
    Block,
    /// The same, and the one that was blocked is removed.
    ReplaceNext,
}

/// Decides what becomes of a job of this mode that comes to a key at `now`.
///
/// `same_task` tells whether the owner's task is its own: no job is replaced or followed by one of another task.
///
/// # Examples
///
/// ```
/// use asyncmq::{Dedup, lifecycle::{Arrival, Held, Owner, arrive}};
/// # use asyncmq::Timestamp;
/// # let now = Timestamp::from_micros(1);
/// let held = |owner| Held { owner, until: None, has_next: false };
/// assert_eq!(arrive(Dedup::Replace, &held(Owner::Waiting), true, now), Arrival::Replace);
/// assert_eq!(arrive(Dedup::Replace, &held(Owner::Started), true, now), Arrival::Duplicate);
/// ```
#[must_use]
pub fn arrive(mode: Dedup, held: &Held, same_task: bool, now: Timestamp) -> Arrival {
    if !held.holds(now) {
        return Arrival::Enter;
    }
    if !same_task {
        return Arrival::Duplicate;
    }
    match (mode, held.owner) {
        (Dedup::ExtendedThrottle(_), _) if held.until.is_some() => Arrival::Extend,
        (Dedup::Debounce(_), Owner::Delayed) => Arrival::Replace,
        (Dedup::Debounce(_), _) => Arrival::Enter,
        (Dedup::Replace, Owner::Delayed | Owner::Waiting) => Arrival::Replace,
        (Dedup::KeepLast, _) if held.has_next => Arrival::ReplaceNext,
        (Dedup::KeepLast, Owner::Started) => Arrival::Block,
        _ => Arrival::Duplicate,
    }
}

/// Returns when the window ends for which a job of this mode that comes at `now` holds its key, if it has one.
#[must_use]
pub fn held_until(mode: Dedup, now: Timestamp) -> Option<Timestamp> {
    mode.window().map(|window| now.after(window))
}

/// Tells whether a job of this mode may take the place of another one, so that it matters what comes before it.
#[must_use]
pub const fn may_replace(mode: Dedup) -> bool {
    matches!(mode, Dedup::Debounce(_) | Dedup::Replace | Dedup::KeepLast)
}

/// What becomes of a key whose owner has ended or is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release<T> {
    /// Whoever was blocked behind it owns it from now on.
    Next(T),
    /// Its window holds it on, without an owner.
    Keep,
    /// It is free.
    Free,
}

/// Decides what becomes of a key whose owner has ended or is removed at `now`.
#[must_use]
pub fn release<T>(next: Option<T>, until: Option<Timestamp>, now: Timestamp) -> Release<T> {
    match (next, until) {
        (Some(next), _) => Release::Next(next),
        (None, Some(end)) if now < end => Release::Keep,
        (None, _) => Release::Free,
    }
}

/// Lets a job that was blocked wait, or be delayed if it is not yet due.
pub fn unblock(status: &mut Status, now: Timestamp) {
    status.state = if now < status.run_at { JobState::Delayed } else { JobState::Waiting };
    status.run_at = status.run_at.max(now);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);
    const OWNERS: [Owner; 4] = [Owner::Delayed, Owner::Waiting, Owner::Started, Owner::Ended];

    fn modes() -> [Dedup; 6] {
        [
            Dedup::Simple,
            Dedup::Throttle(SECOND),
            Dedup::Throttle(SECOND).extend(),
            Dedup::Debounce(SECOND),
            Dedup::Replace,
            Dedup::KeepLast,
        ]
    }

    fn held(owner: Owner) -> Held {
        Held { owner, until: None, has_next: false }
    }

    #[test]
    fn who_may_replace_is_who_ever_does() {
        for mode in modes() {
            let mut replaces = false;
            for owner in OWNERS {
                for until in [None, Some(NOW.after(SECOND))] {
                    for has_next in [false, true] {
                        let arrival = arrive(mode, &Held { owner, until, has_next }, true, NOW);
                        replaces |= matches!(arrival, Arrival::Replace | Arrival::ReplaceNext);
                    }
                }
            }
            assert_eq!(may_replace(mode), replaces, "{mode:?}");
        }
    }

    #[test]
    fn a_key_goes_to_the_next_or_stays_for_its_window_or_is_free() {
        let later = Some(NOW.after(SECOND));
        assert_eq!(release(Some(7), later, NOW), Release::Next(7));
        assert_eq!(release(None::<u8>, later, NOW), Release::Keep);
        assert_eq!(release(None::<u8>, Some(NOW), NOW), Release::Free);
        assert_eq!(release(None::<u8>, None, NOW), Release::Free);
    }

    #[test]
    fn a_key_without_a_window_is_held_while_its_owner_has_not_ended() {
        for owner in OWNERS {
            assert_eq!(held(owner).holds(NOW), owner != Owner::Ended, "{owner:?}");
        }
    }

    #[test]
    fn a_window_holds_a_key_whatever_becomes_of_the_owner_and_no_longer() {
        for owner in OWNERS {
            let until = |end| Held { until: Some(end), ..held(owner) };
            assert!(until(NOW.after(SECOND)).holds(NOW), "{owner:?}");
            assert!(!until(NOW).holds(NOW), "{owner:?}");
        }
    }

    #[test]
    fn each_mode_has_its_own_row() {
        use Arrival::{Block, Duplicate, Enter, Replace};
        let rows = [
            [Duplicate, Duplicate, Duplicate, Enter],
            [Duplicate, Duplicate, Duplicate, Enter],
            [Duplicate, Duplicate, Duplicate, Enter],
            [Replace, Enter, Enter, Enter],
            [Replace, Replace, Duplicate, Enter],
            [Duplicate, Duplicate, Block, Enter],
        ];
        for (mode, row) in modes().into_iter().zip(rows) {
            let arrivals = OWNERS.map(|owner| arrive(mode, &held(owner), true, NOW));
            assert_eq!(arrivals, row, "{mode}");
        }
    }

    #[test]
    fn only_a_window_is_extended() {
        let window = Held { until: Some(NOW.after(SECOND)), ..held(Owner::Ended) };
        for mode in modes() {
            let extends = arrive(mode, &window, true, NOW) == Arrival::Extend;
            assert_eq!(extends, mode == Dedup::Throttle(SECOND).extend(), "{mode}");
        }
    }

    #[test]
    fn the_last_one_that_came_is_the_one_that_is_blocked() {
        for owner in [Owner::Waiting, Owner::Started] {
            let followed = Held { has_next: true, ..held(owner) };
            assert_eq!(arrive(Dedup::KeepLast, &followed, true, NOW), Arrival::ReplaceNext);
            assert_eq!(arrive(Dedup::Simple, &followed, true, NOW), Arrival::Duplicate);
        }
    }

    #[test]
    fn a_job_of_another_task_is_left_alone_in_every_mode() {
        for (mode, owner) in modes().into_iter().flat_map(|mode| OWNERS.map(|owner| (mode, owner))) {
            let wanted = if owner == Owner::Ended { Arrival::Enter } else { Arrival::Duplicate };
            assert_eq!(arrive(mode, &held(owner), false, NOW), wanted, "{mode} {owner:?}");
        }
    }

    #[test]
    fn who_has_started_once_has_started() {
        let mut status = Status::new(JobState::Delayed, NOW, NOW);
        assert_eq!(Owner::of(&status), Owner::Delayed);
        status.state = JobState::Blocked;
        assert_eq!(Owner::of(&status), Owner::Waiting);
        (status.state, status.crashes) = (JobState::Waiting, 1);
        assert_eq!(Owner::of(&status), Owner::Started);
        (status.state, status.crashes, status.attempt) = (JobState::Active, 0, 1);
        assert_eq!(Owner::of(&status), Owner::Started);
        status.state = JobState::Failed;
        assert_eq!(Owner::of(&status), Owner::Ended);
    }

    #[test]
    fn who_was_blocked_waits_from_now_on_or_until_it_is_due() {
        let mut status = Status::new(JobState::Blocked, NOW, NOW);
        unblock(&mut status, NOW.after(SECOND));
        assert_eq!((status.state, status.run_at), (JobState::Waiting, NOW.after(SECOND)));
        status.run_at = NOW.after(SECOND * 9);
        unblock(&mut status, NOW);
        assert_eq!((status.state, status.run_at), (JobState::Delayed, NOW.after(SECOND * 9)));
    }
}
