//! A schedule as it is shown.

use std::time::{Duration, SystemTime};

use crate::backend::StoredSchedule;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::job::{Envelope, Name};
use crate::schedule::{Paused, Schedule, ScheduleRecord, Standing};

/// A schedule and how it stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ScheduleInfo {
    /// Its id.
    pub id: String,
    /// The queue that its jobs go to.
    pub queue: Name,
    /// The task that runs them.
    pub task: Name,
    /// When it runs.
    pub schedule: Schedule,
    /// Who stopped it and why, if it is paused.
    pub paused: Option<Paused>,
    /// Whether it comes from a task's attribute: a worker made it.
    pub declared: bool,
    /// When it was removed; only of those that a task declares, whose mark is kept.
    pub removed: Option<SystemTime>,
    /// The next slot; none while it is paused, or over.
    pub next: Option<SystemTime>,
    /// The last slot that fired.
    pub last: Option<SystemTime>,
    /// How many slots fired.
    pub fired: u64,
    /// How many slots were left out, as far as they were counted.
    pub skipped: u64,
    /// What each run is like; its id counts for nothing.
    pub job: Envelope,
    standing: Standing,
}

impl ScheduleInfo {
    pub(crate) fn read(stored: &StoredSchedule) -> Result<Self> {
        let record = read(stored)?;
        Ok(Self {
            id: stored.id.to_string(),
            queue: stored.queue.clone(),
            task: record.job.task.clone(),
            paused: record.paused.clone(),
            declared: record.declared.is_some(),
            removed: record.removed.map(Into::into),
            next: record.next().map(Into::into),
            last: record.standing.last.map(Into::into),
            fired: record.standing.fired,
            skipped: record.standing.skipped,
            standing: record.standing,
            schedule: record.schedule,
            job: record.job,
        })
    }

    /// Returns the next `count` slots (at most 1,000), without their jitter; none while it is paused, or over.
    #[must_use]
    pub fn upcoming(&self, count: usize) -> Vec<SystemTime> {
        let Some(next) = self.next.filter(|_| count != 0) else { return Vec::new() };
        let left = self.schedule.limit.map(|limit| limit.saturating_sub(self.standing.fired));
        let rest = Schedule { start: Some(self.standing.anchor), limit: left, ..self.schedule.clone() };
        // One moment before the next slot, so that it is the first.
        let from = Timestamp::from_micros(Timestamp::from(next).as_micros().saturating_sub(1));
        rest.upcoming(from.into(), count)
    }

    /// Returns the latest `count` slots (at most 100) up to the last that fired, the latest first: as the schedule is now, whatever
    /// it was then, and whether or not each of them fired.
    #[must_use]
    pub fn recent(&self, count: usize) -> Vec<SystemTime> {
        let count = count.min(MOST_RECENT);
        let Some(last) = self.last.filter(|_| count != 0) else { return Vec::new() };
        let all = Schedule { start: Some(self.standing.anchor), limit: None, ..self.schedule.clone() };
        // An interval counts from its anchor, which is a slot only where it is the start.
        let is_slot = |slot: &SystemTime| {
            self.schedule.start.is_some() || self.standing.anchor < Timestamp::from(*slot)
        };
        let mut recent = vec![last];
        // Times are found forwards only: from further and further back, until there are enough, or too many to go through.
        for power in 0..REACHES {
            let from = last.checked_sub(Duration::from_millis(8_u64.pow(power)));
            let slots = all.upcoming(from.unwrap_or(SystemTime::UNIX_EPOCH), MOST_STEPS);
            let Some(end) = slots.iter().position(|slot| *slot == last) else { break };
            recent = slots.into_iter().take(end + 1).filter(is_slot).rev().take(count).collect();
            if recent.len() == count || from.is_none() {
                break;
            }
        }
        recent
    }
}

/// How many slots are told at once of those that were.
const MOST_RECENT: usize = 100;
/// How many slots are gone through at a time to find them.
const MOST_STEPS: usize = 1_000;
/// How many times it is gone back for them, at last by some 70 years.
const REACHES: u32 = 15;

/// Reads the record of a schedule.
pub(super) fn read(stored: &StoredSchedule) -> Result<ScheduleRecord> {
    ScheduleRecord::read(&stored.record).map_err(|error| {
        Error::Invalid(format!(
            "the record of schedule {:?} cannot be read by this version of asyncmq ({error}): make it anew",
            stored.id
        ))
    })
}
