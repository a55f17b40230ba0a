//! Describes a worker: what it serves, with how many hands, and what it gives to its handlers.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{Client, Queue};
use crate::error::BoxError;
use crate::job::RateLimit;
use crate::settings::{Sandbox, Settings};
use crate::task::{Registry, States};
use crate::worker::duty::OwnDuty;
use crate::worker::hooks::{Hook, HookOutput};
use crate::worker::middleware::Middleware;

/// A worker that is being described; [`Worker::run`] or [`Worker::start`] makes it serve.
///
/// # Examples
///
/// ```standalone_crate
/// # use asyncmq::{Client, RateLimit, Worker, task};
/// # use std::time::Duration;
/// # #[task] async fn nothing() {}
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> asyncmq::Result<()> {
/// let client = Client::memory();
/// let worker = Worker::new(&client)
///     .queues(["default"])
///     .concurrency(20)
///     .rate_limit(RateLimit::per(100, Duration::from_secs(1)))
///     .start()
///     .await?;
/// nothing::job().enqueue_on(&client).await?.result().await?;
/// worker.stop().await?;
/// # Ok(()) }
/// ```
#[must_use = "a worker does nothing before `.run()` or `.start()`"]
pub struct Worker {
    pub(super) client: Client,
    pub(super) settings: Settings,
    pub(super) weights: Vec<(String, u32)>,
    pub(super) registry: Option<Registry>,
    pub(super) states: States,
    pub(super) layers: Vec<Arc<dyn Middleware>>,
    pub(super) on_start: Vec<Hook>,
    pub(super) on_stop: Vec<Hook>,
    pub(super) duties: Vec<OwnDuty>,
}

impl Worker {
    /// Begins to describe a worker on this client's store. It serves every queue that a linked task names, 10 jobs at
    /// once.
    pub fn new(client: &Client) -> Self {
        Self::with_settings(client, Settings::default())
    }

    pub(crate) fn with_settings(client: &Client, settings: Settings) -> Self {
        Self {
            client: client.clone(),
            settings,
            weights: Vec::new(),
            registry: None,
            states: States::default(),
            layers: Vec::new(),
            on_start: Vec::new(),
            on_stop: Vec::new(),
            duties: Vec::new(),
        }
    }

    /// Begins to describe a worker that serves this queue as its builder says.
    pub fn for_queue(queue: &Queue) -> Self {
        let worker = Self::new(queue.client()).queues([queue.name()]);
        let serving = queue.serving();
        let worker = worker.concurrency(serving.concurrency).scan_interval(serving.scan_interval);
        match serving.rate_limit {
            Some(limit) => worker.rate_limit(limit),
            None => worker,
        }
    }

    /// Sets the queues to serve. Without it, every queue that a linked task names is served.
    pub fn queues<I>(mut self, queues: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.settings.queues = queues.into_iter().map(Into::into).collect();
        self
    }

    /// Leaves a queue out.
    pub fn exclude_queue(mut self, queue: impl Into<String>) -> Self {
        self.settings.exclude_queues.push(queue.into());
        self
    }

    /// Gives a queue a greater share of what the worker runs, when there is more than it can run: 1 unless set.
    pub fn queue_weight(mut self, queue: impl Into<String>, weight: u32) -> Self {
        self.weights.push((queue.into(), weight));
        self
    }

    /// Sets how many jobs run at once: 10 unless set. 0 runs none until [`set_concurrency`](super::WorkerHandle::set_concurrency).
    pub const fn concurrency(mut self, jobs: usize) -> Self {
        self.settings.worker_concurrency = jobs;
        self
    }

    /// Limits how many jobs this worker starts in a time; 0 permits block all.
    pub const fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.settings.rate_limit = Some(limit);
        self
    }

    /// Sets how long the worker may be silent before its jobs are given to others: 30 s unless set, at least 10 ms.
    ///
    /// However short, a worker that lives keeps its jobs, unless its process is held up for longer than this.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Sets how often the worker tells the others how it stands: 10 s unless set.
    pub const fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.settings.heartbeat_interval = interval;
        self
    }

    /// Sets the longest wait of the worker should a wake-up be lost: 1 s unless set.
    pub const fn scan_interval(mut self, interval: Duration) -> Self {
        self.settings.scan_interval = interval;
        self
    }

    /// Sets how long stopping may take in all: 25 s unless set.
    pub const fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.settings.drain_timeout = timeout;
        self
    }

    /// Sets with how many deaths of a process a job becomes a dead letter: 3 unless set.
    pub const fn max_crashes(mut self, crashes: u32) -> Self {
        self.settings.max_crashes = crashes;
        self
    }

    /// Sets how handlers run in child processes: those of tasks that say `sandbox`, or of all with [`Sandbox::all`].
    ///
    /// It needs the crate's feature `sandbox`; without it the worker does not start if a task would run so.
    pub fn sandbox(mut self, sandbox: Sandbox) -> Self {
        self.settings.sandbox = sandbox;
        self
    }

    /// Gives the handlers a value, which they take as [`State<T>`](crate::State). One of each type.
    pub fn state<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Puts something around every handler; the first layer is the outermost.
    pub fn layer(mut self, middleware: impl Middleware) -> Self {
        self.layers.push(Arc::new(middleware));
        self
    }

    /// Does something before the first job is claimed. If it fails, the worker does not start.
    pub fn on_start<F, R>(mut self, hook: F) -> Self
    where
        F: FnOnce() -> R + Send + Sync + 'static,
        R: Future<Output: HookOutput> + Send + 'static,
    {
        self.on_start.push(Hook::new(hook));
        self
    }

    /// Does something after the last job has ended.
    pub fn on_stop<F, R>(mut self, hook: F) -> Self
    where
        F: FnOnce() -> R + Send + Sync + 'static,
        R: Future<Output: HookOutput> + Send + 'static,
    {
        self.on_stop.push(Hook::new(hook));
        self
    }

    /// Does something every `interval` for as long as the worker serves, in this process alone. A failure is logged.
    pub fn duty<F, R>(mut self, name: impl Into<String>, interval: Duration, duty: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output: HookOutput> + Send + 'static,
    {
        let run = move || {
            let duty = duty();
            let boxed: std::pin::Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>> =
                Box::pin(async move { duty.await.into_result() });
            boxed
        };
        self.duties.push(OwnDuty { name: name.into(), every: interval, run: Box::new(run) });
        self
    }

    /// Replaces the linked tasks by these.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("settings", &self.settings).finish_non_exhaustive()
    }
}
