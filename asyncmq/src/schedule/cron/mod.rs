//! The times of a cron expression in a time zone.
//!
//! Croner reads expressions and finds the next time on a wall that never changes its clock; what becomes of that where
//! clocks change is decided here, by one of two rules.

#[cfg(test)]
mod tests;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::job::nearest;

const WORDS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
/// The longest expression, in bytes.
const LONGEST: usize = 512;
/// Years in which an expression must have a time at all: a leap day falls on each day of the week within them.
const YEARS: &str = "2000-2040";

/// An expression and its zone.
pub(super) struct CronTimes {
    expression: String,
    cron: Cron,
    zone: TimeZone,
    /// Whether it has a time in every hour of the day.
    hourly: bool,
}

impl CronTimes {
    /// Reads an expression; UTC if no zone is named.
    pub(super) fn new(expression: &str, zone: Option<&str>) -> Result<Self> {
        let cron = parse(expression, Year::Disallowed)?;
        let hourly = cron.pattern.hours.values().len() == 24;
        let zone = zone.map_or(Ok(TimeZone::UTC), zone_of)?;
        Ok(Self { expression: expression.to_owned(), cron, zone, hourly })
    }

    /// Refuses an expression that no time satisfies.
    pub(super) fn check(&self) -> Result<()> {
        let fields = self.expression.split_whitespace().count();
        if self.expression.starts_with('@') {
            return Ok(());
        }
        let seconds = if fields == 5 { "0 " } else { "" };
        let within = parse(&format!("{seconds}{} {YEARS}", self.expression), Year::Required)?;
        let start = DateTime::constant(2000, 1, 1, 0, 0, 0, 0);
        within.find_next_occurrence(&start, true).map(|_| ()).map_err(|_| {
            Error::Invalid(format!(
                "the cron expression {:?} can never run: there is no such day",
                self.expression
            ))
        })
    }

    /// Says in words when it runs.
    pub(super) fn words(&self) -> String {
        self.cron.describe()
    }

    /// Says what the clocks of its zone show at a time: the day, the hour, and how far that is from UTC.
    pub(super) fn wall(&self, time: Timestamp) -> Option<String> {
        let moment = jiff::Timestamp::from_microsecond(i64::try_from(time.as_micros()).ok()?).ok()?;
        Some(moment.to_zoned(self.zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S %:z").to_string())
    }

    /// Returns the first time after a time.
    pub(super) fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let after = jiff::Timestamp::from_microsecond(i64::try_from(time.as_micros()).ok()?).ok()?;
        let next = if self.hourly { self.next_moment(after) } else { self.next_on_the_wall(after) };
        u64::try_from(next?.as_microsecond()).ok().map(Timestamp::from_micros)
    }

    /// Goes along the moments: each whose time on the wall the expression names, between two changes of the clock.
    fn next_moment(&self, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let (mut from, mut inclusive) = (whole(after)?, false);
        loop {
            let offset = self.zone.to_offset(from);
            let next = self.next_civil(offset.to_datetime(from), inclusive)?;
            let next = offset.to_timestamp(next).ok()?;
            match self.zone.following(from).next().map(|change| change.timestamp()) {
                Some(change) if change <= next => (from, inclusive) = (change, true),
                _ => return Some(next),
            }
        }
    }

    /// Goes along the times on the wall: each once, at the first moment that is not before it.
    fn next_on_the_wall(&self, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let mut civil = self.zone.to_datetime(whole(after)?);
        loop {
            civil = self.next_civil(civil, false)?;
            let moment = self.moment(civil)?;
            if after < moment {
                return Some(moment);
            }
        }
    }

    fn next_civil(&self, from: DateTime, inclusive: bool) -> Option<DateTime> {
        self.cron.find_next_occurrence(&from, inclusive).ok()
    }

    /// Returns the moment of a time on the wall: the first of two, or the first after those that do not exist.
    fn moment(&self, civil: DateTime) -> Option<jiff::Timestamp> {
        match self.zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
            AmbiguousOffset::Gap { after, .. } => {
                let before_change = after.to_timestamp(civil).ok()?;
                self.zone.following(before_change).next().map(|change| change.timestamp())
            }
        }
    }
}

/// Cuts the fraction of a second off.
fn whole(time: jiff::Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(time.as_microsecond().div_euclid(1_000_000)).ok()
}

fn zone_of(name: &str) -> Result<TimeZone> {
    let unknown = || {
        let all: Vec<_> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let near = nearest(name, all.iter().map(String::as_str));
        let near = near.map_or_else(
            || "write its name, as in \"Europe/Zurich\"".into(),
            |near| format!("did you mean {near:?}?"),
        );
        Error::Invalid(format!("there is no time zone {name:?}: {near}"))
    };
    if 64 < name.len() || !name.is_ascii() {
        return Err(unknown());
    }
    TimeZone::get(name).map_err(|_| unknown())
}

fn parse(expression: &str, year: Year) -> Result<Cron> {
    let refused =
        |why: String| Error::Invalid(format!("{:?} is no cron expression: {why}", shown(expression)));
    check_shape(expression, year).map_err(refused)?;
    let parser = CronParser::builder().seconds(Seconds::Optional).year(year).build();
    let cron = parser.parse(expression).map_err(|error| refused(error.to_string()))?;
    let pattern = &cron.pattern;
    let empty = [
        ("second", &pattern.seconds),
        ("minute", &pattern.minutes),
        ("hour", &pattern.hours),
        ("month", &pattern.months),
    ];
    if let Some((field, _)) = empty.into_iter().find(|(_, field)| field.values().is_empty()) {
        return Err(refused(format!("it names no {field}")));
    }
    Ok(cron)
}

/// Looks at what croner need not be asked about, and says it in our words.
fn check_shape(expression: &str, year: Year) -> std::result::Result<(), String> {
    if LONGEST < expression.len() {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    if expression.starts_with('@') {
        if WORDS.contains(&expression.to_ascii_lowercase().as_str()) {
            return Ok(());
        }
        let near = nearest(expression, WORDS);
        return Err(near.map_or_else(
            || format!("it may be {}", WORDS.join(", ")),
            |near| format!("did you mean {near:?}?"),
        ));
    }
    let is_known = |c: char| c.is_ascii_alphanumeric() || " *,-/?#+".contains(c);
    if let Some(strange) = expression.chars().find(|c| !is_known(*c)) {
        return Err(format!("it cannot have {strange:?}"));
    }
    let fields = expression.split(' ').filter(|field| !field.is_empty()).count();
    if year.is_disallowed() && !(5..=6).contains(&fields) {
        return Err(format!(
            "it has {fields} fields; write 5 (minute, hour, day of month, month, day of week), or 6 with seconds first"
        ));
    }
    Ok(())
}

fn shown(expression: &str) -> String {
    expression.chars().take(80).collect()
}
