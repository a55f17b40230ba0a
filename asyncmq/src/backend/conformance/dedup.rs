//! Deduplication by key: who is left out, who takes whose place, and when a key is free again.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::sync::Arc;
use std::time::Duration;

use super::Fixture;
use super::stage::{
    Answered, HOUR, MAX_CRASHES, QUEUE, SECOND, Stage, TASK, cancelled, complete, fail, ids, ids_of, job,
    jobs, only, retry,
};
use crate::backend::{Drain, Force, Pushed};
use crate::event::{EventData, EventFilter, EventKind};
use crate::job::{Dedup, DedupKey, Envelope, JobId, JobState, MAX_DEDUP_KEY, Name, Retention};
use crate::lifecycle::{Limits, Transition};

pub(super) const KEY: &str = "user 7";
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// Describes a job of the key.
pub(super) fn keyed(mode: Dedup) -> Envelope {
    keyed_by(KEY, mode)
}

pub(super) fn keyed_by(key: &str, mode: Dedup) -> Envelope {
    let mut job = job();
    job.deduplicate(DedupKey::new(key, mode).expect("it is a key"));
    job
}

/// Pushes a job that may be left out.
pub(super) async fn offer(stage: &Stage, job: Envelope) -> Pushed {
    stage.push_again(&[Arc::new(job)]).await.remove(0)
}

/// Pushes a job that may be left out and that is looked at afterwards.
pub(super) async fn offer_kept(stage: &Stage, job: &Arc<Envelope>) -> Pushed {
    stage.push_again(std::slice::from_ref(job)).await.remove(0)
}

/// The answer to a job in whose place another one stands.
pub(super) fn left_out_for(owner: &Envelope) -> Pushed {
    Pushed::Deduplicated { id: owner.id.clone(), task: owner.task.clone() }
}

/// The answer to a job that took the place of another one.
pub(super) fn in_place_of(gone: &Envelope) -> Pushed {
    Pushed::Debounced { id: gone.id.clone() }
}

pub(super) async fn owner(stage: &Stage) -> Option<JobId> {
    stage.store.dedup_owner(&QUEUE, KEY).await.answered()
}

pub(super) async fn prune(stage: &Stage, limit: usize) -> usize {
    stage.store.prune(&Limits::default(), limit).await.answered()
}

pub async fn while_a_job_holds_the_key_the_next_is_left_out(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    assert_eq!(owner(&stage).await, None);
    let first = stage.push(keyed(Dedup::Simple)).await;
    let second = keyed(Dedup::Simple);
    assert_eq!(offer(&stage, second.clone()).await, left_out_for(&first));
    assert!(stage.find(&second).await.is_none());
    let worker = stage.worker();
    let running = worker.one().await;
    assert_eq!(offer(&stage, keyed(Dedup::Simple)).await, left_out_for(&first));
    worker.settle(&running, retry(SECOND)).await;
    assert_eq!(offer(&stage, keyed(Dedup::Simple)).await, left_out_for(&first), "also between attempts");
    assert_eq!(owner(&stage).await, Some(first.id.clone()));
    assert_eq!(
        (stage.recount().await.total(), stage.list(JobState::Delayed).await),
        (1, only(&first).into())
    );
}

pub async fn a_job_with_a_key_comes_back_as_it_was_sent(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let modes = [
        Dedup::Simple,
        Dedup::Throttle(WINDOW).extend(),
        Dedup::Debounce(Duration::from_millis(1_500)),
        Dedup::Replace,
        Dedup::KeepLast,
    ];
    for (mode, key) in modes.into_iter().zip(["a", "ü{}:\"'%", "0", &"k".repeat(MAX_DEDUP_KEY), " "]) {
        let sent = stage.push(Envelope { ttl: Some(HOUR), ..keyed_by(key, mode) }).await;
        assert_eq!(**stage.job(&sent).await.envelope(), *sent);
        assert_eq!(stage.store.dedup_owner(&QUEUE, key).await.answered(), Some(sent.id.clone()), "{key}");
    }
}

pub async fn every_end_of_a_job_frees_its_key(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for end in [complete(), fail(), cancelled("no")] {
        stage.ended(keyed(Dedup::Simple), end).await;
        assert_eq!(owner(&stage).await, None);
    }
    let retention = Retention::Nothing;
    let forgotten = Transition::Complete { result: bytes::Bytes::new(), retention };
    stage.ended(Envelope { retention, ..keyed(Dedup::Simple) }, forgotten).await;
    let job = stage.push(keyed(Dedup::Simple)).await;
    stage.store.cancel(&QUEUE, &job.id, None).await.answered();
    let job = stage.push(Envelope { ttl: Some(SECOND), ..keyed(Dedup::Simple) }).await;
    fixture.advance(SECOND).await;
    assert_eq!(stage.store.expire(10).await.answered(), 1);
    assert_eq!(stage.state(&job).await, JobState::Expired);
    let job = stage.push(Envelope { ttl: Some(SECOND), ..keyed(Dedup::Simple) }).await;
    fixture.advance(SECOND).await;
    assert!(stage.worker().claim(1).await.is_empty());
    assert_eq!(stage.state(&job).await, JobState::Expired);
    stage.push(keyed(Dedup::Simple)).await;
}

pub async fn every_removal_of_a_job_frees_its_key(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let store = &stage.store;
    let job = stage.push(keyed(Dedup::Simple)).await;
    store.remove(&QUEUE, &job.id).await.answered();
    stage.push(keyed(Dedup::Simple)).await;
    assert_eq!(store.drain(&QUEUE, Drain::Waiting, 10).await.answered(), 1);
    stage.push(Envelope { due: crate::job::Due::After(HOUR), ..keyed(Dedup::Simple) }).await;
    assert_eq!(store.drain(&QUEUE, Drain::WaitingAndDelayed, 10).await.answered(), 1);
    stage.push(keyed(Dedup::Simple)).await;
    fixture.advance(SECOND).await;
    let now = stage.now().await;
    assert_eq!(store.clean(&QUEUE, JobState::Waiting, now, 10).await.answered(), 1);
    stage.push(keyed(Dedup::Simple)).await;
    stage.worker().one().await;
    assert_eq!(store.obliterate(&QUEUE, Force::RemoveActive, 10).await.answered(), Ok(1));
    stage.push(keyed(Dedup::Simple)).await;
    assert_eq!(stage.recount().await.total(), 1);
}

pub async fn a_job_that_crashed_too_often_frees_its_key(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = stage.push(keyed(Dedup::Simple)).await;
    for _ in 0..MAX_CRASHES {
        assert_eq!(offer(&stage, keyed(Dedup::Simple)).await, left_out_for(&first));
        stage.worker().one().await;
        fixture.advance(HOUR).await;
        assert_eq!(stage.rescue().await, 1);
    }
    assert_eq!(stage.state(&first).await, JobState::Failed);
    stage.push(keyed(Dedup::Simple)).await;
}

pub async fn whoever_goes_on_without_the_key_frees_nothing(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = stage.push(keyed(Dedup::Simple)).await;
    assert!(stage.store.free_dedup_key(&QUEUE, KEY).await.answered());
    assert!(!stage.store.free_dedup_key(&QUEUE, KEY).await.answered());
    assert_eq!(owner(&stage).await, None);
    let second = stage.push(keyed(Dedup::Simple)).await;
    let worker = stage.worker();
    let running = worker.one().await;
    assert_eq!(running.envelope.id, first.id);
    worker.settle(&running, complete()).await;
    assert_eq!(owner(&stage).await, Some(second.id.clone()));
    assert_eq!(offer(&stage, keyed(Dedup::Simple)).await, left_out_for(&second));
}

pub async fn the_id_counts_before_the_key(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = stage.push(keyed(Dedup::Simple)).await;
    let exists = Pushed::Exists { task: TASK };
    assert_eq!(offer(&stage, Envelope::clone(&first)).await, exists);
    let again = Envelope { id: first.id.clone(), ..keyed_by("another", Dedup::Simple) };
    assert_eq!(offer(&stage, again).await, exists);
    assert_eq!(stage.store.dedup_owner(&QUEUE, "another").await.answered(), None);
}

pub async fn a_key_is_its_queues_own(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(keyed(Dedup::Simple)).await;
    let other = Name::from_static("another");
    let there = stage.push(Envelope { queue: other.clone(), ..keyed(Dedup::Simple) }).await;
    stage.push(keyed_by("user 8", Dedup::Simple)).await;
    stage.push_all(jobs(2)).await;
    assert_eq!(stage.store.dedup_owner(&other, KEY).await.answered(), Some(there.id.clone()));
    assert_eq!(stage.store.dedup_owner(&Name::from_static("none"), KEY).await.answered(), None);
}

pub async fn a_job_of_another_task_is_left_alone(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let task = Name::from_static("app.other");
    let theirs = stage.push(Envelope { task: task.clone(), ..keyed(Dedup::Debounce(HOUR)) }).await;
    let modes = [
        Dedup::Simple,
        Dedup::Throttle(WINDOW).extend(),
        Dedup::Debounce(WINDOW),
        Dedup::Replace,
        Dedup::KeepLast,
    ];
    for mode in modes {
        let reply = offer(&stage, keyed(mode)).await;
        assert_eq!(reply, Pushed::Deduplicated { id: theirs.id.clone(), task: task.clone() }, "{mode}");
    }
    assert_eq!((owner(&stage).await, stage.recount().await.total()), (Some(theirs.id.clone()), 1));
}

pub async fn jobs_of_one_call_count_in_their_order(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let of = |priority, mode| Arc::new(Envelope { priority, ..keyed(mode) });
    let batch = [of(5, Dedup::Simple), of(9, Dedup::Replace), Arc::new(job()), of(5, Dedup::Simple)];
    let reply = stage.push_again(&batch).await;
    let [first, second, plain, _] = &batch;
    assert_eq!(reply, [Pushed::Added, in_place_of(first), Pushed::Added, left_out_for(second)]);
    assert_eq!(stage.list(JobState::Waiting).await, [plain.id.clone(), second.id.clone()]);
    let again = [Arc::new(job()), of(5, Dedup::Replace), Arc::new(job())];
    assert_eq!(stage.push_again(&again).await, [Pushed::Added, in_place_of(second), Pushed::Added]);
    let mut waiting = vec![plain.id.clone()];
    waiting.extend(ids(&again));
    assert_eq!(stage.list(JobState::Waiting).await, waiting);
    assert_eq!(ids_of(&stage.worker().claim(10).await), waiting);
}

pub async fn many_keys_go_in_at_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let modes = [Dedup::Simple, Dedup::Throttle(WINDOW), Dedup::Debounce(WINDOW), Dedup::KeepLast];
    let of = |number: usize| keyed_by(&format!("key {number}"), modes[number % 4]);
    let mut batch: Vec<_> = (0..100).map(of).collect();
    batch.extend(jobs(20));
    let sent = stage.push_all(batch).await;
    let again: Vec<_> = (0..100).map(|number| Arc::new(of(number))).collect();
    for (number, met) in stage.push_again(&again).await.into_iter().enumerate() {
        let debounced = matches!(modes[number % 4], Dedup::Debounce(_));
        let wanted = if debounced { in_place_of(&sent[number]) } else { left_out_for(&sent[number]) };
        assert_eq!(met, wanted, "{number}");
    }
    assert_eq!((stage.recount().await.waiting, stage.recount().await.delayed), (95, 25));
    fixture.advance(WINDOW).await;
    let worker = stage.worker();
    let claimed = worker.claim(1_000).await;
    assert_eq!(claimed.len(), 120);
    let ends: Vec<_> = claimed.iter().map(|job| super::stage::settlement(job, complete())).collect();
    worker.settle_all(&ends).await;
    for number in 0..100 {
        let owner = stage.store.dedup_owner(&QUEUE, &format!("key {number}")).await.answered();
        assert_eq!(owner, None, "{number}");
    }
}

pub async fn a_repeated_push_of_a_key_is_answered_as_the_first_one(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let batch: Vec<_> =
        [Dedup::Simple, Dedup::Simple, Dedup::Replace].map(|mode| Arc::new(keyed(mode))).into();
    let call = stage.next_call();
    let reply = stage.store.push(call, &batch).await.answered();
    assert_eq!(reply, [Pushed::Added, left_out_for(&batch[0]), in_place_of(&batch[0])]);
    assert_eq!(stage.run(complete()).await.id, batch[2].id);
    assert_eq!(stage.store.push(call, &batch).await.answered(), reply);
    assert_eq!((owner(&stage).await, stage.recount().await.completed), (None, 1));
}

pub async fn a_replayed_job_holds_its_key_again_if_it_is_free(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = stage.ended(keyed(Dedup::Simple), fail()).await;
    let second = stage.ended(keyed(Dedup::Simple), fail()).await;
    stage.store.retry(&QUEUE, &first.id).await.answered();
    assert_eq!(offer(&stage, keyed(Dedup::Simple)).await, left_out_for(&first));
    stage.store.retry(&QUEUE, &second.id).await.answered();
    assert_eq!(owner(&stage).await, Some(first.id.clone()), "the other one runs without");
    let worker = stage.worker();
    let running = worker.claim(2).await;
    worker.settle(&running[1], complete()).await;
    assert_eq!(owner(&stage).await, Some(first.id.clone()));
    worker.settle(&running[0], complete()).await;
    assert_eq!(owner(&stage).await, None);
}

pub async fn what_was_left_out_and_what_was_replaced_is_told(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut listener = stage.listen(EventFilter::all()).await;
    let first = stage.push(keyed(Dedup::Simple)).await;
    let (second, third) = (keyed(Dedup::Simple), keyed(Dedup::Replace));
    offer(&stage, second.clone()).await;
    offer(&stage, third.clone()).await;
    let about = |job: &Envelope| EventData::Dedup { key: KEY.into(), job: job.id.clone() };
    let told = [
        (EventKind::Enqueued, first.id.clone(), EventData::None),
        (EventKind::Deduplicated, second.id.clone(), about(&first)),
        (EventKind::Debounced, first.id.clone(), about(&third)),
        (EventKind::Enqueued, third.id.clone(), EventData::None),
    ];
    for (kind, id, data) in told {
        let event = listener.next().await;
        assert_eq!((event.kind(), event.job_id(), event.data()), (kind, Some(&id), &data));
        assert_eq!((event.queue(), event.task()), (Some(&*QUEUE), Some(&*TASK)));
    }
}

pub async fn who_waits_for_a_job_learns_that_it_was_replaced(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = stage.push(keyed(Dedup::Replace)).await;
    let mut listener = stage.listen(EventFilter::all().job(QUEUE, first.id.clone())).await;
    offer(&stage, keyed(Dedup::Replace)).await;
    assert_eq!(listener.next().await.kind(), EventKind::Debounced);
}

pub async fn one_of_many_pushes_of_a_key_is_taken_in(fixture: &dyn Fixture) {
    let stage = Arc::new(Stage::of(fixture));
    let push = |mode| {
        let stage = stage.clone();
        tokio::spawn(async move { offer(&stage, keyed(mode)).await })
    };
    let pushes: Vec<_> = (0..40).map(|_| push(Dedup::Simple)).collect();
    let mut added = 0;
    for push in pushes {
        added += usize::from(push.await.expect("it ends") == Pushed::Added);
    }
    assert_eq!((added, stage.recount().await.total()), (1, 1));
    let replacing: Vec<_> = (0..40).map(|_| push(Dedup::Replace)).collect();
    for push in replacing {
        assert!(matches!(push.await.expect("it ends"), Pushed::Debounced { .. }));
    }
    assert_eq!(stage.recount().await.total(), 1);
}
