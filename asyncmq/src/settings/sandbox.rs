//! How handlers run in child processes.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::settings::LONGEST;

/// How a worker runs handlers in child processes, for [`Worker::sandbox`](crate::Worker::sandbox).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use asyncmq::Sandbox;
///
/// let sandbox = Sandbox::new().all().memory(512 << 20).grace(Duration::from_secs(2)).env("DATABASE_URL");
/// # let _ = sandbox;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "it does nothing before it is given to `Worker::sandbox`"]
pub struct Sandbox {
    pub(crate) all: bool,
    pub(crate) memory: Option<u64>,
    pub(crate) grace: Duration,
    pub(crate) jobs: u64,
    pub(crate) growth: u64,
    pub(crate) idle: Duration,
    pub(crate) start: Duration,
    pub(crate) env: Vec<String>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// Refuses values that cannot be.
    pub(crate) fn check(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::Invalid(message));
        if self.jobs == 0 {
            return invalid("`sandbox_jobs` is 0: a child that runs no job is of no use; 1 gives each job a child of its own".into());
        }
        if self.start.is_zero() {
            return invalid("`sandbox_start` is 0: no process is ready at once; give it seconds".into());
        }
        for (key, time) in
            [("sandbox_grace", self.grace), ("sandbox_idle", self.idle), ("sandbox_start", self.start)]
        {
            if LONGEST < time {
                return invalid(format!("`{key}` is {time:?}; the longest is {LONGEST:?}"));
            }
        }
        Ok(())
    }

    /// Begins with the defaults: the tasks that say `sandbox` run in children, each as its own keys say.
    pub const fn new() -> Self {
        Self {
            all: false,
            memory: None,
            grace: Duration::from_secs(5),
            jobs: 10_000,
            growth: 256 << 20,
            idle: Duration::from_secs(60),
            start: Duration::from_secs(10),
            env: Vec::new(),
        }
    }

    /// Runs every task of the worker in a child, whether it says `sandbox` or not.
    pub const fn all(mut self) -> Self {
        self.all = true;
        self
    }

    /// Sets how many bytes of memory a child may use for tasks that say nothing of `memory`: no limit unless set.
    pub const fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Sets how long a handler that was told to stop has until its process is killed: 5 s unless set, 0 kills at once.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets after how many jobs a child is replaced by a new one: 10,000 unless set, at least 1.
    pub const fn jobs(mut self, jobs: u64) -> Self {
        self.jobs = jobs;
        self
    }

    /// Sets by how many bytes a child's resident memory may grow before it is replaced: 256 MiB unless set.
    ///
    /// It is looked at after every job that took 10 ms or more, and after every 32nd of the others.
    pub const fn growth(mut self, bytes: u64) -> Self {
        self.growth = bytes;
        self
    }

    /// Sets how long a child waits for a job before it is ended: 60 s unless set. One child always stays.
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Sets how long a child may take until it is ready for its first job: 10 s unless set.
    pub const fn start(mut self, start: Duration) -> Self {
        self.start = start;
        self
    }

    /// Passes an environment variable on to the children, which otherwise see only what
    /// programs need to run at all: `PATH`, `HOME`, `USER`, `LANG`, `TZ`, `TMPDIR`, `RUST_LOG`, `RUST_BACKTRACE` and their like.
    pub fn env(mut self, name: impl Into<String>) -> Self {
        self.env.push(name.into());
        self
    }
}
