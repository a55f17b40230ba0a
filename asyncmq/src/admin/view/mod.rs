//! The shapes in which things are handed out as JSON: by `--json`, and by whatever else speaks JSON.
//!
//! They are a promise: fields are added, never renamed or taken away. Times are RFC 3339 in UTC, durations seconds.

mod flow;
mod job;
#[cfg(any(feature = "cli", feature = "dashboard"))]
mod number;
mod others;
mod schedule;
mod time;

#[cfg(any(feature = "cli", feature = "dashboard"))]
pub(crate) use flow::ran_for;
pub use flow::{FlowDetailView, FlowEdgeView, FlowNodeView, FlowView};
pub use job::{FailureView, JobDetailView, JobView, Secrets};
#[cfg(any(feature = "cli", feature = "dashboard"))]
pub(crate) use number::grouped;
pub use others::{
    AuditView, EventView, FindingView, LimitView, QueueView, TaskView, WorkerView, worker_status,
};
pub use schedule::{ScheduleDetailView, ScheduleView, schedule_status};
pub use time::{from_rfc3339, rfc3339};
