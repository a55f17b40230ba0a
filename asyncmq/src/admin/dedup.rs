//! Who holds the deduplication key of a job.

use crate::admin::Admin;
use crate::error::Result;
use crate::job::{Job, JobId, JobState};

impl Admin {
    /// Returns the job that holds the deduplication key of a job: itself, another one, or none. Of a job without a key the store is
    /// not asked.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store cannot be asked.
    pub async fn dedup_owner(&self, job: &Job) -> Result<Option<JobId>> {
        match job.envelope().dedup() {
            Some(dedup) => self.client.queue(job.queue()).get_deduplication_job_id(&dedup.key).await,
            None => Ok(None),
        }
    }

    /// Says why a job is blocked.
    pub(super) async fn why_blocked(&self, job: &Job) -> Result<Option<String>> {
        if job.state() != JobState::Blocked {
            return Ok(None);
        }
        let owner = self.dedup_owner(job).await?.filter(|owner| owner != job.id());
        Ok(Some(match owner {
            Some(owner) => format!("job {owner} has the same deduplication key and has not ended"),
            None => "it waits for other jobs to end".into(),
        }))
    }
}
