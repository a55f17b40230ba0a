//! How often somebody may fail to log in: a few tries at once, then one after ever longer waits.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many failures cost nothing.
const FREE: u32 = 5;
/// The wait after the first that is not free; it doubles with each.
const FIRST: Duration = Duration::from_secs(2);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(300);
/// After so much quiet all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(900);
/// More senders are not remembered; the oldest make way.
const MOST: usize = 10_000;

/// Failures, by where they came from and by whom they named.
#[derive(Debug, Default)]
pub(in crate::dashboard) struct Throttle(Mutex<HashMap<String, Failures>>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn wait(self) -> Duration {
        let beyond = self.count.saturating_sub(FREE);
        if beyond == 0 { Duration::ZERO } else { (FIRST * 2_u32.pow((beyond - 1).min(16))).min(LONGEST) }
    }
}

impl Throttle {
    /// Returns how long these have still to wait; nothing if they may try.
    pub(in crate::dashboard) fn wait(&self, senders: &[String], now: Instant) -> Option<Duration> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = senders.iter().filter_map(|sender| {
            let failures = kept.get(sender)?;
            failures.wait().checked_sub(now.duration_since(failures.last)).filter(|left| !left.is_zero())
        });
        waits.max()
    }

    /// Takes note of a try before its outcome is known, so that many at once are counted too.
    pub(in crate::dashboard) fn tried(&self, senders: &[String], now: Instant) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if MOST <= kept.len() {
            kept.retain(|_, failures| now.duration_since(failures.last) < FORGOTTEN);
        }
        if MOST <= kept.len()
            && let Some(oldest) =
                kept.iter().min_by_key(|(_, failures)| failures.last).map(|(sender, _)| sender.clone())
        {
            kept.remove(&oldest);
        }
        for sender in senders {
            let failures = kept.entry(sender.clone()).or_insert(Failures { count: 0, last: now });
            if FORGOTTEN < now.duration_since(failures.last) {
                failures.count = 0;
            }
            *failures = Failures { count: failures.count.saturating_add(1), last: now };
        }
    }

    /// Forgets the failures of those who got in.
    pub(in crate::dashboard) fn succeeded(&self, senders: &[String]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in senders {
            kept.remove(sender);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_make_wait_ever_longer_and_are_forgotten() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let ann = ["ann".to_owned()];
        for _ in 0..FREE {
            assert!(throttle.wait(&ann, start).is_none());
            throttle.tried(&ann, start);
        }
        assert!(throttle.wait(&ann, start).is_none());
        throttle.tried(&ann, start);
        assert_eq!(throttle.wait(&ann, start), Some(FIRST));
        assert!(throttle.wait(&["bob".to_owned()], start).is_none());
        assert!(throttle.wait(&ann, start + FIRST).is_none());
        for _ in 0..60 {
            throttle.tried(&ann, start);
        }
        assert_eq!(throttle.wait(&ann, start), Some(LONGEST));
        throttle.tried(&ann, start + FORGOTTEN * 2);
        assert!(throttle.wait(&ann, start + FORGOTTEN * 2).is_none());
        throttle.succeeded(&ann);
        assert!(throttle.wait(&ann, start).is_none());
    }

    #[test]
    fn no_more_senders_are_kept_than_it_has_room_for() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for number in 0..MOST + 50 {
            throttle.tried(&[number.to_string()], start);
        }
        assert!(throttle.0.lock().unwrap().len() <= MOST);
    }
}
