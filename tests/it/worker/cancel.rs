//! Cancelling jobs wherever they are.

use std::time::Duration;

use asyncmq::{Client, Context, EventKind, JobState, State, task};

use crate::support::gate::Gate;
use crate::support::severed::{Fault, Severed, Verb};
use crate::support::stage::{Recorder, Stage};
use crate::support::{soon, until};

#[task(name = "cancel.deaf", queue = "cancel")]
async fn deaf(gate: State<Gate>) {
    gate.pass().await;
}

#[task(name = "cancel.listens", queue = "cancel")]
async fn listens(ctx: Context, gate: State<Gate>) -> &'static str {
    let _inside = gate.enter();
    ctx.cancelled().await;
    assert!(ctx.is_cancelled());
    ctx.log("heard it");
    "done anyway"
}

#[task(name = "cancel.blocks", queue = "cancel")]
fn blocks(ctx: Context, gate: State<Gate>) -> bool {
    gate.pass_blocking();
    ctx.is_cancelled()
}

#[tokio::test]
async fn a_waiting_and_a_delayed_job_are_cancelled_at_once() {
    let client = Client::memory();
    let mut recorder = Recorder::of(&client).await;
    let waiting = deaf::job().enqueue_on(&client).await.unwrap();
    let delayed = deaf::job().delay(Duration::from_secs(60)).enqueue_on(&client).await.unwrap();
    for handle in [&waiting, &delayed] {
        assert!(handle.cancel().await.unwrap());
        assert_eq!(handle.state().await.unwrap(), JobState::Cancelled);
        assert_eq!(recorder.story(handle.id()).await, ["enqueued", "cancelled"]);
        assert!(!handle.cancel().await.unwrap(), "it has ended already");
    }
    assert!(client.queue("cancel").is_job_cancelled(waiting.id()).await.unwrap());
    let worker = asyncmq::Worker::new(&client).queues(["cancel"]).state(Gate::new());
    worker.run_until_idle().await.unwrap();
    assert!(!recorder.seen.iter().any(|event| event.kind() == EventKind::Started));
}

#[tokio::test]
async fn a_running_handler_is_dropped() {
    let gate = Gate::new();
    let mut stage = Stage::with("cancel", |worker| worker.state(gate.clone())).await;
    let handle = stage.enqueue(deaf::job()).await;
    gate.arrived(1).await;
    assert!(handle.cancel().await.unwrap());
    stage.tells(&handle, &["enqueued", "started 1", "cancelled 1"]).await;
    assert_eq!(gate.inside(), 0);
    let error = handle.result().await.unwrap_err();
    assert!(matches!(error, asyncmq::Error::JobCancelled { .. }), "{error}");
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_running_handler_that_listens_ends_in_order() {
    let gate = Gate::new();
    let mut stage = Stage::with("cancel", |worker| worker.state(gate.clone())).await;
    let handle = stage.enqueue(listens::job()).await;
    gate.arrived(1).await;
    assert!(handle.cancel().await.unwrap());
    let job = stage.tells(&handle, &["enqueued", "started 1", "cancelled 1"]).await;
    assert_eq!(job.logs()[0].message, "heard it");
    stage.worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocking_handler_keeps_its_permit_until_it_returns() {
    let gate = Gate::new();
    let _open = gate.opens_at_the_end();
    let mut stage = Stage::with("cancel", |worker| worker.state(gate.clone()).concurrency(1)).await;
    let (first, second) = (stage.enqueue(blocks::job()).await, stage.enqueue(blocks::job()).await);
    gate.arrived(1).await;
    assert!(first.cancel().await.unwrap());
    // The order is through when the next extension and wake-up have had their time.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(first.state().await.unwrap(), JobState::Active);
    assert_eq!(second.state().await.unwrap(), JobState::Waiting);
    gate.open(2);
    stage.tells(&first, &["enqueued", "started 1", "cancelled 1"]).await;
    let job = stage.tells(&second, &["enqueued", "started 1", "completed 1"]).await;
    assert!(!job.result_as::<bool>().unwrap());
    assert_eq!(gate.most(), 1);
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_cancel_in_the_moment_of_the_claim_is_not_lost() {
    // Cancelled by a listener the moment the store tells of the start: before the worker has heard of it.
    let gate = Gate::new();
    let client = Client::memory();
    let canceller = client.clone();
    let subscription = client.on(EventKind::Started, move |event| {
        let (client, id) = (canceller.clone(), event.job_id().unwrap().clone());
        tokio::spawn(async move { client.queue("cancel").cancel_job(id).await.unwrap() });
    });
    let mut stage = Stage::on(&client, "cancel", |worker| worker.state(gate.clone()).concurrency(50)).await;
    let start = std::time::Instant::now();
    let handles = client.enqueue_all((0..50).map(|_| deaf::job())).await.unwrap();
    for handle in &handles {
        stage.tells(handle, &["enqueued", "started 1", "cancelled 1"]).await;
    }
    // The next extension of the lease would tell too, but only ten seconds later.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    subscription.off();
    soon("the worker's stop", stage.worker.stop()).await.unwrap();
}

#[tokio::test]
async fn an_order_that_comes_before_the_claims_reply_is_kept_for_it() {
    let (store, gate) = (Severed::new(), Gate::new());
    let mut stage = Stage::over(store.clone(), "cancel", |worker| worker.state(gate.clone())).await;
    let held = store.hold_claim_replies().await;
    let start = std::time::Instant::now();
    let handle = stage.enqueue(deaf::job()).await;
    stage.recorder.next(EventKind::Started).await;
    assert!(handle.cancel().await.unwrap());
    // The order has its time to arrive first; should it not, it is heeded as any other.
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(held);
    stage.tells(&handle, &["enqueued", "started 1", "cancelled 1"]).await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_cancelled_before_the_worker_listens_is_heard_of_as_soon_as_it_does() {
    let (store, gate) = (Severed::new(), Gate::new());
    store.fail(Verb::Signals, Fault::Cut, usize::MAX);
    let client = Client::with_backend(store.clone());
    let handle = deaf::job().enqueue_on(&client).await.unwrap();
    let worker = asyncmq::Worker::new(&client).queues(["cancel"]).state(gate.clone()).start().await.unwrap();
    gate.arrived(1).await;
    store.was_hit(Verb::Signals, 1).await;
    assert!(handle.cancel().await.unwrap());
    let start = std::time::Instant::now();
    store.heal();
    let error = soon("its end", handle.result()).await.unwrap_err();
    assert!(matches!(error, asyncmq::Error::JobCancelled { .. }), "{error}");
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "long before the lease is extended: {:?}",
        start.elapsed()
    );
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_retry_that_waits_can_be_cancelled() {
    let mut stage = Stage::of("retry").await;
    let job = crate::worker::retry::by_fixed::job();
    let handle = stage.enqueue(job).await;
    stage.recorder.next(EventKind::Retrying).await;
    assert!(handle.cancel().await.unwrap());
    stage.tells(&handle, &["enqueued", "started 1", "retrying 1 error", "cancelled 1"]).await;
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_removed_job_leaves_the_worker_free() {
    let gate = Gate::new();
    let stage =
        Stage::with("cancel", |worker| worker.state(gate.clone()).lease(Duration::from_millis(30))).await;
    stage.enqueue(deaf::job()).await;
    gate.arrived(1).await;
    stage.client.queue("cancel").obliterate(asyncmq::Force::RemoveActive).await.unwrap();
    until("the handler's end", async || gate.inside() == 0).await;
    until("a free worker", async || stage.worker.status().running == 0).await;
    stage.worker.stop().await.unwrap();
}
