//! When recurring jobs run: plain data and pure functions. No I/O, no clock, no randomness.
//!
//! A [`Schedule`] says which moments are its *slots*. A [`Standing`] says how far it has come, and [`plan`] which slots
//! fire now and how it stands afterwards. Who carries a plan out compares and sets the standing in one step with the jobs,
//! so each slot fires once however many try.
//!
//! ```text
//!  Schedule (what people wrote) ─▶ Times (its slots) ─┐
//!                                                     ├─▶ plan(now) ─▶ slots that fire, next Standing
//!  Standing (anchor, next, last, fired, skipped) ─────┘
//! ```

#[cfg(feature = "cron")]
mod cron;
#[cfg(feature = "conformance")]
pub(crate) mod fuzz;
mod id;
#[cfg(not(feature = "cron"))]
mod no_cron;
mod plan;
mod record;
mod spec;
#[cfg(test)]
mod tests;
mod text;
mod times;

#[cfg(feature = "cron")]
use cron::CronTimes;
#[cfg(not(feature = "cron"))]
use no_cron::CronTimes;

pub use id::{MAX_SCHEDULE_ID, SCHEDULE_HEADER, SLOT_HEADER, ScheduleId, due_of, job_of};
pub use plan::{GRACE, MOST_AT_ONCE, Plan, Standing, pass_over, plan};
pub use record::{Paused, PausedBy, ScheduleRecord};
pub use spec::{Misfire, Overlap, Schedule, Timing};
#[cfg(feature = "dashboard")]
pub(crate) use text::Short;
