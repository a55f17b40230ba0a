//! What a worker and its child say to each other: frames of a kind, a head in JSON, and a body of any bytes.
//!
//! Arguments and results are bodies: nobody between the sender and the handler reads them. Both ends are the same binary, so
//! the format has no versions.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::job::FailureKind;

/// The bytes before the head: the kind, the length of the head, the length of the body.
const HEADER: usize = 13;
/// Up to how many bytes a body is copied behind its head, so that one write sends all.
const COPIED: usize = 65_536;
/// The longest head: what a handler says at once is far from it.
const MOST_HEAD: u32 = 64 << 20;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// To the child, first: what it is to know. The control channel comes with it.
    Welcome = 1,
    /// From the child: it is ready, or says why not.
    Hello = 2,
    /// To the child: a job; the body is its arguments.
    Order = 3,
    /// From the child: how the attempt ended; the body is its result.
    End = 4,
    /// From the child, while the handler runs: what it said.
    Report = 5,
    /// From the child: jobs that the handler enqueues; the body is their arguments, one behind the other.
    Push = 6,
    /// To the child, on the control channel: the handler should stop.
    Stop = 7,
    /// To the child, on the control channel: what became of the jobs.
    Pushed = 8,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Welcome,
        Self::Hello,
        Self::Order,
        Self::End,
        Self::Report,
        Self::Push,
        Self::Stop,
        Self::Pushed,
    ];
}

/// What a child is to know before its first job.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Welcome {
    /// The places of the tasks that it will run, among those that are linked, in their order.
    pub(super) tasks: Vec<usize>,
    pub(super) max_payload: usize,
    /// How the worker's log is set up, if it has one.
    pub(super) log: Option<Log>,
}

/// How the worker's log is set up.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Log {
    pub(super) level: String,
    pub(super) json: bool,
    pub(super) job_level: String,
}

/// What a child says once it is ready.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    /// How many tasks are linked into it: the same as into the worker, if it is the same binary.
    pub(super) tasks: usize,
    /// Why it can run nothing.
    pub(super) problem: Option<String>,
    /// What it uses by itself.
    pub(super) usage: Usage,
}

/// How much memory a child uses, in bytes.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Usage {
    /// What counts for the limit.
    pub(super) data: u64,
    /// What lies in memory.
    pub(super) resident: u64,
}

/// One attempt for the child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order<'a> {
    /// The number of this order among those of the child.
    pub(super) number: u64,
    /// The place of the task among those that are linked.
    pub(super) task: usize,
    pub(super) id: Cow<'a, str>,
    pub(super) queue: Cow<'a, str>,
    pub(super) version: u32,
    pub(super) attempt: u32,
    pub(super) max_attempts: u32,
    pub(super) crashes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timeout: Option<Duration>,
    /// What is left of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left: Option<Duration>,
    /// How long the handler has to return once it was told to stop.
    pub(super) grace: Duration,
    /// How many bytes of memory the child may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) memory: Option<u64>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(super) tags: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(super) headers: Cow<'a, [(String, String)]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Cow<'a, str>>,
}

#[expect(clippy::ptr_arg, reason = "serde calls it with a reference to the field")]
fn is_empty<T: Clone>(list: &Cow<'_, [T]>) -> bool {
    list.is_empty()
}

/// How an attempt ended in the child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) number: u64,
    pub(super) ended: Ended,
    #[serde(default, skip_serializing_if = "Said::is_empty")]
    pub(super) said: Said,
    /// How much lies in memory, where it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resident: Option<u64>,
}

/// How a handler ended.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Ended {
    /// It returned; the body is its result.
    Completed,
    Failed(Failed),
    FailedFor(Failed, Duration),
    FailedForGood(Failed),
    Snoozed(Duration),
    Cancelled(Option<String>),
    Abandoned,
}

/// Why an attempt failed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Failed {
    kind: Cow<'static, str>,
    pub(super) message: String,
}

impl Failed {
    pub(super) fn new(kind: FailureKind, message: &str) -> Self {
        Self { kind: Cow::Borrowed(kind.name()), message: message.to_owned() }
    }

    pub(super) fn kind(&self) -> FailureKind {
        let named = FailureKind::ALL.into_iter().find(|kind| kind.name() == self.kind);
        named.unwrap_or(FailureKind::Error)
    }
}

/// What a handler said.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Said {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) progress: Option<(f64, Value)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) logs: Vec<String>,
}

impl Said {
    pub(super) const fn is_empty(&self) -> bool {
        self.progress.is_none() && self.logs.is_empty()
    }
}

/// What a handler said while it runs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) number: u64,
    pub(super) said: Said,
}

/// Tells a handler to stop.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StopOrder {
    pub(super) number: u64,
    pub(super) why: u8,
}

/// A frame as it came.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    head: Bytes,
    pub(super) body: Bytes,
}

impl Frame {
    /// Reads the head.
    pub(super) fn head<'a, T: Deserialize<'a>>(&'a self) -> io::Result<T> {
        serde_json::from_slice(&self.head).map_err(garbled)
    }
}

/// Says that what came is no frame.
fn garbled(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("what came is no frame: {why}"))
}

/// Writes a frame behind what is in `out`. A large body is left to the caller, who sends it behind.
pub(super) fn put<'b>(
    kind: Kind,
    head: &impl Serialize,
    body: &'b [u8],
    out: &mut Vec<u8>,
) -> io::Result<&'b [u8]> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    serde_json::to_writer(&mut *out, head)?;
    let head = u32::try_from(out.len() - start - HEADER).ok().filter(|head| *head <= MOST_HEAD);
    let head = head.ok_or_else(|| garbled("the head is too long"))?;
    let mut header = [kind as u8; HEADER];
    header[1..5].copy_from_slice(&head.to_le_bytes());
    header[5..].copy_from_slice(&(body.len() as u64).to_le_bytes());
    out[start..start + HEADER].copy_from_slice(&header);
    if body.len() <= COPIED {
        out.extend_from_slice(body);
        return Ok(&[]);
    }
    Ok(body)
}

/// Takes the first frame out of what came, once it is whole. Makes room for the rest of one that is not.
pub(super) fn take(came: &mut BytesMut, most_body: u64) -> io::Result<Option<Frame>> {
    let Some(header) = came.first_chunk::<HEADER>() else { return Ok(None) };
    let [kind, h0, h1, h2, h3, body @ ..] = *header;
    let kind = Kind::ALL.into_iter().find(|known| *known as u8 == kind).ok_or_else(|| garbled(kind))?;
    let (head, body) = (u32::from_le_bytes([h0, h1, h2, h3]), u64::from_le_bytes(body));
    if MOST_HEAD < head || most_body < body {
        return Err(garbled(format!("{head} and {body} bytes are too many")));
    }
    let body = usize::try_from(body).map_err(garbled)?;
    let head = head as usize;
    let whole = HEADER + head + body;
    if came.len() < whole {
        came.reserve(whole - came.len());
        return Ok(None);
    }
    came.advance(HEADER);
    let head = came.split_to(head).freeze();
    Ok(Some(Frame { kind, head, body: kept(came.split_to(body)) }))
}

/// Copies a small body, which would otherwise hold on to the buffer that it came in.
fn kept(body: BytesMut) -> Bytes {
    if body.len() <= COPIED { Bytes::copy_from_slice(&body) } else { body.freeze() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_however_they_are_cut() {
        let stop = StopOrder { number: 7, why: 2 };
        let large = vec![b'x'; COPIED + 1];
        let mut sent = Vec::new();
        assert!(put(Kind::Stop, &stop, b"", &mut sent).unwrap().is_empty());
        assert!(put(Kind::End, &stop, b"short", &mut sent).unwrap().is_empty());
        let rest = put(Kind::Order, &stop, &large, &mut sent).unwrap();
        sent.extend_from_slice(rest);
        for step in [1, 7, 4_096, sent.len()] {
            let (mut came, mut frames) = (BytesMut::new(), Vec::new());
            for piece in sent.chunks(step) {
                came.extend_from_slice(piece);
                while let Some(frame) = take(&mut came, u64::MAX).unwrap() {
                    assert_eq!(frame.head::<StopOrder>().unwrap().number, 7);
                    frames.push((frame.kind, frame.body));
                }
            }
            let bodies = [Bytes::new(), Bytes::from_static(b"short"), Bytes::from(large.clone())];
            assert!(frames.iter().map(|(kind, _)| *kind).eq([Kind::Stop, Kind::End, Kind::Order]));
            assert!(frames.into_iter().map(|(_, body)| body).eq(bodies));
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_before_it_is_waited_for() {
        let refused = |bytes: &[u8], most| take(&mut BytesMut::from(bytes), most).unwrap_err().to_string();
        assert!(refused(&[99; HEADER], 10).contains("99"));
        let mut sent = Vec::new();
        put(Kind::End, &0, b"eleven bytes", &mut sent).unwrap();
        assert!(refused(&sent, 11).contains("too many"));
    }
}
