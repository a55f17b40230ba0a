//! Targets for garbage: what the columns of a file may hold, what its processes write to each other, its URL.

use std::time::Duration;

use ::bytes::Bytes;

use super::bytes::{id_bytes, id_of, job_of, token_of};
use super::{event_record, note_record, options, sqlite, worker_record};
use crate::backend::WorkerInfo;
use crate::clock::Timestamp;
use crate::fuzz::{Target, pieces, same, text};
use crate::job::{Backoff, Due, Envelope, JobId, Name, WorkerId};
use crate::lifecycle::{Draw, delay_before};

/// Lists what reads columns.
pub(crate) fn targets() -> Vec<Target> {
    let mut targets =
        vec![columns_of_options(), columns_of_events(), columns_of_notes(), columns_of_workers(), ids()];
    targets.extend(sqlite::fuzz::targets());
    targets
}

fn plain() -> Envelope {
    let name = Name::from_static("x");
    Envelope::new(JobId::from_stored("1"), name.clone(), name, Bytes::new())
}

fn columns_of_options() -> Target {
    let mut rich = Envelope {
        due: Due::After(Duration::from_millis(1)),
        ttl: Some(Duration::from_secs(1)),
        backoff: Backoff::exponential(Duration::from_secs(2)),
        ..plain()
    };
    rich.extras_mut().tags = vec!["a".into()];
    rich.extras_mut().headers = vec![("k".into(), "v".into())];
    let at = Due::At(std::time::UNIX_EPOCH + Duration::from_secs(9));
    let listed = Envelope { backoff: Backoff::list([Duration::from_secs(1); 3]), due: at, ..plain() };
    let sample = |job: &Envelope| options::write(job).ok().flatten().unwrap_or_default().into_bytes();
    Target { name: "sql_options", read: read_options, samples: [rich, listed].iter().map(sample).collect() }
}

fn read_options(bytes: &[u8]) {
    let mut job = plain();
    if options::read(&text(bytes), &mut job).is_err() {
        return;
    }
    for attempt in [0, 1, u32::MAX] {
        let _ = delay_before(&job.backoff, attempt, Draw::from_bits(u64::MAX));
    }
    let written = options::write(&job).expect("what was read can be written");
    let mut again = plain();
    if let Some(written) = &written {
        options::read(written, &mut again).expect("what was written can be read");
    }
    assert_eq!(options::write(&again).expect("it can be written again"), written);
}

fn columns_of_events() -> Target {
    let samples = [
        r#"{"kind":"job:completed","queue":"q","task":"t","job":"j","attempt":1,"worker":"0192f0c1-0000-7000-8000-000000000000","time":5,"data":{"result":"7"}}"#,
        r#"{"kind":"job:retrying","queue":"q","task":"t","job":"j","attempt":1,"time":5,"data":{"retry":{"failure":{"attempt":1,"kind":"error","message":"m","at":4},"after":{"secs":1,"nanos":2}}}}"#,
        r#"{"kind":"queue:paused","queue":"q","attempt":0,"time":0,"data":{"bytes":[255]}}"#,
    ];
    let samples = samples.iter().map(|text| text.as_bytes().to_vec()).collect();
    Target { name: "sql_events", read: read_event, samples }
}

fn read_event(bytes: &[u8]) {
    let Some(event) = event_record::read(&text(bytes)) else { return };
    let written = event_record::write(&event).expect("what was read can be written");
    let again = event_record::read(&written).expect("what was written can be read");
    same(again, event);
}

fn columns_of_notes() -> Target {
    let samples = [
        r#"[{"attempt":2,"kind":"panic","message":"\u00fc","at":9}]"#,
        r#"[{"attempt":1,"message":"x"}]"#,
        r#"{"percent":33.3,"data":{"step":[1,null]}}"#,
    ];
    let samples = samples.iter().map(|text| text.as_bytes().to_vec()).collect();
    Target { name: "sql_notes", read: read_notes, samples }
}

fn read_notes(bytes: &[u8]) {
    let text = &*text(bytes);
    if let Ok(failures) = note_record::read_failures(text) {
        let written = note_record::write_failures(&failures).expect("what was read can be written");
        same(note_record::read_failures(&written).expect("what was written can be read"), failures);
    }
    if let Ok(lines) = note_record::read_lines(text) {
        let written = note_record::write_lines(&lines).expect("what was read can be written");
        same(note_record::read_lines(&written).expect("what was written can be read"), lines);
    }
    if let Ok(progress) = note_record::read_progress(text) {
        let written = note_record::write_progress(&progress).expect("what was read can be written");
        same(note_record::read_progress(&written).expect("what was written can be read"), progress);
    }
}

fn columns_of_workers() -> Target {
    let worker = WorkerInfo {
        host: "h".into(),
        queues: vec![Name::from_static("q")],
        ..WorkerInfo::new(WorkerId::generate())
    };
    let sample = worker_record::write(&worker).unwrap_or_default().into_bytes();
    Target { name: "sql_workers", read: read_worker, samples: vec![sample] }
}

fn read_worker(bytes: &[u8]) {
    let (id, time) = (WorkerId::generate(), Timestamp::default());
    let Ok(worker) = worker_record::read(&text(bytes), id, time, time) else { return };
    let written = worker_record::write(&worker).expect("what was read can be written");
    same(worker_record::read(&written, id, time, time).expect("what was written can be read"), worker);
}

fn ids() -> Target {
    let texts = ["sixteen bytes 16", "0192f0c1-0000-7000-8000-000000000000", "x"];
    let mut samples: Vec<_> = texts.iter().map(|id| id_bytes(&JobId::from_stored(id))).collect();
    samples.extend(texts.map(|id| id.as_bytes().to_vec()));
    Target { name: "sql_ids", read: read_ids, samples }
}

fn read_ids(bytes: &[u8]) {
    if let Some(id) = id_of(bytes) {
        let written = id_bytes(&id);
        assert_eq!(id_of(&written), Some(id), "{}", bytes.escape_ascii());
    }
    if let Ok(id) = JobId::custom(&text(bytes)) {
        assert_eq!(id_of(&id_bytes(&id)), Some(id));
    }
    let [fence, job] = pieces(bytes);
    if let Some(token) = token_of(fence, i64::from(job.first().copied().unwrap_or_default())) {
        let _ = job_of(token);
    }
}
