//! Why a job does not run yet, in a sentence.

use crate::admin::Admin;
use crate::error::Result;
use crate::job::{Job, JobState};

impl Admin {
    /// Says in a sentence why a job does not run yet, if its state does not say it already:
    /// see [`Client::explain`](crate::Client::explain).
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store cannot be asked.
    pub async fn why_not_running(&self, job: &Job) -> Result<Option<String>> {
        match job.state() {
            JobState::Waiting | JobState::Blocked => Ok(Some(self.client.explain(job).await?.to_string())),
            _ => Ok(None),
        }
    }
}
