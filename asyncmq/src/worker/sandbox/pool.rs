//! The children of one worker: warm ones are used again, new ones are started as they are needed, idle ones are ended.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::child::Child;
use super::frames::{self, Kind, Log, Order, Welcome};
use super::heard;
use super::lost::{Lost, Why, size};
use crate::error::{Error, Result};
use crate::job::FailureKind;
use crate::settings::Settings;
use crate::task::{
    Attempt, Context, Decision, Elsewhere, HandlerFuture, Stop, TaskDefinition, TaskError, tasks,
};
use crate::worker::middleware::Handled;

/// How long a job waits for the next try when no child could be had.
const NO_CHILD: Duration = Duration::from_secs(1);
/// How long a child that is not needed any more has to end in order.
const DISMISSED_WITHIN: Duration = Duration::from_secs(1);
/// How much more than it uses by itself a child must be allowed, in bytes: less, and hardly a handler could run.
const LEAST_ROOM: u64 = 4 << 20;

/// The children of one worker.
pub(crate) struct Pool {
    settings: Settings,
    max_payload: usize,
    /// The places of those whose queues are served; jobs of others come here only by way.
    served: Vec<usize>,
    /// The tasks that run in children, each with its place among those that are linked, by their names.
    tasks: HashMap<&'static str, (&'static TaskDefinition, usize)>,
    idle: Mutex<Idle>,
    /// Wakes whoever ends children that have been idle for too long.
    has_idle: Arc<Notify>,
}

/// Children that wait for a job: the one that has waited longest stands first, the one that is used next last.
#[derive(Default)]
struct Idle {
    children: VecDeque<Child>,
    /// No more are taken in, as the worker ends.
    closed: bool,
}

impl Pool {
    /// Makes a pool for those of the tasks that run in children; `None` if none does.
    pub(crate) fn of(
        settings: &Settings,
        max_payload: usize,
        able: &[&'static TaskDefinition],
        is_served: impl Fn(&TaskDefinition) -> bool,
    ) -> Option<Arc<Self>> {
        let is_sandboxed = |task: &&TaskDefinition| settings.sandbox.all || task.options().sandbox;
        let placed = |task: &'static TaskDefinition| (task.name(), (task, place_of(task)));
        let tasks: HashMap<_, _> = able.iter().copied().filter(is_sandboxed).map(placed).collect();
        let of_served = tasks.values().filter(|(task, _)| is_served(task));
        let served = of_served.map(|(_, place)| *place).collect();
        let settings = settings.clone();
        let pool =
            Self { settings, max_payload, served, tasks, idle: Mutex::default(), has_idle: Arc::default() };
        (!pool.tasks.is_empty()).then(|| Arc::new(pool))
    }

    /// Starts the first child, which shows whether any can be had.
    async fn prepare(self: &Arc<Self>) -> Result<()> {
        tokio::spawn(end_idle(Arc::downgrade(self), self.has_idle.clone()));
        if self.served.is_empty() {
            return Ok(());
        }
        let first = self.start().await.map_err(Error::Startup)?;
        self.check_memory(&first)?;
        if !super::limits::ARE_KEPT && self.tasks.values().any(|(task, _)| self.cap(task).is_some()) {
            tracing::warn!(
                "this system does not keep `memory`: sandboxed handlers may use as much as they like"
            );
        }
        self.put_back(first);
        Ok(())
    }

    /// Refuses limits that a child would have reached before its handler began.
    fn check_memory(&self, child: &Child) -> Result<()> {
        let least = child.hello.usage.data + LEAST_ROOM;
        match self.tasks.values().find(|(task, _)| self.cap(task).is_some_and(|cap| cap < least)) {
            None => Ok(()),
            Some((task, _)) => Err(Error::Startup(format!(
                "task {:?} at {} may use {} of memory, of which its process needs {} by itself\n  \
                 give it at least {} MiB: `memory = \"…\"`, or `sandbox_memory` for tasks that do not say",
                task.name(),
                task.source(),
                size(self.cap(task).unwrap_or_default()),
                size(child.hello.usage.data),
                least.div_ceil(1 << 20),
            ))),
        }
    }

    /// Returns how many bytes of memory a task may use.
    fn cap(&self, task: &TaskDefinition) -> Option<u64> {
        task.options().memory.or(self.settings.sandbox.memory)
    }

    async fn start(&self) -> std::result::Result<Child, String> {
        let (settings, sandbox) = (&self.settings, &self.settings.sandbox);
        let welcome = Welcome {
            tasks: self.served.clone(),
            max_payload: self.max_payload,
            log: tracing::dispatcher::has_been_set().then(|| Log {
                level: settings.log_level.clone(),
                json: settings.log_format == crate::settings::LogFormat::Json,
                job_level: settings.job_log_level.to_string(),
            }),
        };
        let mut message = Vec::new();
        frames::put(Kind::Welcome, &welcome, &[], &mut message).map_err(|error| error.to_string())?;
        let most_body = u64::from(u32::MAX).max(self.max_payload as u64);
        let child = Child::start(&sandbox.env, &message, sandbox.start, most_body).await?;
        match child.hello.tasks == tasks().count() {
            true => Ok(child),
            false => Err("the sandbox's child process is another binary than this one, whose file has been replaced since it was \
                          started: start it again".into()),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a warm child, or starts one.
    async fn take(&self) -> std::result::Result<Child, String> {
        loop {
            let warm = self.idle().children.pop_back();
            match warm {
                Some(child) if child.is_gone() => {}
                Some(child) => return Ok(child),
                None => return self.start().await,
            }
        }
    }

    fn put_back(&self, mut child: Child) {
        child.idle_since = Instant::now();
        let mut idle = self.idle();
        if idle.closed {
            return;
        }
        idle.children.push_back(child);
        // The first one always stays.
        if idle.children.len() == 2 {
            self.has_idle.notify_one();
        }
    }

    /// Takes a child back after an attempt, unless it has served long enough.
    fn take_back(&self, child: Child, resident: Option<u64>) {
        let sandbox = &self.settings.sandbox;
        let most = child.hello.usage.resident.saturating_add(sandbox.growth);
        if sandbox.jobs <= child.orders || resident.is_some_and(|resident| most < resident) {
            tokio::spawn(child.dismiss(DISMISSED_WITHIN));
        } else {
            self.put_back(child);
        }
    }

    /// Takes out the children that have been idle for too long. Returns when the next one will have been.
    fn take_stale(&self) -> (Vec<Child>, Option<Instant>) {
        let (mut idle, mut stale) = (self.idle(), Vec::new());
        while 1 < idle.children.len()
            && let Some(first) = idle.children.front()
        {
            let end = first.idle_since + self.settings.sandbox.idle;
            if Instant::now() < end {
                return (stale, Some(end));
            }
            stale.extend(idle.children.pop_front());
        }
        (stale, None)
    }

    /// Ends the children that are idle; those that still run an attempt end with it.
    async fn end(&self) {
        let children = {
            let mut idle = self.idle();
            idle.closed = true;
            std::mem::take(&mut idle.children)
        };
        futures_util::future::join_all(children.into_iter().map(|child| child.dismiss(DISMISSED_WITHIN)))
            .await;
    }

    /// Runs an attempt in a child.
    async fn run(&self, attempt: &Arc<Attempt>, task: &'static TaskDefinition) -> Handled {
        let child = tokio::select! {
            biased;
            child = self.take() => child,
            // What that means is for whoever told it.
            _ = attempt.stopped() => return Err(TaskError::mere_stop()),
        };
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                tracing::error!(error, again_in = ?NO_CHILD, "a job waits, as its child process cannot be had");
                return Err(TaskError::snooze(NO_CHILD));
            }
        };
        let cap = self.cap(task);
        match child.perform(attempt, self.order(attempt, task, cap)).await {
            Ok((end, frame)) => {
                heard::repeat(attempt, end.said);
                self.take_back(child, end.resident);
                match attempt.stop_reason() {
                    Some(Stop::TimedOut) => Err(TaskError::mere_stop()),
                    _ => heard::handled(end.ended, frame),
                }
            }
            Err(lost) => died(attempt, &lost, cap),
        }
    }

    fn order<'a>(&self, attempt: &'a Attempt, task: &TaskDefinition, memory: Option<u64>) -> Order<'a> {
        let (job, envelope) = (&attempt.job, &attempt.job.envelope);
        let extras = envelope.extras();
        Order {
            number: 0,
            task: self.tasks.get(task.name()).map_or(usize::MAX, |(_, place)| *place),
            id: envelope.id.as_str().into(),
            queue: envelope.queue.as_str().into(),
            version: envelope.version,
            attempt: job.attempt,
            max_attempts: envelope.max_attempts,
            crashes: job.crashes,
            timeout: envelope.timeout,
            left: attempt.deadline.map(|end| end.saturating_duration_since(Instant::now().into_std())),
            grace: self.settings.sandbox.grace,
            memory,
            tags: extras.tags.as_slice().into(),
            headers: extras.headers.as_slice().into(),
            key: extras.key.as_deref().map(Into::into),
        }
    }
}

impl Elsewhere for Pool {
    fn takes(&self, task: &'static TaskDefinition) -> bool {
        self.tasks.contains_key(task.name())
    }

    fn run(self: Arc<Self>, context: Context, task: &'static TaskDefinition) -> HandlerFuture {
        Box::pin(async move { Self::run(&self, &context.0, task).await })
    }

    fn open(self: Arc<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move { self.prepare().await })
    }

    fn close(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.end().await })
    }
}

/// Returns the place of a task among those that are linked, which every process of this binary lists in the same order. Every
/// task is linked that can be named.
fn place_of(task: &TaskDefinition) -> usize {
    let of = |task: &TaskDefinition| (task.name(), task.source());
    tasks().position(|linked| of(linked) == of(task)).unwrap_or(usize::MAX)
}

/// Says how an attempt ended whose process did.
fn died(attempt: &Arc<Attempt>, lost: &Lost, cap: Option<u64>) -> Handled {
    let message = lost.message(cap);
    let Why::DidNotStop(why) = lost.why else {
        return Err(TaskError::told(Decision::Retry, FailureKind::Crash, message));
    };
    if why == Stop::TimedOut {
        let timeout = attempt.job.envelope.timeout.unwrap_or_default();
        let message = format!("timed out after {timeout:?}; {message}");
        return Err(TaskError::told(Decision::Retry, FailureKind::Timeout, message));
    }
    attempt.log(message);
    Err(TaskError::mere_stop())
}

/// Ends children that have been idle for too long, for as long as there is a pool.
async fn end_idle(pool: Weak<Pool>, has_idle: Arc<Notify>) {
    loop {
        // It is not held while nothing happens: whoever drops it ends this.
        let Some((stale, next)) = pool.upgrade().map(|pool| pool.take_stale()) else { return };
        for child in stale {
            tokio::spawn(child.dismiss(DISMISSED_WITHIN));
        }
        match next {
            Some(next) => tokio::time::sleep_until(next).await,
            None => has_idle.notified().await,
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.has_idle.notify_one();
    }
}
