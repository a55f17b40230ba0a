//! The job of a schedule as JSON: what is pushed anew in each slot.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::job::{Backoff, DedupKey, Due, Envelope, Extras, JobId, Name, Retention};

/// An envelope without its id.
#[derive(Serialize, Deserialize)]
struct JobText<'a> {
    queue: Cow<'a, str>,
    task: Cow<'a, str>,
    version: u32,
    args: ArgsText<'a>,
    priority: u8,
    max_attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delay: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backoff: Option<BackoffText<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retention: Option<RetentionText>,
    #[serde(default, skip_serializing_if = "is_empty")]
    tags: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "is_empty")]
    headers: Cow<'a, [(String, String)]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dedup: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dedup_key: Option<Cow<'a, str>>,
}

#[expect(clippy::ptr_arg, reason = "serde calls it with a reference to the field")]
fn is_empty<T: Clone>(list: &Cow<'_, [T]>) -> bool {
    list.is_empty()
}

/// Arguments are opaque; nearly always they are text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ArgsText<'a> {
    Text(Cow<'a, str>),
    Bytes(Vec<u8>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BackoffText<'a> {
    Fixed(Duration),
    Exponential { first: Duration, factor: f64, max: Duration, jitter: f64 },
    Power(f64),
    List(Cow<'a, [Duration]>),
    Custom,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RetentionText {
    Nothing,
    For(Duration),
}

/// Writes a job; for serde's `with`. Its id and its parents are not kept: each slot's job has an id of its own.
pub(super) fn serialize<S: Serializer>(job: &Envelope, to: S) -> Result<S::Ok, S::Error> {
    let Envelope { id: _, queue, task, version, args, priority, max_attempts, .. } = job;
    let Extras { tags, headers, parents: _, key, dedup } = job.extras();
    let args = match std::str::from_utf8(args) {
        Ok(text) => ArgsText::Text(text.into()),
        Err(_) => ArgsText::Bytes(args.to_vec()),
    };
    let text = JobText {
        queue: queue.as_str().into(),
        task: task.as_str().into(),
        version: *version,
        args,
        priority: *priority,
        max_attempts: *max_attempts,
        delay: if let Due::After(delay) = job.due { Some(delay) } else { None },
        ttl: job.ttl,
        timeout: job.timeout,
        backoff: (job.backoff != Backoff::DEFAULT).then(|| backoff_text(&job.backoff)),
        retention: match job.retention {
            Retention::Standard => None,
            Retention::Nothing => Some(RetentionText::Nothing),
            Retention::For(time) => Some(RetentionText::For(time)),
        },
        tags: Cow::Borrowed(tags),
        headers: Cow::Borrowed(headers),
        key: key.as_deref().map(Cow::Borrowed),
        dedup: dedup.as_ref().map(|dedup| dedup.mode.to_string()),
        dedup_key: dedup.as_ref().map(|dedup| Cow::Borrowed(&*dedup.key)),
    };
    text.serialize(to)
}

fn backoff_text(backoff: &Backoff) -> BackoffText<'_> {
    // JSON has neither infinities nor NaN; the rules treat these alike.
    let finite = |value: f64| if value.is_nan() { 0.0 } else { value.clamp(f64::MIN, f64::MAX) };
    match backoff {
        Backoff::Fixed(delay) => BackoffText::Fixed(*delay),
        Backoff::Exponential { first, factor, max, jitter } => {
            let (factor, jitter) = (finite(*factor), finite(*jitter));
            BackoffText::Exponential { first: *first, factor, max: *max, jitter }
        }
        Backoff::Power(base) => BackoffText::Power(finite(*base)),
        Backoff::List(delays) => BackoffText::List(Cow::Borrowed(delays)),
        Backoff::Custom => BackoffText::Custom,
    }
}

/// Reads a job; for serde's `with`. Its id is empty.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Envelope, D::Error> {
    let text = JobText::deserialize(from)?;
    let args = match text.args {
        ArgsText::Text(text) => Bytes::from(text.into_owned()),
        ArgsText::Bytes(bytes) => bytes.into(),
    };
    let (queue, task) = (Name::from_stored(&text.queue), Name::from_stored(&text.task));
    let mut job = Envelope::new(JobId::from_stored(""), queue, task, args);
    (job.version, job.priority, job.max_attempts) = (text.version, text.priority, text.max_attempts);
    (job.due, job.ttl, job.timeout) = (text.delay.map_or(Due::Now, Due::After), text.ttl, text.timeout);
    job.backoff = match text.backoff {
        None => Backoff::DEFAULT,
        Some(BackoffText::Fixed(delay)) => Backoff::Fixed(delay),
        Some(BackoffText::Exponential { first, factor, max, jitter }) => {
            Backoff::Exponential { first, factor, max, jitter }
        }
        Some(BackoffText::Power(base)) => Backoff::Power(base),
        Some(BackoffText::List(delays)) => Backoff::list(delays.into_owned()),
        Some(BackoffText::Custom) => Backoff::Custom,
    };
    job.retention = match text.retention {
        None => Retention::Standard,
        Some(RetentionText::Nothing) => Retention::Nothing,
        Some(RetentionText::For(time)) => Retention::For(time),
    };
    let mode = text.dedup.and_then(|mode| mode.parse().ok());
    let extras = Extras {
        tags: text.tags.into_owned(),
        headers: text.headers.into_owned(),
        parents: Vec::new(),
        key: text.key.as_deref().map(Into::into),
        dedup: mode.zip(text.dedup_key).map(|(mode, key)| DedupKey::from_stored(&key, mode)),
    };
    if extras != Extras::default() {
        job.extras = Some(Box::new(extras));
    }
    Ok(job)
}
