//! Schedules that tasks declare.

use std::sync::Arc;
use std::time::Duration;

use asyncmq::admin::view::schedule_status;
use asyncmq::backend::memory::MemoryStore;
use asyncmq::backend::{Severity, StoredSchedule};
use asyncmq::schedule::{Paused, PausedBy, ScheduleRecord};
use asyncmq::{Client, Clock, Registry, Schedule, Worker, WorkerHandle, testing};

use super::{HOUR, beside, hourly, info, tick};
use crate::support::{sqlite_url, until};

const ID: &str = "schedules.hourly";

async fn start(client: &Client, registry: Registry) -> WorkerHandle {
    let worker = Worker::new(client).queues(["schedules declared"]).registry(registry);
    worker.start().await.unwrap()
}

fn declaring() -> Registry {
    Registry::new().with::<hourly>().with::<beside>()
}

/// Starts a worker, waits until it has declared what it has to, and stops it.
async fn restart(client: &Client) {
    let worker = start(client, declaring()).await;
    // What it declares comes before it fires anything: this is the proof that it is through.
    let probe = Schedule::every(Duration::from_millis(1)).limit(1);
    let queue = client.queue("schedules declared");
    queue.upsert_schedule("probe", probe, beside::job()).await.unwrap();
    until("the probe", async || info(client, "probe").await.fired == 1).await;
    client.schedules().remove("probe").await.unwrap();
    worker.stop().await.unwrap();
}

async fn stored(client: &Client) -> (StoredSchedule, ScheduleRecord) {
    let all = client.backend().schedules(None).await.unwrap();
    let stored = all.into_iter().find(|stored| *stored.id == *ID).unwrap();
    let record = ScheduleRecord::read(&stored.record).unwrap();
    (stored, record)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_workers_that_start_at_once_declare_one_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let file = sqlite_url(folder.path());
    for client in [Client::memory(), Client::connect(&file).await.unwrap()] {
        let starts = (0..10).map(|_| {
            let client = client.clone();
            tokio::spawn(async move { start(&client, declaring()).await })
        });
        let mut workers = Vec::new();
        for start in starts.collect::<Vec<_>>() {
            workers.push(start.await.unwrap());
        }
        until("the schedule", async || client.schedules().get(ID).await.unwrap().is_some()).await;
        let declared = info(&client, ID).await;
        assert!(declared.declared && declared.paused.is_none());
        assert_eq!((declared.schedule.to_string().as_str(), declared.task.as_str()), ("every 1h", ID));
        assert_eq!((declared.job.max_attempts, &declared.job.args[..]), (3, &b"{}"[..]));
        let (first, _) = stored(&client).await;
        for worker in workers {
            worker.stop().await.unwrap();
        }
        restart(&client).await;
        assert_eq!(stored(&client).await.0, first, "another start changes nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_ordered_outlives_a_restart() {
    let client = Client::memory();
    restart(&client).await;
    let schedules = client.schedules();
    schedules.pause(ID).await.unwrap();
    restart(&client).await;
    assert!(matches!(info(&client, ID).await.paused.unwrap().by, PausedBy::Operator(_)));
    assert!(schedules.remove(ID).await.unwrap() && !schedules.remove(ID).await.unwrap());
    restart(&client).await;
    assert_eq!(schedules.get(ID).await.unwrap(), None);
    assert!(schedules.list().await.unwrap().is_empty());
    assert!(schedules.resume(ID).await.unwrap(), "until somebody wants it back");
    assert!(info(&client, ID).await.next.is_some());
    schedules.upsert(ID, Schedule::every(HOUR * 9), hourly::job(1_u32)).await.unwrap();
    restart(&client).await;
    assert_eq!(info(&client, ID).await.schedule, Schedule::every(HOUR * 9), "a change by hand stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_attribute_changes_the_schedule_in_its_place() {
    let client = Client::memory();
    restart(&client).await;
    let (was, mut record) = stored(&client).await;
    // As a version before would have left it.
    (record.declared, record.schedule) = (Some("before".into()), Schedule::every(HOUR * 2));
    record.standing.fired = 7;
    let before = StoredSchedule { revision: 1, record: record.write().unwrap(), ..was.clone() };
    assert!(client.backend().put_schedule(&before, Some(was.revision)).await.unwrap());
    restart(&client).await;
    let now = info(&client, ID).await;
    assert_eq!((now.schedule, now.fired), (Schedule::every(HOUR), 7));
}

/// What `doctor` says of schedules that no live worker declares.
async fn orphans(client: &Client) -> Option<String> {
    let diagnosis = client.admin().diagnose().await.unwrap();
    let found = diagnosis.findings.into_iter().find(|finding| finding.check == "orphaned schedules")?;
    assert_eq!(found.severity, Severity::Warning);
    Some(found.says)
}

#[tokio::test(start_paused = true)]
async fn one_that_was_taken_for_deserted_while_its_worker_lives_goes_on() {
    let client = Client::with_backend(MemoryStore::with_clock(Clock::manual()) as Arc<_>);
    let worker = start(&client, declaring()).await;
    until("the schedule", async || client.schedules().get(ID).await.unwrap().is_some()).await;
    // As another worker would leave it that has not heard of this one.
    let (was, mut record) = stored(&client).await;
    let by = PausedBy::Orphaned;
    record.paused = Some(Paused { by, reason: None, at: record.standing.anchor });
    let deserted = StoredSchedule { revision: 1, next: None, record: record.write().unwrap(), ..was.clone() };
    assert!(client.backend().put_schedule(&deserted, Some(was.revision)).await.unwrap());
    assert!(orphans(&client).await.is_some());
    tokio::time::sleep(Duration::from_secs(130)).await;
    let back = info(&client, ID).await;
    assert_eq!((back.paused, orphans(&client).await), (None, None));
    assert!(back.next.is_some());
    worker.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_nobody_declares_any_more_is_paused_until_somebody_does() {
    let clock = Clock::manual();
    let client = Client::with_backend(MemoryStore::with_clock(clock.clone()) as Arc<_>);
    let test = start(&client, declaring()).await;
    until("the schedule", async || client.schedules().get(ID).await.unwrap().is_some()).await;
    let other = start(&client, Registry::new().with::<beside>()).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(info(&client, ID).await.paused.is_none(), "it is declared still");
    test.stop().await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(info(&client, ID).await.paused.is_none(), "a deploy may take a while");
    tokio::time::sleep(Duration::from_secs(90)).await;
    let paused = info(&client, ID).await.paused.expect("nobody declares it");
    assert_eq!(paused.by, PausedBy::Orphaned);
    assert_eq!(schedule_status(&info(&client, ID).await), "orphaned");
    assert!(orphans(&client).await.is_some_and(|says| says.contains(ID)), "doctor says so");
    clock.advance(HOUR * 5);
    let again = start(&client, declaring()).await;
    let is_back = async || info(&client, ID).await.paused.is_none();
    while !is_back().await {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let back = info(&client, ID).await;
    assert_eq!((schedule_status(&back), orphans(&client).await), ("active", None));
    assert_eq!((back.fired, back.next), (0, Some(back.upcoming(1)[0])));
    for worker in [other, again] {
        worker.stop().await.unwrap();
    }
}

#[tokio::test]
async fn tests_declare_only_when_they_are_asked_to() {
    let test = testing::client().registry(Registry::new().with::<hourly>().with::<tick>());
    test.advance(HOUR * 2);
    assert_eq!(test.drain().await.unwrap().total(), 0);
    test.declare_schedules().await.unwrap();
    test.advance(HOUR);
    assert_eq!(test.drain().await.unwrap().completed, 1);
    assert_eq!(info(&test, ID).await.last, Some(test.now()));
}
