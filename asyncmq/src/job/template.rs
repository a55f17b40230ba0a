//! A job as JSON of which others are made: what a schedule pushes in each slot, and a flow for each element of a list.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::job::{Envelope, JobId, Name, OptionsText};

/// An envelope without its id.
#[derive(Serialize, Deserialize)]
struct JobText<'a> {
    queue: Cow<'a, str>,
    task: Cow<'a, str>,
    version: u32,
    args: ArgsText<'a>,
    priority: u8,
    max_attempts: u32,
    #[serde(flatten)]
    options: OptionsText<'a>,
}

/// Arguments are opaque; nearly always they are text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ArgsText<'a> {
    Text(Cow<'a, str>),
    Bytes(Vec<u8>),
}

/// Writes a job; for serde's `with`. Its id and its parents are not kept: what is made of it has its own.
pub(crate) fn serialize<S: Serializer>(job: &Envelope, to: S) -> Result<S::Ok, S::Error> {
    let Envelope { id: _, queue, task, version, args, priority, max_attempts, .. } = job;
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
        options: OptionsText::of(job).without_parents(),
    };
    text.serialize(to)
}

/// Reads a job; for serde's `with`. Its id is empty.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Envelope, D::Error> {
    let text = JobText::deserialize(from)?;
    let args = match text.args {
        ArgsText::Text(text) => Bytes::from(text.into_owned()),
        ArgsText::Bytes(bytes) => bytes.into(),
    };
    let (queue, task) = (Name::from_stored(&text.queue), Name::from_stored(&text.task));
    let mut job = Envelope::new(JobId::from_stored(""), queue, task, args);
    (job.version, job.priority, job.max_attempts) = (text.version, text.priority, text.max_attempts);
    text.options.put_into(&mut job);
    Ok(job)
}
