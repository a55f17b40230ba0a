//! What a handler is told about its job, and what it can say.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;

use crate::job::{JobId, Progress, TraceContext};
use crate::task::attempt::Attempt;

/// The running job, as a parameter of its task. Cheap to clone.
///
/// # Examples
///
/// ```
/// # use asyncmq::Context;
/// async fn copy(ctx: Context, files: Vec<String>) -> Result<(), std::io::Error> {
///     for (done, file) in files.iter().enumerate() {
///         if ctx.is_cancelled() {
///             break;
///         }
///         ctx.log(format!("copying {file}"));
///         ctx.progress(100.0 * done as f64 / files.len() as f64, ());
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Context(pub(crate) Arc<Attempt>);

impl Context {
    /// Returns the job's id.
    #[must_use]
    pub fn job_id(&self) -> &JobId {
        &self.0.job.envelope.id
    }

    /// Returns the number of this attempt; the first is 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.job.attempt
    }

    /// Returns how many attempts there are in all.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        self.0.job.envelope.max_attempts
    }

    /// Returns the queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.0.job.envelope.queue
    }

    /// Returns the task.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.0.job.envelope.task
    }

    /// Returns the job's tags.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.0.job.envelope.extras().tags
    }

    /// Returns the value of a header.
    #[must_use]
    pub fn header(&self, key: &str) -> Option<&str> {
        let headers = &self.0.job.envelope.extras().headers;
        headers.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Returns the trace that the job is a part of, for calls of other services that are to be a part of it too.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        let headers = &self.0.job.envelope.extras().headers;
        if headers.is_empty() { None } else { TraceContext::of_headers(headers) }
    }

    /// Says how far the job is: `percent` from 0 to 100, and any data beside it (`()` for none).
    ///
    /// Never waits. At most 10 a second are sent; the latest wins. Data that cannot be written as JSON counts as none.
    pub fn progress(&self, percent: impl Into<f64>, data: impl Serialize) {
        let data = serde_json::to_value(data).unwrap_or(Value::Null);
        self.0.progress(Progress::new(percent.into(), data));
    }

    /// Keeps a line with the job, at most 4 KiB of it. Never waits.
    pub fn log(&self, message: impl Into<String>) {
        self.0.log(message.into());
    }

    /// Waits until the handler should stop: the job was cancelled, its time is over, the worker lost its lease or is
    /// stopping. A handler that returns then does so in order; one that does not is dropped after a while.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when this future is dropped.
    pub async fn cancelled(&self) {
        self.0.stopped().await;
    }

    /// Tells whether the handler should stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.stop_reason().is_some()
    }

    /// Returns when this attempt's time is over, if it has a timeout.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Returns the state of this type that the worker was given.
    #[doc(hidden)]
    #[must_use]
    pub fn __state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.site.states.get()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("job", self.job_id())
            .field("task", &self.task())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}
