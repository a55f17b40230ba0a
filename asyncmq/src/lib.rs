//! asyncmq: background jobs for Rust.

pub mod admin;
pub mod backend;
mod caught;
#[cfg(feature = "conformance")]
#[doc(hidden)]
pub mod chance;
#[cfg(not(feature = "conformance"))]
mod chance;
#[cfg(feature = "cli")]
pub mod cli;
mod client;
mod clock;
#[cfg(feature = "dashboard")]
pub mod dashboard;
mod error;
pub mod event;
#[cfg(feature = "conformance")]
#[doc(hidden)]
pub mod fuzz;
pub mod job;
pub mod lifecycle;
pub mod schedule;
mod seeded;
mod settings;
mod task;
pub mod testing;
pub mod worker;

pub use backend::{Counts, Drain, Force, LimitInfo, Page, QueueInfo, WorkerInfo};
pub use client::{
    Client, Dependency, Enqueue, EnqueueAll, EnqueueFlow, Events, Explanation, Flow, FlowEvents, FlowGraph,
    FlowHandle, FlowNode, FlowState, JobBuilder, JobHandle, NewJob, Node, OptionalNode, Queue, QueueBuilder,
    QueueStats, ResultFuture, ScheduleInfo, Schedules, Subscription, Untyped, WaitsFor, init,
};
pub use clock::{Clock, Timestamp};
pub use error::{BoxError, Error, Result};
pub use event::{Event, EventData, EventFilter, EventKind};
pub use job::{
    Backoff, Dedup, Job, JobId, JobState, Limit, LimitScope, LimitSource, OnFailure, OnLimit, Progress,
    RateLimit, Retention, TraceContext,
};
pub use schedule::{Misfire, Overlap, Schedule};
pub use settings::Sandbox;
pub use task::{Context, Registry, State, Task, TaskDefinition, TaskError, TaskOptions, tasks};
#[cfg(all(feature = "sandbox", unix))]
pub use worker::sandbox;
pub use worker::{StopReport, Worker, WorkerHandle, WorkerStatus};

/// Makes a function a task: something that can be enqueued here and run by any worker that is linked with it.
///
/// ```
/// use asyncmq::task;
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("the mail server said {0}")]
/// struct MailError(u16);
///
/// #[task(queue = "email", retries = 3, ttl = "5m")]
/// async fn send_invoice(to: String, number: u64) -> Result<usize, MailError> {
///     if to.is_empty() { Err(MailError(550)) } else { Ok(to.len()) }
/// }
///
/// # async fn example() -> asyncmq::Result<()> {
/// let handle = send_invoice::enqueue("ann@example.com", 7).await?; // wrong arguments do not compile
/// let size: usize = handle.result().await?;
/// # let _ = size; Ok(()) }
/// # async fn call() {
/// assert!(send_invoice(String::new(), 7).await.is_err()); // the function is still a function
/// # }
/// ```
///
/// # What it defines
///
/// The function stays what it was. Beside it stands a type of the same name, the record of its arguments, which implements
/// [`Task`] and has three functions with the arguments of the function:
///
/// - `send_invoice::job(to, number)` describes a job ([`JobBuilder`]): it can be given options, kept, and sent later or in bulk.
/// - `send_invoice::with(to, number)` is the same, where arguments may be what other jobs return ([`Flow`]).
/// - `send_invoice::enqueue(to, number)` is `job(…).enqueue()`: a future that gives a [`JobHandle`] once the store has the job.
///
/// As types, modules and traits share their names, a module of the same name beside the task does not compile, and a crate of
/// the same name is hidden by it (write `::notify::…`). Rename the function then, and keep the task's name with `name = "…"`.
///
/// # Arguments
///
/// They are stored as a JSON object by name, so their types need serde's `Serialize` and `Deserialize`. A later version of the
/// task may reorder them, and add ones that are `Option` or have a default: jobs that were stored before can still be read.
///
/// ```
/// use asyncmq::{Context, State, task};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Order {
///     id: u64,
/// }
///
/// struct Database;
///
/// #[task]
/// async fn ship_order(
///     ctx: Context,                                  // given by the worker
///     State(database): State<Database>,              // given by the worker: what `Worker::state` took
///     order: &Order,                                 // stored as an `Order`
///     address: &str,                                 // stored as a `String`
///     note: Option<String>,                          // `None` where it is absent
///     #[serde(default)] boxes: u32,                  // 0 where it is absent
///     #[serde(alias = "colour")] color: String,      // read under both names
/// ) -> Result<(), asyncmq::TaskError> {
///     ctx.log(format!("shipping {} to {address}", order.id));
///     # let _ = (database, note, boxes, color);
///     Ok(())
/// }
///
/// let job = ship_order::job(&Order { id: 7 }, "Baker Street 221b", None, 1, "red");
/// # let _ = job;
/// ```
///
/// - `String` is taken as `impl Into<String>`; every other type is taken as it is. (`"x".into()` is ambiguous there: write `"x"`.)
/// - `&str`, `&[T]`, `&T` and `Option<&T>` are stored as what they own; nothing else may borrow.
/// - Arguments have plain names; `mut` is allowed. `#[serde(default)]`, `default = "path"`, `rename` and `alias` go before them.
/// - NaN and infinity are refused, as JSON does not have them.
/// - [`Context`] and [`State<T>`](State), by value or by `&` and with any pattern, are given by the worker and known by these names: an
///   alias does not work, and a type of your own must be called otherwise. With `anyhow`, write `use anyhow::Context as _;`.
///
/// # Results and errors
///
/// The function returns any `T: Serialize`, or a `Result<T, E>` whose error is any error type, `anyhow::Error`, `Box<dyn Error>` or
/// `String`. A type whose name is `Result` counts as one, whatever its arguments; a `Result` under another name is refused.
/// Every error is a failed attempt; a [`TaskError`] in its chain decides what becomes of the job:
///
/// ```
/// use asyncmq::{TaskError, task};
///
/// #[task(retries = 5, backoff = "exponential(1s, factor = 2, max = 10m, jitter = 0.1)")]
/// async fn fetch_page(url: String) -> Result<String, TaskError> {
///     let Some(path) = url.strip_prefix("https://") else {
///         return Err(TaskError::permanent("only https is fetched")); // no retry would help
///     };
///     let port: u16 = path.rsplit(':').next().unwrap_or(path).parse()?; // any error, with `?`: a failed attempt
///     Ok(port.to_string())
/// }
/// ```
///
/// A panic is a failed attempt too. What a function returns is stored as JSON; if that cannot be done, the job fails for good.
///
/// # Plain functions
///
/// A task that is no `async fn` runs on the pool for blocking calls. It cannot be stopped from outside: on a timeout or when it
/// is cancelled, its place is held until it returns. With `sandbox` it can: its process is killed.
///
/// # Keys
///
/// | key | value | without it |
/// |---|---|---|
/// | `name` | the task's name, 1–128 bytes | the function's |
/// | `queue` | the queue of its jobs | `"default"` |
/// | `retries` | attempts after the first | 0 |
/// | `backoff` | `2.0`: its power of the attempts in seconds; `"fixed(5s)"`, `"exponential(1s, factor = 2, max = 10m, jitter = 0.1)"`, `"list(1s, 10s, 1m)"`; or a path to `fn(u32, &TaskError) -> Option<Duration>` | `"exponential(1s)"` |
/// | `ttl` | how long after its creation or due time a job may start | for ever |
/// | `timeout` | how long one attempt may take | for ever |
/// | `priority` | 0 (first) to 255 | 5 |
/// | `delay` | how long a job waits before its first attempt | none |
/// | `rate_limit` | starts in a time, across all workers: `"100/1s"`, `"window(100/1s)"` | none |
/// | `concurrency` | how many run at once, across all workers | no limit |
/// | `on_limit` | what becomes of a job while `concurrency` others run: `"wait"`, `"discard"`, `"cancel_running"` | `"wait"` |
/// | `key` | an expression over the arguments (`key = user.id`): the limits count for each of its values | one for all |
/// | `dedup` | what becomes of jobs that have one key: `"simple"`, `"throttle(10s)"`, `"throttle(10s, extend)"`, `"debounce(10s)"`, `"replace"`, `"keep_last"` ([`Dedup`]) | every job counts |
/// | `dedup_key` | an expression over the arguments: jobs of one value are the same | all arguments |
/// | `cron` | five or six fields, or `"@daily"` and the like | does not run by itself |
/// | `tz` | the time zone of `cron`: `"Europe/Zurich"` | UTC |
/// | `every` | runs by itself this often | does not run by itself |
/// | `retain` | how long a completed job is kept; `"none"` keeps nothing | 1 h |
/// | `version` | of the arguments: a worker leaves newer ones alone | 1 |
/// | `sandbox` | runs in a child process (feature `sandbox`): what it does to that harms no other job | `false` |
/// | `memory` | how much memory that may use: `"512MiB"`; only with `sandbox` | no limit |
/// | `tags` | words to find the jobs by: `["billing"]` | none |
/// | `crate` | the path of this library, where it is called otherwise | `::asyncmq` |
///
/// A duration is a number of seconds (`300`, `0.5`) or a text (`"5m"`, `"250ms"`, `"1h30m"`).
///
/// ```
/// use asyncmq::{TaskError, task};
/// use std::time::Duration;
///
/// fn twice_at_once(attempt: u32, _: &TaskError) -> Option<Duration> {
///     (attempt < 3).then_some(Duration::ZERO) // `None` gives up
/// }
///
/// #[task(name = "billing.close", queue = "billing", retries = 9, backoff = twice_at_once, timeout = "30s", tags = ["monthly"])]
/// async fn close_month(account: String, month: u8) {
///     # let _ = (account, month);
/// }
/// ```
///
/// # Where tasks are found
///
/// Every task of every crate that is linked into a binary registers by itself. A crate is linked if the code names it: a worker
/// of its own says `use my_tasks as _;`. Two tasks of one name are an error when the worker starts, as is none at all.
///
/// Other attributes may stand above or below; one that makes an `async fn` a function that returns a future
/// goes below `#[task]`. Methods, generic functions and `unsafe fn` cannot be tasks.
#[cfg(feature = "macros")]
pub use asyncmq_macros::task;

/// What the code that `#[task]` generates names. Not for others: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use std::borrow::Cow;
    pub use std::time::Duration;

    pub use bytes::Bytes;
    pub use inventory;

    pub use crate::client::{Enqueue, FedArguments, Feed, JobBuilder, NewJob};
    pub use crate::job::{Backoff, Dedup, OnLimit, RateLimit, Retention};
    pub use crate::task::*;

    /// The prelude, under names that nobody can shadow.
    pub mod primitive {
        pub use core::primitive::*;
        pub use std::string::String;
        pub use std::vec::Vec;
    }
}

/// The examples of the guide compile.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../../docs/deduplication.md")]
struct DeduplicationGuide;

/// The examples of the guide compile.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../../docs/limits.md")]
struct LimitsGuide;

/// The examples of the guide compile.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../../docs/flows.md")]
struct FlowsGuide;

/// The examples of the guide compile.
#[cfg(all(doctest, feature = "macros", feature = "sandbox"))]
#[doc = include_str!("../../docs/sandbox.md")]
struct SandboxGuide;
