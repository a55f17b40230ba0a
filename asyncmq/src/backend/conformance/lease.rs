//! Leases: a worker that is heard of keeps its jobs, however long they run.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use super::Fixture;
use super::stage::{Answered, HOUR, LEASE, MILLI, QUEUE, SECOND, Stage, complete, ids_of, job, jobs, only};
use crate::backend::{Extension, Fenced, Force};
use crate::job::JobState;

pub async fn a_worker_that_extends_keeps_its_jobs(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    for _ in 0..5 {
        fixture.advance(LEASE - SECOND).await;
        assert_eq!(worker.extend(&[&held]).await, Extension::default());
        assert_eq!(stage.rescue().await, 0);
    }
    assert_eq!(stage.state(&pushed).await, JobState::Active);
    assert_eq!(worker.settle(&held, complete()).await, Fenced::Applied);
}

pub async fn a_worker_that_claims_keeps_its_jobs(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(3)).await;
    let worker = stage.worker();
    for _ in 0..3 {
        assert_eq!(worker.claim(1).await.len(), 1);
        fixture.advance(LEASE - SECOND).await;
        assert_eq!(stage.rescue().await, 0);
    }
    assert!(worker.claim(1).await.is_empty(), "a claim that gives nothing counts too");
    fixture.advance(LEASE - SECOND).await;
    assert_eq!(stage.rescue().await, 0);
}

pub async fn a_worker_that_registers_keeps_its_jobs(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let worker = stage.worker();
    worker.one().await;
    for _ in 0..3 {
        fixture.advance(LEASE - SECOND).await;
        worker.register().await;
    }
    assert_eq!(stage.rescue().await, 0);
}

pub async fn a_lease_ends_when_it_was_to_end(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    stage.worker().one().await;
    fixture.advance(LEASE - MILLI).await;
    assert_eq!(stage.rescue().await, 0);
    fixture.advance(MILLI * 2).await;
    assert_eq!(stage.rescue().await, 1);
}

pub async fn who_claims_all_the_time_has_nearly_a_whole_lease_left(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let worker = stage.worker();
    worker.one().await;
    // A store may leave an extension out that adds less than a sixteenth of the lease, or half a second.
    for _ in 0..30 {
        fixture.advance(MILLI * 70).await;
        worker.claim(1).await;
    }
    fixture.advance(LEASE - (LEASE / 16).min(MILLI * 500)).await;
    assert_eq!(stage.rescue().await, 0);
}

pub async fn leases_are_each_workers_own(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(2)).await;
    let (silent, alive) = (stage.worker(), stage.worker());
    let (lost, kept) = (silent.one().await, alive.one().await);
    fixture.advance(LEASE - SECOND).await;
    alive.extend(&[&kept]).await;
    fixture.advance(SECOND * 2).await;
    assert_eq!(stage.rescue().await, 1);
    assert_eq!(stage.state(&lost.envelope).await, JobState::Waiting);
    assert_eq!(stage.state(&kept.envelope).await, JobState::Active);
}

pub async fn an_extension_tells_what_was_lost(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(3)).await;
    let worker = stage.worker();
    let held = worker.claim(2).await;
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 2);
    let other = stage.worker();
    assert_eq!(ids_of(&other.claim(1).await), only(&held[0].envelope));
    let third = worker.claim(10).await.into_iter().find(|job| job.crashes == 0).expect("it is no suspect");
    let extension = worker.extend(&[&held[0], &third]).await;
    assert_eq!((extension.lost, extension.cancelled), (vec![held[0].token], vec![]));
}

pub async fn a_settled_claim_is_no_longer_the_workers(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(2)).await;
    let worker = stage.worker();
    let held = worker.claim(2).await;
    worker.settle(&held[0], complete()).await;
    assert_eq!(worker.extend(&[&held[0], &held[1]]).await.lost, [held[0].token]);
}

pub async fn a_removed_job_is_told_as_lost(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    stage.store.obliterate(&QUEUE, Force::RemoveActive, 10).await.answered().expect("it may be removed");
    assert_eq!(worker.extend(&[&held]).await.lost, [held.token]);
}

pub async fn every_extension_tells_who_is_to_be_cancelled(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(2)).await;
    let worker = stage.worker();
    let held = worker.claim(2).await;
    stage.store.cancel(&QUEUE, &held[1].envelope.id, None).await.answered();
    for _ in 0..3 {
        let extension = worker.extend(&[&held[0], &held[1]]).await;
        assert_eq!((extension.lost, extension.cancelled), (vec![], vec![held[1].token]));
    }
}

pub async fn a_lease_that_had_run_out_is_made_anew(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    fixture.advance(HOUR).await;
    assert_eq!(worker.extend(&[&held]).await, Extension::default());
    assert_eq!(stage.rescue().await, 0);
    fixture.advance(LEASE - SECOND).await;
    assert_eq!((stage.rescue().await, stage.state(&pushed).await), (0, JobState::Active));
}

pub async fn a_worker_that_holds_nothing_extends_nothing(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    assert_eq!(stage.worker().extend(&[]).await, Extension::default());
    fixture.advance(HOUR).await;
    assert_eq!(stage.rescue().await, 0);
}

pub async fn many_claims_are_extended_at_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(1_000)).await;
    let worker = stage.worker();
    let held = worker.claim(1_000).await;
    let held: Vec<_> = held.iter().collect();
    fixture.advance(LEASE - SECOND).await;
    assert_eq!(worker.extend(&held).await, Extension::default());
    fixture.advance(LEASE - SECOND).await;
    assert_eq!((stage.rescue().await, stage.recount().await.active), (0, 1_000));
}
