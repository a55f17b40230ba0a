//! The end of a queue.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use super::Fixture;
use super::stage::{
    Answered, HOUR, LEASE, QUEUE, SECOND, Stage, cancelled, complete, fail, job, job_of, jobs, retry,
};
use crate::backend::{Counts, Force};
use crate::job::{Envelope, Name, Retention};

/// Obliterates the queue in one call.
async fn obliterate(stage: &Stage, force: Force) -> Result<usize, u64> {
    stage.store.obliterate(&QUEUE, force, 1_000).await.answered()
}

/// Puts jobs of many kinds into the queue, none of them running.
async fn fill(stage: &Stage) -> usize {
    for end in [complete(), fail(), cancelled("no"), retry(HOUR)] {
        stage.ended(job(), end).await;
    }
    let retention = Retention::For(HOUR);
    let end = crate::lifecycle::Transition::Complete { result: bytes::Bytes::new(), retention };
    stage.ended(Envelope { retention, ..job() }, end).await;
    stage.push_all(vec![job(), Envelope { ttl: Some(SECOND), ..job() }]).await;
    7
}

pub async fn nothing_is_left_of_an_obliterated_queue(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let count = fill(&stage).await;
    stage.store.pause(&QUEUE).await.answered();
    assert_eq!(obliterate(&stage, Force::RefuseActive).await, Ok(count));
    assert_eq!(stage.recount().await, Counts::default());
    assert!(stage.store.queues().await.answered().is_empty());
    assert!(!stage.store.queue(&QUEUE).await.answered().paused);
    fixture.advance(HOUR * 2).await;
    assert_eq!(stage.store.expire(10).await.answered(), 0);
    assert_eq!(stage.store.prune(&crate::lifecycle::Limits::default(), 10).await.answered(), 0);
    assert!(stage.worker().claim(10).await.is_empty());
}

pub async fn running_jobs_are_refused_unless_it_is_forced(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(3)).await;
    stage.worker().claim(2).await;
    assert_eq!(obliterate(&stage, Force::RefuseActive).await, Err(2));
    assert_eq!(stage.recount().await.total(), 3, "nothing was removed");
    assert_eq!(obliterate(&stage, Force::RemoveActive).await, Ok(3));
    assert_eq!(stage.recount().await.total(), 0);
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 0, "nobody holds anything any more");
}

pub async fn it_is_done_in_bounded_calls(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let count = fill(&stage).await;
    let mut removed = Vec::new();
    while !stage.store.queues().await.answered().is_empty() {
        let call = stage.store.obliterate(&QUEUE, Force::RefuseActive, 2).await.answered();
        removed.push(call.expect("none is running"));
        assert!(removed.len() < 10, "it does not end: {removed:?}");
        stage.recount().await;
    }
    assert_eq!(removed.iter().sum::<usize>(), count);
    assert!(removed.iter().all(|removed| *removed <= 2), "{removed:?}");
}

pub async fn other_queues_are_left_alone(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let other = Name::from_static("other");
    let id = stage.push(job()).await.id.clone();
    let twin = stage.push(Envelope { id, ..job_of(&other) }).await;
    obliterate(&stage, Force::RefuseActive).await.expect("none is running");
    assert_eq!(stage.store.queues().await.answered(), [other]);
    assert!(stage.find(&twin).await.is_some());
}

pub async fn a_queue_that_nobody_used_is_nothing_to_obliterate(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    assert_eq!(obliterate(&stage, Force::RefuseActive).await, Ok(0));
    stage.store.pause(&QUEUE).await.answered();
    assert_eq!(obliterate(&stage, Force::RefuseActive).await, Ok(0));
    assert!(stage.store.queues().await.answered().is_empty(), "an empty one goes too");
}

pub async fn the_queue_can_be_used_again(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    fill(&stage).await;
    obliterate(&stage, Force::RefuseActive).await.expect("none is running");
    let pushed = stage.push_all(jobs(3)).await;
    let worker = stage.worker();
    assert_eq!(super::stage::ids_of(&worker.claim(10).await), super::stage::ids(&pushed));
    assert_eq!(stage.recount().await.active, 3);
    assert_eq!(stage.store.queues().await.answered(), [QUEUE]);
}
