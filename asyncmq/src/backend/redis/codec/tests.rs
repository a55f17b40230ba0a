//! Whatever is written is read back as it was, and whatever is read is refused without a panic.

use std::time::{Duration, UNIX_EPOCH};

use ::bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::backend::{TaskDefaults, TaskInfo, WorkerInfo};
use crate::clock::Timestamp;
use crate::job::{
    Backoff, Binding, BoundTo, Dedup, DedupKey, Due, Envelope, Extras, JobId, Name, OnFailure, Parent,
    Passes, Pins, Retention, WorkerId,
};

fn duration() -> impl Strategy<Value = Duration> {
    (any::<u32>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds.into(), nanos))
}

fn backoff() -> impl Strategy<Value = Backoff> {
    prop_oneof![
        Just(Backoff::DEFAULT),
        Just(Backoff::Custom),
        duration().prop_map(Backoff::Fixed),
        (duration(), duration(), 1.0..9.0, 0.0..1.0)
            .prop_map(|(first, max, factor, jitter)| Backoff::Exponential { first, factor, max, jitter }),
        (0.0..99.0).prop_map(Backoff::Power),
        vec(duration(), 0..4).prop_map(Backoff::list),
    ]
}

fn retention() -> impl Strategy<Value = Retention> {
    prop_oneof![Just(Retention::Standard), Just(Retention::Nothing), duration().prop_map(Retention::For)]
}

fn due() -> impl Strategy<Value = Due> {
    prop_oneof![
        Just(Due::Now),
        duration().prop_map(Due::After),
        duration().prop_map(|since| Due::At(UNIX_EPOCH + since))
    ]
}

fn extras() -> impl Strategy<Value = Extras> {
    let (key, dedup) = (option::of("\\P{Cc}{1,40}"), option::of(("\\P{Cc}{1,40}", dedup())));
    let words = (vec(".{0,9}", 0..3), vec((".{0,9}", ".{0,9}"), 0..3), vec(parent(), 0..3));
    (words, key, dedup).prop_map(|((tags, headers, parents), key, dedup)| Extras {
        tags,
        headers,
        bindings: bindings(parents.len()),
        only_if_failed: !parents.is_empty(),
        pins: parents.first().map(|_| Pins { from: 1, strictly: parents.len() == 2 }),
        flow: (!parents.is_empty()).then(|| "flow".into()),
        parents,
        key: key.map(Into::into),
        dedup: dedup.map(|(key, mode)| DedupKey::from_stored(&key, mode)),
    })
}

fn parent() -> impl Strategy<Value = Parent> {
    let policy = proptest::sample::select(OnFailure::ALL.to_vec());
    ("[a-z]{1,40}", "\\P{Cc}{1,40}", policy, 0u8..3).prop_map(|(queue, id, on_failure, passes)| Parent {
        queue: Name::from_stored(&queue),
        id: JobId::from_stored(&id),
        on_failure,
        passes: Passes::from_number(passes),
    })
}

fn bindings(parents: usize) -> Vec<Binding> {
    let places = 0..u32::try_from(parents).unwrap();
    let one = places.clone().map(|place| Binding { argument: "one".into(), from: BoundTo::One(place) });
    let each = Binding { argument: "each".into(), from: BoundTo::Each(places.collect()) };
    one.chain((parents != 0).then_some(each)).collect()
}

fn dedup() -> impl Strategy<Value = Dedup> {
    prop_oneof![
        Just(Dedup::Simple),
        Just(Dedup::Replace),
        Just(Dedup::KeepLast),
        duration().prop_map(Dedup::Throttle),
        duration().prop_map(Dedup::ExtendedThrottle),
        duration().prop_map(Dedup::Debounce)
    ]
}

fn id() -> impl Strategy<Value = JobId> {
    prop_oneof![
        Just(()).prop_map(|()| JobId::generate()),
        "\\P{Cc}{1,40}".prop_map(|id| JobId::from_stored(&id))
    ]
}

prop_compose! {
    fn envelope()(
        id in id(),
        task in "[^\\x00-\\x1f]{1,40}",
        (version, priority, max_attempts) in any::<(u32, u8, u32)>(),
        args in vec(any::<u8>(), 0..200),
        due in due(),
        (ttl, timeout) in (option::of(duration()), option::of(duration())),
        (backoff, retention) in (backoff(), retention()),
        extras in option::of(extras().prop_map(Box::new)),
    ) -> Envelope {
        let (queue, task) = (Name::from_static("q"), Name::from_stored(&task));
        let plain = Envelope::new(id, queue, task, Bytes::from(args));
        Envelope { version, priority, max_attempts, due, ttl, timeout, backoff, retention, extras, ..plain }
    }
}

/// A record as the script completes it.
fn record_of(job: &Envelope, whole: bool) -> (Vec<u8>, Vec<u8>) {
    let profile = profile_of(job, whole);
    let mut record = vec![0; 12];
    put_body(job, 7, lane_of(&profile), whole, &mut record);
    (record, profile)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_job_is_read_as_it_was_written(job in envelope(), wish in any::<bool>()) {
        let whole = wish && job.is_plain();
        let (record, profile) = record_of(&job, whole);
        prop_assert_eq!(lane_in(&record).unwrap(), lane_of(&profile));
        prop_assert_eq!(task_in(&profile).unwrap(), job.task.clone());
        let read = read_profile(&profile).unwrap();
        let id = read_id(&id_bytes(&job.id)).unwrap();
        prop_assert_eq!(read_record(id, job.queue.clone(), record, &read).unwrap(), job);
    }

    #[test]
    fn garbage_is_refused_and_never_panics(bytes in vec(any::<u8>(), 0..120), job in envelope()) {
        let profile = read_profile(&profile_of(&job, false)).unwrap();
        let _ = read_profile(&bytes);
        let _ = read_id(&bytes);
        let _ = read_side(&bytes);
        let _ = read_token(&bytes);
        let _ = read_record(job.id.clone(), job.queue.clone(), bytes.clone(), &profile);
        let _ = read_events(&bytes, |_| Some(Name::from_static("q")));
        let _ = read_worker_info(&bytes[..bytes.len().min(16)], &bytes, Timestamp::default());
        let kept = Kept { record: vec![0; 40], side: bytes.clone(), claim: bytes.clone(), ..Kept::default() };
        let _ = read_status(&kept);
        let kept = Kept { record: vec![0; 40], done: bytes.clone(), ..Kept::default() };
        let _ = read_status(&kept);
        let kept =
            Kept { record: vec![0; 40], failures: bytes.clone(), lines: bytes.clone(), progress: bytes, ..Kept::default() };
        let _ = read_status(&kept);
    }

    #[test]
    fn a_cut_or_changed_record_never_panics(job in envelope(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (mut record, profile) = record_of(&job, false);
        let profile = read_profile(&profile).unwrap();
        let at = place.index(record.len());
        let _ = read_record(job.id.clone(), job.queue.clone(), record[..at].to_vec(), &profile);
        record[at] = byte;
        let _ = read_record(job.id.clone(), job.queue.clone(), record, &profile);
    }

    #[test]
    fn a_worker_is_read_as_it_was_written(
        texts in vec("[^\\x00-\\x1f]{1,20}", 4),
        (pid, concurrency, running, completed) in any::<(u32, u32, u32, u64)>(),
        (backoff, retention, delay) in (backoff(), retention(), option::of(duration())),
        (draining, dedup) in (any::<bool>(), option::of(dedup())),
    ) {
        let name = |place: usize| Name::from_stored(&texts[place]);
        let defaults = TaskDefaults {
            max_attempts: 3, priority: 9, delay, ttl: None, timeout: delay, backoff, retention, tags: texts.clone(),
            keyed: draining,
            dedup, dedup_keyed: draining,
        };
        let task = TaskInfo {
            name: name(0), version: 2, queue: name(1), arguments: texts.clone(), defaults,
            schedule: delay.map(|_| texts[0].clone()),
        };
        let (started_at, seen_at) = (Timestamp::from_micros(5), Timestamp::from_micros(1 << 50));
        let worker = WorkerInfo {
            id: WorkerId::generate(), host: texts[2].clone(), pid, version: texts[3].clone(), queues: vec![name(0)],
            concurrency, tasks: vec![task], draining, running, completed, failed: 1, started_at, seen_at, alive: true,
        };
        let mut entry = started_at.as_micros().to_be_bytes()[1..].to_vec();
        entry.extend(&seen_at.as_micros().to_be_bytes()[1..]);
        entry.push(b'0' + u8::from(draining));
        entry.extend(worker_bytes(&worker));
        prop_assert_eq!(read_worker_info(worker.id.as_uuid().as_bytes(), &entry, seen_at).unwrap(), worker);
    }
}

#[test]
fn lanes_of_different_profiles_have_different_names() {
    let name = Name::from_static("t");
    let job = Envelope::new(JobId::generate(), name.clone(), name, Bytes::new());
    let mut lanes: Vec<Lane> =
        (0..10_000).map(|version| lane_of(&profile_of(&Envelope { version, ..job.clone() }, true))).collect();
    lanes.sort_unstable();
    lanes.dedup();
    assert_eq!(lanes.len(), 10_000);
    assert!(lanes.iter().all(|lane| lane.starts_with(b"05")));
}
