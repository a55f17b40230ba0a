//! Why a job does not run yet.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::backend::{LimitStanding, WorkerInfo};
use crate::client::{Client, JobHandle};
use crate::error::Result;
use crate::job::{Job, JobId, JobState, Limit, LimitScope, Name, Parent};
use crate::lifecycle::Allowance;
use crate::task::OWN;

/// How far a waiting job is looked for from the front.
const LOOKED_THROUGH: usize = 1_000;
/// At how many of the jobs that a job waits for is looked.
const MOST_PARENTS: usize = 100;
/// How many jobs are read at once on the way.
const AT_ONCE: usize = 250;

/// Why a job does not run yet: see [`Client::explain`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Where the job stands.
    pub state: JobState,
    /// What it waits for, what has to come first before what has to come then; empty for a job that runs or has ended.
    pub reasons: Vec<WaitsFor>,
    /// Why it was cancelled, if it was and anything was said: a limit at which nobody waits names itself and the key.
    pub cancelled: Option<String>,
}

/// One thing that a job waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// Its time: it is delayed, or its next attempt is.
    Time {
        /// When it is due, by the store's clock.
        until: SystemTime,
    },
    /// Another job that has to end first.
    Parent {
        /// That job.
        id: JobId,
        /// Its queue.
        queue: Name,
        /// Where it stands.
        state: JobState,
    },
    /// Others like it, of which there are too many to look at.
    MoreParents {
        /// How many were not looked at.
        count: usize,
    },
    /// The job that holds its deduplication key.
    Owner {
        /// The key.
        key: Arc<str>,
        /// The job that holds it; nothing if that has just ended.
        owner: Option<JobId>,
    },
    /// That its queue is resumed.
    Resume,
    /// A worker that serves its queue.
    Worker,
    /// A worker of its queue that has its task, in its version.
    Task {
        /// The task.
        task: Name,
        /// The version.
        version: u32,
    },
    /// A permit: as many jobs run as may at once.
    Permit {
        /// What is counted.
        scope: LimitScope,
        /// The key, if it is counted for itself.
        key: Option<Arc<str>>,
        /// How many run.
        running: u32,
        /// How many may.
        most: u32,
    },
    /// That its rate lets another job start.
    Rate {
        /// What is counted.
        scope: LimitScope,
        /// The key, if it is counted for itself.
        key: Option<Arc<str>>,
        /// What may start.
        limit: Limit,
        /// When the next may, by the store's clock; nothing if none may before the limit is changed.
        until: Option<SystemTime>,
    },
    /// Its turn.
    Turn {
        /// About how many jobs stand before it.
        ahead: u64,
        /// Whether there may be more of them.
        at_least: bool,
    },
}

impl Client {
    /// Says why a job does not run yet: its queue is paused, it is not due, a limit holds it back, no live worker serves
    /// its queue or knows its task, or others are before it.
    ///
    /// Looks through the first 1,000 waiting jobs of its queue at most.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store cannot be asked.
    pub async fn explain(&self, job: &Job) -> Result<Explanation> {
        let state = job.state();
        let reasons = match state {
            JobState::Waiting => self.explain_waiting(job).await?,
            JobState::Delayed => vec![WaitsFor::Time { until: job.status().run_at.into() }],
            JobState::Blocked => self.explain_blocked(job).await?,
            _ => Vec::new(),
        };
        Ok(Explanation { state, reasons, cancelled: job.cancel_reason().map(ToOwned::to_owned) })
    }

    async fn explain_blocked(&self, job: &Job) -> Result<Vec<WaitsFor>> {
        let parents = self.open_parents(job.parents()).await?;
        let Some(dedup) = job.envelope().dedup().filter(|_| parents.is_empty()) else { return Ok(parents) };
        let asked = self.backend().dedup_owner(job.queue_name(), &dedup.key);
        let owner = self.handle.ask("look a key up", asked).await?;
        Ok(vec![WaitsFor::Owner { key: (*dedup.key).into(), owner }])
    }

    /// Names those of a job's parents that have not ended.
    async fn open_parents(&self, parents: &[Parent]) -> Result<Vec<WaitsFor>> {
        let mut open = Vec::new();
        for parent in parents.iter().take(MOST_PARENTS) {
            let found = self.backend().find(&parent.queue, &parent.id);
            let found = self.handle.ask("look a job up", found).await?;
            if let Some(state) = found.map(|job| job.state()).filter(|state| !state.is_terminal()) {
                open.push(WaitsFor::Parent { id: parent.id.clone(), queue: parent.queue.clone(), state });
            }
        }
        if let Some(count) = parents.len().checked_sub(MOST_PARENTS).filter(|count| *count != 0) {
            open.push(WaitsFor::MoreParents { count });
        }
        Ok(open)
    }

    async fn explain_waiting(&self, job: &Job) -> Result<Vec<WaitsFor>> {
        let (backend, envelope) = (self.backend(), job.envelope());
        let queue = &envelope.queue;
        let info = self.handle.ask("look at a queue", backend.queue(queue)).await?;
        let key = envelope.key().map(|key| &**key);
        let held = self.handle.ask("look at limits", backend.held_by(queue, &envelope.task, key)).await?;
        let mut reasons = Vec::new();
        if info.paused {
            reasons.push(WaitsFor::Resume);
        }
        reasons.extend(without_worker(job, &self.workers().await?));
        reasons.extend(held.into_iter().filter_map(held_back));
        if reasons.is_empty() {
            let (ahead, at_least) = self.ahead_of(job).await?;
            reasons.push(WaitsFor::Turn { ahead, at_least });
        }
        Ok(reasons)
    }

    /// Counts the jobs that stand before one, as far as they are looked through.
    async fn ahead_of(&self, job: &Job) -> Result<(u64, bool)> {
        let (mut seen, mut after) = (0, None);
        while seen < LOOKED_THROUGH {
            let scan = self.backend().scan(job.queue_name(), JobState::Waiting, after.as_ref(), AT_ONCE);
            let step = self.handle.ask("look through a queue", scan).await?;
            if let Some(place) = step.jobs.iter().position(|other| other.id() == job.id()) {
                return Ok(((seen + place) as u64, false));
            }
            seen += step.jobs.len();
            after = step.next;
            if after.is_none() {
                return Ok((seen as u64, false));
            }
        }
        Ok((seen as u64, true))
    }
}

impl<T> JobHandle<T> {
    /// Says why the job does not run yet: see [`Client::explain`].
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) when its record is not kept any longer.
    pub async fn explain(&self) -> Result<Explanation> {
        let job = self.job().await?;
        self.client().explain(&job).await
    }
}

fn without_worker(job: &Job, workers: &[WorkerInfo]) -> Option<WaitsFor> {
    let (queue, task, version) = (job.queue_name(), &job.envelope().task, job.envelope().version);
    let mut serving = workers
        .iter()
        .filter(|worker| worker.alive && !worker.draining && worker.queues.contains(queue))
        .peekable();
    if serving.peek().is_none() {
        return Some(WaitsFor::Worker);
    }
    let knows =
        |worker: &WorkerInfo| worker.tasks.iter().any(|own| own.name == *task && version <= own.version);
    (!task.starts_with(OWN) && !serving.any(knows)).then(|| WaitsFor::Task { task: task.clone(), version })
}

fn held_back(standing: LimitStanding) -> Option<WaitsFor> {
    let LimitStanding { scope, key, limit, running, allowance } = standing;
    let until = match allowance {
        Allowance::May(_) => return None,
        Allowance::Until(time) => Some(time.into()),
        Allowance::Full => None,
    };
    Some(match limit.concurrency_limit().filter(|most| *most <= running) {
        Some(most) => WaitsFor::Permit { scope, key, running, most },
        None => WaitsFor::Rate { scope, key, limit, until },
    })
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reasons.is_empty() {
            write!(f, "it waits for nothing: it is {}", self.state)?;
            return self.cancelled.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"));
        }
        for (place, reason) in self.reasons.iter().enumerate() {
            let comma = if place == 0 { "" } else { "; " };
            write!(f, "{comma}{reason}")?;
        }
        Ok(())
    }
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time { .. } => f.write_str("it is not due yet"),
            Self::Parent { id, queue, state } => {
                write!(f, "it waits for job {id} of queue {:?}, which is {state}", &**queue)
            }
            Self::MoreParents { count } => write!(f, "it may wait for {count} more jobs"),
            Self::Owner { key, owner: Some(owner) } => {
                write!(f, "it waits for job {owner} to end, which holds the key {key:?}")
            }
            Self::Owner { key, owner: None } => {
                write!(f, "it waits for the job to end that holds the key {key:?}")
            }
            Self::Resume => f.write_str("its queue is paused"),
            Self::Worker => f.write_str("no worker serves its queue"),
            Self::Task { task, version } => {
                write!(f, "no worker of its queue has its task {task:?}, in version {version}")
            }
            Self::Permit { scope, key, running, most } => {
                write!(
                    f,
                    "as many jobs of its {} run as may at once ({running}/{most})",
                    whose(scope, key.as_deref())
                )
            }
            Self::Rate { scope, key, limit, until } => {
                let rate = limit.rate_limit().map(|rate| rate.to_string()).unwrap_or_default();
                write!(f, "its {} may start no more now ({rate})", whose(scope, key.as_deref()))?;
                match until {
                    None => f.write_str(": nothing starts before that is changed"),
                    Some(until) => {
                        let wait = until.duration_since(SystemTime::now()).unwrap_or_default();
                        write!(f, ", the next in about {:?}", rounded(wait))
                    }
                }
            }
            Self::Turn { ahead, at_least } => {
                let at_least = if *at_least { "at least " } else { "about " };
                write!(f, "{at_least}{ahead} jobs stand before it")
            }
        }
    }
}

fn rounded(wait: Duration) -> Duration {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    if millis < 10_000 { Duration::from_millis(millis) } else { Duration::from_secs(wait.as_secs()) }
}

fn whose(scope: &LimitScope, key: Option<&str>) -> String {
    match (scope, key) {
        (LimitScope::Queue, _) => "queue".into(),
        (LimitScope::Task(_), Some(key)) => format!("key {key:?}"),
        (LimitScope::Task(_), None) => "task".into(),
    }
}
