//! Jobs that wait for others to end.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Fixture;
use super::stage::{
    Answered, HOUR, MAX_CRASHES, QUEUE, SECOND, Stage, complete, fail, ids_of, job, job_of, only, retry,
    signal, work,
};
use crate::backend::{Drain, Fenced, Force, Ordered, Pushed, Signal};
use crate::event::EventKind;
use crate::job::{
    Dedup, DedupKey, Due, Envelope, FailureKind, JobState, Name, OnFailure, Parent, Passes, Retention,
};
use crate::lifecycle::Transition;

const OTHER: Name = Name::from_static("conformance.other");

fn parent_of(job: &Envelope) -> Parent {
    Parent {
        queue: job.queue.clone(),
        id: job.id.clone(),
        on_failure: OnFailure::Fail,
        passes: Passes::Nothing,
    }
}

/// Lets a job wait for others.
pub(super) fn after(mut child: Envelope, parents: &[&Envelope], on_failure: OnFailure) -> Envelope {
    let parents = parents.iter().map(|parent| Parent { on_failure, ..parent_of(parent) });
    child.extras_mut().parents.extend(parents);
    child
}

/// Lets a job wait for others and take what they give.
pub(super) fn taking(mut child: Envelope, parents: &[&Envelope]) -> Envelope {
    let parents = parents.iter().map(|parent| Parent { passes: Passes::Output, ..parent_of(parent) });
    child.extras_mut().parents.extend(parents);
    child
}

pub(super) fn giving(result: &'static str) -> Transition {
    Transition::Complete { result: Bytes::from_static(result.as_bytes()), retention: Retention::Standard }
}

/// Ends a job in a way of its own.
async fn end(stage: &Stage, job: &Envelope, how: &str) {
    match how {
        "cancelled" => {
            let ordered = stage.store.cancel(&job.queue, &job.id, None).await.answered();
            assert_eq!(ordered, Ordered::Done);
        }
        "removed" => {
            let ordered = stage.store.remove(&job.queue, &job.id).await.answered();
            assert_eq!(ordered, Ordered::Done);
        }
        "drained" => assert_eq!(stage.store.drain(&job.queue, Drain::Waiting, 10).await.answered(), 1),
        "failed" => {
            let worker = stage.worker_of(std::slice::from_ref(&job.queue));
            assert_eq!(worker.settle(&worker.one().await, fail()).await, Fenced::Applied);
        }
        other => panic!("no such end: {other}"),
    }
}

const BAD_ENDS: [&str; 4] = ["cancelled", "removed", "drained", "failed"];

pub async fn a_job_runs_after_all_of_its_parents(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parents = stage.push_all(vec![job(), job(), job()]).await;
    let all: Vec<&Envelope> = parents.iter().map(|parent| &**parent).collect();
    let child = stage.push(after(job(), &all, OnFailure::Fail)).await;
    for parent in &parents {
        assert_eq!(stage.state(&child).await, JobState::Blocked);
        assert_eq!(stage.recount().await.blocked, 1);
        assert_eq!(stage.run(complete()).await.id, parent.id);
    }
    assert_eq!(stage.state(&child).await, JobState::Waiting);
    assert_eq!(stage.run(complete()).await.id, child.id);
    assert_eq!(stage.recount().await.unfinished(), 0);
}

pub async fn parents_that_completed_before_count_at_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = stage.ended(job(), complete()).await;
    let child = stage.push(after(job(), &[&first], OnFailure::Fail)).await;
    assert_eq!(stage.state(&child).await, JobState::Waiting);
    let live = stage.push(job()).await;
    let both = stage.push(after(job(), &[&first, &live], OnFailure::Fail)).await;
    assert_eq!(stage.state(&both).await, JobState::Blocked);
    let mut late = after(job(), &[&first], OnFailure::Fail);
    late.due = Due::After(HOUR);
    let late = stage.push(late).await;
    assert_eq!(stage.state(&late).await, JobState::Delayed);
    stage.recount().await;
}

pub async fn a_job_whose_parent_is_not_known_is_not_taken_in_and_the_others_are(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = Arc::new(job());
    let lost = Arc::new(after(job(), &[&first, &job()], OnFailure::Fail));
    let grandchild = Arc::new(after(job(), &[&lost], OnFailure::Fail));
    let last = Arc::new(job());
    let batch = [first, lost.clone(), grandchild, last];
    let gone = |parent| Pushed::ParentGone { parent };
    assert_eq!(stage.push_again(&batch).await, [Pushed::Added, gone(1), gone(0), Pushed::Added]);
    assert_eq!(stage.recount().await.total(), 2);
    let itself = job();
    let itself = Arc::new(after(itself.clone(), &[&itself], OnFailure::Fail));
    assert_eq!(stage.push_again(&[itself]).await, [gone(0)]);
}

pub async fn a_parent_that_comes_behind_its_child_in_one_push_is_not_known(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (first, last) = (Arc::new(job()), Arc::new(job()));
    let child = Arc::new(Envelope { priority: 9, ..after(job(), &[&last], OnFailure::Fail) });
    let batch = [first, child.clone(), last];
    let gone = Pushed::ParentGone { parent: 0 };
    assert_eq!(stage.push_again(&batch).await, [Pushed::Added, gone, Pushed::Added]);
    assert_eq!(stage.push_again(&[child]).await, [Pushed::Added]);
    assert_eq!(stage.recount().await.total(), 3);
}

pub async fn whatever_ends_a_parent_its_child_ends_as_its_policy_says(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for how in BAD_ENDS {
        for policy in OnFailure::ALL {
            let parent = stage.push(job()).await;
            let child = stage.push(after(job(), &[&parent], policy)).await;
            end(&stage, &parent, how).await;
            let child = stage.job(&child).await;
            match policy {
                OnFailure::Run => {
                    assert_eq!(child.state(), JobState::Waiting, "{how}");
                    stage.run(complete()).await;
                }
                OnFailure::Fail => {
                    assert_eq!((child.state(), child.errors().len()), (JobState::Failed, 1), "{how}");
                    assert_eq!(child.errors()[0].kind(), FailureKind::Parent);
                    assert!(child.errors()[0].message().contains(&*parent.id), "{how}: {:?}", child.errors());
                }
                OnFailure::Cancel => {
                    assert_eq!(child.state(), JobState::Cancelled, "{how}");
                    assert!(
                        child.cancel_reason().is_some_and(|reason| reason.contains(&*parent.id)),
                        "{how}"
                    );
                }
            }
            stage.recount().await;
        }
    }
}

pub async fn a_parent_that_expires_or_is_given_up_ends_its_child(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mortal = stage.push(Envelope { ttl: Some(SECOND), ..job() }).await;
    let child = stage.push(after(job(), &[&mortal], OnFailure::Cancel)).await;
    fixture.advance(SECOND * 2).await;
    assert_eq!(stage.store.expire(10).await.answered(), 1);
    assert_eq!(stage.state(&child).await, JobState::Cancelled);
    let poison = stage.push(job()).await;
    let child = stage.push(after(job(), &[&poison], OnFailure::Fail)).await;
    for _ in 0..MAX_CRASHES {
        assert_eq!(stage.state(&child).await, JobState::Blocked);
        assert_eq!(stage.worker().one().await.envelope.id, poison.id);
        fixture.advance(HOUR).await;
        assert_eq!(stage.rescue().await, 1);
    }
    assert_eq!(stage.state(&poison).await, JobState::Failed);
    assert_eq!(stage.state(&child).await, JobState::Failed);
    assert_eq!(stage.recount().await.unfinished(), 0);
}

pub async fn a_parent_that_will_run_again_has_not_ended(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parent = stage.push(job()).await;
    let child = stage.push(after(job(), &[&parent], OnFailure::Fail)).await;
    for transition in
        [retry(Duration::ZERO), Transition::Release, Transition::Snooze { after: Duration::ZERO }]
    {
        assert_eq!(stage.run(transition).await.id, parent.id);
        assert_eq!(stage.state(&child).await, JobState::Blocked);
    }
    stage.run(complete()).await;
    assert_eq!(stage.state(&child).await, JobState::Waiting);
}

pub async fn a_bad_end_goes_down_the_whole_line(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = job();
    let mut line = vec![first];
    for place in 1..200 {
        let next = after(job(), &[&line[place - 1]], OnFailure::Fail);
        line.push(next);
    }
    let line = stage.push_all(line).await;
    assert_eq!(stage.recount().await.blocked, 199);
    end(&stage, &line[0], "failed").await;
    assert_eq!(stage.recount().await.failed, 200);
    let last = stage.job(&line[199]).await;
    assert!(last.errors()[0].message().contains(&*line[198].id));
}

pub async fn a_parent_that_keeps_no_record_counts(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parent = stage.push(Envelope { retention: Retention::Nothing, ..job() }).await;
    let child = stage.push(taking(job(), &[&parent])).await;
    let gone = Transition::Complete { result: Bytes::from_static(b"7"), retention: Retention::Nothing };
    stage.run(gone).await;
    assert_eq!((stage.find(&parent).await.map(|_| ()), stage.state(&child).await), (None, JobState::Waiting));
    assert_eq!(stage.worker().one().await.inputs, [Some(Bytes::from_static(b"7"))]);
}

pub async fn parents_may_be_of_other_queues(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let far = stage.push(job_of(&OTHER)).await;
    let near = stage.push(job()).await;
    let child = stage.push(taking(job(), &[&far, &near])).await;
    stage.run(giving("1")).await;
    assert_eq!(stage.state(&child).await, JobState::Blocked);
    let worker = stage.worker_of(&[OTHER]);
    worker.settle(&worker.one().await, giving("2")).await;
    fixture.arrived().await;
    let got = stage.worker().one().await;
    assert_eq!(got.inputs, [Some(Bytes::from_static(b"2")), Some(Bytes::from_static(b"1"))]);
    let far = stage.push(job_of(&OTHER)).await;
    let child = stage.push(after(job(), &[&far], OnFailure::Fail)).await;
    end(&stage, &far, "failed").await;
    fixture.arrived().await;
    assert_eq!(stage.state(&child).await, JobState::Failed);
}

pub async fn one_push_takes_in_a_whole_graph_of_several_queues(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (top, left, right) = (job(), job_of(&OTHER), job());
    let left = after(left, &[&top], OnFailure::Fail);
    let right = after(right, &[&top], OnFailure::Fail);
    let bottom = after(job(), &[&left, &right], OnFailure::Fail);
    let graph = stage.push_all(vec![top, left, right, bottom]).await;
    stage.run(complete()).await;
    fixture.arrived().await;
    stage.run(complete()).await;
    assert_eq!(stage.state(&graph[3]).await, JobState::Blocked);
    let worker = stage.worker_of(&[OTHER]);
    worker.settle(&worker.one().await, complete()).await;
    fixture.arrived().await;
    assert_eq!(stage.run(complete()).await.id, graph[3].id);
}

pub async fn a_released_job_stands_behind_the_others_and_wakes_a_worker(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parent = stage.push(job()).await;
    let child = stage.push(after(job(), &[&parent], OnFailure::Fail)).await;
    let worker = stage.worker();
    let held = worker.one().await;
    let idle = stage.worker();
    let mut signals = idle.signals().await;
    stage.push(job()).await;
    work(&mut signals).await;
    assert_eq!(idle.claim(10).await.len(), 1, "the blocked one is in nobody's way");
    let mut listener = stage.listen(EventKind::Ready).await;
    worker.settle(&held, complete()).await;
    assert_eq!(signal(&mut signals).await, Signal::Work);
    assert_eq!(listener.next().await.job_id(), Some(&child.id));
    assert_eq!(ids_of(&idle.claim(10).await), only(&child));
}

pub async fn a_child_that_is_cancelled_or_removed_is_in_nobodys_way(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parent = stage.push(job()).await;
    let mut children = Vec::new();
    for _ in 0..3 {
        children.push(stage.push(after(job(), &[&parent], OnFailure::Fail)).await);
    }
    end(&stage, &children[0], "cancelled").await;
    end(&stage, &children[1], "removed").await;
    stage.run(complete()).await;
    assert_eq!(stage.state(&children[0]).await, JobState::Cancelled);
    assert_eq!(stage.run(complete()).await.id, children[2].id);
    assert_eq!(stage.recount().await.unfinished(), 0);
}

pub async fn a_child_that_begins_anew_waits_for_those_that_do(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let good = stage.ended(job(), giving("1")).await;
    let bad = stage.push(job()).await;
    let child = stage.push(taking(job(), &[&good, &bad])).await;
    end(&stage, &bad, "failed").await;
    assert_eq!(stage.state(&child).await, JobState::Failed);
    assert_eq!(stage.store.retry(&QUEUE, &child.id).await.answered(), Ordered::Done);
    assert_eq!(stage.state(&child).await, JobState::Failed, "its parent is as it was");
    assert_eq!(stage.store.retry(&QUEUE, &bad.id).await.answered(), Ordered::Done);
    assert_eq!(stage.store.retry(&QUEUE, &child.id).await.answered(), Ordered::Done);
    assert_eq!(stage.state(&child).await, JobState::Blocked);
    assert_eq!(stage.recount().await.blocked, 1);
    assert_eq!(stage.store.remove(&QUEUE, &good.id).await.answered(), Ordered::Done);
    stage.run(giving("2")).await;
    let got = stage.worker().one().await;
    assert_eq!(
        got.inputs,
        [Some(Bytes::from_static(b"1")), Some(Bytes::from_static(b"2"))],
        "and {:?}",
        got.attempt
    );
}

pub async fn an_obliterated_queue_leaves_nobody_waiting(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let far = stage.push(job_of(&OTHER)).await;
    let child = stage.push(after(job(), &[&far], OnFailure::Cancel)).await;
    let gone = stage.store.obliterate(&OTHER, Force::RefuseActive, 100).await.answered();
    assert_eq!(gone, Ok(1));
    assert_eq!(stage.state(&child).await, JobState::Cancelled);
    let near = stage.push(job()).await;
    stage.push(after(job(), &[&near], OnFailure::Cancel)).await;
    assert_eq!(
        stage.store.obliterate(&QUEUE, Force::RefuseActive, 100).await.answered().map(|some| 2 <= some),
        Ok(true)
    );
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn a_late_settle_of_a_parent_is_told_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parent = stage.push(job()).await;
    let child = stage.push(after(job(), &[&parent], OnFailure::Fail)).await;
    let first = stage.worker();
    let held = first.one().await;
    fixture.advance(HOUR).await;
    stage.rescue().await;
    let second = stage.worker();
    let again = second.one().await;
    first.settle(&held, fail()).await;
    assert_eq!(stage.state(&child).await, JobState::Blocked, "the first worker has lost the job");
    second.settle(&again, complete()).await;
    assert_eq!(stage.state(&child).await, JobState::Waiting);
    assert_eq!(stage.worker().one().await.envelope.id, child.id);
}

pub async fn a_job_that_ends_as_it_comes_holds_no_key(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let bad = stage.ended(job(), fail()).await;
    let key = || DedupKey::from_stored("key", Dedup::Simple);
    let mut child = after(job(), &[&bad], OnFailure::Fail);
    child.deduplicate(key());
    let child = stage.push(child).await;
    assert_eq!(stage.state(&child).await, JobState::Failed);
    assert_eq!(stage.store.dedup_owner(&QUEUE, "key").await.answered(), None);
    let mut next = job();
    next.deduplicate(key());
    let next = stage.push(next).await;
    assert_eq!(stage.store.dedup_owner(&QUEUE, "key").await.answered(), Some(next.id.clone()));
}

pub async fn an_id_that_comes_again_waits_for_its_own_parents(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parents = stage.push_all(vec![job(), job()]).await;
    let child = stage.push(after(job(), &[&parents[0]], OnFailure::Fail)).await;
    end(&stage, &child, "removed").await;
    let again = Envelope { id: child.id.clone(), ..after(job(), &[&parents[1]], OnFailure::Fail) };
    let again = stage.push(again).await;
    stage.run(fail()).await;
    assert_eq!(stage.state(&again).await, JobState::Blocked, "the first one is none of its own");
    stage.run(complete()).await;
    assert_eq!(stage.run(complete()).await.id, again.id);
}

pub async fn one_that_begins_anew_knows_who_completed_meanwhile(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let bad = stage.push(job()).await;
    let good = stage.push(Envelope { retention: Retention::Nothing, ..job() }).await;
    let child = stage.push(taking(job(), &[&bad, &good])).await;
    stage.run(fail()).await;
    assert_eq!(stage.state(&child).await, JobState::Failed);
    let result = Bytes::from_static(b"2");
    stage.run(Transition::Complete { result: result.clone(), retention: Retention::Nothing }).await;
    assert_eq!(stage.find(&good).await.map(|_| ()), None);
    for again in [&bad, &child] {
        assert_eq!(stage.store.retry(&QUEUE, &again.id).await.answered(), Ordered::Done);
    }
    assert_eq!(stage.state(&child).await, JobState::Blocked);
    stage.run(giving("1")).await;
    assert_eq!(stage.worker().one().await.inputs, [Some(Bytes::from_static(b"1")), Some(result)]);
}

pub async fn a_great_many_children_are_told_whatever_becomes_of_their_parent(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let far = stage.push(job_of(&OTHER)).await;
    let children: Vec<_> = (0..450).map(|_| after(job(), &[&far], OnFailure::Cancel)).collect();
    stage.push_all(children).await;
    let removed = stage.store.obliterate(&OTHER, Force::RefuseActive, 1_000).await.answered();
    assert_eq!(removed, Ok(1));
    while stage.store.expire(1_000).await.answered() != 0 {}
    assert_eq!((stage.recount().await.cancelled, stage.counts().await.blocked), (450, 0));
    assert!(!stage.store.queues().await.answered().contains(&OTHER), "nothing is left of it");
}

pub async fn who_comes_to_wait_for_a_parent_that_begins_anew_is_not_told_of_its_former_end(
    fixture: &dyn Fixture,
) {
    let stage = Stage::of(fixture);
    let far = stage.push(job_of(&OTHER)).await;
    let children: Vec<_> = (0..450).map(|_| after(job(), &[&far], OnFailure::Cancel)).collect();
    let children = stage.push_all(children).await;
    end(&stage, &far, "failed").await;
    fixture.arrived().await;
    assert_eq!(stage.store.retry(&OTHER, &far.id).await.answered(), Ordered::Done);
    assert_eq!(stage.store.retry(&QUEUE, &children[0].id).await.answered(), Ordered::Done);
    while stage.store.expire(1_000).await.answered() != 0 {}
    assert_eq!(stage.state(&children[0]).await, JobState::Blocked);
    assert_eq!(stage.recount().await.cancelled, 449);
    let worker = stage.worker_of(&[OTHER]);
    worker.settle(&worker.one().await, complete()).await;
    fixture.arrived().await;
    assert_eq!(stage.state(&children[0]).await, JobState::Waiting);
}
