//! Schedules as text: what is read, what is shown, and in words.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};
use crate::job::parse_duration;
use crate::schedule::{CronTimes, Schedule, Timing};

/// Reads how often something runs: a duration (`90`, `"1h"`, `"every 5m"`), a cron expression, or a word (`@daily`).
impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        let often =
            trimmed.strip_prefix("every ").or_else(|| trimmed.strip_prefix("@every ")).unwrap_or(trimmed);
        if let Ok(interval) = parse_duration(often) {
            let schedule = Self::every(interval);
            return schedule.check().map(|()| schedule);
        }
        let is_cron = trimmed.starts_with('@') || trimmed.split_whitespace().count() != 1;
        if !is_cron || often != trimmed {
            return Err(Error::Invalid(format!(
                "{text:?} is no schedule: write how often (`\"1h\"`, `\"90s\"`), a cron expression (`\"0 9 * * 1-5\"`) or a word \
                 such as `\"@daily\"`"
            )));
        }
        Self::cron(trimmed)
    }
}

/// Writes what [`FromStr`] reads; of a cron expression with a time zone, the zone behind it.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.timing {
            Timing::Every(interval) => write!(f, "every {}", Short(*interval)),
            Timing::Cron { expression, zone: None } => f.write_str(expression),
            Timing::Cron { expression, zone: Some(zone) } => write!(f, "{expression} {zone}"),
        }
    }
}

impl Schedule {
    /// Says in words when it runs: `At 09:00, on Monday (Europe/Zurich), 10 times`.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = match &self.timing {
            Timing::Every(interval) => format!("Every {}", Words(*interval)),
            Timing::Cron { expression, zone } => {
                let words = CronTimes::new(expression, zone.as_deref()).map(|times| times.words());
                let words = words.unwrap_or_else(|_| expression.clone());
                format!("{} ({})", words.trim_end_matches('.'), zone.as_deref().unwrap_or("UTC"))
            }
        };
        for (what, time) in [("from", self.start), ("until", self.end)] {
            if let Some(time) = time {
                text.push_str(&format!(", {what} {}", moment(time.into())));
            }
        }
        match self.limit {
            None => {}
            Some(1) => text.push_str(", once"),
            Some(limit) => text.push_str(&format!(", {limit} times")),
        }
        if !self.jitter.is_zero() {
            text.push_str(&format!(", up to {} later", Short(self.jitter)));
        }
        text
    }

    /// Says what the clocks of its time zone (UTC if it names none) show at a time: `Mon 2027-01-04 09:00:00 +01:00`.
    #[must_use]
    pub fn wall(&self, time: SystemTime) -> String {
        let in_zone = match &self.timing {
            Timing::Cron { expression, zone } => {
                CronTimes::new(expression, zone.as_deref()).ok().and_then(|times| times.wall(time.into()))
            }
            Timing::Every(_) => None,
        };
        in_zone.unwrap_or_else(|| moment(time).replace('T', " ").replace('Z', " UTC"))
    }
}

const UNITS: [(&str, &str, u128); 7] = [
    ("w", "week", 604_800_000_000),
    ("d", "day", 86_400_000_000),
    ("h", "hour", 3_600_000_000),
    ("m", "minute", 60_000_000),
    ("s", "second", 1_000_000),
    ("ms", "millisecond", 1_000),
    ("us", "microsecond", 1),
];

/// Takes a time apart into units, the largest first; a week only if it is nothing but weeks.
fn units(time: Duration) -> impl Iterator<Item = (u128, &'static str, &'static str)> {
    let mut rest = time.as_micros();
    let largest = usize::from(!rest.is_multiple_of(UNITS[0].2));
    UNITS[largest..].iter().filter_map(move |(short, long, size)| {
        let count = rest / size;
        rest %= size;
        (count != 0).then_some((count, *short, *long))
    })
}

/// A time as it is read again: `1h30m`.
pub(crate) struct Short(pub(crate) Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_micros() == 0 {
            return f.write_str("0s");
        }
        units(self.0).try_for_each(|(count, short, _)| write!(f, "{count}{short}"))
    }
}

/// A time in words: `hour and 30 minutes`; one of a unit needs no number where it stands first.
struct Words(Duration);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = units(self.0)
            .enumerate()
            .map(|(place, part)| match (place, part) {
                (0, (1, _, long)) => long.to_owned(),
                (_, (1, _, long)) => format!("1 {long}"),
                (_, (count, _, long)) => format!("{count} {long}s"),
            })
            .collect();
        f.write_str(&parts.join(" and "))
    }
}

/// Writes a moment as RFC 3339 does, in UTC, to the second.
pub(super) fn moment(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

/// Turns days since 1970 into a date (the usual computation by eras of 400 years).
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let of_400 = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_400 + of_400 / 4 - of_400 / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (of_400 + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}
