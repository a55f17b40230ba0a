//! The worker's own rate limit: how many jobs may start now, and when the next one may.
//!
//! Pure: the caller brings the time. Limits across workers are the store's business.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::job::{RateLimit, RateWindow};

/// Counts the starts of one worker.
#[derive(Debug)]
pub(crate) struct Limiter(Option<Counter>);

#[derive(Debug)]
enum Counter {
    /// Refills steadily up to `limit.permits`.
    Bucket { limit: RateLimit, tokens: f64, at: Instant },
    /// Remembers the starts of the last interval, those of one moment as one entry.
    Sliding { limit: RateLimit, starts: VecDeque<(Instant, u32)>, count: u32 },
}

impl Limiter {
    pub(crate) fn new(limit: Option<RateLimit>, now: Instant) -> Self {
        Self(limit.map(|limit| match limit.kind() {
            RateWindow::Bucket => Counter::Bucket { limit, tokens: f64::from(limit.permits()), at: now },
            RateWindow::Sliding => Counter::Sliding { limit, starts: VecDeque::new(), count: 0 },
        }))
    }

    /// Returns how many jobs may start at `now`.
    pub(crate) fn permits(&mut self, now: Instant) -> usize {
        match &mut self.0 {
            None => usize::MAX,
            Some(counter) => counter.permits(now) as usize,
        }
    }

    /// Counts jobs that started at `now`.
    pub(crate) fn take(&mut self, jobs: usize, now: Instant) {
        let jobs = u32::try_from(jobs).unwrap_or(u32::MAX);
        match &mut self.0 {
            Some(Counter::Bucket { tokens, .. }) => *tokens -= f64::from(jobs),
            Some(Counter::Sliding { starts, count, .. }) if jobs != 0 => {
                starts.push_back((now, jobs));
                *count += jobs;
            }
            Some(Counter::Sliding { .. }) | None => {}
        }
    }

    /// Returns when the next job may start, if none may at `now`; `None` if one may, or never.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Instant> {
        if self.permits(now) != 0 {
            return None;
        }
        match self.0.as_ref()? {
            Counter::Bucket { limit, tokens, .. } => {
                let missing = 1.0 - tokens;
                let each = limit.interval().as_secs_f64() / f64::from(limit.permits());
                Duration::try_from_secs_f64(missing * each).ok().and_then(|wait| now.checked_add(wait))
            }
            Counter::Sliding { limit, starts, .. } => {
                starts.front().and_then(|(start, _)| start.checked_add(limit.interval()))
            }
        }
    }
}

impl Counter {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float saturates, and is not negative"
    )]
    fn permits(&mut self, now: Instant) -> u32 {
        match self {
            Self::Bucket { limit, tokens, at } => {
                let most = f64::from(limit.permits());
                let rate = most / limit.interval().as_secs_f64().max(1e-9);
                *tokens = (*tokens + (now - *at).as_secs_f64() * rate).min(most);
                *at = now;
                // A hair's breadth short of a token is the clock's rounding.
                (*tokens + 1e-6).max(0.0) as u32
            }
            Self::Sliding { limit, starts, count } => {
                while let Some((start, jobs)) = starts.front().copied()
                    && limit.interval() <= now - start
                {
                    *count -= jobs;
                    starts.pop_front();
                }
                limit.permits().saturating_sub(*count)
            }
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
            let mut limiter = Limiter::new(Some(limit), now);
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
