//! Who works, on what, and what can be run.

use std::collections::BTreeMap;

use crate::admin::{Admin, Query};
use crate::backend::{TaskInfo, WorkerInfo};
use crate::error::{Error, Result};
use crate::job::{Job, JobState, Name, WorkerId};

/// How many jobs in hand are shown of a worker.
const MOST_IN_HAND: usize = 1_000;

/// A worker with what it has in hand.
#[derive(Debug)]
#[non_exhaustive]
pub struct WorkerDetail {
    /// The worker as it described itself.
    pub info: WorkerInfo,
    /// The jobs that it holds.
    pub jobs: Vec<Job>,
}

/// A task that live workers can run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct KnownTask {
    /// What the newest version says of itself.
    pub info: TaskInfo,
    /// The versions that are running; several while a new one is rolled out.
    pub versions: Vec<u32>,
    /// How many live workers have it and serve its queue.
    pub workers: usize,
}

impl Admin {
    /// Lists the workers, the dead ones of the last minutes included.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        self.client.workers().await
    }

    /// Returns a worker, by its id or the end or beginning of it, with the jobs that it holds.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when there is none, or are several.
    pub async fn worker(&self, id: &str) -> Result<WorkerDetail> {
        let is_it = |worker: &WorkerInfo| {
            let full = worker.id.to_string();
            !id.is_empty() && (full.starts_with(id) || full.ends_with(id))
        };
        let mut found: Vec<_> = self.workers().await?.into_iter().filter(is_it).collect();
        match (found.pop(), found.len()) {
            (Some(info), 0) => {
                let jobs = self.in_hand(&info).await?;
                Ok(WorkerDetail { info, jobs })
            }
            (Some(_), others) => {
                Err(Error::Invalid(format!("{id:?} is what the ids of {} workers have", others + 1)))
            }
            (None, _) => Err(Error::Invalid(format!(
                "there is no worker {id:?}: it ended, or has been silent for long; `worker list` shows those there are"
            ))),
        }
    }

    async fn in_hand(&self, worker: &WorkerInfo) -> Result<Vec<Job>> {
        let mut held = Vec::new();
        for queue in &worker.queues {
            let query = Query::all().in_queue(queue).in_states(&[JobState::Active]);
            let mut after = None;
            loop {
                let page = self.jobs(&query, after.as_deref(), 250).await?;
                held.extend(page.jobs.into_iter().filter(|job| is_held_by(job, worker.id)));
                match page.next {
                    Some(next) if held.len() < MOST_IN_HAND => after = Some(next),
                    _ => break,
                }
            }
        }
        Ok(held)
    }

    /// Lists the tasks that live workers have published, by name.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the store cannot be asked.
    pub async fn tasks(&self) -> Result<Vec<KnownTask>> {
        let mut known: BTreeMap<Name, KnownTask> = BTreeMap::new();
        for worker in self.workers().await?.into_iter().filter(|worker| worker.alive) {
            for info in worker.tasks {
                let serves = usize::from(worker.queues.contains(&info.queue));
                let task = known.entry(info.name.clone()).or_insert_with(|| KnownTask {
                    info: info.clone(),
                    versions: Vec::new(),
                    workers: 0,
                });
                task.workers += serves;
                if !task.versions.contains(&info.version) {
                    task.versions.push(info.version);
                    task.versions.sort_unstable();
                }
                if task.info.version < info.version {
                    task.info = info;
                }
            }
        }
        Ok(known.into_values().collect())
    }
}

fn is_held_by(job: &Job, worker: WorkerId) -> bool {
    job.worker() == Some(worker)
}
