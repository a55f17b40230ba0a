//! What people write: how often, from when to when, and what is done about slots that were missed.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schedule::CronTimes;
use crate::schedule::id::MAX_JITTER;
use crate::schedule::times::Times;

/// The shortest time between two slots.
const SHORTEST: Duration = Duration::from_millis(1);
/// The longest: no clock of ours reaches further.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);
/// How many next runs are told at once.
const MOST_UPCOMING: usize = 1_000;

/// When a recurring job runs.
///
/// # Examples
///
/// ```
/// # fn main() -> asyncmq::Result<()> {
/// use asyncmq::{Misfire, Schedule};
/// use std::time::Duration;
///
/// let often = Schedule::every(Duration::from_secs(90)).limit(10);
/// # let _ = often;
/// # #[cfg(feature = "cron")] {
/// let weekdays = Schedule::cron("0 9 * * 1-5")?.tz("Europe/Zurich")?.misfire(Misfire::Skip);
/// let hourly: Schedule = "@hourly".parse()?;
/// # let _ = (weekdays, hourly);
/// # }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub(crate) timing: Timing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u64>,
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub(crate) jitter: Duration,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) misfire: Misfire,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) overlap: Overlap,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What makes the slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Timing {
    /// One slot in each such time, counted from the start (or from when the schedule was made), so that nothing drifts.
    Every(Duration),
    /// The times of a cron expression.
    Cron {
        /// The expression: 5 fields, 6 with seconds first, or a word such as `@daily`.
        expression: String,
        /// The time zone by its name; UTC if there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        zone: Option<String>,
    },
}

/// What is done about slots in which nobody fired, be it that no worker ran or that the store was away.
///
/// A slot that is the only one due fires in any case if it is at most [60 s](crate::schedule::GRACE) late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Misfire {
    /// They are left out; the latest still fires if it is at most 60 s late.
    Skip,
    /// One job stands for all of them: that of the latest.
    #[default]
    Once,
    /// Each fires, the earliest first, at most 100 in a step.
    All,
}

/// What is done when the job of the last slot has not ended yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Overlap {
    /// The next one is enqueued beside it.
    #[default]
    Allow,
    /// The slot is left out.
    Skip,
}

impl Schedule {
    fn of(timing: Timing) -> Self {
        Self {
            timing,
            start: None,
            end: None,
            limit: None,
            jitter: Duration::ZERO,
            misfire: Misfire::default(),
            overlap: Overlap::default(),
        }
    }

    /// Runs once in every such time (1 ms to 100 years), the first time one interval from when the schedule is made.
    ///
    /// An interval out of that range is refused when the schedule is made.
    #[must_use]
    pub fn every(interval: Duration) -> Self {
        Self::of(Timing::Every(interval))
    }

    /// Runs at the times of a cron expression, in UTC unless [`Schedule::tz`] says otherwise.
    ///
    /// Five fields (minute, hour, day of month, month, day of week), six with seconds first, or one of `@yearly`, `@annually`,
    /// `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly`. Names (`MON`, `JAN`), lists, ranges and steps; `L` (the last),
    /// `W` (the nearest weekday) and `#` (the nth weekday of the month). If both days are given, either is enough.
    ///
    /// Where clocks change, an expression that names hours runs by the clock on the wall: a time that does not exist runs once, as
    /// soon as there is a time again, and one that comes twice runs the first time. One that runs in every hour
    /// (`*/30 * * * *`) goes through the change at every moment whose time on the wall it names.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what is no cron expression, or one that no time satisfies (`0 0 30 2 *`);
    /// [`Error::Unsupported`] without the feature `cron`.
    pub fn cron(expression: &str) -> Result<Self> {
        let expression = expression.split_whitespace().collect::<Vec<_>>().join(" ");
        CronTimes::new(&expression, None)?.check()?;
        Ok(Self::of(Timing::Cron { expression, zone: None }))
    }

    /// Reads the expression in this time zone: `Europe/Zurich`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for an unknown zone, and for a schedule without a cron expression.
    pub fn tz(mut self, name: &str) -> Result<Self> {
        let Timing::Cron { expression, zone } = &mut self.timing else {
            return Err(Error::Invalid(format!(
                "time zone {name:?} says nothing to a schedule that runs every so often: give a cron expression, or no zone"
            )));
        };
        CronTimes::new(expression, Some(name))?;
        *zone = Some(name.to_owned());
        Ok(self)
    }

    /// Sets the moment before which nothing runs. Slots of [`Schedule::every`] count from it, and it is the first of them.
    #[must_use]
    pub fn start(mut self, time: SystemTime) -> Self {
        self.start = Some(time.into());
        self
    }

    /// Sets the last moment at which it may run.
    #[must_use]
    pub fn end(mut self, time: SystemTime) -> Self {
        self.end = Some(time.into());
        self
    }

    /// Sets how many slots fire in all.
    #[must_use]
    pub const fn limit(mut self, slots: u64) -> Self {
        self.limit = Some(slots);
        self
    }

    /// Lets each job start up to so much after its slot, drawn by lot: many schedules of one time do not come all at once.
    #[must_use]
    pub const fn jitter(mut self, most: Duration) -> Self {
        self.jitter = most;
        self
    }

    /// Sets what is done about slots in which nobody fired: one job for all of them unless set.
    #[must_use]
    pub const fn misfire(mut self, policy: Misfire) -> Self {
        self.misfire = policy;
        self
    }

    /// Sets what is done while the job of the last slot has not ended: the next one is enqueued all the same unless set.
    #[must_use]
    pub const fn overlap(mut self, policy: Overlap) -> Self {
        self.overlap = policy;
        self
    }

    /// Returns what makes the slots.
    #[must_use]
    pub const fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Returns the next `count` runs (at most 1,000) after a time, without their jitter: what would run if it were made then.
    #[must_use]
    pub fn upcoming(&self, from: SystemTime, count: usize) -> Vec<SystemTime> {
        let from = Timestamp::from(from);
        let Ok(times) = Times::of(self, self.start.unwrap_or(from)) else { return Vec::new() };
        let most = count.min(MOST_UPCOMING).min(self.limit.map_or(usize::MAX, |limit| limit as usize));
        let slots = std::iter::successors(times.first_after(self, from), |slot| times.next_after(*slot));
        let within = slots.take_while(|slot| self.end.is_none_or(|end| *slot <= end));
        within.take(most).map(SystemTime::from).collect()
    }

    /// Refuses what could never run, or all the time.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] says what is wrong.
    pub fn check(&self) -> Result<()> {
        match &self.timing {
            Timing::Every(interval) if !(SHORTEST..=LONGEST).contains(interval) => Err(Error::Invalid(
                format!("a schedule cannot run every {interval:?}: give an interval from 1 ms to 100 years"),
            )),
            Timing::Every(_) => Ok(()),
            Timing::Cron { expression, zone } => CronTimes::new(expression, zone.as_deref())?.check(),
        }?;
        if self.limit == Some(0) {
            return Err(Error::Invalid("a schedule with a limit of 0 would never run: leave it out".into()));
        }
        match (self.start, self.end) {
            (Some(start), Some(end)) if end < start => Err(Error::Invalid(
                "the end of the schedule lies before its start, so it would never run".into(),
            )),
            _ if MAX_JITTER < self.jitter => {
                Err(Error::Invalid("the jitter of the schedule is longer than 100 years".into()))
            }
            _ => Ok(()),
        }
    }
}
