//! What becomes of pinned jobs when the record of the one that pins them goes.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use bytes::Bytes;

use super::Fixture;
use super::pins::{OTHER, are_kept, four_pinned, pinning, prune};
use super::stage::{Answered, HOUR, SECOND, Stage, complete, job, job_of, jobs};
use crate::backend::Ordered;
use crate::event::{EventFilter, EventKind};
use crate::job::{Envelope, JobState, Pins, Retention};
use crate::lifecycle::{Limits, Transition};

pub async fn what_is_pinned_goes_with_the_one_that_pins_it(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (four, child) = four_pinned(fixture, &stage).await;
    stage.run(complete()).await;
    let mut events = stage.listen(EventFilter::all().kind(EventKind::Dropped)).await;
    fixture.advance(HOUR * 2).await;
    prune(&stage, &Limits::default()).await;
    assert_eq!(are_kept(&stage, &four).await, [false; 4], "long before a dead letter would go");
    assert!(stage.find(&child).await.is_none());
    assert_eq!(events.kinds(2).await, [EventKind::Dropped; 2], "the dead letters are told of");
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn it_goes_however_the_one_that_pins_it_goes(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for way in ["removed", "cleaned", "unkept", "too many"] {
        let parent = stage.push(job()).await;
        let mut child = pinning(&[&parent]);
        let mut end = complete();
        if way == "unkept" {
            child.retention = Retention::Nothing;
            end = Transition::Complete { result: Bytes::new(), retention: Retention::Nothing };
        }
        let child = stage.push(child).await;
        stage.run(complete()).await;
        assert_eq!(stage.run(end).await.id, child.id, "{way}");
        match way {
            "removed" => {
                assert_eq!(stage.store.remove(&child.queue, &child.id).await.answered(), Ordered::Done);
            }
            "cleaned" => {
                let before = stage.now().await.after(SECOND);
                // The pinned one is older: it would go too.
                fixture.advance(SECOND * 10).await;
                let late = stage.ended(job(), complete()).await;
                let cleaned =
                    stage.store.clean(&child.queue, JobState::Completed, before, 10).await.answered();
                assert_eq!(cleaned, 2, "what is cleaned goes, pinned or not");
                assert_eq!(stage.store.remove(&late.queue, &late.id).await.answered(), Ordered::Done);
            }
            "too many" => {
                prune(&stage, &Limits { ended_count: 0, ..Limits::default() }).await;
            }
            _ => {}
        }
        prune(&stage, &Limits::default()).await;
        assert_eq!(stage.recount().await.total(), 0, "{way}");
    }
}

pub async fn a_prune_lets_go_of_no_more_than_its_limit(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parents = stage.push_all(jobs(10)).await;
    let child = stage.push(pinning(&parents.iter().map(|job| &**job).collect::<Vec<_>>())).await;
    for _ in 0..11 {
        stage.run(complete()).await;
    }
    assert_eq!(stage.store.remove(&child.queue, &child.id).await.answered(), Ordered::Done);
    assert_eq!(stage.store.prune(&Limits::default(), 4).await.answered(), 4);
    assert_eq!(stage.recount().await.completed, 6);
    assert_eq!(stage.store.prune(&Limits::default(), 4).await.answered(), 4);
    prune(&stage, &Limits::default()).await;
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn what_asked_for_more_time_has_it(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let asked = Retention::For(HOUR * 3);
    let parents = stage
        .push_all(vec![
            Envelope { retention: asked, ..job() },
            Envelope { retention: asked, ..job_of(&OTHER) },
            Envelope { retention: Retention::Nothing, ..job() },
        ])
        .await;
    stage.push(pinning(&parents.iter().map(|job| &**job).collect::<Vec<_>>())).await;
    fixture.arrived().await;
    let giving = |retention| Transition::Complete { result: Bytes::from_static(b"7"), retention };
    let other = stage.worker_of(&[OTHER]);
    other.settle(&other.one().await, giving(asked)).await;
    stage.run(giving(asked)).await;
    stage.run(giving(Retention::Nothing)).await;
    fixture.arrived().await;
    stage.run(complete()).await;
    assert!(stage.find(&parents[2]).await.is_none(), "it was to leave nothing behind");
    fixture.advance(HOUR * 2).await;
    for _ in 0..2 {
        prune(&stage, &Limits::default()).await;
        fixture.arrived().await;
    }
    for parent in &parents[..2] {
        assert_eq!(stage.job(parent).await.result().map(|result| result.get()), Some("7"));
    }
    assert_eq!(stage.recount().await.total(), 1);
    fixture.advance(HOUR * 2).await;
    prune(&stage, &Limits::default()).await;
    assert_eq!(are_kept(&stage, &parents).await, [false; 3]);
}

pub async fn what_is_pinned_strictly_goes_whatever_it_asked_for(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let asked = Retention::For(HOUR * 3);
    let parents = stage.push_all(vec![
        Envelope { retention: asked, ..job() },
        Envelope { retention: asked, ..job_of(&OTHER) },
    ]);
    let parents = parents.await;
    let mut child = pinning(&[&parents[0], &parents[1]]);
    child.extras_mut().pins = Some(Pins { from: 0, strictly: true });
    stage.push(child).await;
    fixture.arrived().await;
    for queue in [&OTHER, &parents[0].queue] {
        let worker = stage.worker_of(std::slice::from_ref(queue));
        let end = Transition::Complete { result: Bytes::new(), retention: asked };
        worker.settle(&worker.one().await, end).await;
        fixture.arrived().await;
    }
    stage.run(complete()).await;
    fixture.advance(HOUR * 2).await;
    for _ in 0..2 {
        prune(&stage, &Limits::default()).await;
        fixture.arrived().await;
    }
    assert_eq!(are_kept(&stage, &parents).await, [false; 2]);
}

pub async fn what_has_not_ended_is_kept_as_others_once_it_is_let_go(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parent = stage.push(job()).await;
    let child = stage.push(pinning(&[&parent])).await;
    assert_eq!(stage.store.remove(&child.queue, &child.id).await.answered(), Ordered::Done);
    prune(&stage, &Limits::default()).await;
    assert_eq!(stage.state(&parent).await, JobState::Waiting);
    stage.run(complete()).await;
    prune(&stage, &Limits::default()).await;
    assert_eq!(stage.state(&parent).await, JobState::Completed);
    fixture.advance(HOUR * 2).await;
    prune(&stage, &Limits::default()).await;
    assert_eq!(stage.recount().await.total(), 0);
}

pub async fn an_obliterated_queue_lets_go_of_others(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parent = stage.push(job()).await;
    let mut child = pinning(&[&parent]);
    child.queue = OTHER;
    stage.push(child).await;
    fixture.arrived().await;
    stage.run(complete()).await;
    stage.push(job_of(&OTHER)).await;
    let obliterated =
        stage.store.obliterate(&OTHER, crate::backend::Force::RefuseActive, 1_000).await.answered();
    assert_eq!(obliterated, Ok(2));
    fixture.arrived().await;
    prune(&stage, &Limits::default()).await;
    fixture.arrived().await;
    assert_eq!(stage.recount().await.total(), 0);
}
