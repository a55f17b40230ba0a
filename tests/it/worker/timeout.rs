//! Attempts that take too long, and jobs that come too late.

use std::time::{Duration, Instant};

use asyncmq::{Client, Context, EventKind, JobState, State, task, testing};

use crate::support::gate::Gate;
use crate::support::soon;
use crate::support::stage::{Recorder, Stage, check};

const SHORT: Duration = Duration::from_millis(20);

#[task(name = "timeout.for_ever", queue = "timeout")]
async fn for_ever() {
    std::future::pending().await
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_dropped() {
    let job = check(for_ever::job().timeout(SHORT), &["enqueued", "started 1", "failed 1 timeout"]).await;
    assert_eq!(job.errors()[0].message(), "timed out after 20ms");
}

#[tokio::test]
async fn every_attempt_has_its_own_time() {
    let start = Instant::now();
    let job = for_ever::job().timeout(SHORT).retries(1).backoff(asyncmq::Backoff::fixed(Duration::ZERO));
    check(job, &["enqueued", "started 1", "retrying 1 timeout", "started 2", "failed 2 timeout"]).await;
    assert!(SHORT * 2 <= start.elapsed());
}

#[task(name = "timeout.tidies_up", queue = "timeout", timeout = "20ms")]
async fn tidies_up(ctx: Context) -> &'static str {
    ctx.cancelled().await;
    ctx.log("tidied up");
    "too late"
}

#[tokio::test]
async fn a_handler_that_listens_may_tidy_up_and_its_attempt_is_a_timeout_all_the_same() {
    let job = check(tidies_up::job(), &["enqueued", "started 1", "failed 1 timeout"]).await;
    let lines: Vec<_> = job.logs().iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["tidied up"]);
}

#[task(name = "timeout.asks_for_its_deadline", queue = "timeout", timeout = "10s")]
async fn asks_for_its_deadline(ctx: Context) -> u128 {
    ctx.deadline().map_or(0, |end| end.saturating_duration_since(Instant::now()).as_millis())
}

#[tokio::test]
async fn a_handler_knows_its_deadline() {
    let job = check(asks_for_its_deadline::job(), &["enqueued", "started 1", "completed 1"]).await;
    let left = job.result_as::<u64>().unwrap();
    assert!((5_000..=10_000).contains(&left), "{left}");
}

#[task(
    name = "timeout.blocks",
    queue = "timeout blocking",
    timeout = "20ms",
    retries = 1,
    backoff = "fixed(1ms)"
)]
fn blocks(gate: State<Gate>) {
    gate.pass_blocking();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_overstays_keeps_permit_and_lease_until_it_is_back() {
    let gate = Gate::new();
    let _open = gate.opens_at_the_end();
    let mut stage = Stage::with("timeout blocking", |worker| {
        worker.state(gate.clone()).concurrency(1).lease(Duration::from_millis(100))
    })
    .await;
    let handle = stage.enqueue(blocks::job()).await;
    gate.arrived(1).await;
    // Far beyond the timeout and the lease: neither a retry nor another worker may have it.
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(handle.state().await.unwrap(), JobState::Active);
    assert_eq!((stage.worker.status().running, gate.total()), (1, 1));
    gate.open(1);
    let event = stage.recorder.next(EventKind::Retrying).await;
    assert_eq!(event.job_id(), Some(handle.id()));
    gate.arrived(1).await;
    assert_eq!(gate.most(), 1, "two attempts of one job never run at once");
    gate.open(1);
    stage.tells(&handle, &["enqueued", "started 1", "retrying 1 timeout", "started 2", "completed 2"]).await;
    soon("the worker's stop", stage.worker.stop()).await.unwrap();
}

#[task(name = "timeout.punctual", queue = "late", ttl = "30ms")]
async fn punctual() {}

#[tokio::test]
async fn a_job_that_waited_too_long_expires_and_never_runs() {
    let client = Client::memory();
    let mut recorder = Recorder::of(&client).await;
    let stale = punctual::job().enqueue_on(&client).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    let worker = asyncmq::Worker::new(&client).queues(["late"]).start().await.unwrap();
    assert_eq!(recorder.story(stale.id()).await, ["enqueued", "expired"]);
    assert!(matches!(stale.result().await, Err(asyncmq::Error::JobExpired { .. })));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_duty_expires_what_waits_in_a_paused_queue() {
    let client = Client::memory();
    client.queue("late").pause().await.unwrap();
    let mut stage = Stage::on(&client, "late", |worker| worker).await;
    let stale = stage.enqueue(punctual::job()).await;
    stage.tells(&stale, &["enqueued", "expired"]).await;
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn the_age_of_a_delayed_job_counts_from_its_due_time_and_a_replay_starts_it_anew() {
    let client = testing::client();
    let handle = punctual::job().delay(Duration::from_secs(60)).enqueue_on(&client).await.unwrap();
    client.advance(Duration::from_secs(60) + Duration::from_millis(29));
    assert_eq!(client.drain_due().await.unwrap().completed, 1);
    assert_eq!(handle.state().await.unwrap(), JobState::Completed);

    let handle = punctual::job().enqueue_on(&client).await.unwrap();
    client.advance(Duration::from_millis(30));
    assert_eq!(client.drain_due().await.unwrap().total(), 0);
    assert_eq!(handle.state().await.unwrap(), JobState::Expired);
    client.queue("late").retry_job(handle.id()).await.unwrap();
    client.advance(Duration::from_millis(29));
    assert_eq!(client.drain_due().await.unwrap().completed, 1);
}

#[tokio::test]
async fn a_delayed_job_is_never_early_and_hardly_late() {
    let mut stage = Stage::of("late").await;
    let delay = Duration::from_millis(150);
    let start = Instant::now();
    stage.enqueue(punctual::job().delay(delay)).await;
    stage.recorder.next(EventKind::Started).await;
    let waited = start.elapsed();
    assert!(delay <= waited && waited < delay + Duration::from_millis(150), "{waited:?}");
    stage.worker.stop().await.unwrap();
}
