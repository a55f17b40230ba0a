//! Targets for garbage: everything of a job, an event or a worker that the server may give back.

use std::time::Duration;

use ::bytes::Bytes;

use super::*;
use crate::backend::redis::keys::Keys;
use crate::backend::{Report, WorkerInfo};
use crate::clock::Timestamp;
use crate::fuzz::{Target, joined, pieces, same, text};
use crate::job::{
    Backoff, Due, Envelope, Failure, FailureKind, JobId, LogLine, Name, OnFailure, Parent, Passes, Progress,
    WorkerId,
};
use crate::lifecycle::{Draw, delay_before};

const NOW: Timestamp = Timestamp::from_micros(1 << 50);

/// Jobs that have much, and one that has nothing.
fn jobs() -> Vec<Envelope> {
    let name = Name::from_static("task");
    let plain = Envelope::new(JobId::generate(), name.clone(), name, Bytes::from_static(br#"{"a":1}"#));
    let mut rich = Envelope {
        id: JobId::from_stored("fifteen letters"),
        due: Due::After(Duration::from_millis(1)),
        ttl: Some(Duration::from_secs(1)),
        timeout: Some(Duration::MAX),
        backoff: Backoff::exponential(Duration::from_secs(2)),
        ..plain.clone()
    };
    rich.extras_mut().tags = vec!["a".into(), "\u{fc}".into()];
    rich.extras_mut().headers = vec![("k".into(), "v".into())];
    rich.extras_mut().parents = vec![Parent {
        queue: Name::from_static("q"),
        id: JobId::generate(),
        on_failure: OnFailure::Run,
        passes: Passes::Output,
    }];
    let listed =
        Envelope { backoff: Backoff::list([Duration::from_secs(1); 3]), version: 7, ..plain.clone() };
    vec![plain, rich, listed]
}

fn record_of(job: &Envelope, whole: bool) -> (Vec<u8>, Vec<u8>) {
    let (profile, mut record) = (profile_of(job, whole), vec![0; 12]);
    put_body(job, 7, lane_of(&profile), whole, &mut record);
    (profile, record)
}

pub(in super::super) fn record() -> Target {
    let sample = |job: &Envelope| {
        let (profile, record) = record_of(job, job.is_plain());
        joined(&[&profile, &id_bytes(&job.id), &record])
    };
    Target { name: "redis_record", read: read_a_record, samples: jobs().iter().map(sample).collect() }
}

fn read_a_record(bytes: &[u8]) {
    let [profile, id, record] = pieces(bytes);
    let _ = (lane_in(record), task_in(profile), lane_of(profile));
    let (Ok(profile), Ok(id)) = (read_profile(profile), read_id(id)) else { return };
    let Ok(job) = read_record(id, Name::from_static("q"), record.to_vec(), &profile) else { return };
    for attempt in [0, 1, u32::MAX] {
        let _ = delay_before(&job.backoff, attempt, Draw::from_bits(u64::MAX));
    }
    for whole in [false, job.is_plain()] {
        let (profile, record) = record_of(&job, whole);
        let profile = read_profile(&profile).expect("what was written can be read");
        let again = read_record(job.id.clone(), job.queue.clone(), record, &profile);
        let again = again.expect("what was written can be read");
        assert_eq!(again.args, job.args);
        same(again, &job);
    }
}

pub(in super::super) fn status() -> Target {
    let mut side = b"w".to_vec();
    side.extend([0; 4 + 4 + 24 + 7 + 8 + 16 + 9]);
    let mut done = b"x".to_vec();
    done.extend([0; 7 + 8 + 16 + 14]);
    done.extend(b"1because");
    let failure = failure_bytes(&Failure::new(2, FailureKind::Timeout, "late"));
    let mut failures = u32::try_from(failure.len() + 7).unwrap_or_default().to_be_bytes().to_vec();
    failures.extend([0; 7]);
    failures.extend(failure);
    let (line, progress) =
        (LogLine { attempt: 1, message: "l".into() }, Progress::new(9.5, serde_json::json!([1])));
    let report = report_bytes(&Report { progress: Some(progress), logs: vec![line] });
    let (progress, lines) = report.split_at(4 + 11);
    let claim = [&[1; 16][..], &[0; 7], b"claim123"].concat();
    let samples = vec![
        joined(&[&[0; 12], &side, &claim, &[], &failures, lines, &progress[4..]]),
        joined(&[&[0xff; 12], &side, &[], &done, &[], &[], &[]]),
    ];
    Target { name: "redis_status", read: read_a_status, samples }
}

fn read_a_status(bytes: &[u8]) {
    let [record, side, claim, done, failures, lines, progress] = pieces(bytes).map(<[u8]>::to_vec);
    let kept = Kept { record, side, claim, done, failures, lines, progress, ..Kept::default() };
    let Ok(status) = read_status(&kept) else { return };
    for failure in &status.notes.errors {
        let again = status::read_failure(&failure_bytes(failure)).expect("what was written can be read");
        same(again.at(failure.time()), failure);
    }
}

pub(in super::super) fn events() -> Target {
    let profile = profile_of(&jobs()[0], true);
    let frame = |kind: u8, id: &[u8], base: &[u8], what: u8, data: &[u8]| {
        let short = |length: usize| u16::try_from(length).unwrap_or_default().to_be_bytes();
        let mut frame = vec![kind];
        frame.extend([1; 7 + 4 + 16]);
        frame.push(u8::try_from(id.len()).unwrap_or_default());
        frame.extend(id);
        frame.extend(short(base.len()));
        frame.extend(base);
        frame.extend(short(profile.len()));
        frame.extend(&profile);
        frame.push(what);
        frame.extend(u32::try_from(data.len()).unwrap_or_default().to_be_bytes());
        frame.extend(data);
        frame
    };
    let failure = failure_bytes(&Failure::new(2, FailureKind::Error, "no"));
    let base = b"asyncmq:{qemail}:";
    let samples = vec![
        [frame(3, b"\0a", base, b'r', b"[1]"), frame(16, b"", b"", b'-', b"")].concat(),
        frame(4, &[7; 16], base, b'f', &failure),
        frame(5, &[7; 16], base, b't', &[&[0; 8][..], &failure].concat()),
        frame(8, &[7; 16], base, b'p', &[&[0; 8][..], b"null"].concat()),
        frame(18, b"", base, b'-', b""),
    ];
    Target { name: "redis_events", read: read_some_events, samples }
}

fn read_some_events(bytes: &[u8]) {
    let keys = Keys::new("asyncmq".into(), false);
    if let Ok(events) = read_events(bytes, |base| keys.queue_of(base)) {
        assert!(events.len() <= bytes.len());
        for event in events {
            let _ = (format!("{event:?}"), event.time());
        }
    }
}

pub(in super::super) fn worker() -> Target {
    let worker = WorkerInfo {
        host: "h".into(),
        queues: vec![Name::from_static("q")],
        ..WorkerInfo::new(WorkerId::generate())
    };
    let mut entry = vec![0; 14];
    entry.push(b'1');
    entry.extend(worker_bytes(&worker));
    Target { name: "redis_worker", read: read_a_worker, samples: vec![entry] }
}

fn read_a_worker(bytes: &[u8]) {
    let Ok(worker) = read_worker_info(&[1; 16], bytes, NOW) else { return };
    let mut written = bytes[..15].to_vec();
    written.extend(worker_bytes(&worker));
    same(read_worker_info(&[1; 16], &written, NOW).expect("what was written can be read"), worker);
}

pub(in super::super) fn ids() -> Target {
    let ids = ["a", "fifteen letters", "exactly sixteen!", "0192f0c1-0000-7000-8000-000000000000"];
    let mut samples: Vec<_> = ids.iter().map(|id| id_bytes(&JobId::from_stored(id))).collect();
    samples.extend(ids.map(|id| id.as_bytes().to_vec()));
    samples.extend([b"claim123id".to_vec(), b"asyncmq:{q%7b%25}:".to_vec()]);
    Target { name: "redis_ids", read: read_some_ids, samples }
}

fn read_some_ids(bytes: &[u8]) {
    if let Ok(id) = read_id(bytes) {
        assert_eq!(read_id(&id_bytes(&id)).as_ref(), Ok(&id));
    }
    if let Ok(id) = JobId::custom(&text(bytes)) {
        assert_eq!(read_id(&id_bytes(&id)), Ok(id));
    }
    if let Ok(token) = read_token(bytes) {
        assert_eq!(claim_of(token, &bytes[8..]), bytes[..8]);
    }
    let keys = Keys::new("pre{fix".into(), true);
    if let Some(queue) = keys.queue_of(bytes) {
        // Bases that nobody here writes may be read too, but never as two queues.
        assert_eq!(keys.queue_of(keys.queue(&queue).as_bytes()), Some(queue));
    }
    if let Ok(queue) = Name::queue(&text(bytes)) {
        let base = keys.queue(&queue);
        assert_eq!((base.matches('{').count(), base.matches('}').count()), (2, 1), "{base}");
        assert_eq!(keys.queue_of(base.as_bytes()), Some(queue));
    }
}
