//! Rescue: the jobs of workers that died wait again, and nobody else's.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use super::Fixture;
use super::stage::{
    Answered, HOUR, LEASE, MAX_CRASHES, QUEUE, SECOND, Stage, cancelled, complete, fail, ids, ids_of, job,
    jobs, retry,
};
use crate::backend::{Fenced, WorkerInfo};
use crate::job::{Envelope, FailureKind, JobState, Name};

pub async fn a_dead_workers_jobs_wait_again_with_one_crash_more(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    stage.worker().one().await;
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 1);
    let kept = stage.job(&pushed).await;
    assert_eq!((kept.state(), kept.attempt(), kept.crashes()), (JobState::Waiting, 0, 1));
    assert!(kept.errors().is_empty(), "a crash is no failed attempt");
    let held = stage.worker().one().await;
    assert_eq!((held.attempt, held.crashes), (1, 1));
}

pub async fn rescued_jobs_keep_their_priority_and_age(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let priorities = [5, 0, 5, 5];
    let pushed = stage.push_all(priorities.map(|priority| Envelope { priority, ..job() }).into()).await;
    stage.worker().claim(3).await;
    fixture.advance(LEASE + SECOND).await;
    stage.rescue().await;
    let order = [1, 0, 2, 3].map(|place: usize| pushed[place].id.clone());
    assert_eq!(stage.list(JobState::Waiting).await, order);
}

pub async fn a_second_rescue_finds_nothing(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(3)).await;
    stage.worker().claim(3).await;
    fixture.advance(LEASE + SECOND).await;
    assert_eq!((stage.rescue().await, stage.rescue().await), (3, 0));
    assert_eq!(stage.recount().await.waiting, 3);
}

pub async fn a_rescue_does_no_more_than_its_limit(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(7)).await;
    stage.worker().claim(4).await;
    stage.worker().claim(3).await;
    fixture.advance(LEASE + SECOND).await;
    let mut rescued = Vec::new();
    for _ in 0..4 {
        rescued.push(stage.store.rescue(MAX_CRASHES, 3).await.answered());
    }
    assert_eq!((rescued.iter().sum::<usize>(), rescued[3]), (7, 0));
    assert!(rescued.iter().all(|count| *count <= 3), "{rescued:?}");
}

pub async fn jobs_of_every_queue_are_rescued(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let queues: Vec<Name> = (0..5).map(|number| Name::from_stored(&format!("queue {number}"))).collect();
    stage.push_all(queues.iter().map(super::stage::job_of).collect()).await;
    stage.worker_of(&queues).claim(10).await;
    stage.store.pause(&queues[2]).await.answered();
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 5);
    for queue in &queues {
        assert_eq!(stage.store.queue(queue).await.answered().counts.waiting, 1);
    }
}

pub async fn attempts_before_the_crash_stay_spent(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    stage.run(retry(std::time::Duration::ZERO)).await;
    stage.worker().one().await;
    fixture.advance(LEASE + SECOND).await;
    stage.rescue().await;
    let kept = stage.job(&pushed).await;
    assert_eq!((kept.attempt(), kept.crashes(), kept.errors().len()), (1, 1, 1));
}

pub async fn a_job_that_crashed_too_often_is_a_dead_letter(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let poison = stage.push(job()).await;
    for crash in 1..=MAX_CRASHES {
        assert_eq!(stage.worker().one().await.crashes, crash - 1);
        fixture.advance(LEASE + SECOND).await;
        assert_eq!(stage.rescue().await, 1);
    }
    let kept = stage.job(&poison).await;
    assert_eq!((kept.state(), kept.crashes()), (JobState::Failed, MAX_CRASHES));
    assert_eq!(kept.status().finished_at, Some(stage.now().await));
    assert_eq!(kept.errors().last().map(crate::job::Failure::kind), Some(FailureKind::Crash));
    assert_eq!(stage.recount().await.failed, 1);
}

pub async fn a_given_up_job_cannot_be_settled(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let poison = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.store.rescue(1, 10).await.answered(), 1);
    assert_eq!(worker.settle(&held, complete()).await, Fenced::Stale);
    assert_eq!(stage.state(&poison).await, JobState::Failed);
}

pub async fn a_draining_workers_jobs_are_released_without_a_crash(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(3)).await;
    let worker = stage.worker();
    worker.claim(2).await;
    stage.store.register(&WorkerInfo { draining: true, ..worker.info() }, LEASE).await.answered();
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 2);
    let again = stage.worker().claim(10).await;
    assert_eq!(ids_of(&again), ids(&pushed));
    assert!(again.iter().all(|job| (job.attempt, job.crashes) == (1, 0)));
}

pub async fn a_job_to_be_cancelled_is_cancelled_when_its_worker_dies(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(2)).await;
    stage.worker().claim(2).await;
    stage.store.cancel(&QUEUE, &pushed[0].id, Some("enough")).await.answered();
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 2);
    let kept = stage.job(&pushed[0]).await;
    assert_eq!((kept.state(), kept.cancel_reason()), (JobState::Cancelled, Some("enough")));
    assert_eq!(stage.state(&pushed[1]).await, JobState::Waiting);
}

pub async fn a_rescued_job_can_be_cancelled_like_any_that_waits(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    fixture.advance(LEASE + SECOND).await;
    stage.rescue().await;
    let order = stage.store.cancel(&QUEUE, &pushed.id, None).await.answered();
    assert_eq!(order, crate::backend::Ordered::Done);
    assert_eq!(worker.settle(&held, complete()).await, Fenced::Stale);
    assert_eq!(stage.recount().await.cancelled, 1);
}

pub async fn who_has_settled_leaves_nothing_to_rescue(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for end in [complete(), fail(), cancelled("no"), retry(HOUR)] {
        stage.ended(job(), end).await;
    }
    let before = stage.recount().await;
    fixture.advance(LEASE + SECOND).await;
    assert_eq!((stage.rescue().await, stage.recount().await), (0, before));
}

pub async fn the_rescued_worker_may_claim_again(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let worker = stage.worker();
    let lost = worker.one().await;
    fixture.advance(LEASE + SECOND).await;
    stage.rescue().await;
    let again = worker.one().await;
    assert_ne!(again.token, lost.token);
    assert_eq!(worker.settle(&lost, complete()).await, Fenced::Stale);
    assert_eq!(worker.settle(&again, complete()).await, Fenced::Applied);
}
