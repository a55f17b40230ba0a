//! How a job stands, put together from what scripts keep of it, and the pieces that scripts take in.

use bytes::Bytes;

use super::bytes::{Garbled, Reader, Result, Writer, text};
use super::id::read_worker;
use super::record::created_at;
use crate::backend::Report;
use crate::job::{Failure, FailureKind, JobState, LogLine, Progress, Status};

/// All that is kept of one job, as the script `look` gives it; empty where there is nothing.
#[derive(Debug, Default)]
pub(in super::super) struct Kept {
    pub(in super::super) id: Vec<u8>,
    pub(in super::super) record: Vec<u8>,
    pub(in super::super) profile: Vec<u8>,
    pub(in super::super) side: Vec<u8>,
    pub(in super::super) claim: Vec<u8>,
    pub(in super::super) done: Vec<u8>,
    pub(in super::super) failures: Vec<u8>,
    pub(in super::super) lines: Vec<u8>,
    pub(in super::super) progress: Vec<u8>,
}

/// A side record, as far as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Side {
    state: JobState,
    pub(in super::super) attempt: u32,
    pub(in super::super) crashes: u32,
    run_at: u64,
    expires: u64,
    started: u64,
    worker: [u8; 16],
}

/// Reads a side record.
pub(in super::super) fn read_side(bytes: &[u8]) -> Result<Side> {
    let mut from = Reader(bytes);
    let state = match from.u8()? {
        b'd' => JobState::Delayed,
        b'b' => JobState::Blocked,
        _ => JobState::Waiting,
    };
    // The high bit says that it lives its last life.
    let (attempt, crashes) = (from.u32()?, from.u32()? & (u32::MAX >> 1));
    let (run_at, expires, _ttl) = (from.u64()?, from.u64()?, from.u64()?);
    from.take(7)?;
    let (started, worker) = (from.u64()?, from.array()?);
    Ok(Side { state, attempt, crashes, run_at, expires, started, worker })
}

/// Returns how a job stands.
pub(in super::super) fn read_status(kept: &Kept) -> Result<Status> {
    use crate::clock::Timestamp;
    let created = created_at(&kept.record)?;
    let mut status = Status::new(JobState::Waiting, created, created);
    let some = |micros: u64| (micros != 0).then(|| Timestamp::from_micros(micros));
    if !kept.side.is_empty() {
        let side = read_side(&kept.side)?;
        status.state = side.state;
        (status.attempt, status.crashes) = (side.attempt, side.crashes);
        status.run_at = Timestamp::from_micros(side.run_at);
        (status.expires_at, status.started_at) = (some(side.expires), some(side.started));
        status.worker = read_worker(side.worker);
    }
    if !kept.done.is_empty() {
        read_done(&kept.done, &mut status)?;
    } else if !kept.claim.is_empty() {
        let mut from = Reader(&kept.claim);
        status.state = JobState::Active;
        status.worker = read_worker(from.array()?);
        status.started_at = Some(from.moment()?);
        status.attempt = status.attempt.saturating_add(1);
    }
    if !kept.failures.is_empty() {
        status.notes.errors = read_failures(&kept.failures)?;
    }
    if !kept.lines.is_empty() {
        status.notes.logs = read_lines(&kept.lines)?;
    }
    if !kept.progress.is_empty() {
        status.notes.progress = Some(read_progress(&kept.progress)?);
    }
    Ok(status)
}

fn read_done(bytes: &[u8], status: &mut Status) -> Result<()> {
    let mut from = Reader(bytes);
    status.state = state_of(from.u8()?)?;
    status.finished_at = Some(from.moment()?);
    (status.attempt, status.crashes) = (from.u32()?, from.u32()?);
    status.worker = read_worker(from.array()?);
    let started = from.moment()?;
    status.started_at = (started.as_micros() != 0).then_some(started);
    // The number of its end orders it among others.
    from.take(7)?;
    match status.state {
        JobState::Completed => status.result = Some(Bytes::copy_from_slice(from.0)),
        JobState::Cancelled => {
            status.set_reason(match from.0 {
                [b'1', reason @ ..] => Some(text(reason)?.to_owned()),
                _ => None,
            });
        }
        _ => {}
    }
    Ok(())
}

/// Returns the state of a letter, as scripts write it.
pub(in super::super) fn state_of(letter: u8) -> Result<JobState> {
    Ok(match letter {
        b'w' => JobState::Waiting,
        b'a' => JobState::Active,
        b'd' => JobState::Delayed,
        b'b' => JobState::Blocked,
        b'c' => JobState::Completed,
        b'f' => JobState::Failed,
        b'e' => JobState::Expired,
        b'x' => JobState::Cancelled,
        _ => return Err(Garbled("a state")),
    })
}

/// Returns the letter of a state.
pub(in super::super) const fn letter_of(state: JobState) -> &'static str {
    match state {
        JobState::Waiting => "w",
        JobState::Active => "a",
        JobState::Delayed => "d",
        JobState::Blocked => "b",
        JobState::Completed => "c",
        JobState::Failed => "f",
        JobState::Expired => "e",
        JobState::Cancelled => "x",
    }
}

/// Writes a failure without its time, which the script adds.
pub(in super::super) fn failure_bytes(failure: &Failure) -> Vec<u8> {
    let mut to = Vec::with_capacity(5 + failure.message().len());
    to.put_u32(failure.attempt());
    to.put(&[match failure.kind() {
        FailureKind::Error => 0,
        FailureKind::Panic => 1,
        FailureKind::Timeout => 2,
        FailureKind::Crash => 3,
        FailureKind::Arguments => 4,
        FailureKind::Result => 5,
        FailureKind::Parent => 6,
    }]);
    to.put(failure.message().as_bytes());
    to
}

/// Reads a failure without its time.
pub(super) fn read_failure(bytes: &[u8]) -> Result<Failure> {
    let mut from = Reader(bytes);
    let (attempt, kind) = (from.u32()?, usize::from(from.u8()?));
    let kind = FailureKind::ALL.get(kind).copied().ok_or(Garbled("a failure"))?;
    Ok(Failure::new(attempt, kind, text(from.0)?))
}

fn read_failures(bytes: &[u8]) -> Result<Vec<Failure>> {
    let (mut from, mut failures) = (Reader(bytes), Vec::new());
    while !from.is_empty() {
        let mut one = Reader(from.long()?);
        let time = one.moment()?;
        failures.push(read_failure(one.0)?.at(time));
    }
    Ok(failures)
}

fn read_lines(bytes: &[u8]) -> Result<Vec<LogLine>> {
    let (mut from, mut lines) = (Reader(bytes), Vec::new());
    while !from.is_empty() {
        let mut one = Reader(from.long()?);
        lines.push(LogLine { attempt: one.u32()?, message: text(one.0)?.to_owned() });
    }
    Ok(lines)
}

/// Reads a progress.
pub(super) fn read_progress(bytes: &[u8]) -> Result<Progress> {
    let mut from = Reader(bytes);
    let percent = from.float()?;
    let data = serde_json::from_slice(from.0).map_err(|_| Garbled("a progress"))?;
    Ok(Progress::new(percent, data))
}

fn progress_bytes(progress: &Progress) -> Vec<u8> {
    let mut to = progress.percent().to_bits().to_be_bytes().to_vec();
    to.extend(progress.data().to_string().into_bytes());
    to
}

/// Writes a report; nothing if there is nothing in it.
pub(in super::super) fn report_bytes(report: &Report) -> Vec<u8> {
    let mut to = Vec::new();
    if report.is_empty() {
        return to;
    }
    to.put_long(&report.progress.as_ref().map(progress_bytes).unwrap_or_default());
    for line in &report.logs {
        let mut one = Vec::with_capacity(4 + line.message.len());
        one.put_u32(line.attempt);
        one.put(line.message.as_bytes());
        to.put_long(&one);
    }
    to
}

/// Writes why a job is to be cancelled: a mark whether somebody said, and what.
pub(in super::super) fn reason_parts(reason: Option<&str>) -> (&'static str, &str) {
    reason.map_or(("0", ""), |reason| ("1", reason))
}
