//! asyncmq

pub mod backend;
mod clock;
mod error;
pub mod event;
pub mod job;
pub mod lifecycle;

pub use backend::{Drain, Force, Page};
pub use clock::{Clock, Timestamp};
pub use error::{BoxError, Error, Result};
pub use event::{Event, EventData, EventFilter, EventKind};
pub use job::{Backoff, Dedup, Job, JobId, JobState, RateLimit, Retention};
