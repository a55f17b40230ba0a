//! How often somebody may fail to log in: a few tries at once, then one after ever longer waits.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
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
/// More addresses, and more names, are not remembered; the oldest make way.
const MOST: usize = 10_000;

/// Failures, by where they came from and by whom they named: apart, so that many of one make none of the other forgotten.
#[derive(Debug, Default)]
pub(in crate::dashboard) struct Throttle(Mutex<[HashMap<String, Failures>; 2]>);

/// Who tries: from which address, and under which name.
pub(in crate::dashboard) type Sender = [String; 2];

/// Describes who tries. Of an IPv6 address the network counts: whoever has one address there has them all.
pub(in crate::dashboard) fn sender(ip: Option<IpAddr>, name: &str) -> Sender {
    let from = match ip.map(|ip| ip.to_canonical()) {
        None => "somewhere".into(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => format!("{}/64", Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    };
    [from, name.to_owned()]
}

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
    /// Returns how long it has still to wait; nothing if it may try.
    pub(in crate::dashboard) fn wait(&self, sender: &Sender, now: Instant) -> Option<Duration> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = kept.iter().zip(sender).filter_map(|(kept, part)| {
            let failures = kept.get(part)?;
            failures.wait().checked_sub(now.duration_since(failures.last)).filter(|left| !left.is_zero())
        });
        waits.max()
    }

    /// Takes note of a try before its outcome is known, so that many at once are counted too.
    pub(in crate::dashboard) fn tried(&self, sender: &Sender, now: Instant) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (kept, part) in kept.iter_mut().zip(sender) {
            if !kept.contains_key(part) {
                make_room(kept, now);
            }
            let failures = kept.entry(part.clone()).or_insert(Failures { count: 0, last: now });
            if FORGOTTEN < now.duration_since(failures.last) {
                failures.count = 0;
            }
            *failures = Failures { count: failures.count.saturating_add(1), last: now };
        }
    }

    /// Forgets the failures of those who got in.
    pub(in crate::dashboard) fn succeeded(&self, sender: &Sender) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (kept, part) in kept.iter_mut().zip(sender) {
            kept.remove(part);
        }
    }
}

/// Makes room for one more.
fn make_room(kept: &mut HashMap<String, Failures>, now: Instant) {
    if kept.len() < MOST {
        return;
    }
    kept.retain(|_, failures| now.duration_since(failures.last) < FORGOTTEN);
    if MOST <= kept.len()
        && let Some(oldest) =
            kept.iter().min_by_key(|(_, failures)| failures.last).map(|(part, _)| part.clone())
    {
        kept.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_make_wait_ever_longer_and_are_forgotten() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let ann = sender(None, "ann");
        for _ in 0..FREE {
            assert!(throttle.wait(&ann, start).is_none());
            throttle.tried(&ann, start);
        }
        assert!(throttle.wait(&ann, start).is_none());
        throttle.tried(&ann, start);
        assert_eq!(throttle.wait(&ann, start), Some(FIRST));
        assert!(throttle.wait(&sender("::1".parse().ok(), "bob"), start).is_none());
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
        let from = |number: usize| Some(IpAddr::from(u32::try_from(number).unwrap().to_be_bytes()));
        for number in 0..MOST + 5 {
            throttle.tried(&sender(from(number), &number.to_string()), start);
        }
        assert!(throttle.0.lock().unwrap().iter().all(|kept| kept.len() == MOST));
    }

    #[test]
    fn many_names_make_no_address_forgotten() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let from = |last: u16| Some(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]));
        for number in 0..MOST + 5 {
            let later = start + Duration::from_millis(u64::from(number != 0));
            // Each of its addresses is the same sender.
            throttle.tried(&sender(from(u16::try_from(number).unwrap()), &number.to_string()), later);
        }
        assert_eq!(throttle.0.lock().unwrap()[0].len(), 1);
        assert!(throttle.wait(&sender(from(60_000), "ann"), start).is_some());
        assert!(throttle.wait(&sender("2001:db8:0:1::1".parse().ok(), "ann"), start).is_none());
    }
}
