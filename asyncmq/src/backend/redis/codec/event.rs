//! Events as scripts publish them: frames, several in one message.

use std::time::Duration;

use bytes::Bytes;

use super::bytes::{Garbled, Reader, Result, text};
use super::id::{read_id, read_worker};
use super::record::read_profile;
use super::status::{read_failure, read_progress};
use crate::clock::Timestamp;
use crate::event::{Event, EventData, EventKind};
use crate::job::Name;

/// The kinds by their number in frames, from 1; a number is never given to another kind.
const KINDS: [EventKind; 20] = [
    EventKind::Enqueued,
    EventKind::Started,
    EventKind::Completed,
    EventKind::Failed,
    EventKind::Retrying,
    EventKind::Expired,
    EventKind::Cancelled,
    EventKind::Progress,
    EventKind::Ready,
    EventKind::Stalled,
    EventKind::Released,
    EventKind::Duplicated,
    EventKind::Debounced,
    EventKind::Deduplicated,
    EventKind::Dropped,
    EventKind::WorkerStarted,
    EventKind::WorkerStopped,
    EventKind::QueuePaused,
    EventKind::QueueResumed,
    EventKind::ScheduleFired,
];

/// Reads the events of a message; `queue_of` turns the base of a queue's keys into its name.
pub(in super::super) fn read_events(
    message: &[u8],
    queue_of: impl Fn(&[u8]) -> Option<Name>,
) -> Result<Vec<Event>> {
    let (mut from, mut events) = (Reader(message), Vec::new());
    while !from.is_empty() {
        events.push(read_frame(&mut from, &queue_of)?);
    }
    Ok(events)
}

fn read_frame(from: &mut Reader<'_>, queue_of: impl Fn(&[u8]) -> Option<Name>) -> Result<Event> {
    let kind = usize::from(from.u8()?).checked_sub(1).and_then(|number| KINDS.get(number).copied());
    let kind = kind.ok_or(Garbled("an event"))?;
    let time = from.moment()?;
    let (attempt, worker) = (from.u32()?, read_worker(from.array()?));
    let id = usize::from(from.u8()?);
    let id = from.take(id)?;
    let base = usize::from(from.u16()?);
    let base = from.take(base)?;
    let profile = usize::from(from.u16()?);
    let profile = from.take(profile)?;
    let (what, data) = (from.u8()?, from.long()?);
    if id.is_empty() && base.is_empty() {
        return worker.map(|worker| Event::of_worker(kind, worker, time)).ok_or(Garbled("an event"));
    }
    let queue = queue_of(base).ok_or(Garbled("the queue of an event"))?;
    if id.is_empty() {
        return Ok(Event::of_queue(kind, queue, time));
    }
    let job = read_profile(profile)?.subject(read_id(id)?, queue);
    Ok(Event::of_job(kind, job, attempt, time).by(worker).with(read_data(what, data, time)?))
}

fn read_data(what: u8, data: &[u8], time: Timestamp) -> Result<EventData> {
    let mut from = Reader(data);
    Ok(match what {
        b'-' => EventData::None,
        b'r' => EventData::Result(Bytes::copy_from_slice(data)),
        b'f' => EventData::Failure(read_failure(data)?.at(time)),
        b't' => {
            let after = Duration::from_micros(from.u64()?);
            EventData::Retry { failure: read_failure(from.0)?.at(time), after }
        }
        b'w' => EventData::Wait(Duration::from_micros(from.u64()?)),
        b'p' => EventData::Progress(read_progress(data)?),
        b'x' => EventData::Reason(text(data)?.to_owned()),
        b'k' => EventData::Dedup { key: from.text()?.to_owned(), job: read_id(from.0)? },
        b's' => {
            let slot = Timestamp::from_micros(from.u64()?).into();
            EventData::Slot { schedule: text(from.0)?.to_owned(), slot }
        }
        _ => return Err(Garbled("the data of an event")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_number() {
        for kind in EventKind::ALL {
            assert_eq!(KINDS.iter().filter(|other| *other == kind).count(), 1, "{kind}");
        }
    }
}
