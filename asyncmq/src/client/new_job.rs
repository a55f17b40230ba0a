//! A job that is being described: plain data until it is enqueued.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::client::arguments::Arguments;
use crate::client::dependency::{Dependency, Waits};
use crate::client::node::{Fed, Feed};
use crate::job::{Backoff, Dedup, Due, Retention, TraceContext};
use crate::task::{Slot, Task, TaskDefinition, finish};

/// What a job by name is of, as its task's code may be in another binary.
#[derive(Debug, Clone, Copy)]
pub enum Untyped {}

/// A job of a linked task: what its `job()` stub gives.
pub type JobBuilder<T> = NewJob<T>;

/// A job that is being described. Nothing is sent before it is enqueued.
///
/// # Examples
///
/// ```
/// use asyncmq::NewJob;
/// use serde_json::json;
/// use std::time::Duration;
///
/// let job = NewJob::new("app.report").args(json!({"month": "2026-11"})).delay(Duration::from_secs(60)).tag("monthly");
/// # let _ = job;
/// ```
#[must_use = "a job is not sent before it is enqueued: call `.enqueue()`, `.enqueue_on(&client)` or `queue.add(job)`"]
pub struct NewJob<T = Untyped> {
    pub(crate) task: TaskRef,
    pub(crate) arguments: Arguments,
    /// Few jobs say anything of their own, so the others do not carry it.
    pub(crate) overrides: Option<Box<Overrides>>,
    marker: PhantomData<fn() -> T>,
}

#[derive(Debug, Clone)]
pub(crate) enum TaskRef {
    Linked(&'static TaskDefinition),
    Named(Arc<str>),
}

/// What a job says of its own, in place of what its task says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) id: Option<String>,
    pub(crate) queue: Option<String>,
    pub(crate) due: Option<Due>,
    pub(crate) priority: Option<u8>,
    pub(crate) retries: Option<u32>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retention: Option<Retention>,
    pub(crate) dedup: Option<Dedup>,
    pub(crate) dedup_key: Option<String>,
    pub(crate) waits: Waits,
    pub(crate) only_if_failed: bool,
    pub(crate) tags: Vec<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) key: Option<String>,
}

impl NewJob {
    /// Describes a job of the task of this name, which need not be linked here.
    ///
    /// The name is checked when the job is enqueued.
    pub fn new(task: impl Into<String>) -> Self {
        let (task, arguments) = (TaskRef::Named(task.into().into()), Arguments::default());
        Self { task, arguments, overrides: None, marker: PhantomData }
    }

    /// Sets the arguments: an object by parameter name, or an array by position.
    pub fn args(mut self, args: impl Serialize) -> Self {
        self.arguments.set_args(&args);
        self
    }

    /// Sets arguments by parameter name, beside those given by position.
    pub fn kwargs(mut self, kwargs: impl Serialize) -> Self {
        self.arguments.set_kwargs(&kwargs);
        self
    }
}

impl<T: Task> NewJob<T> {
    /// Encodes at once, so that the job is plain data whatever its arguments are.
    #[doc(hidden)]
    pub fn __of(task: &T) -> Self {
        let job = Self {
            task: TaskRef::Linked(T::__DEFINITION),
            arguments: Arguments::encoded(task.__encode()),
            overrides: None,
            marker: PhantomData,
        };
        let job = match task.__key() {
            Some(key) => job.key(key),
            None => job,
        };
        match task.__dedup_key() {
            Some(key) => job.with(|own| own.dedup_key = Some(key)),
            None => job,
        }
    }
}

/// The arguments of a job, some of which are what other jobs return: what the stub `with` of a task makes.
#[doc(hidden)]
#[derive(Default)]
pub struct FedArguments {
    out: Vec<u8>,
    wrong: Option<String>,
    waits: Waits,
}

impl FedArguments {
    /// Takes the next argument.
    #[must_use]
    pub fn put<T>(mut self, slot: &Slot<T>, argument: impl Feed<T>) -> Self {
        match argument.feed() {
            Fed::Value(value) => {
                if let Err(why) = slot.write(&value, &mut self.out) {
                    self.wrong.get_or_insert(why);
                }
            }
            Fed::One(job) => self.waits.bind_one(slot.name(), job),
            Fed::Each(jobs) => self.waits.bind_each(slot.name(), jobs),
        }
        self
    }

    /// Describes the job.
    pub fn job<T: Task>(self) -> NewJob<T> {
        let arguments = Arguments::encoded(self.wrong.map_or(Ok(finish(self.out)), Err));
        let job = NewJob {
            task: TaskRef::Linked(T::__DEFINITION),
            arguments,
            overrides: None,
            marker: PhantomData,
        };
        let waits = self.waits;
        if waits.is_empty() { job } else { job.with(|own| own.waits = waits) }
    }
}

impl<T> NewJob<T> {
    /// Forgets which type the task is.
    pub(super) fn untyped(self) -> NewJob<Untyped> {
        let Self { task, arguments, overrides, .. } = self;
        NewJob { task, arguments, overrides, marker: PhantomData }
    }

    pub(super) fn task_name(&self) -> &str {
        match &self.task {
            TaskRef::Linked(definition) => definition.name(),
            TaskRef::Named(name) => name,
        }
    }

    /// Puts the job into another queue than its task's.
    pub fn queue(self, name: impl Into<String>) -> Self {
        self.with(|own| own.queue = Some(name.into()))
    }

    /// Makes the job due this long after the store took it in.
    pub fn delay(self, delay: Duration) -> Self {
        self.with(|own| own.due = Some(Due::After(delay)))
    }

    /// Makes the job due at this time of the store's clock; one in the past is now.
    pub fn at(self, time: SystemTime) -> Self {
        self.with(|own| own.due = Some(Due::At(time)))
    }

    /// Makes the job a part of this trace, in which its handler's span then stands. Without it a job that a handler enqueues
    /// is a part of the trace of the handler's own job.
    pub fn trace(self, trace: TraceContext) -> Self {
        trace.into_headers().fold(self, |job, (key, value)| job.header(key, value))
    }

    /// Sets the priority: 0 runs first, 255 last, 5 is the default.
    pub fn priority(self, priority: u8) -> Self {
        self.with(|own| own.priority = Some(priority))
    }

    /// Sets how many attempts there may be after the first.
    pub fn retries(self, retries: u32) -> Self {
        self.with(|own| own.retries = Some(retries))
    }

    /// Sets how long the job waits between attempts.
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.with(|own| own.backoff = Some(backoff))
    }

    /// Sets how long after its creation, or its due time, the job may still start.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.with(|own| own.ttl = Some(ttl))
    }

    /// Sets how long one attempt may take.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|own| own.timeout = Some(timeout))
    }

    /// Sets what is kept of the job once it completed.
    pub fn retain(self, retention: Retention) -> Self {
        self.with(|own| own.retention = Some(retention))
    }

    /// Gives the job an id: 1 to 255 bytes without control characters.
    ///
    /// While a job of this id is kept in the queue, enqueueing another one gives that job's handle.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.with(|own| own.id = Some(id.into()))
    }

    /// Lets the job count as the same one as others of its queue that have its key: see [`Dedup`] for what becomes of them.
    ///
    /// Where nothing else names a key, it is made of the task's name and the arguments.
    pub fn dedup(self, dedup: Dedup) -> Self {
        self.with(|own| own.dedup = Some(dedup))
    }

    /// Gives the job a key: 1 to 255 bytes without control characters. Jobs of one task and key run in their order and take turns
    /// with those of other keys; the limits of the task count for each key by itself.
    ///
    /// A task's own `key` says it for each of its jobs; this is for jobs by name, or in its place.
    pub fn key(self, key: impl Into<String>) -> Self {
        self.with(|own| own.key = Some(key.into()))
    }

    /// Sets the key by which the job counts as the same one as others of its queue: 1 to 255 bytes without control characters.
    ///
    /// It needs [`NewJob::dedup`], or a task that has `dedup`.
    pub fn dedup_key(self, key: impl Into<String>) -> Self {
        self.with(|own| own.dedup_key = Some(key.into()))
    }

    /// Lets the job wait until these have ended, of whatever queues: handles, nodes of a flow, or ids. Those that have ended count at once.
    ///
    /// If one of them does not complete, the job fails, unless [`Dependency::on_failure`] says otherwise. A job that is not
    /// known, or whose record is no longer kept, is an error. At most 20,000.
    pub fn depends_on<I>(self, jobs: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Dependency>,
    {
        self.with(|own| jobs.into_iter().for_each(|job| own.waits.add(job.into())))
    }

    /// Lets an argument be what another job returns: what the stub `with` of a task does, by the argument's name and unchecked.
    pub fn input(self, argument: impl AsRef<str>, job: impl Into<Dependency>) -> Self {
        self.with(|own| own.waits.bind_one(argument.as_ref(), job.into()))
    }

    /// Adds a word to find the job by.
    pub fn tag(self, tag: impl Into<String>) -> Self {
        self.with(|own| own.tags.push(tag.into()))
    }

    /// Adds a word for the handler; a second one of the same key replaces the first.
    pub fn header(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), value.into());
        self.with(|own| {
            own.headers.retain(|(known, _)| *known != key);
            own.headers.push((key, value));
        })
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Overrides)) -> Self {
        change(self.overrides.get_or_insert_default());
        self
    }
}

/// Cloned without asking anything of the task: what `derive` would do.
impl<T> Clone for NewJob<T> {
    fn clone(&self) -> Self {
        Self {
            task: self.task.clone(),
            arguments: self.arguments.clone(),
            overrides: self.overrides.clone(),
            marker: PhantomData,
        }
    }
}

/// Shows no arguments: they may hold what must not be logged.
impl<T> fmt::Debug for NewJob<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.task_name();
        let own = self.overrides.as_deref();
        f.debug_struct("NewJob")
            .field("task", &task)
            .field("id", &own.and_then(|own| own.id.as_deref()))
            .field("queue", &own.and_then(|own| own.queue.as_deref()))
            .finish_non_exhaustive()
    }
}
