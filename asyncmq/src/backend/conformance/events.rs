//! Events: what happened, told in its order to whoever wants it.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::Fixture;
use super::stage::{
    Answered, LEASE, MAX_CRASHES, QUEUE, SECOND, Stage, cancelled, complete, fail, failure, job, job_of,
    jobs, retry,
};
use crate::backend::{Report, WorkerInfo};
use crate::event::{EventData, EventFilter, EventKind};
use crate::job::{Envelope, Name, Progress};
use crate::lifecycle::Transition;

pub async fn a_jobs_life_is_told_in_its_order(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut listener = stage.listen(EventFilter::all()).await;
    let pushed = stage.push(job()).await;
    stage.run(retry(Duration::ZERO)).await;
    stage.run(Transition::Release).await;
    stage.run(fail()).await;
    stage.store.retry(&QUEUE, &pushed.id).await.answered();
    stage.run(complete()).await;
    use EventKind::{Completed, Enqueued, Failed, Released, Retrying, Started};
    let life =
        [Enqueued, Started, Retrying, Started, Released, Started, Failed, Enqueued, Started, Completed];
    assert_eq!(listener.kinds(life.len()).await, life);
}

pub async fn an_event_tells_whose_it_is_and_when(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let mut listener = stage.listen(EventFilter::all()).await;
    fixture.advance(SECOND).await;
    let worker = stage.worker();
    let held = worker.one().await;
    worker.settle(&held, complete()).await;
    for kind in [EventKind::Started, EventKind::Completed] {
        let event = listener.next().await;
        assert_eq!((event.kind(), event.job_id(), event.attempt()), (kind, Some(&pushed.id), 1));
        assert_eq!((event.queue(), event.task()), (Some(QUEUE.as_str()), Some(pushed.task.as_str())));
        assert_eq!((event.worker(), event.time()), (Some(worker.id), stage.now().await.into()));
    }
}

pub async fn ends_are_told_with_what_there_is_to_say(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let now = stage.now().await;
    let failed = failure(1).at(now);
    let told = [
        (complete(), EventData::Result(Bytes::from_static(b"1"))),
        (fail(), EventData::Failure(failed.clone())),
        (retry(SECOND * 5), EventData::Retry { failure: failed, after: SECOND * 5 }),
        (Transition::Snooze { after: SECOND }, EventData::Wait(SECOND)),
        (cancelled("no"), EventData::Reason("no".into())),
        (Transition::Cancel { reason: None }, EventData::None),
        (Transition::Release, EventData::Wait(Duration::ZERO)),
    ];
    for (end, data) in told {
        stage.push(job()).await;
        let mut listener = stage.listen(EventFilter::from(end.event())).await;
        let kind = end.event();
        stage.run(end).await;
        let event = listener.next().await;
        assert_eq!((event.kind(), event.data()), (kind, &data));
    }
}

pub async fn a_result_of_any_bytes_is_told_as_it_is(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut listener = stage.listen(EventKind::Completed).await;
    for result in [Bytes::new(), Bytes::from_static(b"\0\xff{"), vec![7; 1 << 20].into()] {
        let retention = crate::job::Retention::Nothing;
        let end = Transition::Complete { result: result.clone(), retention };
        stage.ended(Envelope { retention, ..job() }, end).await;
        assert_eq!(*listener.next().await.data(), EventData::Result(result));
    }
}

pub async fn progress_is_told(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    let mut listener = stage.listen(EventFilter::all()).await;
    let progress = Progress::new(12.5, json!({ "rows": [1, 2.5, null, "ü"] }));
    worker.report(&held, Report { progress: Some(progress.clone()), logs: Vec::new() }).await;
    let event = listener.next().await;
    assert_eq!((event.kind(), event.job_id()), (EventKind::Progress, Some(&pushed.id)));
    assert_eq!(*event.data(), EventData::Progress(progress));
}

pub async fn a_duplicate_is_told(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let kept = stage.push(job()).await;
    let mut listener = stage.listen(EventFilter::all()).await;
    stage.push_again(&[Arc::new(job()), kept.clone()]).await;
    assert_eq!(listener.next().await.kind(), EventKind::Enqueued);
    let event = listener.next().await;
    assert_eq!((event.kind(), event.job_id()), (EventKind::Duplicated, Some(&kept.id)));
}

pub async fn a_repeated_call_is_told_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut listener = stage.listen(EventFilter::all()).await;
    let (call, batch) = (stage.next_call(), [Arc::new(job())]);
    for _ in 0..2 {
        stage.store.push(call, &batch).await.answered();
    }
    let worker = stage.worker();
    let call = worker.next_call();
    let held = worker.claim_as(call, 1).await.jobs.remove(0);
    worker.claim_as(call, 1).await;
    let (call, batch) = (worker.next_call(), [super::stage::settlement(&held, complete())]);
    for _ in 0..2 {
        stage.store.settle(call, &batch).await.answered();
    }
    stage.store.pause(&QUEUE).await.answered();
    use EventKind::{Completed, Enqueued, QueuePaused, Started};
    assert_eq!(listener.kinds(4).await, [Enqueued, Started, Completed, QueuePaused]);
}

pub async fn a_stale_settle_is_not_told(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    worker.settle(&held, complete()).await;
    let mut listener = stage.listen(EventFilter::all()).await;
    worker.settle(&held, fail()).await;
    stage.store.pause(&QUEUE).await.answered();
    assert_eq!(listener.next().await.kind(), EventKind::QueuePaused);
}

pub async fn crashes_are_told(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    use EventKind::{Failed, Stalled};
    let pushed = stage.push(job()).await;
    let mut listener = stage.listen([Stalled, Failed]).await;
    for _ in 0..MAX_CRASHES {
        stage.worker().one().await;
        fixture.advance(LEASE + SECOND).await;
        stage.rescue().await;
    }
    let mut kinds = listener.kinds(MAX_CRASHES as usize - 1).await;
    let last = listener.next().await;
    kinds.push(last.kind());
    assert_eq!(kinds, [Stalled, Stalled, Failed]);
    assert!(matches!(last.data(), EventData::Failure(_)), "{last:?}");
    assert_eq!(last.job_id(), Some(&pushed.id));
}

pub async fn expiries_and_cancellations_are_told(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mortal = |_| Envelope { ttl: Some(SECOND), ..job() };
    let pushed = stage.push_all((0..3).map(mortal).collect()).await;
    let mut listener = stage.listen(EventFilter::all()).await;
    stage.store.cancel(&QUEUE, &pushed[2].id, Some("no")).await.answered();
    fixture.advance(SECOND).await;
    assert_eq!(stage.store.expire(1).await.answered(), 1);
    assert!(stage.worker().claim(1).await.is_empty());
    let event = listener.next().await;
    assert_eq!((event.kind(), event.data()), (EventKind::Cancelled, &EventData::Reason("no".into())));
    assert_eq!(listener.kinds(2).await, [EventKind::Expired; 2]);
}

pub async fn queues_and_workers_are_told_of(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut listener = stage.listen(EventFilter::all()).await;
    stage.store.pause(&QUEUE).await.answered();
    stage.store.pause(&QUEUE).await.answered();
    stage.store.resume(&QUEUE).await.answered();
    let worker = stage.worker();
    for _ in 0..2 {
        worker.register().await;
    }
    stage.store.deregister(worker.id).await.answered();
    for kind in [EventKind::QueuePaused, EventKind::QueueResumed] {
        let event = listener.next().await;
        assert_eq!((event.kind(), event.queue(), event.job_id()), (kind, Some(QUEUE.as_str()), None));
    }
    for kind in [EventKind::WorkerStarted, EventKind::WorkerStopped] {
        let event = listener.next().await;
        assert_eq!((event.kind(), event.worker(), event.job_id()), (kind, Some(worker.id), None));
    }
}

pub async fn a_worker_that_was_never_listed_ends_without_a_word(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut listener = stage.listen(EventFilter::all()).await;
    stage.store.deregister(stage.worker().id).await.answered();
    stage.store.pause(&QUEUE).await.answered();
    assert_eq!(listener.next().await.kind(), EventKind::QueuePaused);
}

pub async fn a_listener_hears_what_it_asked_for(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let other = Name::from_static("other");
    let mut of_queue = stage.listen(EventFilter::all().queue(other.as_str())).await;
    let mut of_task = stage.listen(EventFilter::all().task("app.other")).await;
    let mut of_kind = stage.listen(EventKind::Failed).await;
    stage.ended(job(), complete()).await;
    let failed = stage.ended(job(), fail()).await;
    let there = stage.push(Envelope { task: Name::from_static("app.other"), ..job_of(&other) }).await;
    assert_eq!(of_queue.next().await.job_id(), Some(&there.id));
    assert_eq!(of_task.next().await.job_id(), Some(&there.id));
    assert_eq!(of_kind.next().await.job_id(), Some(&failed.id));
}

pub async fn who_listens_to_one_job_hears_all_of_it_and_nothing_else(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(3)).await;
    let filter = EventFilter::all().job(QUEUE, pushed[1].id.clone());
    let mut listener = stage.listen(filter.clone()).await;
    let mut ends = stage.listen(filter.kind(EventKind::Completed)).await;
    for _ in 0..3 {
        stage.run(complete()).await;
    }
    for kind in [EventKind::Started, EventKind::Completed] {
        let event = listener.next().await;
        assert_eq!((event.kind(), event.job_id()), (kind, Some(&pushed[1].id)));
    }
    assert_eq!(ends.next().await.kind(), EventKind::Completed);
}

pub async fn the_job_of_the_same_id_in_another_queue_is_another(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let other = Name::from_static("other");
    let one = job();
    let mut listener = stage.listen(EventFilter::all().job(QUEUE, one.id.clone())).await;
    stage.push(Envelope { id: one.id.clone(), ..job_of(&other) }).await;
    stage.push(one).await;
    assert_eq!(listener.next().await.queue(), Some(QUEUE.as_str()));
}

pub async fn a_listener_that_has_gone_is_in_nobodys_way(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let filter = EventFilter::all().job(QUEUE, pushed.id.clone());
    drop(stage.listen(filter.clone()).await);
    drop(stage.listen(EventFilter::all()).await);
    let mut listener = stage.listen(filter).await;
    stage.run(complete()).await;
    assert_eq!(listener.kinds(2).await, [EventKind::Started, EventKind::Completed]);
}

pub async fn a_listener_that_does_not_listen_holds_nothing_up(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let _silent = stage.listen(EventFilter::all()).await;
    for _ in 0..12 {
        stage.push_all(jobs(1_000)).await;
        assert_eq!(stage.worker().claim(1_000).await.len(), 1_000);
    }
    assert_eq!(stage.counts().await.active, 12_000);
}

pub async fn the_other_side_hears_the_same(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    let one = job();
    let mut all = other.listen(EventFilter::all()).await;
    let mut of_job = other.listen(EventFilter::all().job(QUEUE, one.id.clone())).await;
    stage.ended(one, complete()).await;
    let life = [EventKind::Enqueued, EventKind::Started, EventKind::Completed];
    assert_eq!(all.kinds(3).await, life);
    assert_eq!(of_job.kinds(3).await, life);
}

pub async fn a_draining_workers_released_jobs_are_told(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let worker = stage.worker();
    worker.one().await;
    stage.store.register(&WorkerInfo { draining: true, ..worker.info() }, LEASE).await.answered();
    let mut listener = stage.listen(EventFilter::parse("job:*").expect("it is a pattern")).await;
    fixture.advance(LEASE + SECOND).await;
    stage.rescue().await;
    assert_eq!(listener.next().await.kind(), EventKind::Released);
}
