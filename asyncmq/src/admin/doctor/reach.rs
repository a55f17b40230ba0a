//! How the store is reached from here: how soon it answers, and whether its clock is ours.

use std::time::{Duration, Instant, SystemTime};

use crate::admin::Admin;
use crate::backend::Finding;
use crate::clock::Timestamp;
use crate::error::Result;

/// How many questions the latency is taken from.
const QUESTIONS: usize = 9;
/// From here on a store answers slowly.
const SLOW: Duration = Duration::from_millis(50);
/// From here on the clocks of two machines differ.
const APART: Duration = Duration::from_secs(5);

/// Asks the store for its time, some times.
pub(super) async fn look(admin: &Admin) -> Result<Vec<Finding>> {
    let mut latencies = Vec::with_capacity(QUESTIONS);
    let mut apart = Duration::MAX;
    for _ in 0..QUESTIONS {
        let start = Instant::now();
        let theirs = admin.client.handle.ask("tell its time", admin.client.backend().now()).await?;
        let ours = Timestamp::from(SystemTime::now());
        latencies.push(start.elapsed());
        apart = apart.min(theirs.since(ours).max(ours.since(theirs)));
    }
    latencies.sort_unstable();
    Ok(vec![latency(latencies[QUESTIONS / 2], latencies[QUESTIONS - 1]), clock(apart)])
}

fn latency(median: Duration, slowest: Duration) -> Finding {
    let says = format!("the store answers in {median:.1?}, at the slowest {slowest:.1?}");
    match SLOW < median {
        true => Finding::warning(
            "latency",
            says,
            "run this beside the workers: if it is slow there too, the way to the store or the store itself is overloaded",
        ),
        false => Finding::good("latency", says),
    }
}

fn clock(apart: Duration) -> Finding {
    match APART < apart {
        true => Finding::warning(
            "clock",
            format!("the store's clock and that of this machine are {apart:.0?} apart"),
            "set both by NTP: jobs that are due at a time of this machine's clock start early or late",
        ),
        false => Finding::good("clock", "the store's clock and that of this machine agree"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Severity;

    #[test]
    fn a_slow_store_and_a_clock_that_is_off_are_warned_of() {
        let second = Duration::from_secs(1);
        assert_eq!(latency(second / 1_000, second).severity, Severity::Good);
        assert_eq!(latency(second / 10, second).severity, Severity::Warning);
        assert_eq!(clock(second).severity, Severity::Good);
        assert_eq!(clock(second * 60).severity, Severity::Warning);
    }
}
