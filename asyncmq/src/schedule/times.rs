//! The slots of a schedule, one after the other.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::schedule::{CronTimes, Schedule, Timing};

/// How many slots are counted one by one before the walk leaps to the last.
const WALKED: u64 = 1_000;

/// What computes slots.
pub(super) enum Times {
    /// The anchor and each whole number of intervals after it, in microseconds.
    Every { anchor: u64, interval: u64 },
    /// The times of an expression.
    Cron(Box<CronTimes>),
}

impl Times {
    /// Prepares to compute the slots of a schedule that counts from this anchor.
    pub(super) fn of(schedule: &Schedule, anchor: Timestamp) -> Result<Self> {
        Ok(match &schedule.timing {
            Timing::Every(interval) => {
                let interval = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX).max(1_000);
                Self::Every { anchor: anchor.as_micros(), interval }
            }
            Timing::Cron { expression, zone } => {
                Self::Cron(Box::new(CronTimes::new(expression, zone.as_deref())?))
            }
        })
    }

    /// Returns the first slot after a time.
    pub(super) fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every { anchor, .. } if time.as_micros() < *anchor => Some(Timestamp::from_micros(*anchor)),
            Self::Every { anchor, interval } => {
                let past = (time.as_micros() - anchor) / interval;
                let next = past.checked_add(1)?.checked_mul(*interval)?.checked_add(*anchor)?;
                Some(Timestamp::from_micros(next))
            }
            Self::Cron(times) => times.next_after(time),
        }
    }

    /// Returns the first slot after a time that the schedule's start allows: the start itself may be one.
    pub(super) fn first_after(&self, schedule: &Schedule, time: Timestamp) -> Option<Timestamp> {
        let before_start = |start: Timestamp| Timestamp::from_micros(start.as_micros().saturating_sub(1));
        self.next_after(schedule.start.map_or(time, |start| time.max(before_start(start))))
    }

    /// Returns the last slot until a time, given the first one, and how many lie before it (of a long row at least so many).
    pub(super) fn last_until(&self, first: Timestamp, until: Timestamp) -> (Timestamp, u64) {
        if let Self::Every { interval, .. } = self {
            let count = until.as_micros().saturating_sub(first.as_micros()) / interval;
            return (Timestamp::from_micros(first.as_micros() + count * interval), count);
        }
        let (mut last, mut before) = (first, 0);
        while let Some(next) = self.next_until(last, until) {
            (last, before) = (next, before + 1);
            if before == WALKED {
                let leapt = self.leap(last, until);
                return (leapt, before + u64::from(leapt != last));
            }
        }
        (last, before)
    }

    fn next_until(&self, time: Timestamp, until: Timestamp) -> Option<Timestamp> {
        self.next_after(time).filter(|next| *next <= until)
    }

    /// Returns the last slot until a time by halving what lies between, as slots only grow.
    fn leap(&self, from: Timestamp, until: Timestamp) -> Timestamp {
        let (mut last, mut low, mut high) = (from, from.as_micros(), until.as_micros());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.next_until(Timestamp::from_micros(middle), until) {
                Some(next) => (last, low) = (next, next.as_micros()),
                None => high = middle,
            }
        }
        last
    }
}
