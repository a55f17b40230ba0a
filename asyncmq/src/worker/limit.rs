//! The worker's own rate limit: how many jobs may start now, and when the next one may.
//!
//! The rule is that of the limits across workers; here it goes by the worker's own clock.

use std::time::{Duration, Instant};

use crate::clock::Timestamp;
use crate::job::RateLimit;
use crate::lifecycle::{Allowance, Starts};

/// Counts the starts of one worker.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: Option<RateLimit>,
    starts: Starts,
    /// When the worker's clock stood at 0.
    began: Instant,
}

impl Limiter {
    pub(crate) fn new(limit: Option<RateLimit>, now: Instant) -> Self {
        Self { limit, starts: Starts::default(), began: now }
    }

    fn at(&self, now: Instant) -> Timestamp {
        Timestamp::default().after(now - self.began)
    }

    /// Returns how many jobs may start at `now`.
    pub(crate) fn permits(&self, now: Instant) -> usize {
        match self.limit.map(|limit| self.starts.allowance(limit, self.at(now))) {
            None => usize::MAX,
            Some(Allowance::May(jobs)) => jobs as usize,
            Some(Allowance::Until(_) | Allowance::Full) => 0,
        }
    }

    /// Counts jobs that started at `now`.
    pub(crate) fn take(&mut self, jobs: usize, now: Instant) {
        if let Some(limit) = self.limit
            && jobs != 0
        {
            self.starts.note(limit, u32::try_from(jobs).unwrap_or(u32::MAX), self.at(now));
        }
    }

    /// Returns when the next job may start, if none may at `now`; `None` if one may, or never.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        match self.starts.allowance(self.limit?, self.at(now)) {
            Allowance::Until(time) => self.began.checked_add(Duration::from_micros(time.as_micros())),
            Allowance::May(_) | Allowance::Full => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn without_a_limit_everything_may_start() {
        let now = Instant::now();
        let mut limiter = Limiter::new(None, now);
        limiter.take(1_000_000, now);
        assert_eq!(limiter.permits(now), usize::MAX);
        assert_eq!(limiter.next(now), None);
    }

    #[test]
    fn zero_blocks_for_ever() {
        let now = Instant::now();
        for limit in [RateLimit::per(0, SECOND), RateLimit::window(0, SECOND)] {
            let limiter = Limiter::new(Some(limit), now);
            assert_eq!(limiter.permits(now + SECOND * 1_000), 0);
            assert_eq!(limiter.next(now + SECOND * 1_000), None);
        }
    }

    #[test]
    fn a_bucket_refills_steadily_and_never_beyond_its_size() {
        let now = Instant::now();
        let mut limiter = Limiter::new(Some(RateLimit::per(10, SECOND)), now);
        assert_eq!(limiter.permits(now), 10);
        limiter.take(10, now);
        assert_eq!(limiter.permits(now), 0);
        let next = limiter.next(now).unwrap();
        assert_eq!((next - now).as_millis(), 100);
        assert_eq!(limiter.permits(next), 1);
        assert_eq!(limiter.permits(now + SECOND / 2), 5);
        assert_eq!(limiter.permits(now + SECOND * 60), 10);
    }

    #[test]
    fn a_window_never_holds_more_than_its_number() {
        let now = Instant::now();
        let mut limiter = Limiter::new(Some(RateLimit::window(3, SECOND)), now);
        limiter.take(2, now);
        limiter.take(1, now + SECOND / 2);
        assert_eq!(limiter.permits(now + SECOND / 2), 0);
        assert_eq!(limiter.next(now + SECOND / 2), Some(now + SECOND));
        assert_eq!(limiter.permits(now + SECOND), 2);
        assert_eq!(limiter.permits(now + SECOND * 3 / 2), 3);
    }
}
