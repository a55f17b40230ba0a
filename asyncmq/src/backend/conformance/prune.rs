//! Retention: what has ended is kept as long as it was said, and no longer.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Fixture;
use super::stage::{Answered, HOUR, QUEUE, SECOND, Stage, cancelled, complete, fail, job, jobs};
use crate::event::{EventFilter, EventKind};
use crate::job::{Envelope, JobState, Retention};
use crate::lifecycle::{Limits, Transition};

async fn prune(stage: &Stage, limits: &Limits) -> usize {
    stage.store.prune(limits, 1_000).await.answered()
}

/// Pushes a job of that retention and completes it.
async fn kept(stage: &Stage, retention: Retention) -> Arc<Envelope> {
    let end = Transition::Complete { result: Bytes::from_static(b"1"), retention };
    stage.ended(Envelope { retention, ..job() }, end).await
}

pub async fn what_has_ended_is_kept_for_its_time(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let limits = Limits::default();
    stage.ended(job(), complete()).await;
    stage.ended(job(), cancelled("no")).await;
    fixture.advance(HOUR - SECOND).await;
    assert_eq!(prune(&stage, &limits).await, 0);
    fixture.advance(SECOND * 2).await;
    assert_eq!(prune(&stage, &limits).await, 2);
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn dead_letters_are_kept_for_theirs(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let limits = Limits::default();
    stage.push(Envelope { ttl: Some(SECOND), ..job() }).await;
    fixture.advance(SECOND).await;
    assert_eq!(stage.store.expire(10).await.answered(), 1);
    stage.ended(job(), fail()).await;
    fixture.advance(limits.dead_for - SECOND).await;
    assert_eq!(prune(&stage, &limits).await, 0);
    fixture.advance(SECOND * 2).await;
    assert_eq!(prune(&stage, &limits).await, 2);
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn the_newest_are_kept_up_to_a_number(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let limits = Limits { ended_count: 2, dead_count: 3, ..Limits::default() };
    for end in [complete(), cancelled("no"), fail()] {
        let mut ended = Vec::new();
        for _ in 0..5 {
            ended.push(stage.ended(job(), end.clone()).await);
        }
        let most = if matches!(end, Transition::Fail { .. }) { 3 } else { 2 };
        prune(&stage, &limits).await;
        for (place, job) in ended.iter().enumerate() {
            assert_eq!(stage.find(job).await.is_some(), 5 - most <= place, "{end:?} {place}");
        }
    }
    assert_eq!(stage.recount().await.total(), 7);
}

pub async fn each_queue_keeps_its_own_number(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let other = crate::job::Name::from_static("other");
    for queue in [&QUEUE, &other] {
        stage.push(super::stage::job_of(queue)).await;
        let worker = stage.worker_of(std::slice::from_ref(queue));
        worker.settle(&worker.one().await, complete()).await;
    }
    assert_eq!(prune(&stage, &Limits { ended_count: 1, ..Limits::default() }).await, 0);
}

pub async fn a_job_may_be_kept_exactly_as_long_as_it_asks(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let limits = Limits { ended_count: 0, ..Limits::default() };
    let short = kept(&stage, Retention::For(SECOND)).await;
    let long = kept(&stage, Retention::For(HOUR * 5)).await;
    assert_eq!(prune(&stage, &limits).await, 0, "however many there are");
    fixture.advance(SECOND + Duration::from_millis(1)).await;
    assert_eq!(prune(&stage, &limits).await, 1);
    assert!(stage.find(&short).await.is_none());
    fixture.advance(HOUR * 4).await;
    assert_eq!((prune(&stage, &limits).await, stage.state(&long).await), (0, JobState::Completed));
    fixture.advance(HOUR).await;
    assert_eq!(prune(&stage, &limits).await, 1);
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn a_job_may_ask_that_nothing_is_kept(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let gone = kept(&stage, Retention::Nothing).await;
    assert!(stage.find(&gone).await.is_none());
    let info = stage.store.queue(&QUEUE).await.answered();
    assert_eq!((info.counts.total(), info.ended), (0, 1));
    stage.push(Envelope { id: gone.id.clone(), ..job() }).await;
}

pub async fn who_failed_is_kept_whatever_it_asked_for(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let dead = stage.ended(Envelope { retention: Retention::Nothing, ..job() }, fail()).await;
    let other = stage.ended(Envelope { retention: Retention::For(SECOND), ..job() }, cancelled("no")).await;
    fixture.advance(SECOND * 2).await;
    assert_eq!(prune(&stage, &Limits::default()).await, 0);
    assert_eq!(stage.state(&dead).await, JobState::Failed);
    assert_eq!(stage.state(&other).await, JobState::Cancelled);
}

pub async fn a_prune_does_no_more_than_its_limit(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for end in [complete(), fail(), cancelled("no")] {
        stage.ended(job(), end.clone()).await;
        stage.ended(job(), end).await;
    }
    kept(&stage, Retention::For(HOUR)).await;
    kept(&stage, Retention::For(SECOND)).await;
    fixture.advance(Limits::default().dead_for + HOUR).await;
    let mut dropped = Vec::new();
    for _ in 0..10 {
        dropped.push(stage.store.prune(&Limits::default(), 1).await.answered());
    }
    assert_eq!(dropped, [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
}

pub async fn the_limit_of_a_prune_holds_for_all_queues_and_rules_together(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let queues = [QUEUE, crate::job::Name::from_static("other")];
    let limits = Limits { ended_count: 1, ..Limits::default() };
    for queue in &queues {
        let worker = stage.worker_of(std::slice::from_ref(queue));
        for retention in
            [Retention::For(SECOND), Retention::Standard, Retention::Standard, Retention::Standard]
        {
            stage.push(Envelope { retention, ..super::stage::job_of(queue) }).await;
            let end = Transition::Complete { result: Bytes::from_static(b"1"), retention };
            worker.settle(&worker.one().await, end).await;
        }
    }
    fixture.advance(SECOND * 2).await;
    let mut dropped = Vec::new();
    for limit in [1, 1, 2, 0, 1, 1, 1] {
        dropped.push(stage.store.prune(&limits, limit).await.answered());
    }
    assert_eq!(dropped, [1, 1, 2, 0, 1, 1, 0]);
}

pub async fn what_has_not_ended_is_never_dropped(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let none = Duration::ZERO;
    let limits = Limits { ended_for: none, ended_count: 0, dead_for: none, dead_count: 0 };
    stage.push_all(jobs(3)).await;
    stage.run(super::stage::retry(HOUR)).await;
    stage.worker().one().await;
    fixture.advance(SECOND).await;
    assert_eq!(prune(&stage, &limits).await, 0);
    let counts = stage.recount().await;
    assert_eq!((counts.waiting, counts.active, counts.delayed), (1, 1, 1));
}

pub async fn a_replayed_job_is_no_longer_among_the_dead(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let dead = stage.ended(job(), fail()).await;
    stage.ended(job(), fail()).await;
    stage.store.retry(&QUEUE, &dead.id).await.answered();
    assert_eq!(prune(&stage, &Limits { dead_count: 1, ..Limits::default() }).await, 0);
    fixture.advance(Limits::default().dead_for + SECOND).await;
    assert_eq!(prune(&stage, &Limits::default()).await, 1);
    assert_eq!(stage.state(&dead).await, JobState::Waiting);
}

pub async fn a_dropped_dead_letter_is_told(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.ended(job(), complete()).await;
    let dead = stage.ended(job(), fail()).await;
    let mut listener = stage.listen(EventFilter::all()).await;
    fixture.advance(Limits::default().dead_for + SECOND).await;
    assert_eq!(prune(&stage, &Limits::default()).await, 2);
    let event = listener.next().await;
    assert_eq!((event.kind(), event.job_id()), (EventKind::Dropped, Some(&dead.id)));
    stage.push(job()).await;
    assert_eq!(listener.next().await.kind(), EventKind::Enqueued, "of the other nobody is told");
}
