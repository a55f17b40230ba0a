//! A job's record: what a lane's profile does not say of it, behind what the script puts in front.
//!
//! A profile is what the jobs of a lane have in common, kept once in a queue under a name made from its bytes. Jobs with
//! a due time, a time to live, tags, headers or parents carry their options themselves, and share only a short profile.

use std::sync::Arc;

use bytes::Bytes;

use super::bytes::{Garbled, Reader, Result, Writer, text};
use super::options::{
    put_backoff, put_due, put_extras, put_retention, read_backoff, read_due, read_extras, read_retention,
};
use crate::clock::Timestamp;
use crate::job::{Envelope, JobId, MAX_KEY, Name};

/// The version of the format.
const VERSION: u8 = 1;
/// The length of a lane's name.
pub(in super::super) const LANE: usize = 9;
/// What a profile says of jobs that carry their options, and a key.
const KEYED: u8 = 2;
/// Where a record says when the job was taken in.
const TIME: usize = 5;
/// The bit of that time which scripts set for a job that has a side record.
const HAS_SIDE: u64 = 1 << 55;
/// Where a record names its lane.
const LANE_AT: usize = 14;

/// The name of a lane: its priority (2 hexadecimal digits; of jobs with keys the first one is a letter from g to v) and a
/// digest of its profile.
pub(in super::super) type Lane = [u8; LANE];

/// What the jobs of a lane have in common.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Profile {
    /// The task.
    pub(in super::super) task: Name,
    /// Its version.
    pub(in super::super) version: u32,
    /// Everything but id, queue and arguments, unless each job carries that itself.
    whole: Option<Box<Envelope>>,
    /// Whether each job carries a key.
    keyed: bool,
    priority: u8,
}

/// Returns the profile of a job: a whole one if the job shall carry nothing itself.
pub(in super::super) fn profile_of(job: &Envelope, whole: bool) -> Vec<u8> {
    let mut to = Vec::with_capacity(32 + job.task.len());
    let kind = if job.key().is_some() { KEYED } else { u8::from(whole) };
    to.extend([VERSION, kind, job.priority]);
    to.put_u32(job.version);
    to.put_text(&job.task);
    if whole {
        put_options(job, &mut to);
    }
    to
}

/// Returns the name of the lane of a profile.
pub(in super::super) fn lane_of(profile: &[u8]) -> Lane {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    const KEYED_DIGITS: &[u8; 16] = b"ghijklmnopqrstuv";
    let fnv = profile.iter().fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
        (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let digest = fnv ^ (fnv >> 32);
    let priority = profile.get(2).copied().unwrap_or_default();
    let first = if profile.get(1) == Some(&KEYED) { KEYED_DIGITS } else { DIGITS };
    std::array::from_fn(|place| match place {
        0 => first[usize::from(priority >> 4)],
        1 => DIGITS[usize::from(priority & 15)],
        _ => LETTERS[(digest >> (6 * (place - 2)) & 63) as usize],
    })
}

/// Writes the body of a record: place in the batch, lane, key if there is one, options unless they are in the profile,
/// arguments.
pub(in super::super) fn put_body(job: &Envelope, place: u16, lane: Lane, whole: bool, to: &mut Vec<u8>) {
    to.put(&place.to_be_bytes());
    to.put(&lane);
    if whole { to.put(&job.args) } else { put_rest(job, to) }
}

/// Returns what stands behind the lane in the record of a job that carries its options.
pub(in super::super) fn rest_of_record(job: &Envelope) -> Vec<u8> {
    let mut to = Vec::new();
    put_rest(job, &mut to);
    to
}

fn put_rest(job: &Envelope, to: &mut Vec<u8>) {
    if let Some(key) = job.key() {
        to.put(&[u8::try_from(key.len()).unwrap_or(u8::MAX)]);
        to.put(&key.as_bytes()[..key.len().min(MAX_KEY)]);
    }
    put_options(job, to);
    put_due(job.due, to);
    to.put_option(job.ttl, |to, ttl| to.put_duration(ttl));
    to.put_option(job.extras.as_deref(), |to, extras| put_extras(extras, to));
    to.put(&job.args);
}

fn put_options(job: &Envelope, to: &mut Vec<u8>) {
    to.put_u32(job.max_attempts);
    to.put_option(job.timeout, |to, timeout| to.put_duration(timeout));
    put_backoff(&job.backoff, to);
    put_retention(job.retention, to);
}

fn read_options(from: &mut Reader<'_>, job: &mut Envelope) -> Result<()> {
    job.max_attempts = from.u32()?;
    job.timeout = from.option(Reader::duration)?;
    job.backoff = read_backoff(from)?;
    job.retention = read_retention(from)?;
    Ok(())
}

/// Reads a profile.
pub(in super::super) fn read_profile(bytes: &[u8]) -> Result<Profile> {
    let mut from = Reader(bytes);
    if from.u8()? != VERSION {
        return Err(Garbled("a profile of another version"));
    }
    let kind = from.u8()?;
    if KEYED < kind {
        return Err(Garbled("a profile"));
    }
    let (priority, version) = (from.u8()?, from.u32()?);
    let task = Name::from_stored(from.text()?);
    let mut profile = Profile { task, version, whole: None, keyed: kind == KEYED, priority };
    if kind == 1 {
        let mut job = profile.envelope(JobId::from_stored(""), profile.task.clone(), Bytes::new());
        read_options(&mut from, &mut job)?;
        profile.whole = Some(Box::new(job));
    }
    if !from.is_empty() {
        return Err(Garbled("a profile"));
    }
    Ok(profile)
}

impl Profile {
    fn envelope(&self, id: JobId, queue: Name, args: Bytes) -> Envelope {
        Envelope {
            version: self.version,
            priority: self.priority,
            ..Envelope::new(id, queue, self.task.clone(), args)
        }
    }

    /// Tells which lane the profile's jobs wait in, given its bytes' name.
    pub(in super::super) fn subject(&self, id: JobId, queue: Name) -> Arc<Envelope> {
        Arc::new(self.envelope(id, queue, Bytes::new()))
    }
}

/// Returns the lane that a record names.
pub(in super::super) fn lane_in(record: &[u8]) -> Result<Lane> {
    record.get(LANE_AT..).and_then(|rest| rest.first_chunk()).copied().ok_or(Garbled("a record"))
}

/// Returns when the job of a record was taken in.
pub(super) fn created_at(record: &[u8]) -> Result<Timestamp> {
    let noted = Reader(record.get(TIME..).unwrap_or_default()).moment()?;
    Ok(Timestamp::from_micros(noted.as_micros() & !HAS_SIDE))
}

/// Reads a record with the profile of its lane.
pub(in super::super) fn read_record(
    id: JobId,
    queue: Name,
    record: Vec<u8>,
    profile: &Profile,
) -> Result<Envelope> {
    let record = Bytes::from(record);
    let rest = record.get(LANE_AT + LANE..).ok_or(Garbled("a record"))?;
    if let Some(whole) = &profile.whole {
        let args = record.slice_ref(rest);
        return Ok(Envelope { id, queue, args, ..Envelope::clone(whole) });
    }
    let mut from = Reader(rest);
    let key = if profile.keyed {
        let length = usize::from(from.u8()?);
        Some(text(from.take(length)?)?)
    } else {
        None
    };
    let mut job = profile.envelope(id, queue, Bytes::new());
    read_options(&mut from, &mut job)?;
    job.due = read_due(&mut from)?;
    job.ttl = from.option(Reader::duration)?;
    job.extras = from.option(read_extras)?.map(Box::new);
    if let Some(key) = key {
        job.extras_mut().key = Some(key.into());
    }
    job.args = record.slice_ref(from.0);
    Ok(job)
}

/// Returns the task that a profile names.
pub(in super::super) fn task_in(profile: &[u8]) -> Result<Name> {
    let mut from = Reader(profile.get(7..).ok_or(Garbled("a profile"))?);
    let length = usize::from(from.u16()?);
    Ok(Name::from_stored(text(from.take(length)?)?))
}
