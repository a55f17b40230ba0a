//! Stores that do not answer: nothing is lost, nothing runs twice, and no worker exits.

use std::time::Duration;

use asyncmq::{EventKind, JobState, State, task};
use futures::future::join_all;

use crate::support::gate::Gate;
use crate::support::severed::{Fault, Severed, Verb};
use crate::support::stage::Stage;
use crate::support::{soon, until};

#[task(name = "outage.counted", queue = "outage")]
async fn counted(gate: State<Gate>) {
    let _inside = gate.enter();
}

#[task(name = "outage.held", queue = "outage")]
async fn held(gate: State<Gate>) {
    gate.pass().await;
}

#[tokio::test]
async fn a_settle_is_repeated_until_it_is_answered_and_counts_once() {
    for fault in [Fault::Cut, Fault::Lost] {
        let (store, gate) = (Severed::new(), Gate::new());
        store.fail(Verb::Settle, fault, 4);
        let mut stage = Stage::over(store.clone(), "outage", |worker| worker.state(gate.clone())).await;
        let handle = stage.enqueue(counted::job()).await;
        stage.tells(&handle, &["enqueued", "started 1", "completed 1"]).await;
        store.was_hit(Verb::Settle, 4).await;
        until("the counter", async || stage.worker.status().completed == 1).await;
        assert_eq!((gate.total(), stage.worker.status().running), (1, 0));
        soon("the stop", stage.worker.stop()).await.unwrap();
    }
}

#[tokio::test]
async fn claims_resume_and_a_lost_reply_loses_no_job() {
    for fault in [Fault::Cut, Fault::Lost] {
        let (store, gate) = (Severed::new(), Gate::new());
        store.fail(Verb::Claim, fault, 5);
        let mut stage = Stage::over(store.clone(), "outage", |worker| worker.state(gate.clone())).await;
        let handles = stage.client.enqueue_all((0..30).map(|_| counted::job())).await.unwrap();
        for handle in &handles {
            stage.tells(handle, &["enqueued", "started 1", "completed 1"]).await;
        }
        store.was_hit(Verb::Claim, 5).await;
        assert_eq!(gate.total(), 30);
        soon("the stop", stage.worker.stop()).await.unwrap();
    }
}

#[tokio::test]
async fn a_worker_starts_while_the_store_is_away_and_serves_when_it_is_back() {
    let (store, gate) = (Severed::new(), Gate::new());
    let client = asyncmq::Client::with_backend(store.clone());
    let handle = counted::job().enqueue_on(&client).await.unwrap();
    store.go_down();
    let worker = asyncmq::Worker::new(&client).queues(["outage"]).state(gate.clone()).start().await.unwrap();
    store.was_hit(Verb::Claim, 3).await;
    store.was_hit(Verb::Signals, 3).await;
    assert_eq!(gate.total(), 0);
    store.heal();
    soon("the job", handle.result()).await.unwrap();
    until("the worker in the list", async || !client.workers().await.unwrap().is_empty()).await;
    soon("the stop", worker.stop()).await.unwrap();
}

#[tokio::test]
async fn running_jobs_go_on_through_an_outage() {
    let (store, gate) = (Severed::new(), Gate::new());
    let mut stage = Stage::over(store.clone(), "outage", |worker| worker.state(gate.clone())).await;
    let handle = stage.enqueue(held::job()).await;
    gate.arrived(1).await;
    store.go_down();
    gate.open(1);
    store.was_hit(Verb::Settle, 3).await;
    assert_eq!(handle.state().await.unwrap(), JobState::Active);
    store.heal();
    stage.tells(&handle, &["enqueued", "started 1", "completed 1"]).await;
    let next = stage.enqueue(counted::job()).await;
    stage.tells(&next, &["enqueued", "started 1", "completed 1"]).await;
    soon("the stop", stage.worker.stop()).await.unwrap();
}

#[tokio::test]
async fn a_settle_that_the_store_refuses_leaves_no_job_active_for_ever() {
    let (store, gate) = (Severed::new(), Gate::new());
    let mut stage = Stage::over(store.clone(), "outage", |worker| worker.state(gate.clone())).await;
    store.fail(Verb::Settle, Fault::Refused, 1);
    let handle = stage.enqueue(counted::job()).await;
    let story = stage.recorder.story(handle.id()).await;
    assert_eq!(story, ["enqueued", "started 1", "failed 1 result"]);
    let message = handle.job().await.unwrap().errors()[0].message().to_owned();
    assert!(message.contains("not today"), "{message}");
    soon("the stop", stage.worker.stop()).await.unwrap();
}

#[tokio::test]
async fn one_job_that_the_store_refuses_to_settle_harms_no_other_of_its_batch() {
    let (store, gate) = (Severed::new(), Gate::new());
    let mut stage = Stage::over(store.clone(), "outage", |worker| worker.state(gate.clone())).await;
    let handles = stage.client.enqueue_all((0..5).map(|_| held::job())).await.unwrap();
    gate.arrived(5).await;
    // The batch is refused as a whole once; each of its jobs alone is not.
    store.fail(Verb::Settle, Fault::Refused, 1);
    gate.open(5);
    stage.recorder.ended(5).await;
    let states = join_all(handles.iter().map(|handle| async { handle.state().await.unwrap() })).await;
    let completed = states.iter().filter(|state| **state == JobState::Completed).count();
    assert!(4 <= completed, "{states:?}");
    soon("the stop", stage.worker.stop()).await.unwrap();
}

#[tokio::test]
async fn a_stop_during_an_outage_ends_in_time_and_names_what_is_unconfirmed() {
    let (store, gate) = (Severed::new(), Gate::new());
    let stage = Stage::over(store.clone(), "outage", |worker| {
        worker.state(gate.clone()).drain_timeout(Duration::from_millis(400))
    })
    .await;
    let handle = stage.enqueue(held::job()).await;
    gate.arrived(1).await;
    store.go_down();
    gate.open(1);
    store.was_hit(Verb::Settle, 1).await;
    let report = soon("the stop", stage.worker.stop()).await.unwrap();
    assert_eq!(report.unconfirmed, [handle.id().clone()]);
}

#[tokio::test]
async fn a_worker_whose_lease_ran_out_and_was_given_to_nobody_still_settles() {
    let (store, gate) = (Severed::new(), Gate::new());
    let mut stage = Stage::over(store.clone(), "outage", |worker| {
        worker.state(gate.clone()).lease(Duration::from_millis(60)).concurrency(1)
    })
    .await;
    let handle = stage.enqueue(held::job()).await;
    gate.arrived(1).await;
    stage.client.queue("outage").pause().await.unwrap();
    for verb in [Verb::Extend, Verb::Claim, Verb::Register] {
        store.fail(verb, Fault::Cut, usize::MAX);
    }
    stage.recorder.next(EventKind::Stalled).await;
    gate.open(1);
    stage.tells(&handle, &["enqueued", "started 1", "stalled", "completed 1"]).await;
    assert_eq!(handle.job().await.unwrap().crashes(), 0, "it was no crash after all");
    store.heal();
    soon("the stop", stage.worker.stop()).await.unwrap();
}

#[tokio::test]
async fn a_result_is_waited_for_through_an_outage() {
    let (store, gate) = (Severed::new(), Gate::new());
    let stage = Stage::over(store.clone(), "outage", |worker| worker.state(gate.clone())).await;
    let handle = stage.enqueue(held::job()).await;
    gate.arrived(1).await;
    store.fail(Verb::Subscribe, Fault::Cut, 3);
    let waiting = tokio::spawn(handle.result());
    store.was_hit(Verb::Subscribe, 3).await;
    gate.open(1);
    soon("the result", waiting).await.unwrap().unwrap();
    soon("the stop", stage.worker.stop()).await.unwrap();
}
