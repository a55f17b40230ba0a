//! What people write in flags, in a form, or in JSON: when a job recurs, and what a queue is held to.

use std::time::SystemTime;

use crate::admin::view::from_rfc3339;
use crate::error::{Error, Result};
use crate::job::{Limit, parse_duration};
use crate::schedule::{Misfire, Overlap, Schedule};

/// Reads a schedule from its parts by name: `when`, `tz`, `start`, `end`, `limit`, `jitter`, `misfire`, `overlap`. What is wrong with
/// one is told with its name, and `mark` before that.
///
/// # Errors
///
/// [`Error::Invalid`] says which part cannot be read and how to write it; what [`Schedule::check`] says is found where it is kept.
pub(crate) fn read_schedule<'a>(part: impl Fn(&str) -> Option<&'a str>, mark: &str) -> Result<Schedule> {
    let mut schedule: Schedule = part("when").unwrap_or_default().parse()?;
    if let Some(zone) = part("tz") {
        schedule = schedule.tz(zone)?;
    }
    if let Some(start) = part("start") {
        schedule = schedule.start(moment(start, mark, "start")?);
    }
    if let Some(end) = part("end") {
        schedule = schedule.end(moment(end, mark, "end")?);
    }
    if let Some(limit) = part("limit") {
        let wrong = |_| Error::Invalid(format!("{mark}limit {limit:?} is no whole number, or too large"));
        schedule = schedule.limit(limit.replace('_', "").parse().map_err(wrong)?);
    }
    if let Some(jitter) = part("jitter") {
        let wrong = |reason| Error::Invalid(format!("{mark}jitter: {reason}"));
        schedule = schedule.jitter(parse_duration(jitter).map_err(wrong)?);
    }
    let misfire = match part("misfire") {
        None | Some("once") => Misfire::Once,
        Some("skip") => Misfire::Skip,
        Some("all") => Misfire::All,
        Some(other) => {
            return Err(Error::Invalid(format!("{mark}misfire {other:?} is none of skip, once and all")));
        }
    };
    let overlap = match part("overlap") {
        None | Some("allow") => Overlap::Allow,
        Some("skip") => Overlap::Skip,
        Some(other) => {
            return Err(Error::Invalid(format!("{mark}overlap {other:?} is neither allow nor skip")));
        }
    };
    Ok(schedule.misfire(misfire).overlap(overlap))
}

fn moment(text: &str, mark: &str, name: &str) -> Result<SystemTime> {
    let wrong =
        || Error::Invalid(format!("{mark}{name} {text:?} is no time: write it as 2027-01-31T00:00:00Z"));
    from_rfc3339(text).map(SystemTime::from).ok_or_else(wrong)
}

/// Reads a limit from its parts by name: `rate`, `concurrency` and `on-limit`; that of nothing if none is said.
///
/// # Errors
///
/// [`Error::Invalid`] says which part cannot be read and how to write it.
pub(crate) fn read_limit<'a>(part: impl Fn(&str) -> Option<&'a str>, mark: &str) -> Result<Limit> {
    let mut limit = Limit::NONE;
    if let Some(rate) = part("rate") {
        limit = limit.rate(rate.parse()?);
    }
    if let Some(most) = part("concurrency") {
        let wrong = |_| {
            Error::Invalid(format!(
                "{mark}concurrency {most:?} is no number of jobs: write one, 0 for none at all"
            ))
        };
        limit = limit.concurrency(most.parse().map_err(wrong)?);
    }
    if let Some(policy) = part("on-limit") {
        limit = limit.on_limit(policy.parse()?);
    }
    Ok(limit)
}
