//! Suspects: jobs that live their last life run as the only such job of their worker, so that it is to blame if they die.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::sync::Arc;

use super::Fixture;
use super::stage::{
    Answered, LEASE, MAX_CRASHES, SECOND, Stage, complete, fail, ids_of, job, job_of, jobs, retry,
};
use crate::backend::{Fenced, Force};
use crate::job::{Envelope, JobState, Name};
use crate::lifecycle::Transition;

/// Makes `count` suspects, the jobs of a worker that died where two deaths are one too many.
async fn suspects(fixture: &dyn Fixture, stage: &Stage, count: usize) -> Vec<Arc<Envelope>> {
    let pushed = stage.push_all(jobs(count)).await;
    assert_eq!(stage.worker().claim(count).await.len(), count);
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.store.rescue(2, 1_000).await.answered(), count);
    pushed
}

pub async fn who_has_lives_left_runs_again_beside_others(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(5)).await;
    assert_eq!(stage.worker().claim(10).await.len(), 5);
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 5);
    let again = stage.worker().claim(10).await;
    assert_eq!(ids_of(&again), super::stage::ids(&pushed), "at once, and in their order");
    assert_eq!(again.iter().map(|job| job.crashes).collect::<Vec<_>>(), [1; 5]);
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 5);
    assert_eq!(stage.worker().claim(10).await.len(), 1, "from now on it is the last life");
}

pub async fn a_suspect_stays_one_however_it_comes_back(fixture: &dyn Fixture) {
    for back in [Transition::Release, retry(SECOND), Transition::Snooze { after: SECOND }] {
        let stage = Stage::of(fixture);
        suspects(fixture, &stage, 2).await;
        for _ in 0..2 {
            let worker = stage.worker();
            let held = worker.one().await;
            worker.settle(&held, back.clone()).await;
            fixture.advance(SECOND).await;
        }
        assert_eq!(stage.worker().claim(10).await.len(), 1, "{back:?}");
        stage
            .store
            .obliterate(&super::stage::QUEUE, Force::RemoveActive, 10)
            .await
            .answered()
            .expect("all go");
    }
}

pub async fn who_was_alive_after_all_is_no_suspect(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(2)).await;
    let worker = stage.worker();
    let held = worker.claim(2).await;
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.store.rescue(2, 10).await.answered(), 2);
    for job in &held {
        assert_eq!(worker.settle(job, Transition::Release).await, Fenced::Applied);
    }
    let again = stage.worker().claim(10).await;
    assert_eq!(again.iter().map(|job| job.crashes).collect::<Vec<_>>(), [0, 0]);
}

pub async fn a_worker_holds_one_suspect_at_a_time(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let suspects = suspects(fixture, &stage, 3).await;
    let worker = stage.worker();
    let mut given = Vec::new();
    for _ in 0..3 {
        let claimed = worker.claim(10).await;
        assert_eq!((claimed.len(), worker.claim(10).await.len()), (1, 0));
        given.extend(ids_of(&claimed));
        worker.settle(&claimed[0], complete()).await;
    }
    assert_eq!(given, super::stage::ids(&suspects));
}

pub async fn each_worker_may_hold_a_suspect(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    suspects(fixture, &stage, 3).await;
    let workers = [stage.worker(), stage.worker(), stage.worker()];
    for worker in &workers {
        assert_eq!(worker.claim(10).await.len(), 1);
    }
}

pub async fn one_suspect_is_allowed_over_all_queues(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let queues = [Name::from_static("one"), Name::from_static("two")];
    stage.push_all(queues.iter().map(job_of).collect()).await;
    stage.worker_of(&queues).claim(2).await;
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.store.rescue(2, 10).await.answered(), 2);
    let worker = stage.worker_of(&queues);
    assert_eq!((worker.claim(10).await.len(), worker.claim(10).await.len()), (1, 0));
}

pub async fn suspects_do_not_hold_others_up(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let suspects = suspects(fixture, &stage, 2).await;
    let others = stage.push_all(jobs(2)).await;
    let claimed = stage.worker().claim(10).await;
    let order = [&suspects[0], &others[0], &others[1]].map(|job| job.id.clone());
    assert_eq!(ids_of(&claimed), order);
}

pub async fn a_suspect_keeps_its_place_by_priority(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let suspects = suspects(fixture, &stage, 1).await;
    let urgent = stage.push(Envelope { priority: 0, ..job() }).await;
    let claimed = stage.worker().claim(10).await;
    assert_eq!(ids_of(&claimed), [urgent.id.clone(), suspects[0].id.clone()]);
}

pub async fn who_died_beside_a_suspect_is_charged_and_not_given_up(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let suspects = suspects(fixture, &stage, 1).await;
    let others = stage.push_all(jobs(4)).await;
    assert_eq!(stage.worker().claim(10).await.len(), 5);
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.store.rescue(2, 10).await.answered(), 5);
    assert_eq!(stage.state(&suspects[0]).await, JobState::Failed);
    for other in &others {
        let kept = stage.job(other).await;
        assert_eq!((kept.state(), kept.attempt(), kept.crashes()), (JobState::Waiting, 0, 1));
    }
    assert_eq!(stage.worker().claim(10).await.len(), 1, "each of them may have done it");
}

pub async fn a_rescue_that_takes_several_calls_judges_as_one_that_takes_one(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    suspects(fixture, &stage, 1).await;
    stage.push_all(jobs(6)).await;
    assert_eq!(stage.worker().claim(10).await.len(), 7);
    fixture.advance(LEASE + SECOND).await;
    for _ in 0..7 {
        assert_eq!(stage.store.rescue(MAX_CRASHES, 1).await.answered(), 1);
    }
    let jobs = stage.store.list(&super::stage::QUEUE, JobState::Waiting, (0..10).into()).await.answered();
    let mut crashes: Vec<u32> = jobs.iter().map(crate::job::Job::crashes).collect();
    crashes.sort_unstable();
    assert_eq!(crashes, [1, 1, 1, 1, 1, 1, 2]);
}

pub async fn nobody_is_given_up_before_a_life_alone(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(5)).await;
    // Others bear fewer deaths than those who judged before.
    for max_crashes in [5, 5, 2] {
        assert_eq!(stage.worker().claim(10).await.len(), 5);
        fixture.advance(LEASE + SECOND).await;
        assert_eq!(stage.store.rescue(max_crashes, 10).await.answered(), 5);
    }
    assert_eq!((stage.recount().await.waiting, stage.worker().claim(10).await.len()), (5, 1));
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.store.rescue(2, 10).await.answered(), 1);
    assert_eq!(stage.recount().await.failed, 1);
}

pub async fn where_one_death_is_too_many_all_are_given_up(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(3)).await;
    assert_eq!(stage.worker().claim(10).await.len(), 3);
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.store.rescue(1, 10).await.answered(), 3);
    assert_eq!(stage.recount().await.failed, 3);
}

pub async fn new_poison_costs_no_more_for_the_suspects_beside_it(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    suspects(fixture, &stage, 6).await;
    let poison = stage.push(job()).await;
    let mut deaths = 0;
    while stage.state(&poison).await == JobState::Waiting {
        let held = stage.worker().claim(10).await;
        if held.iter().any(|job| job.envelope.id == poison.id) {
            deaths += 1;
        }
        fixture.advance(LEASE + SECOND).await;
        stage.rescue().await;
    }
    assert_eq!((deaths, stage.state(&poison).await), (MAX_CRASHES, JobState::Failed));
}

pub async fn who_was_replayed_holds_no_other_suspect_up(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    suspects(fixture, &stage, 2).await;
    let worker = stage.worker();
    let held = worker.claim(1).await.remove(0);
    worker.settle(&held, fail()).await;
    stage.store.retry(&super::stage::QUEUE, &held.envelope.id).await.answered();
    assert_eq!(
        worker.claim(10).await.len(),
        2,
        "the one that was replayed is none, so the other may come too"
    );
}

pub async fn poison_ends_and_the_others_complete(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(5)).await;
    let poison = &pushed[2].id;
    for _ in 0..20 {
        let worker = stage.worker();
        let held = worker.claim(10).await;
        if held.iter().any(|job| job.envelope.id == *poison) {
            fixture.advance(LEASE + SECOND).await;
            stage.rescue().await;
            continue;
        }
        for job in &held {
            worker.settle(job, complete()).await;
        }
    }
    let counts = stage.recount().await;
    assert_eq!((counts.completed, counts.failed, counts.total()), (4, 1, 5));
}

pub async fn a_replay_clears_a_suspect(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let suspects = suspects(fixture, &stage, 2).await;
    for job in &suspects {
        stage.store.cancel(&super::stage::QUEUE, &job.id, None).await.answered();
        stage.store.retry(&super::stage::QUEUE, &job.id).await.answered();
    }
    let held = stage.worker().claim(10).await;
    assert_eq!(held.iter().map(|job| job.crashes).collect::<Vec<_>>(), [0, 0]);
}
