//! How long a failed job waits before its next attempt.

use std::time::Duration;

use crate::job::Backoff;

/// The longest delay that any policy can ask for: a hundred years.
const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;

/// A number from 0 (included) to 1 (excluded), drawn by the caller, so that the rule itself has no chance in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw(f64);

impl Draw {
    /// Makes a draw out of any bits that are spread evenly.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds exactly")]
    pub fn from_bits(bits: u64) -> Self {
        Self((bits >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// Returns the delay after failed attempt number `attempt` (the first is 1).
///
/// # Examples
///
/// ```
/// use asyncmq::{Backoff, lifecycle::{Draw, delay_before}};
/// use std::time::Duration;
///
/// let backoff = Backoff::exponential(Duration::from_secs(1)).jitter(0.0);
/// assert_eq!(delay_before(&backoff, 3, Draw::from_bits(0)), Duration::from_secs(4));
/// ```
#[must_use]
pub fn delay_before(backoff: &Backoff, attempt: u32, draw: Draw) -> Duration {
    match backoff {
        Backoff::Fixed(delay) => *delay,
        Backoff::Exponential { first, factor, max, jitter } => {
            let steps = f64::from(attempt.saturating_sub(1));
            let delay = (first.as_secs_f64() * factor.powf(steps)).min(max.as_secs_f64());
            seconds(delay * (1.0 + jitter * (2.0 * draw.0 - 1.0))).min(*max)
        }
        Backoff::Power(base) => seconds(base.powf(f64::from(attempt))),
        Backoff::List(delays) => {
            let place = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
            delays.get(place).or(delays.last()).copied().unwrap_or_default()
        }
        Backoff::Custom => delay_before(&Backoff::DEFAULT, attempt, draw),
    }
}

/// Returns the delay of a job: that of the task's own function where it has one and the job asks for it,
/// else that of the policy. `None` means that the function gives up.
#[must_use]
pub fn delay_by(
    backoff: &Backoff,
    attempt: u32,
    draw: Draw,
    own: Option<impl FnOnce() -> Option<Duration>>,
) -> Option<Duration> {
    match (backoff, own) {
        (Backoff::Custom, Some(own)) => own(),
        _ => Some(delay_before(backoff, attempt, draw)),
    }
}

/// Holds what powers and products may have blown up.
fn seconds(value: f64) -> Duration {
    if value.is_nan() { Duration::ZERO } else { Duration::from_secs_f64(value.clamp(0.0, LONGEST)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HALF: Draw = Draw(0.5);

    fn delays(backoff: &Backoff, attempts: u32) -> Vec<u64> {
        (1..=attempts).map(|attempt| delay_before(backoff, attempt, HALF).as_secs()).collect()
    }

    #[test]
    fn each_policy_gives_its_own_row_of_delays() {
        assert_eq!(delays(&Backoff::fixed(SECOND * 3), 3), [3, 3, 3]);
        assert_eq!(delays(&Backoff::exponential(SECOND), 5), [1, 2, 4, 8, 16]);
        assert_eq!(delays(&Backoff::exponential(SECOND).factor(10.0).max(SECOND * 50), 4), [1, 10, 50, 50]);
        assert_eq!(delays(&Backoff::Power(3.0), 3), [3, 9, 27]);
        assert_eq!(delays(&Backoff::list([SECOND, SECOND * 10]), 4), [1, 10, 10, 10]);
        assert_eq!(delays(&Backoff::list([]), 2), [0, 0]);
        assert_eq!(delays(&Backoff::Custom, 3), [1, 2, 4]);
    }

    #[test]
    fn jitter_stays_in_its_band_and_below_the_cap() {
        let backoff = Backoff::exponential(SECOND * 100).jitter(0.1).max(SECOND * 1_000);
        assert_eq!(delay_before(&backoff, 1, Draw(0.0)), SECOND * 90);
        assert_eq!(delay_before(&backoff, 1, HALF), SECOND * 100);
        let most = delay_before(&backoff, 1, Draw(0.999_999)).as_secs_f64();
        assert!((109.9..110.0).contains(&most), "{most}");
        assert_eq!(delay_before(&backoff, 20, Draw(0.999_999)), SECOND * 1_000);
        assert_eq!(delay_before(&backoff, 20, Draw(0.0)), SECOND * 900);
    }

    #[test]
    fn nothing_overflows() {
        let wild = Backoff::Exponential { first: SECOND, factor: 1e300, max: Duration::MAX, jitter: 1.0 };
        for backoff in [wild, Backoff::Power(f64::MAX), Backoff::Power(f64::NAN), Backoff::Power(-2.0)] {
            assert!(delay_before(&backoff, u32::MAX, Draw(0.9)).as_secs_f64() <= LONGEST);
        }
        let century = Duration::from_secs(100 * 365 * 86_400);
        assert_eq!(delay_before(&Backoff::Power(f64::MAX), 2, HALF), century);
    }

    #[test]
    fn a_draw_covers_the_whole_range() {
        assert_eq!(Draw::from_bits(0), Draw(0.0));
        assert_eq!(Draw::from_bits(1 << 63), HALF);
        assert!(Draw::from_bits(u64::MAX).0 < 1.0);
    }

    #[test]
    fn the_tasks_own_function_decides_only_where_the_job_asks_for_it() {
        let own = || Some(|| Some(SECOND * 42));
        assert_eq!(delay_by(&Backoff::Custom, 1, HALF, own()), Some(SECOND * 42));
        assert_eq!(delay_by(&Backoff::fixed(SECOND), 1, HALF, own()), Some(SECOND));
        assert_eq!(delay_by(&Backoff::Custom, 1, HALF, Some(|| None)), None);
        let none: Option<fn() -> Option<Duration>> = None;
        assert_eq!(delay_by(&Backoff::Custom, 1, HALF, none), Some(SECOND));
    }
}
