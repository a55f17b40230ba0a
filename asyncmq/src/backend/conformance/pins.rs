//! Jobs whose records are kept as long as that of one that waited for them.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Fixture;
use super::parents::after;
use super::stage::{Answered, HOUR, SECOND, Stage, complete, fail, ids, job, jobs, settlement};
use crate::backend::{Fenced, Ordered};
use crate::job::{Envelope, JobState, Name, OnFailure, Parent, Passes, Pins, Retention};
use crate::lifecycle::{Limits, Transition};

pub(super) const OTHER: Name = Name::from_static("conformance.other");
/// Nothing is kept by these but what is pinned.
const SHORT: Limits =
    Limits { ended_for: Duration::ZERO, ended_count: 0, dead_for: Duration::ZERO, dead_count: 0 };

/// Describes a job that waits for others and pins them.
pub(super) fn pinning(parents: &[&Envelope]) -> Envelope {
    let mut child = after(job(), parents, OnFailure::Run);
    child.extras_mut().pins = Some(Pins { from: 0, strictly: false });
    child
}

/// Prunes until nothing is left to be dropped.
pub(super) async fn prune(stage: &Stage, limits: &Limits) {
    for _ in 0..50 {
        if stage.store.prune(limits, 1_000).await.answered() == 0 {
            return;
        }
    }
    panic!("there is always something to be dropped");
}

pub(super) async fn are_kept(stage: &Stage, jobs: &[Arc<Envelope>]) -> Vec<bool> {
    let mut kept = Vec::new();
    for job in jobs {
        kept.push(stage.find(job).await.is_some());
    }
    kept
}

/// Ends the four jobs: one completes, one fails, one expires, one is cancelled.
async fn end_each(fixture: &dyn Fixture, stage: &Stage, parents: &[Arc<Envelope>]) {
    let cancelled = stage.store.cancel(&parents[3].queue, &parents[3].id, None).await.answered();
    assert_eq!(cancelled, Ordered::Done);
    fixture.advance(HOUR).await;
    assert_eq!(stage.store.expire(10).await.answered(), 1);
    let worker = stage.worker();
    let held = worker.claim(2).await;
    assert_eq!(held.len(), 2);
    for (job, end) in held.iter().zip([complete(), fail()]) {
        assert_eq!(worker.settle(job, end).await, Fenced::Applied);
    }
    let mut states = Vec::new();
    for parent in parents {
        states.push(stage.state(parent).await);
    }
    let ended = [JobState::Completed, JobState::Failed, JobState::Expired, JobState::Cancelled];
    assert_eq!(states, ended);
}

/// Pushes four jobs and one that pins them, and ends the four.
pub(super) async fn four_pinned(fixture: &dyn Fixture, stage: &Stage) -> (Vec<Arc<Envelope>>, Arc<Envelope>) {
    let mut four = jobs(4);
    four[2].ttl = Some(SECOND);
    let four = stage.push_all(four).await;
    let child = stage.push(pinning(&four.iter().map(|job| &**job).collect::<Vec<_>>())).await;
    end_each(fixture, stage, &four).await;
    (four, child)
}

pub async fn what_is_pinned_is_kept_however_it_ended(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (four, child) = four_pinned(fixture, &stage).await;
    fixture.advance(Duration::from_secs(30 * 86_400)).await;
    prune(&stage, &SHORT).await;
    assert_eq!(are_kept(&stage, &four).await, [true; 4]);
    let counts = stage.recount().await;
    assert_eq!((counts.completed, counts.failed, counts.expired, counts.cancelled), (1, 1, 1, 1));
    // What is kept by number is so from now on.
    prune(&stage, &Limits::default()).await;
    assert_eq!(stage.run(complete()).await.id, child.id);
    prune(&stage, &Limits::default()).await;
    assert_eq!(are_kept(&stage, &four).await, [true; 4], "as long as the one that pins them");
}

pub async fn what_is_pinned_takes_no_place_among_those_that_are_counted(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (four, _) = four_pinned(fixture, &stage).await;
    let blocked = [stage.state(&four[0]).await];
    assert_eq!(blocked, [JobState::Completed]);
    let limits = Limits { ended_count: 2, dead_count: 2, ..Limits::default() };
    let worker = stage.worker();
    // The one that pins runs first, and is counted.
    let child = worker.one().await;
    for end in [complete(), fail(), Transition::Cancel { reason: None }] {
        let mut others = Vec::new();
        for _ in 0..3 {
            others.push(stage.ended(job(), end.clone()).await);
        }
        prune(&stage, &limits).await;
        assert_eq!(are_kept(&stage, &others).await, [false, true, true], "{end:?}");
    }
    assert_eq!(are_kept(&stage, &four).await, [true; 4]);
    assert_eq!(worker.settle(&child, complete()).await, Fenced::Applied);
    stage.recount().await;
}

pub async fn what_is_pinned_stands_in_its_place_in_lists(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for end in [complete(), fail(), Transition::Cancel { reason: None }] {
        let state = match &end {
            Transition::Complete { .. } => JobState::Completed,
            Transition::Fail { .. } => JobState::Failed,
            _ => JobState::Cancelled,
        };
        let parents = stage.push_all(jobs(2)).await;
        stage.push(pinning(&[&parents[0], &parents[1]])).await;
        let mut ended = Vec::new();
        let worker = stage.worker();
        for parent in &parents {
            let held = worker.one().await;
            assert_eq!(held.envelope.id, parent.id);
            assert_eq!(worker.settle(&held, end.clone()).await, Fenced::Applied);
            ended.push(parent.id.clone());
            let mut plain = job();
            plain.priority = 0;
            ended.push(stage.ended(plain, end.clone()).await.id.clone());
        }
        ended.reverse();
        let listed: Vec<_> = stage.list(state).await.into_iter().filter(|id| ended.contains(id)).collect();
        assert_eq!(listed, ended, "{state}");
        let page = stage.store.list(&parents[0].queue, state, (1..3).into()).await.answered();
        assert_eq!(page.iter().map(|job| job.id().clone()).collect::<Vec<_>>(), ended[1..3], "{state}");
        let (mut scanned, mut cursor) = (Vec::new(), None);
        loop {
            let found = stage.store.scan(&parents[0].queue, state, cursor.as_ref(), 1).await.answered();
            scanned.extend(found.jobs.iter().map(|job| job.id().clone()));
            cursor = found.next;
            if cursor.is_none() {
                break;
            }
        }
        scanned.retain(|id| ended.contains(id));
        assert_eq!(scanned, ended, "{state}");
        // The one that pins them is out of the way.
        stage.run(complete()).await;
    }
}

pub async fn parents_that_ended_before_are_pinned_too(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut four = jobs(4);
    four[2].ttl = Some(SECOND);
    let four = stage.push_all(four).await;
    end_each(fixture, &stage, &four).await;
    let asked = Retention::For(HOUR);
    let end = Transition::Complete { result: Bytes::new(), retention: asked };
    let fifth = stage.ended(Envelope { retention: asked, ..job() }, end).await;
    let all: Vec<_> = four.into_iter().chain([fifth]).collect();
    let plain = stage.ended(job(), complete()).await;
    stage.push(pinning(&all.iter().map(|job| &**job).collect::<Vec<_>>())).await;
    fixture.advance(HOUR * 2).await;
    prune(&stage, &SHORT).await;
    assert_eq!(are_kept(&stage, &all).await, [true; 5]);
    assert_eq!(stage.job(&all[0]).await.result().map(|result| result.get()), Some("1"), "as it was");
    assert_eq!(stage.job(&all[1]).await.errors().len(), 1);
    assert!(stage.find(&plain).await.is_none());
    assert_eq!(stage.recount().await.total(), 6);
    stage.run(complete()).await;
    prune(&stage, &SHORT).await;
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn only_those_from_a_place_on_are_pinned(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parents = stage.push_all(jobs(3)).await;
    let mut child = pinning(&parents.iter().map(|job| &**job).collect::<Vec<_>>());
    child.extras_mut().pins = Some(Pins { from: 2, strictly: false });
    let child = stage.push(child).await;
    for _ in 0..4 {
        stage.run(complete()).await;
    }
    prune(&stage, &Limits { ended_count: 1, ..Limits::default() }).await;
    assert_eq!(
        are_kept(&stage, &parents).await,
        [false, false, true],
        "one is pinned, and the child is counted"
    );
    // What is kept by number is so from now on.
    prune(&stage, &Limits::default()).await;
    let before = stage.ended(job(), complete()).await;
    assert_eq!(stage.store.remove(&child.queue, &child.id).await.answered(), Ordered::Done);
    prune(&stage, &Limits::default()).await;
    assert_eq!(are_kept(&stage, &[before, parents[2].clone()]).await, [true, false]);
    assert_eq!(stage.recount().await.total(), 1);
}

pub async fn what_begins_anew_is_pinned_still(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parent = stage.push(job()).await;
    let child = stage.push(pinning(&[&parent])).await;
    stage.run(fail()).await;
    stage.run(complete()).await;
    assert_eq!(stage.store.retry(&parent.queue, &parent.id).await.answered(), Ordered::Done);
    stage.recount().await;
    assert_eq!(stage.run(complete()).await.id, parent.id);
    prune(&stage, &Limits { ended_count: 1, ..Limits::default() }).await;
    assert_eq!(stage.recount().await.completed, 2, "one is counted, the other is pinned");
    assert_eq!(stage.store.remove(&child.queue, &child.id).await.answered(), Ordered::Done);
    prune(&stage, &Limits::default()).await;
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn an_id_that_comes_again_pins_for_itself(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parent = stage.push(job()).await;
    let child = stage.push(pinning(&[&parent])).await;
    stage.run(complete()).await;
    stage.run(complete()).await;
    for _ in 0..2 {
        assert_eq!(stage.store.remove(&child.queue, &child.id).await.answered(), Ordered::Done);
        stage.push(Envelope::clone(&child)).await;
        prune(&stage, &SHORT).await;
        assert!(stage.find(&parent).await.is_some(), "the later one pins it");
        prune(&stage, &Limits::default()).await;
        stage.run(complete()).await;
    }
    fixture.advance(HOUR * 2).await;
    prune(&stage, &Limits::default()).await;
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn pins_go_down_the_whole_line(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = stage.push(job()).await;
    let mut middle = pinning(&[&first]);
    middle.queue = OTHER;
    let middle = stage.push(middle).await;
    let last = stage.push(pinning(&[&middle])).await;
    let line = [first, middle, last];
    for queue in [&line[0].queue, &OTHER, &line[2].queue] {
        fixture.arrived().await;
        let worker = stage.worker_of(std::slice::from_ref(queue));
        worker.settle(&worker.one().await, complete()).await;
    }
    fixture.arrived().await;
    fixture.advance(HOUR / 2).await;
    prune(&stage, &Limits { ended_count: 1, ..Limits::default() }).await;
    assert_eq!(are_kept(&stage, &line).await, [true; 3]);
    fixture.advance(HOUR).await;
    prune(&stage, &Limits::default()).await;
    fixture.arrived().await;
    // What goes in one queue is let go of in another one by the next prune.
    prune(&stage, &Limits::default()).await;
    fixture.arrived().await;
    assert_eq!(are_kept(&stage, &line).await, [false; 3]);
}

pub async fn who_waits_for_more_pins_those_too(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = stage.ended(job(), complete()).await;
    let child = stage.push(pinning(&[&first])).await;
    let worker = stage.worker();
    let held = worker.one().await;
    let ended = stage.ended(job(), complete()).await;
    let live = stage.push(job()).await;
    let parents = [&ended, &live].map(|job| Parent {
        queue: job.queue.clone(),
        id: job.id.clone(),
        on_failure: OnFailure::Run,
        passes: Passes::Output,
    });
    let (call, settled) =
        (worker.next_call(), [settlement(&held, Transition::Await { parents: parents.into() })]);
    assert_eq!(stage.store.settle(call, &settled).await.answered(), [Fenced::Applied]);
    stage.run(complete()).await;
    assert_eq!(stage.run(complete()).await.id, child.id);
    prune(&stage, &Limits { ended_count: 1, ..Limits::default() }).await;
    let all = [first, ended, live, child];
    assert_eq!(are_kept(&stage, &all).await, [true; 4], "{:?}", ids(&all));
    fixture.advance(HOUR * 2).await;
    prune(&stage, &Limits::default()).await;
    assert_eq!(stage.recount().await.total(), 0);
}
