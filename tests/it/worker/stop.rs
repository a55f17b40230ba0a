//! How a worker ends.

use std::time::{Duration, Instant};

use asyncmq::{Client, Context, EventKind, JobState, Queue, State, Worker, task};

use crate::support::gate::Gate;
use crate::support::stage::{Recorder, Stage};
use crate::support::{soon, until};

#[task(name = "stop.deaf", queue = "stop")]
async fn deaf(gate: State<Gate>) {
    gate.pass().await;
}

#[task(name = "stop.listens", queue = "stop")]
async fn listens(ctx: Context, gate: State<Gate>) -> Result<(), String> {
    let _inside = gate.enter();
    ctx.cancelled().await;
    Err("told to stop".into())
}

#[task(name = "stop.finishes_when_told", queue = "stop")]
async fn finishes_when_told(ctx: Context, gate: State<Gate>) -> u32 {
    let _inside = gate.enter();
    ctx.cancelled().await;
    7
}

#[task(name = "stop.blocks", queue = "stop")]
fn blocks(gate: State<Gate>) {
    gate.pass_blocking();
}

#[task(name = "stop.enqueues_the_next", queue = "stop chain")]
async fn enqueues_the_next(ctx: Context, left: u32) -> Result<(), asyncmq::Error> {
    if left != 0 {
        ctx.enqueue(enqueues_the_next::job(left - 1)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_stop_waits_for_running_jobs_and_claims_no_more() {
    let gate = Gate::new();
    let mut stage = Stage::with("stop", |worker| worker.state(gate.clone()).concurrency(2)).await;
    let handles = stage.client.enqueue_all((0..4).map(|_| deaf::job())).await.unwrap();
    gate.arrived(2).await;
    let worker_id = stage.worker.id();
    let stopping = tokio::spawn(stage.worker.stop());
    let client = stage.client.clone();
    let draining = async || client.workers().await.unwrap().iter().any(|worker| worker.draining);
    until("the others to see that it drains", draining).await;
    gate.open(4);
    let report = soon("the stop", stopping).await.unwrap().unwrap();
    assert_eq!(report, asyncmq::StopReport::default());
    assert_eq!(gate.total(), 2);
    for (handle, state) in handles.iter().zip([JobState::Completed, JobState::Completed, JobState::Waiting]) {
        assert_eq!(handle.state().await.unwrap(), state);
    }
    let stopped = stage.recorder.next(EventKind::WorkerStopped).await;
    assert_eq!(stopped.worker(), Some(worker_id));
}

#[tokio::test]
async fn what_does_not_end_in_time_is_given_back_unspent() {
    let gate = Gate::new();
    let drain = Duration::from_millis(400);
    let stage = Stage::with("stop", |worker| worker.state(gate.clone()).drain_timeout(drain)).await;
    let handle = stage.enqueue(deaf::job()).await;
    gate.arrived(1).await;
    let start = Instant::now();
    let report = soon("the stop", stage.worker.stop()).await.unwrap();
    let took = start.elapsed();
    assert!((drain / 3..drain * 2).contains(&took), "{took:?}");
    assert_eq!(report.given_back, [handle.id().clone()]);
    let job = handle.job().await.unwrap();
    assert_eq!((job.state(), job.attempt(), job.crashes()), (JobState::Waiting, 0, 0));
    assert_eq!(gate.inside(), 0);
}

#[tokio::test]
async fn a_handler_that_listens_is_told_before_the_end() {
    let gate = Gate::new();
    let drain = Duration::from_millis(400);
    let stage = Stage::with("stop", |worker| worker.state(gate.clone()).drain_timeout(drain)).await;
    let failing = stage.enqueue(listens::job().retries(0)).await;
    let finishing = stage.enqueue(finishes_when_told::job()).await;
    gate.arrived(2).await;
    let report = soon("the stop", stage.worker.stop()).await.unwrap();
    assert_eq!(
        report.given_back,
        [failing.id().clone()],
        "an error of one that was told to stop is no failure"
    );
    let job = failing.job().await.unwrap();
    assert_eq!((job.state(), job.attempt(), job.errors().len()), (JobState::Waiting, 0, 0));
    assert_eq!(finishing.result().await.unwrap(), 7);
}

#[tokio::test]
async fn a_stop_at_once_gives_back_unspent() {
    let gate = Gate::new();
    let stage = Stage::with("stop", |worker| worker.state(gate.clone())).await;
    let handles = stage.client.enqueue_all((0..5).map(|_| deaf::job())).await.unwrap();
    gate.arrived(5).await;
    let start = Instant::now();
    let report = soon("the stop", stage.worker.stop_now()).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1));
    let mut ids: Vec<_> = handles.iter().map(|handle| handle.id().clone()).collect();
    ids.sort();
    let mut given_back = report.given_back;
    given_back.sort();
    assert_eq!(given_back, ids);
    assert_eq!(stage.client.queue("stop").counts().await.unwrap().waiting, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_never_returns_does_not_hold_the_stop_up() {
    let gate = Gate::new();
    let _open = gate.opens_at_the_end();
    let drain = Duration::from_millis(300);
    let stage = Stage::with("stop", |worker| worker.state(gate.clone()).drain_timeout(drain)).await;
    let handle = stage.enqueue(blocks::job()).await;
    gate.arrived(1).await;
    let start = Instant::now();
    let report = soon("the stop", stage.worker.stop()).await.unwrap();
    assert!(start.elapsed() < drain * 2);
    assert!(report.blocked);
    assert_eq!(report.given_back, [handle.id().clone()]);
    gate.open(1);
}

#[tokio::test]
async fn a_worker_runs_until_it_is_told() {
    let (client, gate) = (Client::memory(), Gate::new());
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let worker = Worker::new(&client).queues(["stop"]).state(gate.clone());
    let running = tokio::spawn(worker.run_until(async { told.await.unwrap() }));
    let handle = deaf::job().enqueue_on(&client).await.unwrap();
    gate.arrived(1).await;
    gate.open(1);
    soon("the job", handle.result()).await.unwrap();
    tell.send(()).unwrap();
    soon("the end", running).await.unwrap().unwrap();
    assert!(client.workers().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_runs_until_idle_leaves_nothing_that_a_job_enqueued() {
    for _ in 0..50 {
        let client = Client::memory();
        enqueues_the_next::job(20_u32).enqueue_on(&client).await.unwrap();
        let worker = Worker::new(&client).queues(["stop chain"]);
        soon("the end", worker.run_until_idle()).await.unwrap();
        let counts = client.queue("stop chain").counts().await.unwrap();
        assert_eq!((counts.completed, counts.unfinished()), (21, 0));
    }
}

#[tokio::test]
async fn idle_is_about_now_and_not_about_before() {
    let gate = Gate::new();
    let stage = Stage::with("stop", |worker| worker.state(gate.clone())).await;
    soon("an idle worker", stage.worker.idle()).await;
    for round in 1..=20 {
        stage.enqueue(deaf::job()).await;
        gate.open(1);
        soon("an idle worker", stage.worker.idle()).await;
        assert_eq!(gate.total(), round, "a job that was enqueued before is waited for");
    }
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_queue_that_is_served_stops_in_order_when_the_future_is_dropped() {
    let client = Client::memory();
    let mut recorder = Recorder::of(&client).await;
    let queue = Queue::builder("plain").client(&client).build().await.unwrap();
    let serving = {
        let queue = queue.clone();
        tokio::spawn(async move { queue.run().await })
    };
    recorder.next(EventKind::WorkerStarted).await;
    let handle = queue.add(asyncmq::NewJob::new("start.plain")).await.unwrap();
    assert_eq!(recorder.story(handle.id()).await.last().unwrap(), "completed 1");
    serving.abort();
    recorder.next(EventKind::WorkerStopped).await;
    let handle = queue.add(asyncmq::NewJob::new("start.plain")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(handle.state().await.unwrap(), JobState::Waiting);
}
