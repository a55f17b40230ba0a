//! What a producer sends: everything about a job that never changes afterwards.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::job::{
    Backoff, Binding, DEFAULT_PRIORITY, Dedup, DedupKey, JobId, Name, Parent, Passes, Pins, Retention,
};

/// When a job may first run, as the producer said it; stores turn it into a time of their own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Due {
    /// At once.
    #[default]
    Now,
    /// This long after the store took it in.
    After(Duration),
    /// At this time of the store's clock.
    At(SystemTime),
}

/// A job as it is pushed: who runs it, with what, and under which rules.
///
/// The arguments are opaque bytes to every store.
#[derive(Clone, PartialEq)]
pub struct Envelope {
    /// The job's id, unique in its queue.
    pub id: JobId,
    /// The queue it stands in.
    pub queue: Name,
    /// The task that runs it.
    pub task: Name,
    /// The version of the task that it was made for; older workers leave it alone.
    pub version: u32,
    /// The arguments: a JSON object by parameter name.
    pub args: Bytes,
    /// 0 runs first, 255 last.
    pub priority: u8,
    /// How many attempts there are in all: the task's retries plus one.
    pub max_attempts: u32,
    /// When it may first run.
    pub due: Due,
    /// How long after its creation (or due time) it may still start; `None` is for ever.
    pub ttl: Option<Duration>,
    /// How long one attempt may take; `None` is for ever.
    pub timeout: Option<Duration>,
    /// How long it waits between attempts.
    pub backoff: Backoff,
    /// What is kept of it once it completed.
    pub retention: Retention,
    /// What few jobs have, kept apart so that the others do not carry it.
    pub extras: Option<Box<Extras>>,
}

/// What few jobs have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extras {
    /// Words to find the job by.
    pub tags: Vec<String>,
    /// Words for the handler and for those between: trace context, tenant, and the like.
    pub headers: Vec<(String, String)>,
    /// The jobs that must end first.
    pub parents: Vec<Parent>,
    /// Which of those are kept as long as its own record is.
    pub pins: Option<Pins>,
    /// The arguments that are outputs of those.
    pub bindings: Vec<Binding>,
    /// Whether it runs only if one of those did not complete.
    pub only_if_failed: bool,
    /// The id of the flow to which it belongs.
    pub flow: Option<Arc<str>>,
    /// What the job has in common with others of its task with which it takes turns, and shares the task's limits.
    pub key: Option<Arc<str>>,
    /// By which key it counts as the same job as others of its queue.
    pub dedup: Option<DedupKey>,
}

impl Envelope {
    /// Describes a job with every option at its default.
    #[must_use]
    pub fn new(id: JobId, queue: Name, task: Name, args: Bytes) -> Self {
        Self {
            id,
            queue,
            task,
            version: 1,
            args,
            priority: DEFAULT_PRIORITY,
            max_attempts: 1,
            due: Due::Now,
            ttl: None,
            timeout: None,
            backoff: Backoff::DEFAULT,
            retention: Retention::Standard,
            extras: None,
        }
    }

    /// Tells whether it waits from the moment in which it is taken in until it runs, and has nothing that few jobs have.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.due == Due::Now && self.ttl.is_none() && self.extras.is_none()
    }

    /// Returns what few jobs have; empty for the others.
    #[must_use]
    pub fn extras(&self) -> &Extras {
        static NONE: OnceLock<Extras> = OnceLock::new();
        self.extras.as_deref().unwrap_or_else(|| NONE.get_or_init(Extras::default))
    }

    /// Returns the key by which it takes turns with other jobs of its task.
    #[must_use]
    pub fn key(&self) -> Option<&Arc<str>> {
        self.extras.as_deref()?.key.as_ref()
    }

    /// Tells whether a job that it waits for passes something on.
    #[must_use]
    pub fn takes_outputs(&self) -> bool {
        self.extras
            .as_ref()
            .is_some_and(|extras| extras.parents.iter().any(|parent| parent.passes != Passes::Nothing))
    }

    /// Returns what few jobs have, to be changed.
    pub fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Returns by which key it counts as the same job as others of its queue.
    #[must_use]
    pub fn dedup(&self) -> Option<&DedupKey> {
        self.extras.as_ref()?.dedup.as_ref()
    }

    /// Lets it count as the same job as others of its queue that have this key. One that is debounced is due as much later.
    pub fn deduplicate(&mut self, key: DedupKey) {
        if let Dedup::Debounce(time) = key.mode {
            self.due = Due::After(time);
        }
        self.extras_mut().dedup = Some(key);
    }
}

/// Shows no arguments: they may hold what must not be logged.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("id", &self.id)
            .field("queue", &self.queue)
            .field("task", &self.task)
            .field("args", &format_args!("{} bytes", self.args.len()))
            .field("priority", &self.priority)
            .field("max_attempts", &self.max_attempts)
            .field("due", &self.due)
            .field("ttl", &self.ttl)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
