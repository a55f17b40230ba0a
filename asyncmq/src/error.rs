//! What can go wrong for a caller of this library, in words that say what to do.

use std::fmt;
use std::time::Duration;

use crate::job::{JobId, JobState};

/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
///
/// Its `Debug` prints what its `Display` prints and the causes below, so that a
/// `main() -> asyncmq::Result<()>` shows people a message and not a structure.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A queue, task or job id that no store takes.
    #[error("invalid {what} {name:?}: {reason}")]
    InvalidName {
        /// What it was to name.
        what: &'static str,
        /// The name, or its beginning.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An option, setting or URL that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// Arguments that cannot be stored or are too large.
    #[error("the arguments of task {task:?} {reason}")]
    Payload {
        /// The task.
        task: String,
        /// What is wrong with them.
        reason: String,
    },
    /// One job of a bulk was refused; nothing was sent.
    #[error("job {index} of the bulk is refused; nothing was enqueued")]
    Bulk {
        /// Its place, from 0.
        index: usize,
        /// Why.
        source: Box<Error>,
    },
    /// The id belongs to a job of another task.
    #[error("job {id} belongs to task {found:?}, not to {wanted:?}")]
    OtherTask {
        /// The id.
        id: JobId,
        /// The task of the job of that id.
        found: String,
        /// The task that was asked for.
        wanted: String,
    },
    /// The deduplication key is held by a job of another task: nothing was enqueued.
    #[error(
        "the deduplication key {key:?} is held by job {id} of task {found:?}, not of {wanted:?}: give the jobs of each task keys of \
         their own"
    )]
    KeyHeld {
        /// The key.
        key: String,
        /// The job that holds it.
        id: JobId,
        /// That job's task.
        found: String,
        /// The task of the job that was to be enqueued.
        wanted: String,
    },
    /// Another job of its deduplication key took the job's place before it started.
    #[error(
        "job {id} was replaced by job {by}, which has the same deduplication key, before it started: wait for that one"
    )]
    JobReplaced {
        /// The job.
        id: JobId,
        /// The job in its place.
        by: JobId,
    },
    /// A job that another one was to wait for is not known: that one was not enqueued.
    #[error(
        "job {id} was not enqueued: it waits for job {parent}{}, which never was, or whose record is no longer kept",
        queue.as_ref().map(|queue| format!(" of queue {queue:?}")).unwrap_or_default()
    )]
    ParentGone {
        /// The job that was to wait.
        id: JobId,
        /// The job that it was to wait for.
        parent: String,
        /// That job's queue, if it was said.
        queue: Option<String>,
    },
    /// No such flow: it never was, or the record of the job that ends with it is no longer kept.
    #[error("there is no flow {id:?}: it never was, or its record is no longer kept")]
    FlowNotFound {
        /// The id.
        id: String,
    },
    /// No such job: it never was, or its record is no longer kept.
    #[error("there is no job {id} in queue {queue:?}: it never was, or its record is no longer kept")]
    NotFound {
        /// The id.
        id: JobId,
        /// The queue.
        queue: String,
    },
    /// No such schedule: it never was, or it was removed.
    #[error("there is no schedule {id:?}: it never was, or it was removed")]
    ScheduleNotFound {
        /// The id.
        id: String,
    },
    /// A move between two states that the lifecycle does not have.
    #[error("job {id} is {from} and cannot become {to}")]
    IllegalMove {
        /// The job.
        id: JobId,
        /// Where it stands.
        from: JobState,
        /// Where it was to go.
        to: JobState,
    },
    /// The job failed for good.
    #[error(
        "job {id} {}: {message}",
        if *attempts == 0 { "failed before it ran".to_owned() } else { format!("failed after {attempts} attempt(s)") }
    )]
    JobFailed {
        /// The job.
        id: JobId,
        /// How many attempts it had.
        attempts: u32,
        /// What the last one said.
        message: String,
    },
    /// The job was cancelled.
    #[error("job {id} was cancelled{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    JobCancelled {
        /// The job.
        id: JobId,
        /// Why, if somebody said.
        reason: Option<String>,
    },
    /// The job's time to live ended before it could start.
    #[error("job {id} expired before a worker could start it")]
    JobExpired {
        /// The job.
        id: JobId,
    },
    /// The job ended, but its result was not kept.
    #[error("the result of job {id} is gone: its record was not kept, or no longer is (see `retain`)")]
    ResultGone {
        /// The job.
        id: JobId,
    },
    /// A result of another type than the task's.
    #[error("the result of job {id} is not of the type that its task returns")]
    ResultType {
        /// The job.
        id: JobId,
        /// What `serde_json` found.
        source: serde_json::Error,
    },
    /// The time was over before the answer came; the job goes on.
    #[error("no result of job {id} within {within:?}; the job goes on")]
    ResultTimeout {
        /// The job.
        id: JobId,
        /// How long was waited.
        within: Duration,
    },
    /// The store did not answer whether it took these jobs. Enqueueing them again is harmless.
    #[error("the store did not confirm {} job(s); enqueue the same ids again, which is harmless", ids.len())]
    Unconfirmed {
        /// Their ids.
        ids: Vec<JobId>,
        /// What the store or the network said last.
        source: BoxError,
    },
    /// A worker that cannot start: what is wrong and what to do, on several lines.
    #[error("{0}")]
    Startup(String),
    /// Something that the spec has and this version or build does not.
    #[error("{0}")]
    Unsupported(String),
    /// The store refused or could not be reached.
    #[error("the {store} store could not {action}")]
    Store {
        /// Which store.
        store: &'static str,
        /// What it was to do.
        action: &'static str,
        /// Why it could not.
        source: BoxError,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, "\n  because: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_message_and_its_causes() {
        let inner = Error::Invalid("queue is spelt wrong".into());
        let error = Error::Bulk { index: 3, source: Box::new(inner) };
        assert_eq!(
            format!("{error:?}"),
            "job 3 of the bulk is refused; nothing was enqueued\n  because: queue is spelt wrong"
        );
    }
}
