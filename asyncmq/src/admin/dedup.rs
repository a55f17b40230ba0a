//! Who holds the deduplication key of a job.

use crate::admin::Admin;
use crate::error::Result;
use crate::job::{Job, JobId};

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
}
