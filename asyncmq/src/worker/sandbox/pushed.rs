//! Jobs that a sandboxed handler enqueues: the child writes them down, the worker pushes them to its store.
//!
//! A child has no connection to the store, and cannot ask it anything else.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::child::Control;
use super::frames::{Frame, Kind};
use crate::backend::{BackendHandle, Pushed};
use crate::client::{Client, HEAD};
use crate::error::Result;
use crate::job::{Envelope, JobId, Name, OptionsText};
use crate::task::{Attempt, TaskError};

/// Jobs to be pushed; the arguments stand in the body.
#[derive(Serialize, Deserialize)]
pub(super) struct PushText<'a> {
    pub(super) call: u64,
    #[serde(borrow)]
    jobs: Vec<JobText<'a>>,
}

#[derive(Serialize, Deserialize)]
struct JobText<'a> {
    id: Cow<'a, str>,
    queue: Cow<'a, str>,
    task: Cow<'a, str>,
    version: u32,
    priority: u8,
    max_attempts: u32,
    /// The length of its arguments.
    args: usize,
    options: OptionsText<'a>,
}

/// What became of a push.
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) call: u64,
    pub(super) answer: Result<Vec<PushedText>, String>,
}

/// What became of a job.
#[derive(Serialize, Deserialize)]
pub(super) enum PushedText {
    Added,
    Exists { task: String },
    Deduplicated { id: String, task: String },
    Debounced { id: String },
    ParentGone { parent: usize },
}

/// Writes jobs down: the head and the body of a frame.
pub(super) fn write(call: u64, jobs: &[Arc<Envelope>]) -> (PushText<'_>, Vec<u8>) {
    let text = |job: &'_ Arc<Envelope>| job.args.len();
    let body = jobs.iter().fold(Vec::with_capacity(jobs.iter().map(text).sum()), |mut body, job| {
        body.extend_from_slice(&job.args);
        body
    });
    let jobs = jobs.iter().map(|job| JobText {
        id: Cow::Borrowed(job.id.as_str()),
        queue: Cow::Borrowed(job.queue.as_str()),
        task: Cow::Borrowed(job.task.as_str()),
        version: job.version,
        priority: job.priority,
        max_attempts: job.max_attempts,
        args: job.args.len(),
        options: OptionsText::of(job),
    });
    (PushText { call, jobs: jobs.collect() }, body)
}

/// Reads the jobs of a frame.
fn read(frame: &Frame) -> io::Result<(u64, Vec<Arc<Envelope>>)> {
    let text: PushText<'_> = frame.head()?;
    let mut body = frame.body.clone();
    let mut jobs = Vec::with_capacity(text.jobs.len());
    for job in text.jobs {
        if body.len() < job.args {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "arguments are missing"));
        }
        // Copied, as the store keeps each for a time of its own.
        let args = Bytes::copy_from_slice(&body.split_to(job.args));
        let (queue, task) = (Name::from_stored(&job.queue), Name::from_stored(&job.task));
        let mut envelope = Envelope::new(JobId::from_stored(&job.id), queue, task, args);
        (envelope.version, envelope.priority, envelope.max_attempts) =
            (job.version, job.priority, job.max_attempts);
        job.options.put_into(&mut envelope);
        jobs.push(Arc::new(envelope));
    }
    Ok((text.call, jobs))
}

/// Pushes the jobs that a child asks to be pushed, and tells it what became of them.
pub(super) fn carry_out(attempt: &Arc<Attempt>, frame: &Frame, control: &Arc<Control>) -> io::Result<()> {
    let (call, jobs) = read(frame)?;
    let (handle, control) = (attempt.site.backend.clone(), control.clone());
    tokio::spawn(async move {
        // The jobs of a flow came in one call, the one that ends with it last.
        let is_flow = jobs.last().is_some_and(|job| *job.task == *HEAD);
        let pushed = if is_flow { push_flow(handle, jobs).await } else { handle.push(&jobs).await };
        let answer = pushed
            .map(|all| all.into_iter().map(PushedText::of).collect())
            .map_err(|error| TaskError::from_handler(error.into()).message());
        control.send(Kind::Pushed, &Answer { call, answer }).await;
    });
    Ok(())
}

/// Takes a flow in, or leaves it as it is if it is known.
async fn push_flow(handle: BackendHandle, jobs: Vec<Arc<Envelope>>) -> Result<Vec<Pushed>> {
    let count = jobs.len();
    Client { handle }.take_in(jobs, true).await?;
    Ok(vec![Pushed::Added; count])
}

impl PushedText {
    fn of(pushed: Pushed) -> Self {
        match pushed {
            Pushed::Added => Self::Added,
            Pushed::Exists { task } => Self::Exists { task: task.to_string() },
            Pushed::Deduplicated { id, task } => {
                Self::Deduplicated { id: id.to_string(), task: task.to_string() }
            }
            Pushed::Debounced { id } => Self::Debounced { id: id.to_string() },
            Pushed::ParentGone { parent } => Self::ParentGone { parent },
        }
    }

    pub(super) fn into_pushed(self) -> Pushed {
        match self {
            Self::Added => Pushed::Added,
            Self::Exists { task } => Pushed::Exists { task: Name::from_stored(&task) },
            Self::Deduplicated { id, task } => {
                Pushed::Deduplicated { id: JobId::from_stored(&id), task: Name::from_stored(&task) }
            }
            Self::Debounced { id } => Pushed::Debounced { id: JobId::from_stored(&id) },
            Self::ParentGone { parent } => Pushed::ParentGone { parent },
        }
    }
}
