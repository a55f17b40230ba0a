//! Decides how many jobs may start under a limit, and when the next one may.
//!
//! A token bucket of `n` in an interval `i` holds `n` tokens and gains `n / i` a time: in any time `w` at most `n + w · n / i` jobs
//! start. A sliding window knows when the latest jobs started: in any interval `i` at most `n` do.

use std::collections::VecDeque;

use crate::clock::Timestamp;
use crate::job::{Limit, OnLimit, RateLimit, RateWindow};

/// What may start under a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// So many, at least one.
    May(u32),
    /// None before this time.
    Until(Timestamp),
    /// None before a running one ends, or the limit is changed.
    Full,
}

/// What has started under a rate limit: what is left of the bucket, or the starts in the window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Starts {
    /// The tokens that were there at a time; none if none was ever taken.
    pub bucket: Option<(f64, Timestamp)>,
    /// When how many started, oldest first.
    pub window: VecDeque<(Timestamp, u32)>,
}

impl Starts {
    /// Returns how many may start now under a rate.
    #[must_use]
    pub fn allowance(&self, rate: RateLimit, now: Timestamp) -> Allowance {
        let permits = rate.permits();
        if permits == 0 {
            return Allowance::Full;
        }
        match rate.kind() {
            RateWindow::Bucket => {
                let tokens = self.tokens(rate, now);
                if 1.0 <= tokens {
                    return Allowance::May(tokens as u32);
                }
                let wait = (1.0 - tokens) * per_token(rate);
                Allowance::Until(now.after_micros(wait.ceil() as u64))
            }
            RateWindow::Sliding => {
                let recent = self.window.iter().filter(|(at, _)| now < at.after(rate.interval()));
                let started: u32 = recent.clone().map(|(_, count)| *count).sum();
                match permits.checked_sub(started) {
                    None | Some(0) => {
                        let mut surplus = started - permits;
                        let leaves = recent.clone().find(|(_, count)| {
                            let is_enough = surplus < *count;
                            surplus = surplus.saturating_sub(*count);
                            is_enough
                        });
                        leaves.map_or(Allowance::Full, |(at, _)| Allowance::Until(at.after(rate.interval())))
                    }
                    Some(left) => Allowance::May(left),
                }
            }
        }
    }

    /// Takes note that so many start now.
    pub fn note(&mut self, rate: RateLimit, count: u32, now: Timestamp) {
        match rate.kind() {
            RateWindow::Bucket => {
                self.window.clear();
                self.bucket = Some((self.tokens(rate, now) - f64::from(count), now));
            }
            RateWindow::Sliding => {
                self.bucket = None;
                while self.window.front().is_some_and(|(at, _)| at.after(rate.interval()) <= now) {
                    self.window.pop_front();
                }
                match self.window.back_mut() {
                    // What starts in one part of the window counts from the last of it on, so that few parts are kept.
                    Some((at, noted)) if part(rate, *at) == part(rate, now) => {
                        *at = now;
                        *noted += count;
                    }
                    _ => self.window.push_back((now, count)),
                }
            }
        }
    }

    /// Tells whether it is as if nothing had started, so that nothing needs to be remembered.
    #[must_use]
    pub fn is_idle(&self, rate: RateLimit, now: Timestamp) -> bool {
        match rate.kind() {
            RateWindow::Bucket => f64::from(rate.permits()) <= self.tokens(rate, now),
            RateWindow::Sliding => self.window.iter().all(|(at, _)| at.after(rate.interval()) <= now),
        }
    }

    fn tokens(&self, rate: RateLimit, now: Timestamp) -> f64 {
        let most = f64::from(rate.permits());
        let Some((tokens, at)) = self.bucket else { return most };
        let gained = now.as_micros().saturating_sub(at.as_micros()) as f64 / per_token(rate);
        // What binary fractions lose must not keep a token that is due from being one.
        (tokens + gained + 1e-9).min(most)
    }
}

/// How many parts a window is remembered in: a start counts for at most one part longer than the window.
const PARTS: u64 = 64;

/// Returns in which part of a window's length a time lies.
fn part(rate: RateLimit, at: Timestamp) -> u64 {
    at.as_micros() / (rate.interval().as_micros() as u64 / PARTS).max(1)
}

/// The microseconds in which a bucket gains a token.
fn per_token(rate: RateLimit) -> f64 {
    rate.interval().as_micros() as f64 / f64::from(rate.permits())
}

/// Returns how many jobs may start now under a limit, when so many of its jobs run.
#[must_use]
pub fn allowance(limit: Limit, running: u32, starts: &Starts, now: Timestamp) -> Allowance {
    let free = limit.concurrency_limit().map_or(u32::MAX, |most| most.saturating_sub(running));
    if free == 0 {
        return Allowance::Full;
    }
    match limit.rate_limit().map(|rate| starts.allowance(rate, now)) {
        None => Allowance::May(free),
        Some(Allowance::May(permits)) => Allowance::May(permits.min(free)),
        Some(held) => held,
    }
}

/// What is there of a group of which jobs wait in one line: a list of jobs of one task, key and priority in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// How many of the line are new: no attempt at them was made yet. Others wait, whatever becomes of the new ones.
    pub new: u32,
    /// How many of the group run.
    pub running: u32,
    /// How many of these were not asked to stop yet.
    pub askable: u32,
}

/// What has to go so that a limit is kept in the way that it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// How many of the new jobs in the line are cancelled, the oldest first.
    pub discard: u32,
    /// How many of the running jobs are asked to stop, the oldest first.
    pub stop: u32,
}

impl Room {
    /// Tells whether everything may stay.
    #[must_use]
    pub const fn is_enough(&self) -> bool {
        self.discard == 0 && self.stop == 0
    }
}

/// Returns how many new jobs have to be known, the oldest first, so that `at_once` of them can go.
#[must_use]
pub fn new_to_know(limit: Limit, at_once: usize) -> usize {
    let most = limit.concurrency_limit().map_or(usize::MAX, |most| most as usize);
    if limit.when_full() == OnLimit::CancelRunning { most.saturating_add(at_once) } else { at_once }
}

/// Decides what has to go where jobs of a group wait.
///
/// New jobs are discarded while as many run as may. With [`OnLimit::CancelRunning`] the newest are what counts: as many as may run are
/// left of those that wait, and for each that is left and has no permit one that runs is asked to stop, once.
#[must_use]
pub fn make_room(limit: Limit, crowd: Crowd) -> Room {
    let most = limit.concurrency_limit().unwrap_or(u32::MAX);
    match limit.when_full() {
        OnLimit::Wait => Room::default(),
        OnLimit::Discard => Room { discard: if most <= crowd.running { crowd.new } else { 0 }, stop: 0 },
        OnLimit::CancelRunning => {
            let left = crowd.new.min(most);
            let stop =
                if left == 0 { 0 } else { (crowd.askable + left).saturating_sub(most).min(crowd.askable) };
            Room { discard: crowd.new - left, stop }
        }
    }
}

/// Says why a job is cancelled that waits ([`Room::discard`]), or is asked to stop ([`Room::stop`]).
#[must_use]
pub fn why_no_room(limit: Limit, task: &str, key: Option<&str>, was_running: bool) -> String {
    let (most, of) = (limit.concurrency_limit().unwrap_or_default(), whose(task, key));
    match limit.when_full() {
        OnLimit::CancelRunning if was_running => {
            format!("a newer job of {of} takes its place ({most} at once)")
        }
        OnLimit::CancelRunning => format!("a newer job of {of} came before it had started ({most} at once)"),
        OnLimit::Wait | OnLimit::Discard => format!("as many jobs of {of} ran as may at once ({most})"),
    }
}

fn whose(task: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("key \"{key}\" of task {task}"),
        None => format!("task {task}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(1_000_000_000 + millis * 1_000)
    }

    /// Starts whatever may start, asked each millisecond. Returns when how many did.
    fn all_that_may(rate: RateLimit, millis: u64) -> Vec<(u64, u32)> {
        let (mut starts, mut started) = (Starts::default(), Vec::new());
        for time in 0..millis {
            if let Allowance::May(count) = starts.allowance(rate, at(time)) {
                starts.note(rate, count, at(time));
                started.push((time, count));
            }
        }
        started
    }

    fn most_within(started: &[(u64, u32)], millis: u64) -> u32 {
        let within = |from: u64| started.iter().filter(move |(at, _)| (from..from + millis).contains(at));
        started.iter().map(|(from, _)| within(*from).map(|(_, count)| count).sum()).max().unwrap_or(0)
    }

    #[test]
    fn a_bucket_gives_its_permits_at_once_and_then_the_rate() {
        let started = all_that_may(RateLimit::per(10, SECOND), 1_001);
        assert_eq!(started[0], (0, 10));
        assert_eq!(started[1..], (1..=10).map(|tenth| (tenth * 100, 1)).collect::<Vec<_>>());
    }

    #[test]
    fn a_bucket_never_gives_more_than_it_says_and_wastes_nothing() {
        for (permits, millis) in [(1, 1_000), (3, 1_000), (7, 100), (100, 1_000), (1_000, 333)] {
            let rate = RateLimit::per(permits, Duration::from_millis(millis));
            let started = all_that_may(rate, 5_000);
            for window in [1, 50, 999, 1_000, 3_000] {
                let most = f64::from(permits) * (1.0 + window as f64 / millis as f64);
                assert!(f64::from(most_within(&started, window)) <= most, "{rate} within {window} ms");
            }
            let all: u32 = started.iter().map(|(_, count)| count).sum();
            let could = f64::from(permits) * (1.0 + 4_999.0 / millis as f64);
            assert!(could - 2.0 < f64::from(all), "{rate}: {all} of {could}");
        }
    }

    #[test]
    fn a_window_never_holds_more_than_its_permits_and_wastes_nothing() {
        for (permits, millis) in [(1, 1_000), (3, 100), (100, 1_000)] {
            let rate = RateLimit::window(permits, Duration::from_millis(millis));
            let started = all_that_may(rate, 5_000);
            assert_eq!(most_within(&started, millis), permits, "{rate}");
            let all: u32 = started.iter().map(|(_, count)| count).sum();
            assert_eq!(u64::from(all), u64::from(permits) * 5_000_u64.div_ceil(millis), "{rate}");
        }
    }

    #[test]
    fn it_says_when_the_next_may_start_and_is_right() {
        for rate in [RateLimit::per(3, SECOND), RateLimit::window(3, SECOND), RateLimit::per(7, SECOND)] {
            let mut starts = Starts::default();
            starts.note(rate, rate.permits(), at(0));
            let Allowance::Until(next) = starts.allowance(rate, at(1)) else { panic!("{rate}") };
            let before = Timestamp::from_micros(next.as_micros() - 1);
            assert!(matches!(starts.allowance(rate, before), Allowance::Until(_)), "{rate}");
            assert!(matches!(starts.allowance(rate, next), Allowance::May(1 | 3)), "{rate}");
        }
    }

    #[test]
    fn a_window_that_is_used_steadily_is_used_whole_and_remembers_little() {
        let rate = RateLimit::window(100, SECOND);
        for apart in [1, 5, 10, 14, 16] {
            let (mut starts, mut started) = (Starts::default(), Vec::new());
            for time in (0..20_000).step_by(apart) {
                if let Allowance::May(_) = starts.allowance(rate, at(time)) {
                    starts.note(rate, 1, at(time));
                    started.push((time, 1));
                }
                assert!(starts.window.len() <= 66, "{}", starts.window.len());
            }
            assert!(most_within(&started, 1_000) <= 100);
            let possible = 20_000 / (apart as u64).max(10);
            assert!(
                possible * 95 <= started.len() as u64 * 100,
                "{} of {possible}, {apart} ms apart",
                started.len()
            );
        }
    }

    #[test]
    fn a_window_that_became_smaller_waits_for_enough_to_leave() {
        let mut starts = Starts::default();
        let (large, small) = (RateLimit::window(10, SECOND), RateLimit::window(2, SECOND));
        for time in 0..4 {
            starts.note(large, 2, at(time * 100));
        }
        assert_eq!(starts.allowance(small, at(400)), Allowance::Until(at(1_300)));
    }

    #[test]
    fn nothing_starts_under_zero_and_everything_without_a_limit() {
        let starts = Starts::default();
        for rate in [RateLimit::per(0, SECOND), RateLimit::window(0, SECOND)] {
            assert_eq!(allowance(Limit::NONE.rate(rate), 0, &starts, at(0)), Allowance::Full);
        }
        assert_eq!(allowance(Limit::NONE.concurrency(0), 0, &starts, at(0)), Allowance::Full);
        assert_eq!(allowance(Limit::NONE, 7, &starts, at(0)), Allowance::May(u32::MAX));
    }

    #[test]
    fn the_smaller_of_both_counts() {
        let starts = Starts::default();
        let limit = Limit::NONE.rate(RateLimit::per(5, SECOND)).concurrency(3);
        assert_eq!(allowance(limit, 0, &starts, at(0)), Allowance::May(3));
        assert_eq!(allowance(limit, 2, &starts, at(0)), Allowance::May(1));
        assert_eq!(allowance(limit, 3, &starts, at(0)), Allowance::Full);
    }

    #[test]
    fn what_is_long_ago_need_not_be_remembered() {
        for rate in [RateLimit::per(2, SECOND), RateLimit::window(2, SECOND)] {
            let mut starts = Starts::default();
            starts.note(rate, 1, at(0));
            assert!(!starts.is_idle(rate, at(400)), "{rate}");
            assert!(starts.is_idle(rate, at(1_000)), "{rate}");
        }
    }

    fn crowd(new: u32, running: u32, askable: u32) -> Crowd {
        Crowd { new, running, askable }
    }

    #[test]
    fn who_has_to_go_depends_on_what_the_limit_says() {
        let gone = |policy, most, crowd| {
            let Room { discard, stop } = make_room(Limit::NONE.concurrency(most).on_limit(policy), crowd);
            (discard, stop)
        };
        for full in [crowd(5, 0, 0), crowd(5, 1, 1), crowd(5, 3, 3)] {
            assert_eq!(gone(OnLimit::Wait, 1, full), (0, 0));
        }
        for (most, crowd, expected) in [
            (1, crowd(3, 0, 0), 0),
            (2, crowd(3, 1, 1), 0),
            (1, crowd(3, 1, 1), 3),
            (1, crowd(3, 5, 5), 3),
            (1, crowd(0, 1, 1), 0),
        ] {
            assert_eq!(gone(OnLimit::Discard, most, crowd), (expected, 0), "{most} {crowd:?}");
        }
        for (most, crowd, expected) in [
            (1, crowd(0, 1, 1), (0, 0)),
            (1, crowd(1, 0, 0), (0, 0)),
            (1, crowd(1, 1, 1), (0, 1)),
            (1, crowd(3, 1, 1), (2, 1)),
            (1, crowd(3, 1, 0), (2, 0)),
            (3, crowd(2, 3, 3), (0, 2)),
            (3, crowd(5, 3, 3), (2, 3)),
            (3, crowd(1, 2, 2), (0, 0)),
            (1, crowd(1, 3, 3), (0, 3)),
            (2, crowd(1, 3, 1), (0, 0)),
        ] {
            assert_eq!(gone(OnLimit::CancelRunning, most, crowd), expected, "{most} {crowd:?}");
        }
    }

    #[test]
    fn what_is_asked_to_stop_makes_room_for_those_that_are_left_and_is_asked_once() {
        for (most, new, running) in itertools::iproduct!(1..5, 0..6, 0..8) {
            let limit = Limit::NONE.concurrency(most).on_limit(OnLimit::CancelRunning);
            let first = make_room(limit, crowd(new, running, running));
            let (left, stay) = (new - first.discard, running - first.stop);
            assert!(left <= most && (left == 0 || left + stay <= most), "{most} {new} {running}");
            let again = make_room(limit, crowd(left, running, stay));
            assert!(again.is_enough(), "{most} {new} {running}: {again:?}");
        }
    }

    #[test]
    fn where_nothing_may_start_everything_waits() {
        for policy in OnLimit::ALL {
            let limit = Limit::NONE.concurrency(0).on_limit(policy);
            assert!(make_room(limit, crowd(3, 2, 2)).is_enough(), "{policy}");
        }
    }
}
