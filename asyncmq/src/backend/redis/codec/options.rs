//! The options of a job or task: backoff, retention, and the times.

use std::time::Duration;

use super::bytes::{Garbled, Reader, Result, Writer};
use super::id::id_bytes;
use crate::backend::redis::keys::Keys;
use crate::job::{Backoff, Dedup, DedupKey, Due, Extras, OnFailure, Parent, ParentsText, Pins, Retention};
use crate::lifecycle::waited_for;

pub(super) fn put_backoff(backoff: &Backoff, to: &mut Vec<u8>) {
    match backoff {
        backoff if *backoff == Backoff::DEFAULT => to.push(0),
        Backoff::Fixed(delay) => {
            to.push(1);
            to.put_duration(*delay);
        }
        Backoff::Exponential { first, factor, max, jitter } => {
            to.push(2);
            to.put_duration(*first);
            to.put_u64(factor.to_bits());
            to.put_duration(*max);
            to.put_u64(jitter.to_bits());
        }
        Backoff::Power(base) => {
            to.push(3);
            to.put_u64(base.to_bits());
        }
        Backoff::List(delays) => {
            to.push(4);
            to.put_u16(delays.len());
            for delay in delays.iter().take(usize::from(u16::MAX)) {
                to.put_duration(*delay);
            }
        }
        Backoff::Custom => to.push(5),
    }
}

pub(super) fn read_backoff(from: &mut Reader<'_>) -> Result<Backoff> {
    Ok(match from.u8()? {
        0 => Backoff::DEFAULT,
        1 => Backoff::Fixed(from.duration()?),
        2 => {
            let (first, factor) = (from.duration()?, from.float()?);
            let (max, jitter) = (from.duration()?, from.float()?);
            Backoff::Exponential { first, factor, max, jitter }
        }
        3 => Backoff::Power(from.float()?),
        4 => {
            let count = from.u16()?;
            let delays: Result<Vec<Duration>> = (0..count).map(|_| from.duration()).collect();
            Backoff::list(delays?)
        }
        5 => Backoff::Custom,
        _ => return Err(Garbled("a backoff")),
    })
}

pub(super) fn put_retention(retention: Retention, to: &mut Vec<u8>) {
    match retention {
        Retention::Standard => to.push(0),
        Retention::For(time) => {
            to.push(1);
            to.put_duration(time);
        }
        Retention::Nothing => to.push(2),
    }
}

pub(super) fn read_retention(from: &mut Reader<'_>) -> Result<Retention> {
    Ok(match from.u8()? {
        0 => Retention::Standard,
        1 => Retention::For(from.duration()?),
        2 => Retention::Nothing,
        _ => return Err(Garbled("a retention")),
    })
}

pub(super) fn put_due(due: Due, to: &mut Vec<u8>) {
    match due {
        Due::Now => to.push(0),
        Due::After(delay) => {
            to.push(1);
            to.put_duration(delay);
        }
        Due::At(time) => {
            to.push(2);
            to.put_duration(time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default());
        }
    }
}

pub(super) fn read_due(from: &mut Reader<'_>) -> Result<Due> {
    Ok(match from.u8()? {
        0 => Due::Now,
        1 => Due::After(from.duration()?),
        2 => {
            let since = from.duration()?;
            Due::At(std::time::UNIX_EPOCH.checked_add(since).ok_or(Garbled("a time"))?)
        }
        _ => return Err(Garbled("a due time")),
    })
}

pub(super) fn put_dedup(mode: Dedup, to: &mut Vec<u8>) {
    to.put_text(mode.name());
    to.put_duration(mode.time().unwrap_or_default());
}

pub(super) fn read_dedup(from: &mut Reader<'_>) -> Result<Dedup> {
    let (name, time) = (from.text()?, from.duration()?);
    Dedup::of(name, time).ok_or(Garbled("a deduplication"))
}

/// Writes for which jobs a job waits, as scripts read it (`kin.parent_at`).
pub(in super::super) fn parents_bytes(
    keys: &Keys,
    of: &Extras,
    is_gone: impl Fn(&Parent) -> bool,
) -> Vec<u8> {
    let mut to = Vec::new();
    for (place, parent) in of.parents.iter().enumerate() {
        let pinned = match of.pins.filter(|pins| pins.has(place)) {
            None => b'-',
            Some(Pins { strictly: false, .. }) => b'p',
            Some(Pins { strictly: true, .. }) => b's',
        };
        let policy = match parent.on_failure {
            OnFailure::Fail => b'f',
            OnFailure::Run => b'r',
            OnFailure::Cancel => b'x',
        };
        let passes = if is_gone(parent) { b'g' } else { b'0' + parent.passes.number() };
        to.put(&[policy, passes, pinned]);
        to.put_text(&keys.queue(&parent.queue));
        let id = id_bytes(&parent.id);
        to.put_u16(id.len());
        to.put(&id);
        to.put_text(&waited_for(parent));
    }
    to
}

pub(super) fn put_extras(extras: &Extras, to: &mut Vec<u8>) {
    to.put_texts(&extras.tags);
    to.put_u16(extras.headers.len());
    for (name, value) in extras.headers.iter().take(usize::from(u16::MAX)) {
        to.put_text(name);
        to.put_text(value);
    }
    let waits = ParentsText::of(extras).and_then(|text| serde_json::to_vec(&text).ok());
    to.put_option(waits, |to, waits| to.put_long(&waits));
    to.put_option(extras.dedup.as_ref(), |to, dedup| {
        put_dedup(dedup.mode, to);
        to.put_text(&dedup.key);
    });
}

pub(super) fn read_extras(from: &mut Reader<'_>) -> Result<Extras> {
    let tags = from.texts()?;
    let headers = (0..from.u16()?)
        .map(|_| Ok((from.text()?.to_owned(), from.text()?.to_owned())))
        .collect::<Result<Vec<_>>>()?;
    let waits = from.option(|from| {
        serde_json::from_slice::<ParentsText<'_>>(from.long()?).map_err(|_| Garbled("parents"))
    })?;
    let dedup = from.option(|from| {
        let mode = read_dedup(from)?;
        Ok(DedupKey::from_stored(from.text()?, mode))
    })?;
    let mut extras = Extras { tags, headers, dedup, ..Extras::default() };
    if let Some(waits) = waits {
        waits.put_into(&mut extras);
    }
    Ok(extras)
}
