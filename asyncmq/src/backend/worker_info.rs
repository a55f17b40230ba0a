//! What a worker tells the others about itself.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::job::{Name, WorkerId};

/// A worker is shown dead when it has been silent for this long.
pub const DEAD_AFTER: Duration = Duration::from_secs(30);

/// A worker as it described itself with its last heartbeat.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerInfo {
    /// Its id: new at every start.
    pub id: WorkerId,
    /// The host's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The version of this library.
    pub version: String,
    /// The queues that it serves.
    pub queues: Vec<Name>,
    /// How many jobs it runs at once.
    pub concurrency: u32,
    /// The tasks that it can run, as it publishes them.
    pub tasks: Vec<TaskInfo>,
    /// Whether it has stopped claiming and waits for its last jobs.
    pub draining: bool,
    /// How many jobs it has in hand.
    pub running: u32,
    /// How many jobs it completed.
    pub completed: u64,
    /// How many attempts failed on it.
    pub failed: u64,
    /// When it registered; set by the store.
    pub started_at: Timestamp,
    /// When the store last heard of it; set by the store.
    pub seen_at: Timestamp,
    /// Whether it was heard of within the last 30 s; set by the store.
    pub alive: bool,
}

impl WorkerInfo {
    /// Describes a worker that has done nothing yet and serves nothing.
    #[must_use]
    pub const fn new(id: WorkerId) -> Self {
        Self {
            id,
            host: String::new(),
            pid: 0,
            version: String::new(),
            queues: Vec::new(),
            concurrency: 1,
            tasks: Vec::new(),
            draining: false,
            running: 0,
            completed: 0,
            failed: 0,
            started_at: Timestamp::from_micros(0),
            seen_at: Timestamp::from_micros(0),
            alive: true,
        }
    }
}

/// A task as a worker publishes it, so that clients which do not link it can enqueue it by name.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskInfo {
    /// The task's name.
    pub name: Name,
    /// The newest version that the worker runs.
    pub version: u32,
    /// The queue that the task names.
    pub queue: Name,
    /// The names of its stored arguments, in their order.
    pub arguments: Vec<String>,
    /// What its jobs get that say nothing else.
    pub defaults: TaskDefaults,
    /// When it runs by itself, if its attribute says so.
    pub schedule: Option<String>,
}

/// What a task's jobs get that say nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskDefaults {
    /// How many attempts there are in all.
    pub max_attempts: u32,
    /// 0 runs first, 255 last.
    pub priority: u8,
    /// How long a job waits before its first attempt.
    pub delay: Option<Duration>,
    /// How long after its due time a job may still start.
    pub ttl: Option<Duration>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How long a job waits between attempts.
    pub backoff: crate::job::Backoff,
    /// What is kept of a completed job.
    pub retention: crate::job::Retention,
    /// Words to find its jobs by.
    pub tags: Vec<String>,
    /// Whether each of its jobs has a key, which only the task's code makes of the arguments.
    pub keyed: bool,
    /// Which of its jobs count as the same one.
    pub dedup: Option<crate::job::Dedup>,
    /// Whether only the task's code can tell the keys of those.
    pub dedup_keyed: bool,
}
