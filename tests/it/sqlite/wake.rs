//! Wake-ups and events between processes.

use std::time::Duration;

use asyncmq::backend::sql::sqlite::SqliteOptions;
use asyncmq::backend::{Control, Heard, Inspect};
use asyncmq::{Clock, EventFilter, EventKind};
use futures::StreamExt;
use tempfile::TempDir;

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
