//! Times to live: what could not start in time becomes a dead letter, and what has started does not.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::time::Duration;

use super::Fixture;
use super::stage::{
    Answered, HOUR, LEASE, MILLI, QUEUE, SECOND, Stage, complete, ids_of, job, jobs, only, retry,
};
use crate::backend::Ordered;
use crate::job::{Due, Envelope, JobState};
use crate::lifecycle::Transition;

fn mortal(ttl: Duration) -> Envelope {
    Envelope { ttl: Some(ttl), ..job() }
}

async fn expire(stage: &Stage) -> usize {
    stage.store.expire(1_000).await.answered()
}

pub async fn an_expired_job_is_thrown_out_at_the_claim(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let old = stage.push(mortal(SECOND)).await;
    let young = stage.push(mortal(HOUR)).await;
    fixture.advance(SECOND).await;
    assert_eq!(ids_of(&stage.worker().claim(1).await), only(&young));
    let kept = stage.job(&old).await;
    assert_eq!((kept.state(), kept.attempt()), (JobState::Expired, 0));
    assert_eq!(kept.status().finished_at, Some(stage.now().await));
    assert_eq!(stage.recount().await.expired, 1);
}

pub async fn a_job_may_start_until_its_last_moment(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(mortal(SECOND)).await;
    fixture.advance(SECOND - MILLI).await;
    assert_eq!(expire(&stage).await, 0);
    assert_eq!(stage.worker().claim(1).await.len(), 1);
}

pub async fn many_expired_jobs_in_front_are_in_nobodys_way(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all((0..300).map(|_| mortal(SECOND)).collect()).await;
    let young = stage.push(job()).await;
    fixture.advance(SECOND).await;
    let worker = stage.worker();
    let mut given = Vec::new();
    for _ in 0..100 {
        given.extend(worker.claim(1).await);
    }
    assert_eq!(ids_of(&given), only(&young));
    assert_eq!(stage.recount().await.expired, 300);
}

pub async fn the_duty_expires_what_nobody_claims(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(vec![mortal(SECOND), mortal(SECOND * 2), mortal(HOUR), job()]).await;
    fixture.advance(SECOND * 2).await;
    assert_eq!((expire(&stage).await, expire(&stage).await), (2, 0));
    let counts = stage.recount().await;
    assert_eq!((counts.expired, counts.waiting), (2, 2));
}

pub async fn the_duty_expires_in_paused_queues_too(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(mortal(SECOND)).await;
    stage.store.pause(&QUEUE).await.answered();
    fixture.advance(SECOND).await;
    assert!(stage.worker().claim(10).await.is_empty());
    assert_eq!(expire(&stage).await, 1);
    assert_eq!(stage.recount().await.expired, 1);
}

pub async fn the_duty_does_no_more_than_its_limit(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all((0..5).map(|_| mortal(SECOND)).collect()).await;
    fixture.advance(SECOND).await;
    let mut expired = Vec::new();
    for _ in 0..4 {
        expired.push(stage.store.expire(2).await.answered());
    }
    assert_eq!(expired, [2, 2, 1, 0]);
}

pub async fn the_time_to_live_counts_from_the_due_time(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(Envelope { due: Due::After(HOUR), ..mortal(SECOND) }).await;
    fixture.advance(HOUR).await;
    assert_eq!(expire(&stage).await, 0);
    fixture.advance(SECOND - MILLI).await;
    assert_eq!(stage.worker().claim(1).await.len(), 1);
}

pub async fn a_delayed_job_that_nobody_served_expires(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let late = stage.push(Envelope { due: Due::After(HOUR), ..mortal(SECOND) }).await;
    fixture.advance(HOUR + SECOND).await;
    assert_eq!(expire(&stage).await, 1);
    assert_eq!(stage.state(&late).await, JobState::Expired);
    assert!(stage.worker().claim(10).await.is_empty());
    assert_eq!(stage.recount().await.expired, 1);
}

pub async fn a_running_job_does_not_expire(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let running = stage.push(mortal(SECOND)).await;
    stage.worker().one().await;
    fixture.advance(SECOND * 5).await;
    assert_eq!(expire(&stage).await, 0);
    assert_eq!(stage.state(&running).await, JobState::Active);
}

pub async fn a_retry_does_not_expire(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.ended(mortal(SECOND), retry(SECOND * 5)).await;
    fixture.advance(HOUR).await;
    assert_eq!(expire(&stage).await, 0);
    assert_eq!(stage.worker().one().await.attempt, 2);
}

pub async fn a_promoted_retry_does_not_expire(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let again = stage.ended(mortal(SECOND), retry(HOUR)).await;
    assert_eq!(stage.store.promote(&QUEUE, &again.id).await.answered(), Ordered::Done);
    fixture.advance(HOUR).await;
    assert_eq!(expire(&stage).await, 0);
    assert_eq!(stage.worker().one().await.attempt, 2);
}

pub async fn a_snoozed_job_does_not_expire(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.ended(mortal(SECOND), Transition::Snooze { after: HOUR }).await;
    fixture.advance(HOUR * 2).await;
    assert_eq!(expire(&stage).await, 0);
    assert_eq!(stage.worker().claim(1).await.len(), 1);
}

pub async fn a_released_job_expires_as_if_it_had_never_been_claimed(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let released = stage.ended(mortal(SECOND), Transition::Release).await;
    assert_eq!(expire(&stage).await, 0);
    fixture.advance(SECOND).await;
    assert_eq!(expire(&stage).await, 1);
    assert_eq!(stage.state(&released).await, JobState::Expired);
}

pub async fn a_job_that_died_with_a_process_does_not_expire(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let suspect = stage.push(mortal(SECOND)).await;
    stage.worker().one().await;
    fixture.advance(LEASE + SECOND).await;
    assert_eq!((stage.rescue().await, expire(&stage).await), (1, 0));
    stage.run(Transition::Release).await;
    assert_eq!(expire(&stage).await, 0);
    assert_eq!(stage.state(&suspect).await, JobState::Waiting);
    assert_eq!(stage.worker().one().await.crashes, 1);
}

pub async fn a_job_of_a_worker_that_died_while_it_drained_expires(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let given_back = stage.push(mortal(LEASE)).await;
    let worker = stage.worker();
    worker.one().await;
    let info = crate::backend::WorkerInfo { draining: true, ..worker.info() };
    stage.store.register(&info, LEASE).await.answered();
    fixture.advance(LEASE + SECOND).await;
    assert_eq!((stage.rescue().await, expire(&stage).await), (1, 1));
    assert_eq!(stage.state(&given_back).await, JobState::Expired);
}

pub async fn a_job_that_was_cancelled_does_not_expire(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let delayed = Envelope { due: Due::After(SECOND), ..mortal(SECOND) };
    let pushed = stage.push_all(vec![mortal(SECOND), delayed]).await;
    for job in &pushed {
        assert_eq!(stage.store.cancel(&QUEUE, &job.id, None).await.answered(), Ordered::Done);
    }
    fixture.advance(HOUR / 2).await;
    assert_eq!(expire(&stage).await, 0);
    assert_eq!(stage.recount().await.cancelled, 2);
}

pub async fn what_was_removed_does_not_expire(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all((0..3).map(|_| mortal(SECOND)).collect()).await;
    for job in &pushed {
        stage.store.remove(&QUEUE, &job.id).await.answered();
    }
    stage.push_all(jobs(3)).await;
    fixture.advance(HOUR).await;
    assert_eq!(expire(&stage).await, 0);
    assert_eq!(stage.recount().await.waiting, 3);
}

pub async fn a_replay_restarts_the_time_to_live(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let old = stage.push(mortal(SECOND)).await;
    fixture.advance(SECOND).await;
    assert_eq!(expire(&stage).await, 1);
    assert_eq!(stage.store.retry(&QUEUE, &old.id).await.answered(), Ordered::Done);
    assert_eq!(expire(&stage).await, 0);
    fixture.advance(SECOND).await;
    assert_eq!(expire(&stage).await, 1);
    stage.store.retry(&QUEUE, &old.id).await.answered();
    stage.run(complete()).await;
    fixture.advance(SECOND * 5).await;
    assert_eq!((expire(&stage).await, stage.state(&old).await), (0, JobState::Completed));
}
