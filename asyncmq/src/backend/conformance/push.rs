//! Taking jobs in: once each, all or none, as they were sent.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Fixture;
use super::stage::{Answered, QUEUE, Stage, complete, ids, ids_of, job, job_of, jobs, only};
use crate::backend::{Force, MAX_BATCH, Pushed, RECALLED_CALLS};
use crate::event::EventFilter;
use crate::job::{Backoff, Envelope, JobId, JobState, Name, Retention};
use crate::lifecycle::Transition;

pub async fn a_repeated_push_is_answered_as_the_first_one(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let kept = stage.push(job()).await;
    let batch = [Arc::new(job()), kept, Arc::new(job())];
    let call = stage.next_call();
    let first = stage.store.push(call, &batch).await.answered();
    assert!(matches!(first.as_slice(), [Pushed::Added, Pushed::Exists { .. }, Pushed::Added]), "{first:?}");
    assert_eq!(stage.store.push(call, &batch).await.answered(), first);
    assert_eq!(stage.recount().await.waiting, 3);
}

pub async fn the_latest_calls_of_a_sender_are_recalled(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let batches: Vec<_> = (0..RECALLED_CALLS).map(|_| (stage.next_call(), [Arc::new(job())])).collect();
    for (call, batch) in &batches {
        stage.store.push(*call, batch).await.answered();
    }
    for (call, batch) in &batches {
        assert_eq!(stage.store.push(*call, batch).await.answered(), [Pushed::Added]);
    }
    assert_eq!(stage.counts().await.total(), RECALLED_CALLS as u64);
}

pub async fn a_repeated_push_does_not_bring_back_what_has_ended(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let batch = [Arc::new(Envelope { retention: Retention::Nothing, ..job() })];
    let call = stage.next_call();
    stage.store.push(call, &batch).await.answered();
    stage.run(Transition::Complete { result: Bytes::new(), retention: Retention::Nothing }).await;
    assert_eq!(stage.store.push(call, &batch).await.answered(), [Pushed::Added]);
    assert_eq!(stage.recount().await.total(), 0);
}

/// Between the two of them its queue and task come to be known, or somebody begins or ceases to listen: how a store takes a job in may differ
/// then, but it is the same call.
pub async fn a_lone_push_is_recalled_whatever_came_between(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let push_lone = async |call, job: &Arc<Envelope>| {
        let answer = stage.store.push(call, std::slice::from_ref(job)).await;
        assert_eq!(answer.answered(), [Pushed::Added]);
    };
    let plain = || Arc::new(Envelope { retention: Retention::Nothing, ..job() });
    let calls: Vec<_> = (0..4).map(|_| (stage.next_call(), plain())).collect();
    push_lone(calls[0].0, &calls[0].1).await;
    push_lone(calls[1].0, &calls[1].1).await;
    let listener = stage.listen(EventFilter::all()).await;
    push_lone(calls[2].0, &calls[2].1).await;
    for _ in 0..3 {
        let done = Transition::Complete { result: Bytes::new(), retention: Retention::Nothing };
        stage.run(done).await;
    }
    push_lone(calls[1].0, &calls[1].1).await;
    drop(listener);
    push_lone(calls[3].0, &calls[3].1).await;
    for (call, job) in &calls {
        push_lone(*call, job).await;
    }
    assert_eq!(stage.recount().await.total(), 1);
}

pub async fn a_lone_push_into_a_queue_that_was_removed_meanwhile_is_taken_in(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let plain = || Envelope { retention: Retention::Nothing, ..job() };
    for _ in 0..2 {
        stage.push(plain()).await;
    }
    // Whatever a sender remembers of the queue is no longer so.
    assert_eq!(stage.store.obliterate(&QUEUE, Force::RemoveActive, 10).await.answered(), Ok(2));
    let (call, new) = (stage.next_call(), [Arc::new(plain())]);
    for _ in 0..2 {
        assert_eq!(stage.store.push(call, &new).await.answered(), [Pushed::Added]);
    }
    assert_eq!(stage.recount().await.waiting, 1);
    let done = Transition::Complete { result: Bytes::new(), retention: Retention::Nothing };
    stage.run(done).await;
    assert_eq!(stage.store.push(call, &new).await.answered(), [Pushed::Added]);
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn a_repeated_lone_push_is_told_again_what_it_met(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let kept = stage.push(job()).await;
    let (call, again) = (stage.next_call(), [Arc::new(Envelope { id: kept.id.clone(), ..job() })]);
    let met = [Pushed::Exists { task: kept.task.clone() }];
    assert_eq!(stage.store.push(call, &again).await.answered(), met);
    stage.store.remove(&QUEUE, &kept.id).await.answered();
    assert_eq!(stage.store.push(call, &again).await.answered(), met);
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn calls_of_one_number_from_two_senders_are_two_calls(fixture: &dyn Fixture) {
    let (one, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    one.push(job()).await;
    other.push(job()).await;
    assert_eq!(one.recount().await.waiting, 2);
}

pub async fn a_job_whose_id_is_kept_is_left_as_it_is(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let kept = stage.push(job()).await;
    let other = Envelope { id: kept.id.clone(), args: Bytes::from_static(b"[1]"), priority: 0, ..job() };
    let reply = stage.push_again(&[Arc::new(other)]).await;
    assert_eq!(reply, [Pushed::Exists { task: kept.task.clone() }]);
    assert_eq!(stage.job(&kept).await.envelope().args, kept.args);
    assert_eq!(stage.job(&kept).await.priority(), kept.priority);
    assert_eq!(stage.recount().await.total(), 1);
}

pub async fn the_id_of_an_ended_job_is_kept_too(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let ended = stage.ended(job(), complete()).await;
    let again = Arc::new(Envelope { id: ended.id.clone(), ..job() });
    assert_eq!(stage.push_again(&[again]).await, [Pushed::Exists { task: ended.task.clone() }]);
    assert_eq!(stage.state(&ended).await, JobState::Completed);
}

pub async fn the_task_of_the_kept_job_is_told(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let kept = stage.push(job()).await;
    let other = Envelope { id: kept.id.clone(), task: Name::from_static("app.other"), ..job() };
    assert_eq!(stage.push_again(&[Arc::new(other)]).await, [Pushed::Exists { task: kept.task.clone() }]);
}

pub async fn two_jobs_of_one_id_in_one_push_are_one(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = Arc::new(job());
    let reply = stage.push_again(&[one.clone(), one.clone()]).await;
    assert_eq!(reply, [Pushed::Added, Pushed::Exists { task: one.task.clone() }]);
    assert_eq!(stage.recount().await.waiting, 1);
}

pub async fn one_id_in_two_queues_is_two_jobs(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let other = Name::from_static("other");
    let one = stage.push(job()).await;
    let twin = stage.push(Envelope { id: one.id.clone(), ..job_of(&other) }).await;
    stage.run(complete()).await;
    assert_eq!(stage.state(&one).await, JobState::Completed);
    assert_eq!(stage.state(&twin).await, JobState::Waiting);
}

pub async fn a_push_of_nothing_changes_nothing(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    assert_eq!(stage.push_again(&[]).await, []);
    assert_eq!(stage.store.queues().await.answered(), Vec::<Name>::new());
}

pub async fn the_largest_batch_goes_in_and_comes_out_in_its_order(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(MAX_BATCH)).await;
    assert_eq!(stage.counts().await.waiting, MAX_BATCH as u64);
    let claimed = stage.worker().claim(MAX_BATCH).await;
    assert_eq!(ids_of(&claimed), ids(&pushed));
}

pub async fn a_batch_may_be_of_many_queues(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let queues: Vec<Name> = (0..20).map(|number| Name::from_stored(&format!("queue {number:02}"))).collect();
    stage.push_all(queues.iter().map(job_of).collect()).await;
    assert_eq!(stage.store.queues().await.answered(), queues);
    assert_eq!(stage.worker_of(&queues).claim(100).await.len(), 20);
}

pub async fn arguments_are_opaque_bytes(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let payloads: [&[u8]; 6] = [b"", b"\0", b"\0\xff\xfe\r\n\0", b"[]", b"12345678901234567", b"\xc3("];
    for payload in payloads {
        let sent = stage.push(Envelope { args: Bytes::from_static(payload), ..job() }).await;
        assert_eq!(stage.job(&sent).await.envelope().args, payload);
        assert_eq!(stage.worker().one().await.envelope.args, payload);
    }
}

pub async fn a_mebibyte_of_arguments_comes_back_as_it_went_in(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let args: Vec<u8> =
        (0_u32..1 << 20).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sent = stage.push(Envelope { args: args.into(), ..job() }).await;
    assert_eq!(stage.worker().one().await.envelope.args, sent.args);
}

pub async fn names_may_have_any_character(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let longest = "x".repeat(128);
    let names = ["a{b}:ü", "a b", " ", "{}", "a}{", "a:b", "a", "*", "%_\\'\"", "日本", longest.as_str()];
    for name in names {
        let name = Name::from_stored(name);
        let id = JobId::custom(&format!("{name}:{{1}}")).expect("it is a good id");
        let sent = stage.push(Envelope { id, task: name.clone(), ..job_of(&name) }).await;
        let worker = stage.worker_of(std::slice::from_ref(&name));
        let worker = super::stage::Worker { tasks: [(name.clone(), 1)].into_iter().collect(), ..worker };
        let claimed = worker.claim(2).await;
        assert_eq!(ids_of(&claimed), only(&sent), "{name}");
        assert_eq!(stage.job(&sent).await.task(), name.as_str());
    }
    assert_eq!(stage.store.queues().await.answered().len(), names.len());
}

pub async fn every_option_comes_back(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let backoffs = [
        Backoff::fixed(Duration::from_millis(1_500)),
        Backoff::DEFAULT.factor(1.1).max(Duration::from_secs(77)).jitter(0.25),
        Backoff::Power(2.5),
        Backoff::list([Duration::ZERO, Duration::from_secs(10)]),
        Backoff::Custom,
    ];
    for (place, backoff) in backoffs.into_iter().enumerate() {
        let sent = stage.push(Envelope { backoff, ..with_options(place) }).await;
        assert_eq!(**stage.job(&sent).await.envelope(), *sent);
        assert_eq!(*stage.worker().one().await.envelope, *sent);
    }
}

fn with_options(place: usize) -> Envelope {
    let retentions = [Retention::Nothing, Retention::Standard, Retention::For(Duration::from_secs(5))];
    let mut job = Envelope {
        version: u32::from(place.is_multiple_of(2)),
        priority: 255,
        max_attempts: 7,
        ttl: (place != 1).then_some(Duration::from_millis(123_456)),
        timeout: (place != 2).then_some(Duration::from_millis(250)),
        retention: retentions[place % 3],
        ..job()
    };
    job.extras_mut().tags = vec!["vip".into(), "ü ,:{}".into()];
    job.extras_mut().headers = vec![("traceparent".into(), "00-1".into()), (String::new(), "\n\0".into())];
    job
}

pub async fn the_sent_bytes_are_not_shared_between_jobs(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let numbered = |number: u8| Envelope { args: vec![number; usize::from(number)].into(), ..job() };
    stage.push_all((0..200).map(numbered).collect()).await;
    for (number, claimed) in stage.worker().claim(200).await.iter().enumerate() {
        assert_eq!(claimed.envelope.args, vec![u8::try_from(number).expect("200"); number]);
    }
}

pub async fn a_queue_is_used_once_something_was_pushed(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    assert!(stage.store.queues().await.answered().is_empty());
    stage.push(job()).await;
    assert_eq!(stage.store.queues().await.answered(), [QUEUE]);
}
