//! From a description to a worker that serves: checks everything that can be wrong, and starts the loops.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{TaskDefaults, TaskInfo, TaskSet, WorkerInfo};
use crate::client::schedule_of;
use crate::error::{Error, Result};
use crate::job::{Name, RateLimit, WorkerId, nearest};
use crate::lifecycle::Outcome;
use crate::settings::Settings;
use crate::task::{Elsewhere, Registry, States, TaskDefinition};
use crate::worker::builder::Worker;
use crate::worker::handle::{WorkerHandle, register};
use crate::worker::pump::Pump;
use crate::worker::shared::{Shared, Times};
use crate::worker::solo::{Solo, Turn};
use crate::worker::{duty, flows, lease, limits, schedules};

/// Where handlers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handlers {
    /// Those of sandboxed tasks in child processes.
    AsTheySay,
    /// All in this process, for tests: on their time, and beside what they have set up.
    Here,
}

/// What a worker is to be, checked.
pub(super) struct Plan {
    pub(super) shared: Arc<Shared>,
    queues: Vec<(Name, u32)>,
    rate_limit: Option<RateLimit>,
}

/// Says which queues none of the tasks names: jobs may be put there all the same, or the name is spelt wrong.
fn say_which_are_strange(shared: &Shared, queues: &[(Name, u32)]) {
    let named = || shared.tasks.values().filter(|task| !task.is_own()).map(|task| task.queue());
    for (queue, _) in queues.iter().filter(|(queue, _)| !named().any(|name| *queue == *name)) {
        let nearest = nearest(queue, named());
        tracing::warn!(
            queue = queue.as_str(),
            nearest,
            "none of this worker's tasks names this queue; it is served all the same"
        );
    }
}

impl Worker {
    /// Starts the worker and returns at once; for programs that do something else beside it, such as a web server.
    /// Installs no signal handlers.
    ///
    /// # Errors
    ///
    /// [`Error::Startup`] says what is wrong and what to do: no task or two of one name, a state that a task needs and
    /// nobody gave, a task that asks for what this version does not do; [`Error::InvalidName`] for a queue. And that
    /// of an `on_start` hook.
    pub async fn start(mut self) -> Result<WorkerHandle> {
        #[cfg(all(feature = "sandbox", unix))]
        crate::worker::sandbox::refuse_to_be_a_worker();
        let plan = self.plan(Handlers::AsTheySay)?;
        if let Some(elsewhere) = &plan.shared.site.elsewhere {
            elsewhere.clone().open().await?;
        }
        for hook in std::mem::take(&mut self.on_start) {
            hook.call("on_start", &self.client).await?;
        }
        let shared = plan.shared;
        say_which_are_strange(&shared, &plan.queues);
        // A store that does not answer now is waited for by the loops.
        let make_known = async {
            register(&shared).await;
            limits::declare_or_refuse(&shared).await
        };
        let in_time = tokio::time::timeout(Duration::from_secs(2), make_known).await;
        let are_declared = in_time.unwrap_or(Ok(false))?;
        let lease = lease::keep(shared.clone())?;
        let queues: Vec<Name> = plan.queues.iter().map(|(name, _)| name.clone()).collect();
        tracing::info!(
            worker = %shared.id,
            queues = queues.iter().map(Name::as_str).collect::<Vec<_>>().join(" "),
            tasks = shared.info.tasks.len(),
            concurrency = shared.info.concurrency,
            store = ?shared.backend,
            "the worker serves"
        );
        schedules::start(&shared, &queues);
        duty::start(&shared, queues, std::mem::take(&mut self.duties));
        let (first, queues, rate_limit) = (shared.clone(), plan.queues, plan.rate_limit);
        let pump = tokio::spawn(async move {
            if !are_declared {
                limits::declare_surely(&first).await;
            }
            Pump::new(first, queues, rate_limit).serve().await;
        });
        Ok(WorkerHandle { shared, pump, lease, on_stop: std::mem::take(&mut self.on_stop) })
    }

    /// Claims one job and runs it to its end; `None` if none may start now. For tests.
    ///
    /// # Errors
    ///
    /// What [`Worker::start`] says, and [`Error::Store`].
    pub async fn handle_one(&self) -> Result<Option<Outcome>> {
        let queues: Vec<Name> = self.plan(Handlers::Here)?.queues.into_iter().map(|(name, _)| name).collect();
        let solo = Solo::of(self)?;
        solo.declare_limits(&queues).await?;
        let turn = solo.run_one(&queues).await?;
        solo.end().await?;
        Ok(match turn {
            Turn::Ran(_, _, outcome) => Some(outcome),
            Turn::Idle(_) => None,
        })
    }

    /// Checks everything that can be wrong.
    pub(super) fn plan(&self, handlers: Handlers) -> Result<Plan> {
        let registry = self.registry.clone().unwrap_or_else(Registry::linked);
        registry.check()?;
        self.check_duties()?;
        let queues = self.served(&registry)?;
        let is_served = |task: &TaskDefinition| queues.iter().any(|(name, _)| *name == task.queue());
        check_tasks(registry.iter().filter(|task| is_served(task)), |task| self.check_task(task, handlers))?;
        self.plan_of(&registry, queues, handlers)
    }

    /// Puts together what the loops share, with the tasks that can be run here.
    pub(super) fn plan_of(
        &self,
        registry: &Registry,
        queues: Vec<(Name, u32)>,
        handlers: Handlers,
    ) -> Result<Plan> {
        self.settings.check()?;
        // Jobs of other tasks may be put into these queues; those that lack a state here are left to other workers.
        let able: Vec<_> = registry.iter().filter(|task| self.check_task(task, handlers).is_none()).collect();
        let runs: Vec<_> = able.iter().copied().chain(flows::TASKS).collect();
        let known: TaskSet =
            runs.iter().map(|task| (Name::from_static(task.name()), task.options().version)).collect();
        let id = WorkerId::generate();
        let info = worker_info(id, &queues, &self.settings, &able);
        let elsewhere = match handlers {
            Handlers::AsTheySay => elsewhere(self, &queues, &able),
            Handlers::Here => None,
        };
        let shared = Shared::new(
            self.client.handle.for_sender(id),
            runs.into_iter().map(|task| (task.name(), task)).collect(),
            known,
            self.states.clone(),
            self.layers.clone().into(),
            Times::of(&self.settings),
            self.settings.max_crashes,
            info,
            elsewhere,
        );
        Ok(Plan { shared, queues, rate_limit: self.settings.rate_limit })
    }

    /// Returns the queues to serve with their weights.
    fn served(&self, registry: &Registry) -> Result<Vec<(Name, u32)>> {
        let mut names: Vec<String> = match self.settings.queues.as_slice() {
            [] => registry.iter().map(|task| task.queue().to_owned()).collect(),
            named => named.to_vec(),
        };
        names.retain(|name| !self.settings.exclude_queues.contains(name));
        let mut queues: Vec<(Name, u32)> = Vec::new();
        for name in names {
            let name = Name::queue(&name)?;
            let weight = self.weights.iter().rev().find(|(queue, _)| name == queue.as_str());
            if !queues.iter().any(|(known, _)| *known == name) {
                queues.push((name, weight.map_or(1, |(_, weight)| *weight)));
            }
        }
        if queues.is_empty() {
            return Err(Error::Startup(
                "every queue is excluded, so there is nothing to serve: exclude fewer".into(),
            ));
        }
        self.check_weights(registry, &queues)?;
        Ok(queues)
    }

    /// Refuses a weight whose queue nobody has ever heard of: its name is spelt wrong.
    fn check_weights(&self, registry: &Registry, served: &[(Name, u32)]) -> Result<()> {
        let known: Vec<&str> = served
            .iter()
            .map(|(name, _)| name.as_str())
            .chain(registry.iter().map(|task| task.queue()))
            .chain(self.settings.exclude_queues.iter().map(String::as_str))
            .collect();
        match self.weights.iter().find(|(queue, _)| !known.contains(&queue.as_ref())) {
            None => Ok(()),
            Some((queue, _)) => {
                let near = nearest(queue, known.iter().copied());
                let hint = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
                Err(Error::Startup(format!(
                    "a weight is set for queue {queue:?}, which is neither served nor named by a task{hint}"
                )))
            }
        }
    }

    /// Says why a task cannot be served, if it cannot.
    fn check_task(&self, task: &TaskDefinition, handlers: Handlers) -> Option<String> {
        let is_sandboxed = self.settings.sandbox.all || task.options().sandbox;
        check_task(task, &self.states, handlers == Handlers::Here || !is_sandboxed).or_else(|| {
            let missing = NO_SANDBOX.filter(|_| is_sandboxed)?;
            let (name, source) = (task.name(), task.source());
            Some(format!("task {name:?} at {source} is to run in a child process (`sandbox`), and {missing}"))
        })
    }

    /// Refuses a duty that would do nothing else than begin again.
    fn check_duties(&self) -> Result<()> {
        match self.duties.iter().find(|duty| duty.every.is_zero()) {
            None => Ok(()),
            Some(duty) => {
                Err(Error::Startup(format!("duty {:?} has an interval of zero: give it one", duty.name)))
            }
        }
    }
}

impl Times {
    fn of(settings: &Settings) -> Self {
        let (lease, heartbeat) = (settings.lease, settings.heartbeat_interval);
        Self { lease, heartbeat, scan: settings.scan_interval, drain: settings.drain_timeout }
    }
}

/// Refuses to serve tasks that could not do what they say.
fn check_tasks<'a>(
    tasks: impl Iterator<Item = &'a TaskDefinition>,
    check: impl Fn(&TaskDefinition) -> Option<String>,
) -> Result<()> {
    let mut message = String::new();
    for problem in tasks.filter_map(check) {
        let _ = writeln!(message, "{problem}");
    }
    if message.is_empty() { Ok(()) } else { Err(Error::Startup(message.trim_end().into())) }
}

/// Says why a task cannot be served, if it cannot. Only handlers that run here take their state from here.
pub(super) fn check_task(task: &TaskDefinition, states: &States, runs_here: bool) -> Option<String> {
    let (name, source) = (task.name(), task.source());
    if runs_here && let Some(state) = task.states().iter().find(|state| !states.has((state.id)())) {
        let wanted = state.type_name;
        return Some(format!(
            "task {name:?} at {source} takes `State<{wanted}>`, which this worker was not given\n  \
             add `.state(…)` with a value of that type to the worker, or serve other queues than {:?}",
            task.queue()
        ));
    }
    if let Err(error) = schedule_of(task.options()) {
        return Some(format!(
            "task {name:?} at {source} cannot run by itself as its attribute says: {error}\n  \
             mend `cron`, `every` or `tz`"
        ));
    }
    None
}

/// Why no handler can run in a child process, if none can.
const NO_SANDBOX: Option<&str> = match (cfg!(feature = "sandbox"), cfg!(unix)) {
    (true, true) => None,
    (true, false) => {
        Some("that is there on Unix systems alone\n  serve its queue there, or remove `sandbox`")
    }
    (false, _) => Some(
        "this program was built without the crate's feature \"sandbox\"\n  `cargo add asyncmq --features sandbox`, or remove `sandbox`",
    ),
};

/// Returns who runs the handlers of these tasks that do not run here.
#[cfg(all(feature = "sandbox", unix))]
fn elsewhere(
    worker: &Worker,
    queues: &[(Name, u32)],
    tasks: &[&'static TaskDefinition],
) -> Option<Arc<dyn Elsewhere>> {
    let is_served = |task: &TaskDefinition| queues.iter().any(|(name, _)| *name == task.queue());
    let pool = crate::worker::sandbox::Pool::of(
        &worker.settings,
        worker.client.handle.max_payload(),
        tasks,
        is_served,
    )?;
    Some(pool)
}

/// Returns who runs the handlers of these tasks that do not run here: nobody, as such tasks were refused.
#[cfg(not(all(feature = "sandbox", unix)))]
fn elsewhere(_: &Worker, _: &[(Name, u32)], _: &[&'static TaskDefinition]) -> Option<Arc<dyn Elsewhere>> {
    None
}

fn worker_info(
    id: WorkerId,
    queues: &[(Name, u32)],
    settings: &Settings,
    tasks: &[&'static TaskDefinition],
) -> WorkerInfo {
    WorkerInfo {
        host: host(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").into(),
        queues: queues.iter().map(|(name, _)| name.clone()).collect(),
        concurrency: u32::try_from(settings.worker_concurrency).unwrap_or(u32::MAX),
        tasks: tasks.iter().map(|task| task_info(task)).collect(),
        ..WorkerInfo::new(id)
    }
}

fn host() -> String {
    let named = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    let asked =
        || std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    named.or_else(asked).unwrap_or_else(|| "unknown".into())
}

fn task_info(task: &'static TaskDefinition) -> TaskInfo {
    let options = task.options();
    TaskInfo {
        name: Name::from_static(task.name()),
        version: options.version,
        queue: Name::from_static(task.queue()),
        arguments: task.arguments().iter().map(|argument| argument.name.to_owned()).collect(),
        defaults: TaskDefaults {
            max_attempts: options.retries.saturating_add(1),
            priority: options.priority,
            delay: options.delay,
            ttl: options.ttl,
            timeout: options.timeout,
            backoff: options.backoff.clone(),
            retention: options.retain,
            tags: options.tags.iter().map(ToString::to_string).collect(),
            keyed: options.keyed,
            dedup: options.dedup,
            dedup_keyed: task.dedup_key.is_some(),
        },
        schedule: schedule_of(options).ok().flatten().map(|schedule| schedule.to_string()),
    }
}

/// What only a build without the feature can show.
#[cfg(all(test, feature = "macros", not(feature = "sandbox")))]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::task::{ArgumentDefinition, HandlerFuture, Invocation};

    fn run(_: Invocation) -> HandlerFuture {
        Box::pin(async { Ok("null".into()) })
    }

    #[test]
    fn a_sandboxed_task_names_the_feature_that_is_missing() {
        let mut options = crate::task::TaskOptions::DEFAULT;
        options.sandbox = true;
        let arguments: &'static [ArgumentDefinition] = &[];
        let task = TaskDefinition {
            name: "boxed",
            queue: "boxed",
            options,
            arguments,
            states: &[],
            hears_cancel: false,
            blocking: false,
            package: "test",
            file: "x.rs",
            line: 7,
            run,
            backoff: None,
            dedup_key: None,
        };
        let worker = Worker::new(&Client::memory());
        let said = worker.check_task(&task, Handlers::AsTheySay).unwrap();
        assert!(said.contains("\"boxed\" at x.rs:7") && said.contains("--features sandbox"), "{said}");
    }
}
