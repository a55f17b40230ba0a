//! Handlers that do their worst: each harms its own job at most.

use std::fmt;
use std::panic::panic_any;
use std::time::Duration;

use asyncmq::job::FailureKind;
use asyncmq::{Context, EventKind, Job, JobState, NewJob, State, Worker, task};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::support::gate::Gate;
use crate::support::soon;
use crate::support::stage::{Stage, check};

/// Panics when it is dropped.
struct Grenade(&'static str);

impl Drop for Grenade {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("{}", self.0)
        }
    }
}

/// Panics when it is dropped, with another one of itself.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_any(Self)
    }
}

#[derive(Debug)]
struct Cursed(u32);

impl Serialize for Cursed {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("cannot be written")
    }
}

impl<'de> Deserialize<'de> for Cursed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            13 => panic!("cannot be read"),
            number => Ok(Self(number)),
        }
    }
}

/// Its `Display` panics.
#[derive(Debug)]
struct Speechless;

impl fmt::Display for Speechless {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("there are no words for it")
    }
}

impl std::error::Error for Speechless {}

/// An error that panics when it is dropped.
#[derive(Debug, thiserror::Error)]
#[error("an error with a grenade")]
struct Armed(#[source] Explosive);

#[derive(Debug, thiserror::Error)]
#[error("inside")]
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("the error blew up")
    }
}

#[task(name = "panics.quiet", queue = "panics")]
async fn quiet() {}

#[task(name = "panics.loud", queue = "panics")]
async fn loud(message: String) {
    panic!("{message}")
}

#[task(name = "panics.loud_blocking", queue = "panics")]
fn loud_blocking() {
    panic!("on a thread")
}

#[task(name = "panics.drops_a_grenade", queue = "panics")]
async fn drops_a_grenade() {
    let _grenade = Grenade("in the handler");
    tokio::task::yield_now().await;
}

#[task(name = "panics.overstays_with_a_grenade", queue = "panics", timeout = "10ms")]
async fn overstays_with_a_grenade() {
    let _grenade = Grenade("while it was dropped");
    std::future::pending().await
}

#[task(name = "panics.throws_a_bomb", queue = "panics")]
async fn throws_a_bomb() {
    panic_any(Bomb)
}

#[task(name = "panics.throws_a_bomb_blocking", queue = "panics")]
fn throws_a_bomb_blocking() {
    panic_any(Bomb)
}

#[task(name = "panics.speechless", queue = "panics")]
async fn speechless() -> Result<(), Speechless> {
    Err(Speechless)
}

#[task(name = "panics.armed", queue = "panics", retries = 1, backoff = "fixed(1ms)")]
async fn armed() -> Result<(), Armed> {
    Err(Armed(Explosive))
}

#[task(name = "panics.takes_cursed", queue = "panics")]
async fn takes_cursed(value: Cursed) -> u32 {
    value.0
}

#[task(name = "panics.returns_cursed", queue = "panics")]
async fn returns_cursed() -> Cursed {
    Cursed(1)
}

#[task(name = "panics.returns_what_json_has_not", queue = "panics", retries = 5)]
async fn returns_what_json_has_not() -> f64 {
    f64::NAN
}

#[task(name = "panics.returns_bytes", queue = "panics", retries = 5)]
async fn returns_bytes(count: usize) -> String {
    "x".repeat(count)
}

#[task(name = "panics.takes_number", queue = "panics", retries = 5)]
async fn takes_number(number: u8) -> u8 {
    number
}

/// Runs a job that must end badly, shows that the worker goes on, and returns the job.
async fn harmless<T: 'static>(job: NewJob<T>, kind: FailureKind) -> Job {
    let mut stage = Stage::with("panics", |worker| worker.concurrency(1)).await;
    let handle = stage.enqueue(job).await;
    let ended = stage.tells(&handle, &["enqueued", "started 1", &format!("failed 1 {kind}")]).await;
    assert_eq!(ended.state(), JobState::Failed);
    for _ in 0..3 {
        let other = stage.enqueue(quiet::job()).await;
        stage.tells(&other, &["enqueued", "started 1", "completed 1"]).await;
    }
    assert_eq!(stage.worker.status().running, 0);
    let report = soon("the worker's stop", stage.worker.stop()).await.unwrap();
    assert!(report.given_back.is_empty() && report.unconfirmed.is_empty(), "{report:?}");
    ended
}

fn message(job: &Job) -> &str {
    job.errors().last().unwrap().message()
}

#[tokio::test]
async fn a_panic_is_a_failed_attempt_with_its_message() {
    assert_eq!(message(&harmless(loud::job("boom"), FailureKind::Panic).await), "boom");
    assert_eq!(message(&harmless(loud_blocking::job(), FailureKind::Panic).await), "on a thread");
}

#[tokio::test]
async fn a_panic_while_something_is_dropped_is_a_failed_attempt() {
    let job = harmless(drops_a_grenade::job(), FailureKind::Panic).await;
    assert_eq!(message(&job), "in the handler");
}

#[tokio::test]
async fn a_panic_while_a_timeout_drops_the_handler_stays_a_timeout() {
    let job = harmless(overstays_with_a_grenade::job(), FailureKind::Timeout).await;
    assert_eq!(message(&job), "timed out after 10ms");
}

#[tokio::test]
async fn a_panic_whose_payload_panics_when_it_is_dropped_harms_nobody() {
    harmless(throws_a_bomb::job(), FailureKind::Panic).await;
    harmless(throws_a_bomb_blocking::job(), FailureKind::Panic).await;
}

#[tokio::test]
async fn an_error_that_panics_when_it_is_shown_is_a_failed_attempt() {
    let job = harmless(speechless::job(), FailureKind::Panic).await;
    assert_eq!(message(&job), "there are no words for it");
}

#[tokio::test]
async fn an_error_that_panics_when_it_is_dropped_is_a_failed_attempt() {
    let job =
        check(armed::job(), &["enqueued", "started 1", "retrying 1 error", "started 2", "failed 2 error"])
            .await;
    assert_eq!(message(&job), "an error with a grenade: inside");
}

#[tokio::test]
async fn a_panic_while_arguments_are_read_is_a_failed_attempt() {
    let job = NewJob::new("panics.takes_cursed").args(serde_json::json!({"value": 13})).queue("panics");
    assert_eq!(message(&harmless(job, FailureKind::Panic).await), "cannot be read");
}

#[tokio::test]
async fn a_panic_while_the_result_is_written_is_a_failed_attempt() {
    let job = harmless(returns_cursed::job(), FailureKind::Panic).await;
    assert_eq!(message(&job), "cannot be written");
}

#[tokio::test]
async fn a_result_that_is_no_json_fails_for_good() {
    let job = harmless(returns_what_json_has_not::job(), FailureKind::Result).await;
    assert!(message(&job).contains("cannot be written as JSON"), "{job:?}");
}

#[tokio::test]
async fn a_result_that_is_too_large_fails_for_good_and_one_of_just_the_size_does_not() {
    let client = asyncmq::Client::memory().max_payload(100);
    let mut stage = Stage::on(&client, "panics", |worker| worker).await;
    let fits = stage.enqueue(returns_bytes::job(98)).await;
    stage.tells(&fits, &["enqueued", "started 1", "completed 1"]).await;
    let large = stage.enqueue(returns_bytes::job(99)).await;
    let job = stage.tells(&large, &["enqueued", "started 1", "failed 1 result"]).await;
    assert!(message(&job).contains("101 bytes, 100 are allowed"), "{job:?}");
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn arguments_that_cannot_be_read_fail_at_once_and_are_kept_as_they_are() {
    let wrong = serde_json::json!({"number": "seven", "more": [1, 2]});
    let job = harmless(NewJob::new("panics.takes_number").args(&wrong), FailureKind::Arguments).await;
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&job.envelope().args).unwrap(), wrong);
    assert!(message(&job).contains("number"), "{job:?}");
    let missing = harmless(NewJob::new("panics.takes_number"), FailureKind::Arguments).await;
    assert!(message(&missing).contains("number"), "{missing:?}");
    let array = NewJob::new("panics.takes_number").args(serde_json::json!([1, 2]));
    let surplus = harmless(array, FailureKind::Arguments).await;
    assert!(!message(&surplus).is_empty());
}

#[task(name = "panics.holds_a_grenade", queue = "cancelled grenade")]
async fn holds_a_grenade(gate: State<Gate>) {
    let _grenade = Grenade("while it was dropped");
    gate.pass().await;
    std::future::pending().await
}

#[tokio::test]
async fn a_panic_while_a_cancelled_handler_is_dropped_leaves_the_job_cancelled() {
    let gate = Gate::new();
    let mut stage = Stage::with("cancelled grenade", |worker| worker.state(gate.clone())).await;
    let handle = stage.enqueue(holds_a_grenade::job()).await;
    gate.arrived(1).await;
    assert!(handle.cancel().await.unwrap());
    stage.tells(&handle, &["enqueued", "started 1", "cancelled 1"]).await;
    soon("the worker's stop", stage.worker.stop()).await.unwrap();
}

#[tokio::test]
async fn a_panic_while_a_stopping_worker_drops_a_handler_costs_no_attempt() {
    let gate = Gate::new();
    let mut stage = Stage::with("cancelled grenade", |worker| worker.state(gate.clone())).await;
    let handle = stage.enqueue(holds_a_grenade::job()).await;
    gate.arrived(1).await;
    let report = soon("the worker's stop", stage.worker.stop_now()).await.unwrap();
    assert_eq!(report.given_back, [handle.id().clone()]);
    stage.recorder.next(EventKind::Released).await;
    let job = handle.job().await.unwrap();
    assert_eq!((job.state(), job.attempt(), job.errors().len()), (JobState::Waiting, 0, 0));
}

#[task(name = "panics.blocks_its_thread", queue = "blocked thread")]
async fn blocks_its_thread(gate: State<Gate>) {
    gate.pass_blocking();
}

#[task(name = "panics.beside", queue = "blocked thread")]
async fn beside(ctx: Context) -> u32 {
    tokio::time::sleep(Duration::from_millis(1)).await;
    ctx.attempt()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_its_thread_harms_no_other_job() {
    let gate = Gate::new();
    let _open = gate.opens_at_the_end();
    let describe = |worker: Worker| worker.state(gate.clone()).lease(Duration::from_millis(200));
    let mut stage = Stage::with("blocked thread", describe).await;
    let blocker = stage.enqueue(blocks_its_thread::job()).await;
    gate.arrived(1).await;
    let others = stage.client.enqueue_all((0..200).map(|_| beside::job())).await.unwrap();
    for other in &others {
        assert_eq!(soon("another job", other.result()).await.unwrap(), 1);
    }
    // Longer than the lease: a thread of its own has kept it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    gate.open(1);
    stage.tells(&blocker, &["enqueued", "started 1", "completed 1"]).await;
    soon("the worker's stop", stage.worker.stop()).await.unwrap();
}

#[task(name = "panics.in_line", queue = "line")]
async fn in_line(gate: State<Gate>, turns: u32, blocks: bool) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
    if blocks {
        gate.pass_blocking();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_its_thread_holds_no_other_up_wherever_it_stands_in_line() {
    let gate = Gate::new();
    let _open = gate.opens_at_the_end();
    let stage = Stage::with("line", |worker| worker.state(gate.clone()).concurrency(50)).await;
    for place in 0..80 {
        let turns = place % 3;
        let jobs = (0..40).map(|number| in_line::job(turns, number == place / 2));
        let handles = stage.client.enqueue_all(jobs).await.unwrap();
        let blocker = &handles[place as usize / 2];
        gate.arrived(1).await;
        for handle in handles.iter().filter(|handle| handle.id() != blocker.id()) {
            let result = handle.result_within(Duration::from_secs(5)).await;
            assert!(result.is_ok(), "behind a blocker at place {place}: {result:?}");
        }
        gate.open(1);
        soon("the blocker", blocker.result()).await.unwrap();
    }
    soon("the worker's stop", stage.worker.stop()).await.unwrap();
}
