//! Events as JSON, for listeners in other processes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::note_record::{FailureText, ProgressText};
use crate::clock::Timestamp;
use crate::event::{Event, EventData, EventKind};
use crate::job::{Envelope, JobId, Name, WorkerId};

/// An event as it is stored; an event about a job has no more of it than its names.
#[derive(Serialize, Deserialize)]
struct EventText {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    time: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<DataText>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DataText {
    /// A result that is text; it is opaque, but nearly always JSON.
    Result(String),
    Bytes(Vec<u8>),
    Failure(FailureText),
    Retry {
        failure: FailureText,
        after: Duration,
    },
    Wait(Duration),
    Progress(ProgressText),
    Reason(String),
    Dedup {
        key: String,
        job: String,
    },
    Slot {
        schedule: String,
        /// In microseconds since 1970.
        slot: u64,
    },
}

pub(super) fn write(event: &Event) -> serde_json::Result<String> {
    serde_json::to_string(&EventText {
        kind: event.kind().name().into(),
        queue: event.queue().map(Into::into),
        task: event.task().map(Into::into),
        job: event.job_id().map(ToString::to_string),
        attempt: event.attempt(),
        worker: event.worker().map(|worker| worker.to_string()),
        time: Timestamp::from(event.time()).as_micros(),
        data: data_text(event.data()),
    })
}

fn data_text(data: &EventData) -> Option<DataText> {
    Some(match data {
        EventData::None => return None,
        EventData::Result(result) => match std::str::from_utf8(result) {
            Ok(text) => DataText::Result(text.into()),
            Err(_) => DataText::Bytes(result.to_vec()),
        },
        EventData::Failure(failure) => DataText::Failure(failure.into()),
        EventData::Retry { failure, after } => DataText::Retry { failure: failure.into(), after: *after },
        EventData::Wait(time) => DataText::Wait(*time),
        EventData::Progress(progress) => DataText::Progress(progress.into()),
        EventData::Reason(reason) => DataText::Reason(reason.clone()),
        EventData::Dedup { key, job } => DataText::Dedup { key: key.clone(), job: job.to_string() },
        EventData::Slot { schedule, slot } => {
            DataText::Slot { schedule: schedule.clone(), slot: Timestamp::from(*slot).as_micros() }
        }
    })
}

/// Reads an event; `None` if it is of a kind that this version does not know.
pub(super) fn read(text: &str) -> Option<Event> {
    let text: EventText = serde_json::from_str(text).ok()?;
    let (kind, time) = (EventKind::from_name(&text.kind)?, Timestamp::from_micros(text.time));
    let worker = text.worker.and_then(|worker| Uuid::try_parse(&worker).ok()).map(WorkerId::from);
    let event = match (text.queue, text.task, text.job) {
        (Some(queue), Some(task), Some(job)) => {
            let (queue, task) = (Name::from_stored(&queue), Name::from_stored(&task));
            let envelope = Envelope::new(JobId::from_stored(&job), queue, task, Bytes::new());
            Event::of_job(kind, Arc::new(envelope), text.attempt, time).by(worker)
        }
        (Some(queue), ..) => Event::of_queue(kind, Name::from_stored(&queue), time),
        _ => Event::of_worker(kind, worker?, time),
    };
    Some(event.with(text.data.map_or(EventData::None, data_of)))
}

fn data_of(data: DataText) -> EventData {
    match data {
        DataText::Result(text) => EventData::Result(text.into()),
        DataText::Bytes(bytes) => EventData::Result(bytes.into()),
        DataText::Failure(failure) => EventData::Failure(failure.into()),
        DataText::Retry { failure, after } => EventData::Retry { failure: failure.into(), after },
        DataText::Wait(time) => EventData::Wait(time),
        DataText::Progress(progress) => EventData::Progress(progress.into()),
        DataText::Reason(reason) => EventData::Reason(reason),
        DataText::Dedup { key, job } => EventData::Dedup { key, job: JobId::from_stored(&job) },
        DataText::Slot { schedule, slot } => {
            EventData::Slot { schedule, slot: Timestamp::from_micros(slot).into() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Failure, FailureKind, Progress};

    fn job_event(data: EventData) -> Event {
        let envelope =
            Envelope::new(JobId::generate(), Name::from_static("q"), Name::from_static("t"), Bytes::new());
        Event::of_job(EventKind::Completed, Arc::new(envelope), 3, Timestamp::from_micros(5))
            .by(Some(WorkerId::generate()))
            .with(data)
    }

    #[test]
    fn events_come_back_as_they_were() {
        let failure = Failure::new(1, FailureKind::Timeout, "late").at(Timestamp::from_micros(4));
        let all = [
            EventData::None,
            EventData::Result(Bytes::from_static(b"7")),
            EventData::Result(Bytes::from_static(b"\xff")),
            EventData::Failure(failure.clone()),
            EventData::Retry { failure, after: Duration::from_nanos(7) },
            EventData::Wait(Duration::ZERO),
            EventData::Progress(Progress::new(1.5, serde_json::Value::Null)),
            EventData::Reason("r".into()),
            EventData::Dedup { key: "k".into(), job: JobId::generate() },
            EventData::Slot { schedule: "s".into(), slot: Timestamp::from_micros(9).into() },
        ];
        for data in all {
            let event = job_event(data);
            let back = read(&write(&event).unwrap()).unwrap();
            assert_eq!(back.data(), event.data());
            assert_eq!(
                (back.kind(), back.job_id(), back.task()),
                (event.kind(), event.job_id(), event.task())
            );
            assert_eq!((back.worker(), back.time(), back.attempt()), (event.worker(), event.time(), 3));
        }
    }

    #[test]
    fn events_about_queues_and_workers_too() {
        let queue = Event::of_queue(EventKind::QueuePaused, Name::from_static("q"), Timestamp::default());
        assert_eq!(read(&write(&queue).unwrap()).unwrap().queue(), Some("q"));
        let worker = WorkerId::generate();
        let event = Event::of_worker(EventKind::WorkerStarted, worker, Timestamp::default());
        assert_eq!(read(&write(&event).unwrap()).unwrap().worker(), Some(worker));
        assert!(read("{\"kind\":\"job:unheard\",\"attempt\":0,\"time\":0}").is_none());
    }
}
