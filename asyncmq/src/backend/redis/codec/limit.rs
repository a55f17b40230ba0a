//! Limits, and what groups have in hand and have started, as scripts write them.

use std::time::Duration;

use super::bytes::{Garbled, Reader, Result, Writer};
use crate::clock::Timestamp;
use crate::job::{Limit, OnLimit, RateLimit, RateWindow};
use crate::lifecycle::Starts;

/// How long the name of a ring is.
const RING: usize = 10;

/// What a group has in hand and has started.
#[derive(Debug, Default)]
pub(in super::super) struct Group {
    pub(in super::super) running: u32,
    pub(in super::super) starts: Starts,
}

/// Writes a limit.
pub(in super::super) fn limit_bytes(limit: &Limit) -> Vec<u8> {
    let mut to = Vec::with_capacity(18);
    let (kind, permits, interval) = match limit.rate_limit() {
        None => (0, 0, Duration::ZERO),
        Some(rate) if rate.kind() == RateWindow::Sliding => (2, rate.permits(), rate.interval()),
        Some(rate) => (1, rate.permits(), rate.interval()),
    };
    to.put(&[kind]);
    to.put_u32(permits);
    to.put_u64(u64::try_from(interval.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX).clamp(1, LONGEST));
    to.put_u32(limit.concurrency_limit().map_or(0, |most| most.saturating_add(1)));
    to.put(&[match limit.on_limit {
        None => 0,
        Some(OnLimit::Wait) => 1,
        Some(OnLimit::Discard) => 2,
        Some(OnLimit::CancelRunning) => 3,
    }]);
    to
}

/// The longest interval that scripts can count with, in microseconds: a number of 53 bits behind now.
const LONGEST: u64 = 1 << 52;

fn read_limit(from: &mut Reader<'_>) -> Result<Option<Limit>> {
    match from.u8()? {
        0 => return Ok(None),
        1 => {}
        _ => return Err(Garbled("a limit")),
    }
    let (kind, permits, interval) = (from.u8()?, from.u32()?, Duration::from_micros(from.u64()?));
    let limit = match kind {
        0 => Limit::NONE,
        1 => Limit::NONE.rate(RateLimit::per(permits, interval)),
        2 => Limit::NONE.rate(RateLimit::window(permits, interval)),
        _ => return Err(Garbled("a limit")),
    };
    let limit = match from.u32()? {
        0 => limit,
        more => limit.concurrency(more - 1),
    };
    Ok(Some(match from.u8()? {
        0 => limit,
        1 => limit.on_limit(OnLimit::Wait),
        2 => limit.on_limit(OnLimit::Discard),
        3 => limit.on_limit(OnLimit::CancelRunning),
        _ => return Err(Garbled("a limit")),
    }))
}

/// Reads what is kept of a limit: what is declared, and what is ordered.
pub(in super::super) fn read_limits(bytes: &[u8]) -> Result<(Option<Limit>, Option<Limit>)> {
    let mut from = Reader(bytes);
    let limits = (read_limit(&mut from)?, read_limit(&mut from)?);
    if from.is_empty() { Ok(limits) } else { Err(Garbled("a limit")) }
}

/// Reads what is kept of a group; nothing is kept of one that has neither started nor in hand anything.
pub(in super::super) fn read_group(bytes: &[u8]) -> Result<Group> {
    let (mut from, mut group) = (Reader(bytes), Group::default());
    if bytes.is_empty() {
        return Ok(group);
    }
    group.running = from.u32()?;
    // An even length means that this is all: some are longer than they need to be.
    if bytes.len().is_multiple_of(2) {
        return Ok(group);
    }
    from.u8()?;
    let (tokens, at) = (from.float()?, from.u64()?);
    group.starts.bucket = (at != 0).then(|| (tokens, Timestamp::from_micros(at)));
    let rings = usize::from(from.u16()?);
    from.take(RING * rings)?;
    while !from.is_empty() {
        group.starts.window.push_back((Timestamp::from_micros(from.u64()?), from.u32()?));
    }
    Ok(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_come_back_as_they_were_written() {
        let second = Duration::from_secs(1);
        for limit in [
            Limit::NONE,
            Limit::NONE.concurrency(0),
            Limit::NONE.rate(RateLimit::per(7, second)).concurrency(3),
            Limit::NONE.rate(RateLimit::window(0, second)),
            Limit::NONE.concurrency(1).on_limit(OnLimit::Wait),
            Limit::NONE.concurrency(1).on_limit(OnLimit::Discard),
            Limit::NONE.concurrency(1).on_limit(OnLimit::CancelRunning),
        ] {
            let mut both = vec![0, 1];
            both.extend(limit_bytes(&limit));
            assert_eq!(read_limits(&both), Ok((None, Some(limit))));
        }
    }

    #[test]
    fn garbage_is_refused() {
        for bytes in [&b""[..], b"\x02", b"\x01\x09", b"\x00\x00\x00"] {
            assert!(read_limits(bytes).is_err(), "{bytes:?}");
        }
        assert!(read_group(b"\x00").is_err());
    }

    #[test]
    fn a_group_that_was_made_longer_has_but_running_jobs() {
        for length in [4, 66] {
            let mut bytes = vec![b' '; length];
            bytes[..4].copy_from_slice(&3_u32.to_be_bytes());
            let group = read_group(&bytes).unwrap();
            assert_eq!((group.running, group.starts), (3, Starts::default()));
        }
    }
}
