//! Which slots fire now, and how the schedule stands afterwards.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::schedule::times::Times;
use crate::schedule::{Misfire, Overlap, Schedule};

/// How late a slot may fire that [`Misfire::Skip`] does not count as missed.
pub const GRACE: Duration = Duration::from_secs(60);
/// How many slots fire in one step.
pub const MOST_AT_ONCE: usize = 100;

/// How far a schedule has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What the slots of an interval count from.
    pub anchor: Timestamp,
    /// The next slot; none once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// The last slot that fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// How many slots fired.
    pub fired: u64,
    /// How many were left out, as far as they were counted.
    pub skipped: u64,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The slots that fire, the earliest first.
    pub slots: Vec<Timestamp>,
    /// How the schedule stands once they did.
    pub standing: Standing,
}

impl Standing {
    /// Returns how a schedule stands that is made at `now`.
    ///
    /// # Errors
    ///
    /// What [`Schedule::check`] says.
    pub fn begin(schedule: &Schedule, now: Timestamp) -> Result<Self> {
        schedule.check()?;
        let anchor = schedule.start.unwrap_or(now);
        let standing = Self { anchor, next: None, last: None, fired: 0, skipped: 0 };
        standing.resumed(schedule, now)
    }

    /// Returns how it stands when it goes on at `now`: what lies before is passed over and counted nowhere.
    ///
    /// # Errors
    ///
    /// What [`Schedule::check`] says.
    pub fn resumed(self, schedule: &Schedule, now: Timestamp) -> Result<Self> {
        let times = Times::of(schedule, self.anchor)?;
        let after = self.last.map_or(now, |last| last.max(now));
        Ok(Self { next: self.allowed(schedule, times.first_after(schedule, after)), ..self })
    }

    /// Returns how it stands when another schedule takes the place of the old one at `now`.
    ///
    /// The next slot stays what it was unless what makes the slots has changed; what fired is counted on.
    ///
    /// # Errors
    ///
    /// What [`Schedule::check`] says.
    pub fn changed(self, old: &Schedule, new: &Schedule, now: Timestamp) -> Result<Self> {
        new.check()?;
        if (&old.timing, old.start) != (&new.timing, new.start) {
            let anchor = new.start.unwrap_or(now);
            return Self { anchor, last: None, ..self }
                .resumed(new, now)
                .map(|standing| Self { last: self.last, ..standing });
        }
        match self.allowed(new, self.next) {
            Some(next) => Ok(Self { next: Some(next), ..self }),
            None => self.resumed(new, now),
        }
    }

    /// Leaves a slot out that is past the end or the limit.
    fn allowed(&self, schedule: &Schedule, slot: Option<Timestamp>) -> Option<Timestamp> {
        let is_left = schedule.limit.is_none_or(|limit| self.fired < limit);
        slot.filter(|slot| is_left && schedule.end.is_none_or(|end| *slot <= end))
    }

    /// Moves on behind a slot.
    fn past(mut self, schedule: &Schedule, times: &Times, slot: Timestamp) -> Self {
        self.next = self.allowed(schedule, times.next_after(slot));
        self
    }
}

/// Says which slots fire now, and how the schedule stands afterwards.
///
/// At most [`MOST_AT_ONCE`] slots; the next plan has those that are left.
///
/// # Errors
///
/// What [`Schedule::cron`] says of an expression that cannot be read here.
pub fn plan(schedule: &Schedule, standing: Standing, now: Timestamp) -> Result<Plan> {
    let Some(first) = standing.next.filter(|next| *next <= now) else {
        return Ok(Plan { slots: Vec::new(), standing });
    };
    let times = Times::of(schedule, standing.anchor)?;
    if schedule.misfire == Misfire::All {
        return Ok(each(schedule, standing, &times, (first, now)));
    }
    let (last, missed) = times.last_until(first, schedule.end.map_or(now, |end| end.min(now)));
    let mut after = Standing { skipped: standing.skipped.saturating_add(missed), ..standing };
    let is_late = GRACE < now.since(last);
    if schedule.misfire == Misfire::Skip && is_late {
        after.skipped = after.skipped.saturating_add(1);
        return Ok(Plan { slots: Vec::new(), standing: after.past(schedule, &times, last) });
    }
    after.fired = after.fired.saturating_add(1);
    after.last = Some(last);
    Ok(Plan { slots: vec![last], standing: after.past(schedule, &times, last) })
}

/// Lets each slot fire, as many as one step does. Of those that must not overlap, one.
fn each(
    schedule: &Schedule,
    mut standing: Standing,
    times: &Times,
    (first, now): (Timestamp, Timestamp),
) -> Plan {
    let most = if schedule.overlap == Overlap::Skip { 1 } else { MOST_AT_ONCE };
    let (mut slots, mut next) = (Vec::new(), Some(first));
    while let Some(slot) = next.filter(|slot| *slot <= now && slots.len() < most) {
        slots.push(slot);
        standing.fired = standing.fired.saturating_add(1);
        standing.last = Some(slot);
        standing = standing.past(schedule, times, slot);
        next = standing.next;
    }
    Plan { slots, standing }
}

/// Says how the schedule stands when nothing of what is due fires, as the job of the last slot has not ended.
///
/// # Errors
///
/// What [`plan`] says.
pub fn pass_over(schedule: &Schedule, standing: Standing, now: Timestamp) -> Result<Standing> {
    let Some(first) = standing.next.filter(|next| *next <= now) else { return Ok(standing) };
    let times = Times::of(schedule, standing.anchor)?;
    let (last, before) = times.last_until(first, schedule.end.map_or(now, |end| end.min(now)));
    let after = Standing { skipped: standing.skipped.saturating_add(before + 1), ..standing };
    Ok(after.past(schedule, &times, last))
}
