//! asyncmq: background jobs for Rust.

pub mod backend;
mod caught;
mod client;
mod clock;
mod error;
pub mod event;
pub mod job;
pub mod lifecycle;
mod settings;
mod task;
pub mod testing;
pub mod worker;

pub use backend::{Counts, Drain, Force, Page, QueueInfo, WorkerInfo};
pub use client::{
    Client, Enqueue, EnqueueAll, Events, JobBuilder, JobHandle, NewJob, Queue, QueueBuilder, QueueStats,
    ResultFuture, Subscription, Untyped, init,
};
pub use clock::{Clock, Timestamp};
pub use error::{BoxError, Error, Result};
pub use event::{Event, EventData, EventFilter, EventKind};
pub use job::{Backoff, Dedup, Job, JobId, JobState, Progress, RateLimit, Retention};
pub use task::{Context, Registry, State, Task, TaskDefinition, TaskError, TaskOptions, tasks};
pub use worker::{StopReport, Worker, WorkerHandle, WorkerStatus};

/// Makes a function a task.
#[cfg(feature = "macros")]
pub use asyncmq_macros::task;

/// What the code that `#[task]` generates names. Not for others: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use std::borrow::{Cow, ToOwned};
    pub use std::time::Duration;

    pub use bytes::Bytes;
    pub use inventory;

    pub use crate::client::{Enqueue, JobBuilder, NewJob};
    pub use crate::job::{Backoff, Dedup, RateLimit, Retention};
    pub use crate::task::*;

    /// The prelude, under names that nobody can shadow.
    pub mod primitive {
        pub use core::primitive::*;
        pub use std::string::String;
        pub use std::vec::Vec;
    }
}
