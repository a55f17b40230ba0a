//! Whether this worker may say of others that they are dead.
//!
//! After a server was away for longer than a lease, every lease has run out, and whoever is back first would take the
//! jobs of all who are about to be. So a worker that was itself cut off gives the others time to come back.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::chance::is_simulated;

/// How long workers may need to notice that their connections are dead, and to open others.
const COME_BACK: Duration = Duration::from_secs(5);
/// No silence that is shorter counts as being cut off: a busy machine is as slow.
const SHORTEST: Duration = Duration::from_millis(500);

/// The time of the lease's thread; in a simulation that of the one runtime there is.
pub(crate) fn now() -> Instant {
    if is_simulated() { tokio::time::Instant::now().into_std() } else { Instant::now() }
}

/// What this worker's own lease went through.
#[derive(Debug)]
pub(crate) struct Tenure {
    /// A longer silence of one's own may have been the end of other leases.
    longest: Duration,
    time_for_others: Duration,
    last: Mutex<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    /// When the lease was extended.
    kept: Instant,
    /// When it was extended for the first time after a silence.
    back: Option<Instant>,
}

impl Tenure {
    pub(crate) fn new(lease: Duration, now: Instant) -> Self {
        let (longest, time_for_others) = ((lease / 2).max(SHORTEST), lease.min(COME_BACK));
        Self { longest, time_for_others, last: Mutex::new(Last { kept: now, back: None }) }
    }

    /// Takes note that the lease was extended.
    pub(crate) fn kept(&self, now: Instant) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if self.longest < now.saturating_duration_since(last.kept) {
            last.back = Some(now);
        }
        last.kept = now;
    }

    /// Tells whether those whose lease has run out had the chance to extend it.
    pub(crate) fn may_judge(&self, now: Instant) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        now.saturating_duration_since(last.kept) <= self.longest
            && last.back.is_none_or(|back| self.time_for_others <= now.saturating_duration_since(back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(8);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_worker_judges_from_its_start_and_for_as_long_as_its_own_lease_is_kept() {
        let start = Instant::now();
        let tenure = Tenure::new(LEASE, start);
        assert!(tenure.may_judge(start));
        for second in 1..20 {
            tenure.kept(start + SECOND * second);
            assert!(tenure.may_judge(start + SECOND * second + SECOND * 3));
        }
    }

    #[test]
    fn a_worker_that_was_cut_off_judges_nobody_until_the_others_had_time_to_come_back() {
        let start = Instant::now();
        let tenure = Tenure::new(LEASE, start);
        assert!(!tenure.may_judge(start + SECOND * 5), "it is cut off");
        let back = start + SECOND * 6;
        tenure.kept(back);
        for second in 0..5 {
            tenure.kept(back + SECOND * second);
            assert!(!tenure.may_judge(back + SECOND * second), "{second} s");
        }
        tenure.kept(back + SECOND * 5);
        assert!(tenure.may_judge(back + SECOND * 5));
    }

    #[test]
    fn the_shortest_lease_does_not_keep_a_worker_from_its_duty() {
        let start = Instant::now();
        let tenure = Tenure::new(Duration::from_millis(10), start);
        assert!(tenure.may_judge(start + Duration::from_millis(400)));
        tenure.kept(start + SECOND);
        assert!(!tenure.may_judge(start + SECOND));
        assert!(tenure.may_judge(start + SECOND + Duration::from_millis(10)));
    }
}
