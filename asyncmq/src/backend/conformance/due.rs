//! Due times: never early, and found without anybody looking for them.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use super::Fixture;
use super::stage::{Answered, HOUR, LEASE, MILLI, QUEUE, SECOND, Stage, ids_of, job, job_of, only, retry};
use crate::backend::Ordered;
use crate::job::{Due, Envelope, JobState, Name};

fn delayed(by: std::time::Duration) -> Envelope {
    Envelope { due: Due::After(by), ..job() }
}

pub async fn a_delayed_job_runs_when_it_is_due_and_not_before(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let late = stage.push(delayed(SECOND)).await;
    let worker = stage.worker();
    assert_eq!(stage.state(&late).await, JobState::Delayed);
    fixture.advance(SECOND - MILLI).await;
    assert!(worker.claim(10).await.is_empty());
    fixture.advance(MILLI).await;
    assert_eq!(ids_of(&worker.claim(10).await), only(&late));
    assert_eq!(stage.recount().await.active, 1);
}

pub async fn a_job_may_be_due_at_a_time_of_the_stores_clock(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let due = stage.now().await.after(HOUR);
    let late = stage.push(Envelope { due: Due::At(due.into()), ..job() }).await;
    assert_eq!(stage.job(&late).await.status().run_at, due);
    fixture.advance(HOUR - MILLI).await;
    assert!(stage.worker().claim(10).await.is_empty());
    fixture.advance(MILLI).await;
    assert_eq!(stage.worker().claim(10).await.len(), 1);
}

pub async fn a_due_time_in_the_past_is_now(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let past = stage.push(Envelope { due: Due::At(std::time::UNIX_EPOCH), ..job() }).await;
    let kept = stage.job(&past).await;
    assert_eq!((kept.state(), kept.status().run_at), (JobState::Waiting, stage.now().await));
}

pub async fn delayed_jobs_run_in_the_order_in_which_they_are_due(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let delays = [4, 1, 3, 2, 9];
    let pushed = stage.push_all(delays.map(|delay| delayed(SECOND * delay)).into()).await;
    fixture.advance(SECOND * 5).await;
    let order = [1, 3, 2, 0].map(|place: usize| pushed[place].id.clone());
    assert_eq!(ids_of(&stage.worker().claim(10).await), order);
    assert_eq!(stage.list(JobState::Delayed).await, only(&pushed[4]));
}

pub async fn jobs_due_at_one_time_run_in_the_order_in_which_they_came(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all((0..50).map(|_| delayed(SECOND)).collect()).await;
    fixture.advance(SECOND).await;
    assert_eq!(ids_of(&stage.worker().claim(100).await), super::stage::ids(&pushed));
}

pub async fn a_job_that_becomes_due_keeps_its_priority(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let urgent = stage.push(Envelope { priority: 0, ..delayed(SECOND) }).await;
    let other = stage.push(job()).await;
    fixture.advance(SECOND).await;
    assert_eq!(ids_of(&stage.worker().claim(10).await), [urgent.id.clone(), other.id.clone()]);
}

pub async fn a_claim_tells_when_the_next_job_is_due(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let other = Name::from_static("other");
    let worker = stage.worker_of(&[QUEUE, other.clone()]);
    assert_eq!(worker.claim_as(worker.next_call(), 1).await.next_due, None);
    stage.push(delayed(SECOND * 5)).await;
    stage.push(Envelope { due: Due::After(SECOND * 3), ..job_of(&other) }).await;
    assert_eq!(worker.claim_as(worker.next_call(), 1).await.next_due, Some(SECOND * 3));
    fixture.advance(SECOND).await;
    assert_eq!(worker.claim_as(worker.next_call(), 1).await.next_due, Some(SECOND * 2));
}

pub async fn what_is_due_but_beyond_the_limit_is_not_forgotten(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all((0..30).map(|_| delayed(SECOND)).collect()).await;
    fixture.advance(SECOND).await;
    let worker = stage.worker();
    let mut given = 0;
    for _ in 0..10 {
        given += worker.claim(3).await.len();
    }
    assert_eq!((given, stage.recount().await.active), (30, 30));
}

pub async fn thousands_due_at_once_all_run(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for _ in 0..3 {
        stage.push_all((0..1_000).map(|_| delayed(SECOND)).collect()).await;
    }
    fixture.advance(HOUR).await;
    let worker = stage.worker();
    let mut given = 0;
    for _ in 0..3_000 {
        match worker.claim_as(worker.next_call(), 1_000).await {
            claimed if claimed.jobs.is_empty() && claimed.next_due.is_none() => break,
            claimed => given += claimed.jobs.len(),
        }
    }
    assert_eq!(given, 3_000);
}

pub async fn a_retry_waits_for_its_delay(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let worker = stage.worker();
    worker.settle(&worker.one().await, retry(SECOND * 10)).await;
    fixture.advance(SECOND * 10 - MILLI).await;
    assert!(worker.claim(10).await.is_empty());
    fixture.advance(MILLI).await;
    assert_eq!(worker.one().await.attempt, 2);
}

pub async fn a_promoted_job_is_due_now(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let late = stage.push(delayed(HOUR)).await;
    assert_eq!(stage.store.promote(&QUEUE, &late.id).await.answered(), Ordered::Done);
    let kept = stage.job(&late).await;
    assert_eq!((kept.state(), kept.status().run_at), (JobState::Waiting, stage.now().await));
    assert_eq!(ids_of(&stage.worker().claim(10).await), only(&late));
    fixture.advance(LEASE - SECOND).await;
    assert_eq!(stage.recount().await.active, 1);
}

pub async fn only_a_delayed_job_can_be_promoted(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let job = stage.push(job()).await;
    assert_eq!(stage.store.promote(&QUEUE, &job.id).await.answered(), Ordered::Refused(JobState::Waiting));
    stage.worker().one().await;
    assert_eq!(stage.store.promote(&QUEUE, &job.id).await.answered(), Ordered::Refused(JobState::Active));
    let nobody = crate::job::JobId::generate();
    assert_eq!(stage.store.promote(&QUEUE, &nobody).await.answered(), Ordered::Missing);
}
