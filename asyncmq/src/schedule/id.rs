//! What schedules, and the jobs of their slots, are called.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::job::{Due, JobId, Name};

/// The longest id of a schedule, in bytes.
pub const MAX_SCHEDULE_ID: usize = 255;
/// The header of a job that a schedule fired: the schedule's id.
pub const SCHEDULE_HEADER: &str = "asyncmq-schedule";
/// The header of a job that fired in a slot: the slot, in microseconds since 1970 (UTC).
pub const SLOT_HEADER: &str = "asyncmq-slot";

/// The longest jitter: 100 years.
pub(super) const MAX_JITTER: Duration = Duration::from_secs(100 * 366 * 86_400);

/// What the ids of jobs are made from, so that they meet no id that is made otherwise.
const NAMESPACE: Uuid = Uuid::from_u128(0x6173_796e_636d_7100_7363_6865_6475_6c65);

/// The id of a schedule: 1 to 255 bytes without control characters. It reads as a `str`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduleId(Arc<str>);

impl ScheduleId {
    /// Takes the id that somebody gave.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] when it is empty, longer than 255 bytes, or has a control character.
    pub fn new(id: &str) -> Result<Self> {
        match JobId::custom(id) {
            Ok(_) => Ok(Self::from_stored(id)),
            Err(Error::InvalidName { name, reason, .. }) => {
                Err(Error::InvalidName { what: "schedule id", name, reason })
            }
            Err(error) => Err(error),
        }
    }

    /// Takes an id that a store gave back; it was checked when it went in.
    #[must_use]
    pub fn from_stored(id: &str) -> Self {
        Self(id.into())
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for ScheduleId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ScheduleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for ScheduleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Returns the id of the job that a slot fires: the same whoever fires it, so that one that was fired already is met.
#[must_use]
pub fn job_of(queue: &Name, id: &ScheduleId, slot: Timestamp) -> JobId {
    JobId::from_stored(&drawn(&[queue.as_bytes(), id.as_bytes()], slot).to_string())
}

/// Returns when the job of a slot is due: the task's own delay and the slot's part of the jitter after the slot. Everybody
/// draws the same part.
#[must_use]
pub fn due_of(id: &ScheduleId, slot: Timestamp, delay: Due, jitter: Duration) -> Due {
    let delay = match delay {
        Due::Now => Duration::ZERO,
        Due::After(delay) => delay,
        Due::At(time) => return Due::At(time),
    };
    // The upper half of the drawn number has six bits that are no lot: they are the same for all.
    let lot = drawn(&[id.as_bytes()], slot).as_u64_pair().0 >> 32;
    let drawn = jitter.min(MAX_JITTER).mul_f64(lot as f64 / f64::from(u32::MAX));
    match delay.saturating_add(drawn) {
        Duration::ZERO => Due::Now,
        wait => Due::At(SystemTime::from(slot.after(wait))),
    }
}

/// Draws by names and a slot. The lengths stand before the names, so that no two lists of names read alike.
fn drawn(names: &[&[u8]], slot: Timestamp) -> Uuid {
    let mut bytes = Vec::new();
    for name in names {
        bytes.extend((name.len() as u64).to_be_bytes());
        bytes.extend(*name);
    }
    bytes.extend(slot.as_micros().to_be_bytes());
    Uuid::new_v5(&NAMESPACE, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_has_one_job_and_different_slots_have_different_ones() {
        let (queue, slot) = (Name::from_static("q"), Timestamp::from_micros(1_000_000));
        let id = ScheduleId::new("nightly").unwrap();
        let job = job_of(&queue, &id, slot);
        assert_eq!(job, job_of(&queue, &id, slot));
        let others = [
            job_of(&queue, &id, Timestamp::from_micros(1_000_001)),
            job_of(&queue, &ScheduleId::new("nightl").unwrap(), slot),
            job_of(&Name::from_static("qn"), &ScheduleId::new("ightly").unwrap(), slot),
        ];
        assert!(others.iter().all(|other| *other != job), "{others:?}");
        assert_eq!(Uuid::parse_str(&job).unwrap().get_version_num(), 5);
    }

    #[test]
    fn an_id_has_a_length_and_no_control_characters() {
        assert!(ScheduleId::new(&"ü".repeat(127)).is_ok());
        for bad in ["", "a\nb", &"x".repeat(256)] {
            let error = ScheduleId::new(bad).unwrap_err().to_string();
            assert!(error.starts_with("invalid schedule id"), "{error}");
        }
    }

    #[test]
    fn jitter_is_drawn_alike_by_everybody_and_spreads() {
        let (id, second) = (ScheduleId::new("x").unwrap(), Duration::from_secs(1));
        let wait = |slot: u64| match due_of(&id, Timestamp::from_micros(slot), Due::Now, second) {
            Due::At(time) => Timestamp::from(time).as_micros() - slot,
            other => panic!("{other:?}"),
        };
        let waits: Vec<u64> = (0..1_000).map(|slot| wait(slot * 60_000_000)).collect();
        assert!(waits.iter().all(|wait| *wait <= 1_000_000));
        let early = waits.iter().filter(|wait| **wait < 500_000).count();
        assert!((400..600).contains(&early), "{early}");
        assert_eq!(wait(60_000_000), waits[1]);
    }

    #[test]
    fn a_job_without_jitter_and_delay_is_due_at_once() {
        let (id, slot) = (ScheduleId::new("x").unwrap(), Timestamp::from_micros(5_000_000));
        assert_eq!(due_of(&id, slot, Due::Now, Duration::ZERO), Due::Now);
        let later = due_of(&id, slot, Due::After(Duration::from_secs(2)), Duration::ZERO);
        assert_eq!(later, Due::At(Timestamp::from_micros(7_000_000).into()));
    }
}
