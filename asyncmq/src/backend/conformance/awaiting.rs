//! Running jobs that go on to wait for others.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::sync::Arc;

use bytes::Bytes;

use super::Fixture;
use super::parents::giving;
use super::stage::{Answered, HOUR, QUEUE, Stage, complete, fail, job, settlement};
use crate::backend::{ClaimedJob, Fenced, Ordered};
use crate::event::{EventFilter, EventKind};
use crate::job::{Envelope, JobState, OnFailure, Parent, Passes};
use crate::lifecycle::Transition;

fn parent_of(job: &Envelope) -> Parent {
    let passes = Passes::Output;
    Parent { queue: job.queue.clone(), id: job.id.clone(), on_failure: OnFailure::Fail, passes }
}

fn awaiting(jobs: &[Arc<Envelope>]) -> Transition {
    Transition::Await { parents: jobs.iter().map(|job| parent_of(job)).collect() }
}

/// Pushes a job that has waited for another one, which gave "0", and claims it.
async fn running(stage: &Stage) -> (Arc<Envelope>, ClaimedJob) {
    let first = stage.ended(job(), giving("0")).await;
    let mut child = job();
    child.args = Bytes::from_static(b"{\"own\":1}");
    child.ttl = Some(HOUR);
    child.extras_mut().parents = vec![parent_of(&first)];
    let child = stage.push(child).await;
    (child, stage.worker().one().await)
}

fn inputs(texts: &[&'static str]) -> Vec<Option<Bytes>> {
    texts.iter().map(|text| Some(Bytes::from_static(text.as_bytes()))).collect()
}

pub async fn who_waits_for_more_runs_again_and_has_what_all_gave(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (child, held) = running(&stage).await;
    assert_eq!(held.inputs, inputs(&["0"]));
    let more = stage.push_all(vec![job(), job()]).await;
    let worker = stage.worker();
    let mut events = stage.listen(EventFilter::all().job(QUEUE, child.id.clone())).await;
    assert_eq!(worker.settle(&held, awaiting(&more)).await, Fenced::Applied);
    let job = stage.job(&child).await;
    assert_eq!((job.state(), job.attempt()), (JobState::Blocked, 0), "no attempt is spent");
    let parents: Vec<_> = job.parents().iter().map(|parent| parent.id.clone()).collect();
    assert_eq!(parents[1..], [more[0].id.clone(), more[1].id.clone()]);
    assert_eq!(stage.recount().await.blocked, 1);
    stage.run(giving("1")).await;
    assert_eq!(stage.state(&child).await, JobState::Blocked);
    stage.run(giving("2")).await;
    assert_eq!(stage.recount().await.waiting, 1);
    let again = worker.one().await;
    assert_eq!((again.attempt, &again.inputs), (1, &inputs(&["0", "1", "2"])));
    assert_eq!((&again.envelope.args, again.envelope.ttl), (&child.args, child.ttl));
    assert_eq!(worker.settle(&again, complete()).await, Fenced::Applied);
    assert_eq!(stage.state(&child).await, JobState::Completed);
    let kinds = [EventKind::Released, EventKind::Ready, EventKind::Started, EventKind::Completed];
    assert_eq!(events.kinds(4).await, kinds);
    assert_eq!(stage.recount().await.unfinished(), 0);
}

pub async fn who_waits_for_more_may_do_so_again_and_again(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (child, mut held) = running(&stage).await;
    let worker = stage.worker();
    for _ in 0..3 {
        let more = stage.push(job()).await;
        assert_eq!(worker.settle(&held, awaiting(&[more])).await, Fenced::Applied);
        assert_eq!(stage.state(&child).await, JobState::Blocked);
        stage.run(giving("1")).await;
        held = worker.one().await;
        assert_eq!(held.envelope.id, child.id);
    }
    assert_eq!(held.inputs, inputs(&["0", "1", "1", "1"]));
    assert_eq!(worker.settle(&held, complete()).await, Fenced::Applied);
    stage.recount().await;
}

pub async fn ends_before_somebody_waited_for_more_count_at_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (child, held) = running(&stage).await;
    let ended = stage.ended(job(), giving("1")).await;
    assert_eq!(stage.worker().settle(&held, awaiting(&[ended])).await, Fenced::Applied);
    let again = stage.worker().one().await;
    assert_eq!((&again.envelope.id, &again.inputs), (&child.id, &inputs(&["0", "1"])));
    let failed = stage.push(job()).await;
    stage.run(fail()).await;
    assert_eq!(stage.worker().settle(&again, awaiting(&[failed])).await, Fenced::Applied);
    assert_eq!(stage.state(&child).await, JobState::Failed);
    assert_eq!(stage.recount().await.unfinished(), 0);
}

pub async fn a_stale_worker_waits_for_nobody(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (child, held) = running(&stage).await;
    let more = stage.push(job()).await;
    let worker = stage.worker();
    assert_eq!(worker.settle(&held, Transition::Release).await, Fenced::Applied);
    assert_eq!(worker.settle(&held, awaiting(&[more])).await, Fenced::Stale);
    let job = stage.job(&child).await;
    assert_eq!((job.state(), job.parents().len()), (JobState::Waiting, 1));
}

pub async fn a_lost_reply_to_waiting_for_more_is_repeated(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (child, held) = running(&stage).await;
    let more = stage.push(job()).await;
    let worker = stage.worker();
    let (call, settlements) = (worker.next_call(), [settlement(&held, awaiting(&[more]))]);
    for _ in 0..2 {
        assert_eq!(stage.store.settle(call, &settlements).await.answered(), [Fenced::Applied]);
    }
    assert_eq!(stage.job(&child).await.parents().len(), 2);
    stage.run(giving("1")).await;
    assert_eq!(worker.one().await.inputs, inputs(&["0", "1"]));
}

pub async fn who_was_to_be_cancelled_waits_for_nobody(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (child, held) = running(&stage).await;
    let more = stage.push(job()).await;
    assert_eq!(stage.store.cancel(&child.queue, &child.id, None).await.answered(), Ordered::Requested);
    assert_eq!(stage.worker().settle(&held, awaiting(&[more])).await, Fenced::Applied);
    assert_eq!(stage.state(&child).await, JobState::Cancelled);
    assert_eq!(stage.recount().await.blocked, 0);
}

pub async fn who_waited_for_more_and_begins_anew_waits_for_all(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (child, held) = running(&stage).await;
    let more = stage.push(job()).await;
    assert_eq!(stage.worker().settle(&held, awaiting(std::slice::from_ref(&more))).await, Fenced::Applied);
    stage.run(fail()).await;
    assert_eq!(stage.state(&child).await, JobState::Failed);
    for begun in [&more, &child] {
        assert_eq!(stage.store.retry(&begun.queue, &begun.id).await.answered(), Ordered::Done);
    }
    assert_eq!(stage.state(&child).await, JobState::Blocked);
    stage.run(giving("2")).await;
    let again = stage.worker().one().await;
    assert_eq!((&again.envelope.id, &again.inputs), (&child.id, &inputs(&["0", "2"])));
}
