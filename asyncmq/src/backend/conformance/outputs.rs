//! What a job is given of those that it waited for.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use bytes::Bytes;

use super::Fixture;
use super::parents::{giving, taking};
use super::stage::{Answered, Stage, fail, job};
use crate::backend::{Fenced, MAX_OUTPUTS, Ordered};
use crate::job::{OnFailure, Passes, Retention};
use crate::lifecycle::Transition;

pub async fn outputs_are_passed_on_in_the_order_of_the_parents(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let before = stage.ended(job(), giving("\"before\"")).await;
    let parents = stage.push_all(vec![job(), job()]).await;
    let mut child = taking(job(), &[&parents[1], &before, &parents[0]]);
    child.extras_mut().parents[2].passes = Passes::Nothing;
    let child = stage.push(child).await;
    let worker = stage.worker();
    let held = worker.claim(2).await;
    assert_eq!(worker.settle(&held[1], giving("1")).await, Fenced::Applied);
    worker.settle(&held[0], giving("0")).await;
    let got = worker.one().await;
    let text = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    assert_eq!((&got.envelope.id, &got.inputs), (&child.id, &vec![text("1"), text("\"before\""), None]));
    worker.settle(&got, Transition::Release).await;
    assert_eq!(worker.one().await.inputs, got.inputs, "a second attempt gets the same");
    assert_eq!(*got.envelope, *child);
}

pub async fn a_failed_parent_passes_nothing_on(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parents = stage.push_all(vec![job(), job()]).await;
    let mut child = taking(job(), &[&parents[0], &parents[1]]);
    child.extras_mut().parents.iter_mut().for_each(|parent| parent.on_failure = OnFailure::Run);
    stage.push(child).await;
    stage.run(fail()).await;
    stage.run(giving("1")).await;
    assert_eq!(stage.worker().one().await.inputs, [None, Some(Bytes::from_static(b"1"))]);
}

pub async fn it_is_told_only_that_a_parent_completed(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let before = stage.ended(job(), giving("\"long\"")).await;
    let parents = stage.push_all(vec![job(), job()]).await;
    let mut child = taking(job(), &[&before, &parents[0], &parents[1]]);
    for parent in &mut child.extras_mut().parents {
        (parent.passes, parent.on_failure) = (Passes::End, OnFailure::Run);
    }
    stage.push(child).await;
    stage.run(giving("1")).await;
    stage.run(fail()).await;
    assert_eq!(stage.worker().one().await.inputs, [Some(Bytes::new()), Some(Bytes::new()), None]);
}

pub async fn more_than_a_worker_can_take_is_not_handed_out(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parents = stage.push_all(vec![job(), job(), job()]).await;
    let mut child = taking(job(), &[&parents[0], &parents[1], &parents[2]]);
    child.extras_mut().parents.iter_mut().for_each(|parent| parent.on_failure = OnFailure::Run);
    let child = stage.push(child).await;
    let half = Bytes::from(vec![b'7'; MAX_OUTPUTS as usize / 2]);
    let giving =
        |result: &Bytes| Transition::Complete { result: result.clone(), retention: Retention::Standard };
    stage.run(giving(&half)).await;
    stage.run(giving(&half)).await;
    stage.run(fail()).await;
    let worker = stage.worker();
    let got = worker.one().await;
    assert_eq!((&got.envelope.id, got.withheld), (&child.id, 0));
    assert_eq!(got.inputs.iter().flatten().map(Bytes::len).sum::<usize>(), 2 * half.len());
    worker.settle(&got, fail()).await;
    for begun in [&parents[2], &child] {
        assert_eq!(stage.store.retry(&begun.queue, &begun.id).await.answered(), Ordered::Done);
    }
    stage.run(giving(&Bytes::from_static(b"1"))).await;
    let got = worker.one().await;
    assert_eq!((&got.envelope.id, got.withheld, got.inputs.len()), (&child.id, MAX_OUTPUTS + 1, 0));
}
