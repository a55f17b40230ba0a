//! What `#[task]` knows about a task, in constants.

use std::any::TypeId;
use std::fmt;
use std::time::Duration;

use crate::job::{Backoff, DEFAULT_PRIORITY, Dedup, OnLimit, RateLimit, Retention};
use crate::task::{DedupKeyFn, Handler, TaskError};

/// A function that gives the delay before the next attempt, or `None` to give up.
pub type BackoffFn = fn(attempt: u32, error: &TaskError) -> Option<Duration>;

/// A task as it is linked into this binary.
pub struct TaskDefinition {
    #[doc(hidden)]
    pub name: &'static str,
    #[doc(hidden)]
    pub queue: &'static str,
    #[doc(hidden)]
    pub options: TaskOptions,
    #[doc(hidden)]
    pub arguments: &'static [ArgumentDefinition],
    #[doc(hidden)]
    pub states: &'static [StateDefinition],
    #[doc(hidden)]
    pub hears_cancel: bool,
    #[doc(hidden)]
    pub blocking: bool,
    #[doc(hidden)]
    pub package: &'static str,
    #[doc(hidden)]
    pub file: &'static str,
    #[doc(hidden)]
    pub line: u32,
    #[doc(hidden)]
    pub run: Handler,
    #[doc(hidden)]
    pub backoff: Option<BackoffFn>,
    #[doc(hidden)]
    pub dedup_key: Option<DedupKeyFn>,
}

/// What a task says about its jobs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TaskOptions {
    /// Attempts after the first.
    pub retries: u32,
    /// How long a job waits between attempts.
    pub backoff: Backoff,
    /// How long after its creation, or its due time, a job may still start.
    pub ttl: Option<Duration>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// 0 runs first, 255 last.
    pub priority: u8,
    /// How long a job waits before its first attempt.
    pub delay: Option<Duration>,
    /// How many jobs may start in a time, across all workers.
    pub rate_limit: Option<RateLimit>,
    /// How many jobs may run at once, across all workers.
    pub concurrency: Option<u32>,
    /// What becomes of a job of which as many run as `concurrency` allows.
    pub on_limit: Option<OnLimit>,
    /// Whether the limits limits count for each value of an expression over the arguments.
    pub keyed: bool,
    /// Which jobs count as the same one.
    pub dedup: Option<Dedup>,
    /// When the task runs by itself: a cron expression.
    pub cron: Option<&'static str>,
    /// The time zone of `cron`.
    pub tz: Option<&'static str>,
    /// When the task runs by itself: this often.
    pub every: Option<Duration>,
    /// What is kept of a completed job.
    pub retain: Retention,
    /// The version of the arguments: older workers leave newer jobs alone.
    pub version: u32,
    /// Whether the handler runs in a child process.
    pub sandbox: bool,
    /// How many bytes of memory that child may use.
    pub memory: Option<u64>,
    /// Words to find the jobs by.
    pub tags: &'static [&'static str],
}

impl TaskOptions {
    /// What a task gets that says nothing.
    pub const DEFAULT: Self = Self::__with_backoff(Backoff::DEFAULT);

    /// A constant cannot put another backoff into the place of the first: that would have to be dropped.
    #[doc(hidden)]
    #[must_use]
    pub const fn __with_backoff(backoff: Backoff) -> Self {
        Self {
            retries: 0,
            backoff,
            ttl: None,
            timeout: None,
            priority: DEFAULT_PRIORITY,
            delay: None,
            rate_limit: None,
            concurrency: None,
            on_limit: None,
            keyed: false,
            dedup: None,
            cron: None,
            tz: None,
            every: None,
            retain: Retention::Standard,
            version: 1,
            sandbox: false,
            memory: None,
            tags: &[],
        }
    }
}

/// One stored argument of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgumentDefinition {
    /// Its name, which is also its key in the stored arguments.
    pub name: &'static str,
    /// Its type, as it stands in the source.
    pub type_name: &'static str,
}

/// A state that a task takes from its worker.
#[derive(Debug, Clone, Copy)]
pub struct StateDefinition {
    #[doc(hidden)]
    pub id: fn() -> TypeId,
    /// Its type, as it stands in the source.
    pub type_name: &'static str,
}

/// What the names of this library's own tasks begin with.
pub(crate) const OWN: &str = "asyncmq.";

impl TaskDefinition {
    /// Makes a task of this library's own. Its jobs name their queues themselves.
    pub(crate) const fn own(name: &'static str, run: Handler) -> Self {
        Self {
            name,
            queue: "",
            options: TaskOptions::DEFAULT,
            arguments: &[],
            states: &[],
            hears_cancel: true,
            blocking: false,
            package: "asyncmq",
            file: file!(),
            line: line!(),
            run,
            backoff: None,
            dedup_key: None,
        }
    }

    /// Tells whether it is one of this library's own.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.name.starts_with(OWN)
    }

    /// Returns the task's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the queue that its jobs go to unless they name another.
    #[must_use]
    pub const fn queue(&self) -> &'static str {
        self.queue
    }

    /// Returns what it says about its jobs.
    #[must_use]
    pub const fn options(&self) -> &TaskOptions {
        &self.options
    }

    /// Returns its stored arguments, in their order.
    #[must_use]
    pub const fn arguments(&self) -> &'static [ArgumentDefinition] {
        self.arguments
    }

    /// Returns the states that it takes from its worker.
    #[must_use]
    pub const fn states(&self) -> &'static [StateDefinition] {
        self.states
    }

    /// Tells whether it is a plain function, which runs on the blocking pool.
    #[must_use]
    pub const fn is_blocking(&self) -> bool {
        self.blocking
    }

    /// Returns where it stands in the source, with its package.
    #[must_use]
    pub fn source(&self) -> String {
        format!("{}:{} (package {})", self.file, self.line, self.package)
    }
}

/// Names the package that a task is compiled in; only cargo tells.
#[must_use]
pub const fn package(cargo: Option<&'static str>) -> &'static str {
    match cargo {
        Some(package) => package,
        None => "unknown",
    }
}

impl fmt::Debug for TaskDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskDefinition")
            .field("name", &self.name)
            .field("queue", &self.queue)
            .field("source", &self.source())
            .finish_non_exhaustive()
    }
}
