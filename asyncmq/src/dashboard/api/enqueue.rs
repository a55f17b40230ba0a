//! Enqueueing from programs in any language: a task's name and its arguments.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Body;
use crate::client::{NewJob, Untyped};
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::visit::Visit;
use crate::job::{nearest, parse_duration};

/// A job as a program describes it; the fields of `asyncmq job add`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::dashboard) struct Wanted {
    pub(super) task: String,
    #[serde(default)]
    args: Value,
    pub(super) queue: Option<String>,
    delay: Option<Time>,
    priority: Option<u8>,
    retries: Option<u32>,
    ttl: Option<Time>,
    timeout: Option<Time>,
    id: Option<String>,
    dedup: Option<String>,
    dedup_key: Option<String>,
    key: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// Seconds, or a text such as `5m`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Seconds(f64),
    Text(String),
}

impl Time {
    fn read(&self, name: &str) -> Result<Duration, Refusal> {
        match self {
            Self::Seconds(seconds) => Duration::try_from_secs_f64(*seconds)
                .map_err(|error| Refusal::bad(format!("{name}: {seconds} is no time: {error}"))),
            Self::Text(text) => {
                parse_duration(text).map_err(|reason| Refusal::bad(format!("{name}: {reason}")))
            }
        }
    }
}

/// Enqueues one.
pub(in crate::dashboard) async fn add(visit: Visit, Body(wanted): Body<Wanted>) -> Answer {
    let (task, queue) = (wanted.task.clone(), wanted.queue.clone());
    if queue.is_none() {
        check_known(&visit, &task).await?;
    }
    let job = describe(wanted)?;
    let enqueueing = visit.order(|admin| async move {
        let enqueued = async {
            match &queue {
                Some(queue) => admin.client().queue(queue).add(job).await,
                None => admin.client().enqueue(job).await,
            }
        };
        admin.on_record(("job.add", &format!("task:{task}")), enqueued, |_| 1).await
    });
    let handle = enqueueing.await?;
    let body = json!({ "id": handle.id().to_string(), "queue": handle.queue() });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// A job of a misspelt task would wait for ever.
pub(in crate::dashboard) async fn check_known(visit: &Visit, task: &str) -> Result<(), Refusal> {
    let known = visit.admin().tasks().await?;
    if known.iter().any(|known| known.info.name == *task) || crate::task::linked(task).is_some() {
        return Ok(());
    }
    let near = nearest(task, known.iter().map(|known| known.info.name.as_str()));
    let hint = near.map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"));
    Err(Refusal::bad(format!(
        "no live worker has a task {task:?}{hint}; to enqueue it all the same, say into which \"queue\""
    )))
}

pub(super) fn describe(wanted: Wanted) -> Result<NewJob<Untyped>, Refusal> {
    let mut job = NewJob::new(wanted.task).args(wanted.args);
    if let Some(delay) = wanted.delay {
        job = job.delay(delay.read("delay")?);
    }
    if let Some(priority) = wanted.priority {
        job = job.priority(priority);
    }
    if let Some(retries) = wanted.retries {
        job = job.retries(retries);
    }
    if let Some(ttl) = wanted.ttl {
        job = job.ttl(ttl.read("ttl")?);
    }
    if let Some(timeout) = wanted.timeout {
        job = job.timeout(timeout.read("timeout")?);
    }
    if let Some(mode) = wanted.dedup {
        job = job.dedup(mode.parse()?);
    }
    if let Some(key) = wanted.dedup_key {
        job = job.dedup_key(key);
    }
    if let Some(key) = wanted.key {
        job = job.key(key);
    }
    if let Some(id) = wanted.id {
        job = job.id(id);
    }
    for tag in wanted.tags {
        job = job.tag(tag);
    }
    for (key, value) in wanted.headers {
        job = job.header(key, value);
    }
    Ok(job)
}
