//! The fence: who settles must hold the claim, and settles once.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use super::Fixture;
use super::stage::{
    Answered, HOUR, LEASE, QUEUE, SECOND, Stage, cancelled, complete, fail, job, jobs, retry, settlement,
    settlement_by,
};
use crate::backend::{Claimed, ClaimedJob, Fenced, Force, Token};
use crate::job::{Envelope, JobState, Retention};
use crate::lifecycle::Transition;

/// Every way to settle.
fn every_end() -> [Transition; 6] {
    [
        complete(),
        retry(SECOND),
        fail(),
        Transition::Snooze { after: SECOND },
        cancelled("no"),
        Transition::Release,
    ]
}

/// Checks that a claim which is no longer good changes nothing, however it settles.
async fn changes_nothing(stage: &Stage, worker: &super::stage::Worker, stale: &ClaimedJob) {
    let before = stage.find(&stale.envelope).await.map(|job| job.status().clone());
    for end in every_end() {
        assert_eq!(worker.settle(stale, end).await, Fenced::Stale);
    }
    assert_eq!(stage.find(&stale.envelope).await.map(|job| job.status().clone()), before);
    stage.recount().await;
}

pub async fn a_claim_settles_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for end in every_end() {
        stage.push(job()).await;
        let worker = stage.worker();
        let held = worker.one().await;
        assert_eq!(worker.settle(&held, end).await, Fenced::Applied);
        changes_nothing(&stage, &worker, &held).await;
        stage.store.obliterate(&QUEUE, Force::RefuseActive, 10).await.answered().expect("none is running");
    }
}

pub async fn a_token_that_was_never_given_changes_nothing(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    for token in [Token(0), Token(u128::MAX), Token(held.token.0 + 1), Token(held.token.0 ^ (1 << 96))] {
        changes_nothing(&stage, &worker, &ClaimedJob { token, ..held.clone() }).await;
    }
}

pub async fn a_token_settles_its_own_job_alone(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(2)).await;
    let worker = stage.worker();
    let held = worker.claim(2).await;
    worker.settle(&held[0], complete()).await;
    assert_eq!(stage.state(&held[1].envelope).await, JobState::Active);
    assert_eq!(worker.settle(&held[1], complete()).await, Fenced::Applied);
}

pub async fn a_repeated_settle_is_answered_as_the_first_one(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(2)).await;
    let worker = stage.worker();
    let held = worker.claim(2).await;
    let batch = [
        settlement(&held[0], retry(std::time::Duration::ZERO)),
        settlement_by(&held[1], Token(7), fail()),
        settlement(&held[1], complete()),
    ];
    let call = worker.next_call();
    let reply = [Fenced::Applied, Fenced::Stale, Fenced::Applied];
    assert_eq!(stage.store.settle(call, &batch).await.answered(), reply);
    let again = stage.worker().one().await;
    assert_eq!(stage.store.settle(call, &batch).await.answered(), reply);
    assert_eq!(stage.state(&again.envelope).await, JobState::Active, "the next attempt is left alone");
    assert_eq!(stage.recount().await.completed, 1);
}

pub async fn a_repeated_settle_is_recognised_when_nothing_is_kept(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(Envelope { retention: Retention::Nothing, ..job() }).await;
    let worker = stage.worker();
    let held = worker.one().await;
    let end = Transition::Complete { result: bytes::Bytes::new(), retention: Retention::Nothing };
    let (call, batch) = (worker.next_call(), [settlement(&held, end)]);
    for _ in 0..3 {
        assert_eq!(stage.store.settle(call, &batch).await.answered(), [Fenced::Applied]);
        assert!(stage.find(&pushed).await.is_none());
    }
}

pub async fn to_settle_and_claim_at_once_is_to_do_both(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(3)).await;
    let worker = stage.worker();
    let held = worker.claim(2).await;
    let batch = [
        settlement(&held[0], complete()),
        settlement_by(&held[1], Token(7), fail()),
        settlement(&held[1], fail()),
    ];
    let (settle, claim) = (worker.next_call(), worker.next_call());
    let (settled, claimed) = worker.settle_and_claim_as(settle, &batch, claim, 2).await;
    let reply = [Fenced::Applied, Fenced::Stale, Fenced::Applied];
    assert_eq!(settled, reply);
    assert_eq!(claimed.jobs.len(), 1);
    // Each is recalled under its own id, be it by its own verb or by both.
    assert_eq!(stage.store.settle(settle, &batch).await.answered(), reply);
    let again = worker.claim_as(claim, 2).await;
    let tokens = |claimed: &Claimed| claimed.jobs.iter().map(|job| job.token).collect::<Vec<_>>();
    assert_eq!(tokens(&again), tokens(&claimed));
    let (settled, again) = worker.settle_and_claim_as(settle, &batch, claim, 2).await;
    assert_eq!((settled, tokens(&again)), (reply.to_vec(), tokens(&claimed)));
    assert_eq!(worker.settle(&claimed.jobs[0], complete()).await, Fenced::Applied);
    let counts = stage.recount().await;
    assert_eq!((counts.completed, counts.failed), (2, 1));
}

pub async fn the_latest_settles_of_a_worker_are_recalled(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let count = crate::backend::RECALLED_CALLS;
    stage.push_all(jobs(count)).await;
    let worker = stage.worker();
    let held = worker.claim(count).await;
    let calls: Vec<_> = held.iter().map(|job| (worker.next_call(), [settlement(job, complete())])).collect();
    for _ in 0..2 {
        for (call, batch) in &calls {
            assert_eq!(stage.store.settle(*call, batch).await.answered(), [Fenced::Applied]);
        }
    }
    assert_eq!(stage.recount().await.completed, count as u64);
}

pub async fn one_stale_claim_does_not_spoil_a_batch(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(3)).await;
    let worker = stage.worker();
    let held = worker.claim(3).await;
    worker.settle(&held[1], fail()).await;
    let batch: Vec<_> = held.iter().map(|job| settlement(job, complete())).collect();
    let reply = worker.settle_all(&batch).await;
    assert_eq!(reply, [Fenced::Applied, Fenced::Stale, Fenced::Applied]);
    let counts = stage.recount().await;
    assert_eq!((counts.completed, counts.failed), (2, 1));
}

pub async fn a_removed_job_cannot_be_settled(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    stage.store.obliterate(&QUEUE, Force::RemoveActive, 10).await.answered().expect("it may be removed");
    changes_nothing(&stage, &worker, &held).await;
    stage.push(Envelope { id: held.envelope.id.clone(), ..job() }).await;
    changes_nothing(&stage, &worker, &held).await;
}

pub async fn a_lapsed_lease_still_settles(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    fixture.advance(HOUR).await;
    assert_eq!(worker.settle(&held, complete()).await, Fenced::Applied);
    assert_eq!(stage.rescue().await, 0);
    assert_eq!(stage.state(&pushed).await, JobState::Completed);
}

pub async fn a_rescued_job_that_nobody_claimed_still_settles(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for end in every_end() {
        let pushed = stage.push(job()).await;
        let worker = stage.worker();
        let held = worker.one().await;
        fixture.advance(LEASE + SECOND).await;
        assert_eq!(stage.rescue().await, 1);
        let attempts = u32::from(!matches!(end, Transition::Snooze { .. } | Transition::Release));
        assert_eq!(worker.settle(&held, end).await, Fenced::Applied);
        let kept = stage.job(&pushed).await;
        assert_eq!((kept.attempt(), kept.crashes()), (attempts, 0), "it had not crashed after all");
        changes_nothing(&stage, &worker, &held).await;
        stage.store.obliterate(&QUEUE, Force::RefuseActive, 10).await.answered().expect("none is running");
    }
}

pub async fn a_rescued_job_that_its_worker_releases_takes_its_old_place(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(3)).await;
    let worker = stage.worker();
    let held = worker.claim(2).await;
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 2);
    assert_eq!(worker.settle(&held[1], Transition::Release).await, Fenced::Applied);
    assert_eq!(stage.list(JobState::Waiting).await, super::stage::ids(&pushed));
    let again = worker.claim(10).await;
    assert_eq!(super::stage::ids_of(&again), super::stage::ids(&pushed));
    assert_eq!(again.iter().map(|job| job.crashes).collect::<Vec<_>>(), [1, 0, 0]);
}

pub async fn a_rescued_job_that_somebody_claimed_is_not_the_old_workers_any_more(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let worker = stage.worker();
    let stale = worker.one().await;
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 1);
    let next = stage.worker();
    let held = next.one().await;
    changes_nothing(&stage, &worker, &stale).await;
    assert_eq!(next.settle(&held, complete()).await, Fenced::Applied);
    changes_nothing(&stage, &worker, &stale).await;
}

pub async fn a_draining_workers_late_settle_counts_too(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    let draining = crate::backend::WorkerInfo { draining: true, ..worker.info() };
    stage.store.register(&draining, LEASE).await.answered();
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 1);
    assert_eq!(worker.settle(&held, complete()).await, Fenced::Applied);
    assert_eq!(stage.state(&pushed).await, JobState::Completed);
}

pub async fn a_replayed_job_cannot_be_settled_by_its_former_claim(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    worker.settle(&held, fail()).await;
    stage.store.retry(&QUEUE, &pushed.id).await.answered();
    changes_nothing(&stage, &worker, &held).await;
    stage.worker().one().await;
    changes_nothing(&stage, &worker, &held).await;
}
