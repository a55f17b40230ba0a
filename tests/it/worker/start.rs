//! What a worker checks before it serves, what it shows of itself, and what it leaves to others.

use std::time::Duration;

use asyncmq::backend::memory::MemoryStore;
use asyncmq::{Client, Clock, Error, EventKind, JobState, NewJob, Registry, State, Worker, task};

use crate::support::gate::Gate;
use crate::support::stage::{Recorder, Stage};
use crate::support::{soon, until};

struct Database;

#[task(name = "start.with_state", queue = "with state")]
async fn with_state(_db: State<Database>) {}

#[task(name = "start.plain", queue = "plain")]
async fn plain() {}

#[task(name = "start.versioned", queue = "versions", version = 2)]
async fn versioned() {}

#[task(name = "start.never", queue = "never", cron = "0 0 30 2 *")]
async fn never() {}

#[task(name = "start.sandboxed", queue = "in no child", sandbox)]
async fn sandboxed() {}

async fn refusal(worker: Worker) -> String {
    match worker.start().await {
        Ok(worker) => {
            worker.stop().await.unwrap();
            panic!("it started")
        }
        Err(error) => {
            assert!(matches!(error, Error::Startup(_)), "{error:?}");
            error.to_string()
        }
    }
}

/// A registry of this one task: the binary of these tests links many that are meant to be refused.
fn serving(queue: &str, registry: Registry) -> Worker {
    Worker::new(&Client::memory()).queues([queue]).registry(registry)
}

#[tokio::test]
async fn a_state_that_nobody_gave_is_named_at_the_start() {
    let worker = || serving("with state", Registry::new().with::<with_state>());
    let said = refusal(worker()).await;
    for part in ["\"start.with_state\"", "State<Database>", "tests/it/worker/start.rs", ".state("] {
        assert!(said.contains(part), "{part}: {said}");
    }
    worker().state(Database).start().await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_task_that_can_never_run_is_refused_and_named() {
    let said = refusal(serving("never", Registry::new().with::<never>())).await;
    assert!(said.contains("can never run") && said.contains("tests/it/worker/start.rs"), "{said}");
}

/// The harness of these tests never comes to the line that makes a process a child.
#[tokio::test]
async fn a_binary_of_tests_in_which_no_child_begins_is_told_the_test_that_it_needs() {
    let said = refusal(serving("in no child", Registry::new().with::<sandboxed>())).await;
    for part in
        ["code 0 before it was ready", "#[test] fn asyncmq_sandbox_child() { asyncmq::sandbox::init() }"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn a_task_that_is_given_twice_is_refused_with_its_place() {
    let said = refusal(serving("plain", Registry::new().with::<plain>().with::<plain>())).await;
    assert!(said.contains("\"start.plain\"") && said.contains("tests/it/worker/start.rs:"), "{said}");
}

#[tokio::test]
async fn an_empty_registry_is_refused_with_what_to_do() {
    let said = refusal(serving("plain", Registry::new())).await;
    assert!(said.contains("use your_crate as _;"), "{said}");
}

#[tokio::test]
async fn to_exclude_every_queue_or_to_name_an_impossible_one_is_an_error() {
    let registry = || Registry::new().with::<plain>();
    let said = refusal(serving("plain", registry()).exclude_queue("plain")).await;
    assert!(said.contains("excluded"), "{said}");
    let error = serving("a\nb", registry()).start().await.unwrap_err();
    assert!(matches!(error, Error::InvalidName { .. }), "{error}");
}

#[tokio::test]
async fn without_a_word_the_queues_of_the_tasks_are_served() {
    let client = Client::memory();
    let registry = Registry::new().with::<plain>().with::<versioned>();
    let worker = Worker::new(&client).registry(registry).exclude_queue("versions").start().await.unwrap();
    let workers = client.workers().await.unwrap();
    assert_eq!(workers[0].queues, ["plain"]);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn jobs_of_tasks_that_a_worker_does_not_have_wait_and_are_reported() {
    let client = Client::memory();
    let stranger = client.queue("plain").add(NewJob::new("task of another program")).await.unwrap();
    let stateful = client.queue("plain").add(NewJob::new("start.with_state")).await.unwrap();
    let stage = Stage::on(&client, "plain", |worker| {
        worker.registry(Registry::new().with::<plain>().with::<with_state>())
    })
    .await;
    let own = stage.enqueue(plain::job()).await;
    soon("its own job", own.result()).await.unwrap();
    for handle in [&stranger, &stateful] {
        assert_eq!(handle.state().await.unwrap(), JobState::Waiting);
    }
    let unknown = stage.worker.status().unknown;
    let unknown: Vec<_> = unknown.iter().map(|(queue, task)| (queue.as_str(), task.as_str())).collect();
    assert_eq!(unknown.len(), 2, "{unknown:?}");
    assert!(
        unknown.contains(&("plain", "task of another program"))
            && unknown.contains(&("plain", "start.with_state"))
    );
    soon("the worker is idle all the same", stage.worker.idle()).await;
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_job_of_a_newer_version_is_left_to_newer_workers() {
    let client = Client::memory();
    // A worker of today publishes version 2, which the job by name takes on.
    let newer = versioned::job().enqueue_on(&client).await.unwrap();
    assert_eq!(newer.job().await.unwrap().envelope().version, 2);
    let mut ahead = (**newer.job().await.unwrap().envelope()).clone();
    ahead.version = 3;
    ahead.id = asyncmq::JobId::generate();
    let call = asyncmq::backend::CallId { sender: asyncmq::job::WorkerId::generate(), sequence: 0 };
    client.backend().push(call, &[std::sync::Arc::new(ahead.clone())]).await.unwrap();
    let stage =
        Stage::on(&client, "versions", |worker| worker.registry(Registry::new().with::<versioned>())).await;
    soon("the job of its version", newer.result()).await.unwrap();
    let waiting = client.job(&ahead.id).await.unwrap().unwrap();
    assert_eq!(waiting.state(), JobState::Waiting);
    assert_eq!(stage.worker.status().unknown.len(), 1);
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_worker_is_listed_from_its_start_to_its_stop() {
    let client = Client::memory();
    let mut recorder = Recorder::of(&client).await;
    let worker = Worker::new(&client).queues(["plain"]).concurrency(7).start().await.unwrap();
    assert_eq!(recorder.next(EventKind::WorkerStarted).await.worker(), Some(worker.id()));
    let listed = client.workers().await.unwrap();
    let info = &listed[0];
    assert_eq!((listed.len(), info.id, info.concurrency, info.alive), (1, worker.id(), 7, true));
    assert_eq!(info.pid, std::process::id());
    assert!(!info.host.is_empty() && info.tasks.iter().any(|task| task.name == *"start.plain"));
    assert_eq!(client.queue("plain").stats().await.unwrap().workers, 1);
    worker.stop().await.unwrap();
    recorder.next(EventKind::WorkerStopped).await;
    assert!(client.workers().await.unwrap().is_empty());
}

#[tokio::test]
async fn heartbeats_tell_what_the_worker_does() {
    let gate = Gate::new();
    let stage = Stage::with("gauge", |worker| {
        worker.state(gate.clone()).heartbeat_interval(Duration::from_millis(20))
    })
    .await;
    let first = stage.client.workers().await.unwrap()[0].clone();
    let handle = stage.enqueue(NewJob::new("concurrency.gauged").queue("gauge")).await;
    gate.arrived(1).await;
    let told = async |wanted: (u32, u64)| {
        let info = stage.client.workers().await.unwrap()[0].clone();
        (info.running, info.completed) == wanted && first.seen_at < info.seen_at
    };
    until("a heartbeat with the job", async || told((1, 0)).await).await;
    gate.open(1);
    until("a heartbeat after the job", async || told((0, 1)).await).await;
    assert_eq!(stage.client.workers().await.unwrap()[0].started_at, first.started_at);
    assert_eq!(handle.state().await.unwrap(), JobState::Completed);
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_is_silent_for_half_a_minute_is_shown_dead_and_its_jobs_run_elsewhere() {
    let clock = Clock::manual();
    let client = Client::with_backend(MemoryStore::with_clock(clock.clone()));
    let gate = Gate::new();
    let silent = Worker::new(&client)
        .queues(["gauge"])
        .state(gate.clone())
        .heartbeat_interval(Duration::from_secs(3_600))
        .lease(Duration::from_secs(36_000))
        .start()
        .await
        .unwrap();
    clock.advance(Duration::from_secs(29));
    assert!(client.workers().await.unwrap()[0].alive);
    clock.advance(Duration::from_secs(2));
    assert!(!client.workers().await.unwrap()[0].alive, "silent for 31 s");
    silent.stop().await.unwrap();
}

#[tokio::test]
async fn the_status_counts_what_was_done() {
    let mut stage = Stage::of("retry").await;
    let fine = stage.enqueue(NewJob::new("retry.third_time_lucky").queue("retry")).await;
    stage.recorder.story(fine.id()).await;
    until("the counters", async || stage.worker.status().completed == 1).await;
    let status = stage.worker.status();
    assert_eq!((status.failed, status.running, status.draining), (2, 0, false));
    assert_eq!(status.id, stage.worker.id());
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn one_job_can_be_run_by_hand() {
    let client = Client::memory();
    let worker = Worker::new(&client).queues(["plain"]);
    assert_eq!(worker.handle_one().await.unwrap(), None);
    let handle = plain::job().enqueue_on(&client).await.unwrap();
    let other = plain::job().enqueue_on(&client).await.unwrap();
    let outcome = worker.handle_one().await.unwrap();
    assert_eq!(outcome, Some(asyncmq::lifecycle::Outcome::Completed("null".into())));
    assert_eq!(handle.state().await.unwrap(), JobState::Completed);
    assert_eq!(other.state().await.unwrap(), JobState::Waiting);
    assert!(client.workers().await.unwrap().is_empty(), "it was never listed");
}
