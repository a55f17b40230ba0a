//! Jobs that are blocked until the owner of their key has ended: `Dedup::KeepLast`.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::sync::Arc;

use super::Fixture;
use super::dedup::{KEY, in_place_of, keyed, left_out_for, offer, offer_kept, owner};
use super::parents::after;
use super::stage::{
    Answered, HOUR, MAX_CRASHES, QUEUE, SECOND, Stage, Worker, cancelled, complete, fail, job, jobs, only,
    retry, signal, work,
};
use crate::backend::{ClaimedJob, Drain, Force, MAX_BATCH, Ordered, Pushed, Signal};
use crate::event::EventKind;
use crate::job::{Dedup, Due, Envelope, JobState, OnFailure, Retention};
use crate::lifecycle::{Limits, Transition};

fn keep_last() -> Envelope {
    keyed(Dedup::KeepLast)
}

/// Lets a worker hold the owner of the key and another job wait for it.
async fn blocked_behind(stage: &Stage, first: Envelope) -> (Worker, ClaimedJob, Arc<Envelope>) {
    stage.push(first).await;
    let worker = stage.worker();
    let running = worker.one().await;
    let next = stage.push(keep_last()).await;
    assert_eq!(stage.state(&next).await, JobState::Blocked);
    (worker, running, next)
}

/// Checks that a job that was blocked is the owner now, and runs.
async fn runs(stage: &Stage, next: &Envelope) {
    assert_eq!((owner(stage).await, stage.state(next).await), (Some(next.id.clone()), JobState::Waiting));
    assert_eq!(stage.run(complete()).await.id, next.id);
    assert_eq!((owner(stage).await, stage.recount().await.unfinished()), (None, 0));
}

pub async fn the_last_one_that_came_while_a_job_ran_runs_after_it(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = stage.push(keep_last()).await;
    assert_eq!(offer(&stage, keep_last()).await, left_out_for(&first), "it has not started");
    let worker = stage.worker();
    let running = worker.one().await;
    let (second, third) = (stage.push(keep_last()).await, Arc::new(keep_last()));
    assert_eq!(offer_kept(&stage, &third).await, in_place_of(&second));
    assert!(stage.find(&second).await.is_none() && worker.claim(1).await.is_empty());
    assert_eq!(owner(&stage).await, Some(first.id.clone()));
    assert_eq!(stage.recount().await.blocked, 1);
    worker.settle(&running, complete()).await;
    assert_eq!(offer(&stage, keep_last()).await, left_out_for(&third));
    runs(&stage, &third).await;
}

pub async fn whatever_ends_a_job_lets_the_blocked_one_wait(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let retention = Retention::Nothing;
    let forgotten = Transition::Complete { result: bytes::Bytes::new(), retention };
    for end in [complete(), fail(), cancelled("no"), forgotten] {
        let (worker, running, next) = blocked_behind(&stage, keep_last()).await;
        worker.settle(&running, end).await;
        runs(&stage, &next).await;
    }
    let (worker, running, next) = blocked_behind(&stage, keep_last()).await;
    worker.settle(&running, retry(HOUR)).await;
    assert_eq!(stage.state(&next).await, JobState::Blocked, "it will run again");
    let id = &running.envelope.id;
    assert_eq!(stage.store.cancel(&QUEUE, id, None).await.answered(), Ordered::Done);
    runs(&stage, &next).await;
    let (worker, running, next) = blocked_behind(&stage, keep_last()).await;
    worker.settle(&running, Transition::Release).await;
    let id = &running.envelope.id;
    assert_eq!(stage.store.remove(&QUEUE, id).await.answered(), Ordered::Done);
    runs(&stage, &next).await;
}

pub async fn a_drain_of_the_owner_lets_the_blocked_one_wait(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (worker, running, next) = blocked_behind(&stage, keep_last()).await;
    worker.settle(&running, Transition::Release).await;
    assert_eq!(stage.store.drain(&QUEUE, Drain::Waiting, 10).await.answered(), 1);
    runs(&stage, &next).await;
}

pub async fn the_death_of_its_worker_ends_no_job_and_unblocks_none_before_it_is_given_up(
    fixture: &dyn Fixture,
) {
    let stage = Stage::of(fixture);
    stage.push(keep_last()).await;
    let mut next = None;
    for _ in 0..MAX_CRASHES {
        stage.worker().one().await;
        if next.is_none() {
            next = Some(stage.push(keep_last()).await);
        }
        assert_eq!(stage.recount().await.blocked, 1);
        fixture.advance(HOUR).await;
        assert_eq!(stage.rescue().await, 1);
    }
    runs(&stage, &next.expect("one was pushed")).await;
}

pub async fn an_unblocked_job_stands_behind_the_others_and_wakes_a_worker(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (worker, running, next) = blocked_behind(&stage, keep_last()).await;
    let idle = stage.worker();
    let mut signals = idle.signals().await;
    let others = stage.push_all(jobs(2)).await;
    work(&mut signals).await;
    assert_eq!(idle.claim(10).await.len(), 2, "the blocked one is in nobody's way");
    let mut listener = stage.listen(EventKind::Ready).await;
    worker.settle(&running, complete()).await;
    assert_eq!(signal(&mut signals).await, Signal::Work);
    assert_eq!(listener.next().await.job_id(), Some(&next.id));
    let behind = stage.push(job()).await;
    let claimed = idle.claim(10).await;
    assert_eq!([&claimed[0].envelope.id, &claimed[1].envelope.id], [&next.id, &behind.id]);
    assert!(others.iter().all(|other| other.id != next.id));
}

pub async fn a_blocked_job_that_is_not_yet_due_is_delayed_once_it_may_run(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(keep_last()).await;
    let worker = stage.worker();
    let running = worker.one().await;
    let next = stage.push(Envelope { due: Due::After(SECOND * 9), ..keep_last() }).await;
    assert_eq!(stage.state(&next).await, JobState::Blocked);
    fixture.advance(SECOND * 2).await;
    worker.settle(&running, complete()).await;
    assert_eq!(stage.state(&next).await, JobState::Delayed);
    assert!(worker.claim(1).await.is_empty());
    fixture.advance(SECOND * 7).await;
    assert_eq!(stage.run(complete()).await.id, next.id);
    assert_eq!(owner(&stage).await, None);
}

pub async fn a_blocked_job_expires_no_earlier_than_it_may_run(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(keep_last()).await;
    let worker = stage.worker();
    let running = worker.one().await;
    let next = stage.push(Envelope { ttl: Some(SECOND), ..keep_last() }).await;
    fixture.advance(SECOND * 2).await;
    assert_eq!(stage.store.expire(10).await.answered(), 0);
    assert_eq!(stage.state(&next).await, JobState::Blocked);
    worker.settle(&running, complete()).await;
    assert_eq!(stage.store.expire(10).await.answered(), 1);
    assert_eq!((stage.state(&next).await, owner(&stage).await), (JobState::Expired, None));
}

pub async fn blocked_jobs_are_counted_listed_and_walked_through(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (worker, mut blocked) = (stage.worker(), Vec::new());
    for number in 0..5 {
        let of_key = || super::dedup::keyed_by(&format!("key {number}"), Dedup::KeepLast);
        stage.push(of_key()).await;
        worker.one().await;
        blocked.push(stage.push(of_key()).await.id.clone());
    }
    assert_eq!((stage.recount().await.blocked, stage.list(JobState::Blocked).await), (5, blocked.clone()));
    let page = stage.store.list(&QUEUE, JobState::Blocked, (1..3).into()).await.answered();
    assert_eq!(page.iter().map(|job| job.id().clone()).collect::<Vec<_>>(), blocked[1..3]);
    let (mut met, mut after) = (Vec::new(), None);
    loop {
        let step = stage.store.scan(&QUEUE, JobState::Blocked, after.as_ref(), 2).await.answered();
        met.extend(step.jobs.iter().map(|job| job.id().clone()));
        after = step.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(met, blocked);
}

pub async fn a_blocked_job_can_be_cancelled_and_removed_but_not_promoted_or_replayed(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (worker, running, next) = blocked_behind(&stage, keep_last()).await;
    let store = &stage.store;
    let refused = Ordered::Refused(JobState::Blocked);
    assert_eq!(store.promote(&QUEUE, &next.id).await.answered(), refused);
    assert_eq!(store.retry(&QUEUE, &next.id).await.answered(), refused);
    assert_eq!(store.cancel(&QUEUE, &next.id, Some("no")).await.answered(), Ordered::Done);
    assert_eq!(stage.job(&next).await.cancel_reason(), Some("no"));
    let second = stage.push(keep_last()).await;
    assert_eq!(store.remove(&QUEUE, &second.id).await.answered(), Ordered::Done);
    let third = stage.push(keep_last()).await;
    fixture.advance(SECOND).await;
    let now = stage.now().await;
    assert_eq!(store.drain(&QUEUE, Drain::WaitingAndDelayed, 10).await.answered(), 0);
    assert_eq!(store.clean(&QUEUE, JobState::Blocked, now, 10).await.answered(), 1);
    assert!(stage.find(&third).await.is_none());
    assert_eq!(owner(&stage).await, Some(running.envelope.id.clone()));
    worker.settle(&running, complete()).await;
    assert_eq!((owner(&stage).await, stage.recount().await.unfinished()), (None, 0));
}

pub async fn all_that_are_blocked_and_old_are_cleaned_away_though_others_go_with_them(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let gate = stage.push(job()).await;
    let half = MAX_BATCH / 2;
    let old = |_| after(job(), &[&gate], OnFailure::Fail);
    let parents = stage.push_all((0..half).map(old).collect()).await;
    let young = |parent| Envelope { due: Due::After(HOUR), ..after(job(), &[parent], OnFailure::Fail) };
    stage.push_all(parents.iter().map(|parent| young(parent)).collect()).await;
    stage.push_all((0..2).map(old).collect()).await;
    fixture.advance(SECOND).await;
    let before = stage.now().await;
    // Their children go some at a time, so all of them need not have gone yet.
    let cleaned = stage.store.clean(&QUEUE, JobState::Blocked, before, MAX_BATCH).await.answered();
    assert_eq!(
        (cleaned, stage.store.clean(&QUEUE, JobState::Blocked, before, 1).await.answered()),
        (half + 2, 0)
    );
}

pub async fn an_obliterated_queue_leaves_nobody_blocked(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    blocked_behind(&stage, keep_last()).await;
    stage.ended(super::dedup::keyed_by("another", Dedup::Throttle(HOUR)), complete()).await;
    assert_eq!(stage.store.obliterate(&QUEUE, Force::RemoveActive, 10).await.answered(), Ok(3));
    assert_eq!((owner(&stage).await, stage.recount().await.total()), (None, 0));
    stage.push(keep_last()).await;
    assert_eq!(stage.store.dedup_owner(&QUEUE, "another").await.answered(), None);
}

pub async fn a_key_that_is_freed_blocks_nobody_any_more(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (worker, running, next) = blocked_behind(&stage, keep_last()).await;
    assert!(stage.store.free_dedup_key(&QUEUE, KEY).await.answered());
    assert_eq!((owner(&stage).await, stage.state(&next).await), (None, JobState::Waiting));
    let third = stage.push(keep_last()).await;
    assert_eq!(worker.settle_all(&[super::stage::settlement(&running, complete())]).await.len(), 1);
    assert_eq!(stage.run(complete()).await.id, next.id);
    assert_eq!(
        (owner(&stage).await, stage.list(JobState::Waiting).await),
        (Some(third.id.clone()), only(&third).into())
    );
}

pub async fn who_is_blocked_behind_a_throttle_waits_for_the_job_and_not_for_the_window(
    fixture: &dyn Fixture,
) {
    let stage = Stage::of(fixture);
    let (worker, running, next) = blocked_behind(&stage, keyed(Dedup::Throttle(SECOND))).await;
    fixture.advance(SECOND * 2).await;
    assert_eq!(stage.store.prune(&Limits::default(), 10).await.answered(), 1);
    assert_eq!(stage.state(&next).await, JobState::Blocked);
    assert_eq!(offer(&stage, keyed(Dedup::Simple)).await, left_out_for(&running.envelope));
    worker.settle(&running, complete()).await;
    runs(&stage, &next).await;
}

pub async fn a_repeated_push_of_a_blocked_job_is_answered_as_the_first_one(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(keep_last()).await;
    let worker = stage.worker();
    let running = worker.one().await;
    let (call, next) = (stage.next_call(), [Arc::new(keep_last())]);
    assert_eq!(stage.store.push(call, &next).await.answered(), [Pushed::Added]);
    worker.settle(&running, complete()).await;
    assert_eq!(stage.store.push(call, &next).await.answered(), [Pushed::Added]);
    runs(&stage, &next[0]).await;
}
