//! Why a job does not run yet, in a sentence.

use crate::admin::Admin;
use crate::error::Result;
use crate::job::{Job, JobState};

impl Admin {
    /// Says in a sentence why a job does not run yet, if its state does not say it already.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store cannot be asked.
    pub async fn why_not_running(&self, job: &Job) -> Result<Option<String>> {
        if job.state() != JobState::Waiting {
            return self.why_blocked(job).await;
        }
        let queue = self.queue(job.queue()).await?;
        if queue.info.paused {
            return Ok(Some("its queue is paused".into()));
        }
        let workers = self.workers().await?;
        let mut serving = workers
            .iter()
            .filter(|worker| {
                worker.alive && !worker.draining && worker.queues.iter().any(|name| *name == *job.queue())
            })
            .peekable();
        if serving.peek().is_none() {
            return Ok(Some("no worker serves its queue".into()));
        }
        let version = job.envelope().version;
        let is_known = serving.any(|worker| {
            worker.tasks.iter().any(|task| task.name == *job.task() && version <= task.version)
        });
        Ok(Some(match is_known {
            false => "no worker of its queue has its task, in its version".into(),
            true => format!(
                "{} before it or beside it wait for the same workers",
                queue.info.counts.waiting.saturating_sub(1)
            ),
        }))
    }
}
