//! Walking through a state in steps: everything once, whatever comes and goes meanwhile.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use bytes::Bytes;

use super::Fixture;
use super::parents::after;
use super::stage::{Answered, QUEUE, SECOND, Stage, cancelled, complete, fail, ids, job, jobs, settlement};
use crate::backend::{Cursor, Fenced};
use crate::job::{Due, Envelope, JobId, JobState, Name, OnFailure, Pins, Retention};
use crate::lifecycle::Transition;

/// Makes one step.
async fn step(
    stage: &Stage,
    of: JobState,
    after: Option<&Cursor>,
    limit: usize,
) -> (Vec<JobId>, Option<Cursor>) {
    let scanned = stage.store.scan(&QUEUE, of, after, limit).await.answered();
    assert!(scanned.jobs.len() <= limit, "no more than was asked for");
    (scanned.jobs.iter().map(|job| job.id().clone()).collect(), scanned.next)
}

/// Walks to the end from a place.
async fn walk(stage: &Stage, of: JobState, mut after: Option<Cursor>, limit: usize) -> Vec<JobId> {
    let mut met = Vec::new();
    loop {
        let (ids, next) = step(stage, of, after.as_ref(), limit).await;
        assert!(next.is_none() || next != after, "a step goes on from where the last one ended");
        met.extend(ids);
        match next {
            Some(_) => after = next,
            None => return met,
        }
    }
}

/// Compares walks in steps of several lengths with the list.
async fn is_as_listed(stage: &Stage, of: JobState, count: usize) {
    let listed = stage.list(of).await;
    assert_eq!(listed.len(), count);
    for limit in [1, 2, 3, 100] {
        assert_eq!(walk(stage, of, None, limit).await, listed, "{of}, {limit} at a time");
    }
}

pub async fn a_walk_meets_what_waits_as_it_will_run(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let tasks = ["a", "b", "a", "c", "b", "a", "a"].map(Name::from_static);
    let priorities = [5, 0, 255, 5, 5, 0, 5];
    let described = tasks.into_iter().zip(priorities);
    for (task, priority) in described {
        stage.push(Envelope { task, priority, ..job() }).await;
    }
    is_as_listed(&stage, JobState::Waiting, 7).await;
}

pub async fn who_need_not_wait_keeps_its_place_in_its_push(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let ended = stage.ended(job(), complete()).await;
    let some = || {
        let other = Envelope { task: Name::from_static("other"), ..job() };
        [job(), after(job(), &[&ended], OnFailure::Fail), other]
    };
    let pushed = stage.push_all((0..3).flat_map(|_| some()).collect()).await;
    let pushed: Vec<_> = pushed.iter().map(|job| job.id.clone()).collect();
    assert_eq!(stage.list(JobState::Waiting).await, pushed);
    is_as_listed(&stage, JobState::Waiting, 9).await;
}

pub async fn a_walk_meets_what_is_delayed_as_it_will_be_due(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let delays = [3, 1, 2, 1, 3, 3, 1];
    stage.push_all(delays.map(|delay| Envelope { due: Due::After(SECOND * delay), ..job() }).into()).await;
    is_as_listed(&stage, JobState::Delayed, 7).await;
}

pub async fn a_walk_meets_what_has_ended_the_latest_first(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for (end, of) in [
        (complete(), JobState::Completed),
        (fail(), JobState::Failed),
        (cancelled("no"), JobState::Cancelled),
    ] {
        for _ in 0..5 {
            stage.ended(job(), end.clone()).await;
        }
        is_as_listed(&stage, of, 5).await;
    }
    for seconds in [None, Some(30), Some(20), None] {
        let retention = seconds.map_or(Retention::Standard, |seconds| Retention::For(SECOND * seconds));
        let end = Transition::Complete { result: Bytes::from_static(b"1"), retention };
        stage.ended(Envelope { retention, ..job() }, end).await;
    }
    is_as_listed(&stage, JobState::Completed, 9).await;
}

pub async fn a_walk_meets_each_of_those_that_ended_together(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for _ in 0..3 {
        let pushed = stage.push_all(jobs(7)).await;
        let worker = stage.worker();
        let held = worker.claim(7).await;
        let settlements: Vec<_> = held.iter().map(|job| settlement(job, complete())).collect();
        let answers = stage.store.settle(worker.next_call(), &settlements).await.answered();
        assert_eq!(answers, [Fenced::Applied; 7]);
        // Some of them stand elsewhere from now on.
        let mut child = after(job(), &[&pushed[1], &pushed[4]], OnFailure::Run);
        child.extras_mut().pins = Some(Pins { from: 0, strictly: false });
        stage.push(child).await;
        stage.run(fail()).await;
    }
    is_as_listed(&stage, JobState::Completed, 21).await;
    let listed = stage.list(JobState::Completed).await;
    let mut paged = Vec::new();
    for start in (0..21).step_by(2) {
        let page = stage.store.list(&QUEUE, JobState::Completed, (start..start + 2).into()).await.answered();
        paged.extend(page.iter().map(|job| job.id().clone()));
    }
    assert_eq!(paged, listed);
}

pub async fn a_walk_meets_each_running_job_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(7)).await;
    let worker = stage.worker();
    worker.claim(4).await;
    fixture.advance(SECOND).await;
    worker.claim(3).await;
    let mut listed = stage.list(JobState::Active).await;
    listed.sort();
    for limit in [1, 2, 100] {
        let mut met = walk(&stage, JobState::Active, None, limit).await;
        met.sort();
        assert_eq!(met, listed, "{limit} at a time");
    }
}

pub async fn what_leaves_meanwhile_shifts_nothing(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = ids(&stage.push_all(jobs(10)).await);
    let (first, next) = step(&stage, JobState::Waiting, None, 4).await;
    assert_eq!(first, pushed[..4]);
    // Those that were met go, as after a bulk order; so does one that is still to be met.
    for id in first.iter().chain([&pushed[6]]) {
        stage.store.remove(&QUEUE, id).await.answered();
    }
    let rest = walk(&stage, JobState::Waiting, next, 2).await;
    assert_eq!(rest, [&pushed[4..6], &pushed[7..]].concat());
}

pub async fn what_ends_meanwhile_is_not_met_twice(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut order = Vec::new();
    for _ in 0..6 {
        order.insert(0, stage.ended(job(), fail()).await.id.clone());
    }
    let (first, next) = step(&stage, JobState::Failed, None, 3).await;
    assert_eq!(first, order[..3]);
    stage.ended(job(), fail()).await;
    // The last one that was met goes back; the walk goes on from where it stood.
    stage.store.retry(&QUEUE, &first[2]).await.answered();
    assert_eq!(walk(&stage, JobState::Failed, next, 2).await, order[3..]);
}

pub async fn what_waits_anew_is_met_where_it_stands_now(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = ids(&stage.push_all(jobs(6)).await);
    for id in [&pushed[1], &pushed[4]] {
        stage.store.cancel(&QUEUE, id, None).await.answered();
    }
    stage.store.retry(&QUEUE, &pushed[1]).await.answered();
    let order = [0, 2, 3, 5, 1].map(|place| pushed[place].clone());
    assert_eq!(walk(&stage, JobState::Waiting, None, 2).await, order);
}

pub async fn a_walk_goes_through_thousands_with_voids_between(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut pushed = Vec::new();
    for _ in 0..3 {
        pushed.extend(ids(&stage.push_all(jobs(1_000)).await));
    }
    // Far from both ends a store may only mark a place as void.
    for id in &pushed[1_400..1_500] {
        stage.store.cancel(&QUEUE, id, None).await.answered();
    }
    for id in &pushed[1_400..1_410] {
        stage.store.retry(&QUEUE, id).await.answered();
    }
    let order = [&pushed[..1_400], &pushed[1_500..], &pushed[1_400..1_410]].concat();
    assert_eq!(walk(&stage, JobState::Waiting, None, 250).await, order);
}

pub async fn a_walk_through_an_unused_queue_ends_at_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for of in JobState::ALL {
        assert_eq!(step(&stage, of, None, 10).await, (Vec::new(), None));
    }
    assert!(stage.store.queues().await.answered().is_empty(), "to look at a queue is not to use it");
}

pub async fn a_cursor_that_is_none_is_refused(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let cursor = Cursor::from_stored("next please");
    let refused = stage.store.scan(&QUEUE, JobState::Waiting, Some(&cursor), 10).await;
    assert!(refused.is_err_and(|error| !error.is_retryable()));
}

pub async fn a_walk_while_jobs_are_taken_meets_the_others(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = ids(&stage.push_all(jobs(9)).await);
    let (_, next) = step(&stage, JobState::Waiting, None, 3).await;
    let worker = stage.worker();
    let held = worker.claim(5).await;
    let batch: Vec<_> = held.iter().map(|job| settlement(job, complete())).collect();
    worker.settle_all(&batch).await;
    assert_eq!(walk(&stage, JobState::Waiting, next, 2).await, pushed[5..]);
}
