//! Runs jobs: claim, run, settle, again.
//!
//! ```text
//!  start ─▶ Pump ── claim(free permits) ──▶ store
//!             │  ◀──────── jobs ──────────┘
//!             ├─ Line: a few tasks take the jobs in turn; one that waits for something keeps its task, another takes over
//!             │    execute = call, watch (timeout, cancel, lease), judge, settle by the rules
//!             │  ◀── settlements gather while a call is in flight
//!             └─ settle(batch) ──▶ store ──▶ events
//!  beside it: the lease on a thread of its own, wake-ups, heartbeat, reports, and the duties
//! ```
//!
//! What becomes of a job is decided in [`lifecycle`](crate::lifecycle); here it is only carried to the store.

mod builder;
mod claim;
mod duty;
mod execute;
mod flows;
mod hand;
mod handle;
mod hooks;
mod lease;
mod limit;
mod limits;
mod line;
mod middleware;
mod pump;
mod reports;
mod run;
#[cfg(all(feature = "sandbox", unix))]
pub mod sandbox;
mod schedules;
mod settle;
mod shared;
mod signals;
mod solo;
mod start;
mod tenure;
mod turns;

pub use crate::client::job_logs;
pub use builder::Worker;
pub(crate) use execute::observe_alone;
pub use handle::{StopReport, WorkerHandle, WorkerStatus};
pub use hooks::HookOutput;
pub use middleware::{Handled, Middleware, Next};
#[cfg(feature = "cli")]
pub(crate) use run::begin;
pub use run::run;
pub(crate) use solo::{Solo, Turn};
