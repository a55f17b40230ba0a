//! Wake-ups and events between processes.

use std::time::{Duration, Instant};

use asyncmq::backend::sql::sqlite::SqliteOptions;
use asyncmq::backend::{Control, Heard, Inspect};
use asyncmq::{Client, Clock, EventFilter, EventKind, State, Worker, task};
use futures::StreamExt;
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedSender;

use super::process::Process;
use super::{QUEUE, jobs, open, push};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_in_another_process_is_woken() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let store = open(&path).await;
    let mut worker = Process::start(&path, "wait", &[3]);
    assert_eq!(worker.line().as_deref(), Some("ready"));
    for job in jobs(3) {
        push(&store, std::slice::from_ref(&job)).await;
        assert!(worker.line().unwrap().starts_with(job.id.as_str()));
    }
    assert!(worker.end().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_several_processes_are_heard_in_their_order() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let store = open(&path).await;
    let mut events = store.subscribe(EventFilter::all()).await.unwrap();
    let worker = Process::start(&path, "work", &[1]);
    let batch = jobs(50);
    for job in &batch {
        push(&store, std::slice::from_ref(job)).await;
    }
    let mut heard: std::collections::HashMap<_, Vec<EventKind>> = std::collections::HashMap::new();
    let mut ended = 0;
    while ended < batch.len() {
        let next = tokio::time::timeout(Duration::from_secs(20), events.next()).await.unwrap().unwrap();
        let Heard::Event(event) = next else { panic!("nothing may be missed") };
        ended += usize::from(event.kind() == EventKind::Completed);
        heard.entry(event.job_id().unwrap().clone()).or_default().push(event.kind());
    }
    for job in &batch {
        assert_eq!(heard[&job.id], [EventKind::Enqueued, EventKind::Started, EventKind::Completed]);
    }
    worker.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_was_killed_costs_the_others_nothing_for_long() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let (clock, other) = (Clock::manual(), Clock::manual());
    let store = SqliteOptions::file(&path).clock(clock).open().await.unwrap();
    let listener = SqliteOptions::file(&path).clock(other).open().await.unwrap();
    let events = listener.subscribe(EventFilter::all()).await.unwrap();
    store.pause(&QUEUE).await.unwrap();
    let conn = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(super::count(&conn, "SELECT listeners FROM store"), 1);
    assert_eq!(super::count(&conn, "SELECT count(*) FROM events"), 1);
    drop((events, listener));
    tokio::time::timeout(Duration::from_secs(20), async {
        while super::count(&conn, "SELECT listeners FROM store") != 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

/// Returns the middle of some waits. Without wake-ups it would be half of the time after which processes look by themselves.
fn median(mut waits: Vec<Duration>) -> Duration {
    waits.sort_unstable();
    waits[waits.len() / 2]
}

/// What it takes on a quiet machine is shown by `cargo bench -p asyncmq-bench --bench sqlite_pickup`.
const SOON: Duration = Duration::from_millis(50);

#[task(queue = "pickup")]
async fn probe(started: State<UnboundedSender<Instant>>) {
    let _ = started.send(Instant::now());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_job_starts_at_once_in_the_same_process() {
    let dir = TempDir::new().unwrap();
    let client = Client::with_backend(open(&dir.path().join("jobs.db")).await);
    let (sender, mut started) = tokio::sync::mpsc::unbounded_channel::<Instant>();
    let worker = Worker::new(&client).queues(["pickup"]).state(sender).start().await.unwrap();
    let mut waits = Vec::new();
    for _ in 0..21 {
        let before = Instant::now();
        probe::job().enqueue_on(&client).await.unwrap();
        waits.push(started.recv().await.unwrap() - before);
        worker.idle().await;
    }
    worker.stop().await.unwrap();
    assert!(median(waits.clone()) < SOON, "{waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_job_starts_at_once_in_another_process() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let store = open(&path).await;
    let mut worker = Process::start(&path, "wait", &[21]);
    assert_eq!(worker.line().as_deref(), Some("ready"));
    let mut waits = Vec::new();
    for job in jobs(21) {
        let before = Instant::now();
        push(&store, std::slice::from_ref(&job)).await;
        assert!(worker.line().unwrap().starts_with(job.id.as_str()));
        waits.push(before.elapsed());
    }
    assert!(median(waits.clone()) < SOON, "{waits:?}");
}
