//! What workers do with schedules, in real time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use asyncmq::backend::memory::MemoryStore;
use asyncmq::{Client, EventData, EventKind, Misfire, Registry, Schedule, Worker, WorkerHandle};
use futures::StreamExt;

use super::{header, info, jobs, tick};
use crate::support::severed::{Fault, Severed, Verb};
use crate::support::{soon, until};

const QUEUE: &str = "schedules ticks";

pub(super) async fn worker(client: &Client) -> WorkerHandle {
    let worker = Worker::new(client).queues([QUEUE]).registry(Registry::new().with::<tick>());
    worker.start().await.unwrap()
}

fn beat() -> Schedule {
    Schedule::every(Duration::from_millis(20)).misfire(Misfire::All)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_workers_fire_each_slot_once() {
    let store = MemoryStore::new();
    let mut workers = Vec::new();
    for _ in 0..4 {
        workers.push(worker(&Client::with_backend(store.clone())).await);
    }
    let client = Client::with_backend(store);
    for id in ["a", "b", "c"] {
        client.schedules().upsert(id, beat().limit(25), tick::job()).await.unwrap();
    }
    for id in ["a", "b", "c"] {
        until("the last slot", async || info(&client, id).await.fired == 25).await;
        let over = info(&client, id).await;
        assert_eq!((over.next, over.skipped), (None, 0));
        let of =
            jobs(&client, QUEUE).await.into_iter().filter(|job| header(job, "asyncmq-schedule") == Some(id));
        let slots: Vec<u64> = of.map(|job| header(&job, "asyncmq-slot").unwrap().parse().unwrap()).collect();
        let different: HashSet<_> = slots.iter().collect();
        assert_eq!((slots.len(), different.len()), (25, 25));
        assert_eq!(slots.iter().max().unwrap() - slots.iter().min().unwrap(), 24 * 20_000);
    }
    for worker in workers {
        worker.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_schedule_wakes_an_idle_worker() {
    let client = Client::memory();
    let worker = worker(&client).await;
    let mut events = client.events().await.unwrap();
    until("the worker listens", async || !client.workers().await.unwrap().is_empty()).await;
    let began = Instant::now();
    // A worker looks every few seconds by itself: one look, or two, may do for one of these, and not for ten.
    for number in 0..10 {
        let id = format!("soon {number}");
        client.schedules().upsert(&id, beat().limit(1), tick::job()).await.unwrap();
        let fired = loop {
            let event = soon("an event", events.next()).await.unwrap();
            if event.kind() == EventKind::ScheduleFired {
                break event;
            }
        };
        assert!(matches!(fired.data(), EventData::Slot { schedule, .. } if *schedule == id), "{fired:?}");
        assert_eq!((fired.queue(), fired.task()), (Some(QUEUE), Some("schedules.tick")));
        until("the job", async || client.queue(QUEUE).counts().await.unwrap().unfinished() == 0).await;
    }
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_lost_or_refused_hold_slots_up_and_cost_none() {
    for (fault, times) in [(Fault::Cut, 3), (Fault::Lost, 3), (Fault::Refused, 1)] {
        let store = Severed::new();
        let client = Client::with_backend(store.clone());
        client.schedules().upsert("s", beat().limit(10), tick::job()).await.unwrap();
        client.schedules().upsert("beside", beat().limit(10), tick::job()).await.unwrap();
        store.fail(Verb::Fire, fault, times);
        let worker = worker(&client).await;
        store.was_hit(Verb::Fire, times).await;
        for id in ["s", "beside"] {
            until("the last slot", async || info(&client, id).await.fired == 10).await;
        }
        assert_eq!(jobs(&client, QUEUE).await.len(), 20, "{fault:?}");
        worker.stop().await.unwrap();
    }
}

/// As one does that has no memory left: it may have some again at any moment, and some schedules make up for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_for_a_while_is_asked_again_soon() {
    let store = Severed::new();
    let client = Client::with_backend(store.clone());
    let worker = worker(&client).await;
    client.schedules().upsert("before", beat().limit(1), tick::job()).await.unwrap();
    until("a firing", async || info(&client, "before").await.fired == 1).await;
    let began = Instant::now();
    store.fail(Verb::Fire, Fault::Refused, 2);
    client.schedules().upsert("s", beat().limit(3), tick::job()).await.unwrap();
    store.was_hit(Verb::Fire, 2).await;
    until("the last slot", async || info(&client, "s").await.fired == 3).await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_fires_and_a_paused_schedule_does_not() {
    let client = Client::memory();
    client.queue(QUEUE).pause().await.unwrap();
    let worker = worker(&client).await;
    client.schedules().upsert("s", beat().limit(3), tick::job()).await.unwrap();
    client.schedules().upsert("paused", beat(), tick::job()).await.unwrap();
    client.schedules().pause("paused").await.unwrap();
    let at_pause = info(&client, "paused").await.fired;
    until("the last slot", async || info(&client, "s").await.fired == 3).await;
    assert_eq!(info(&client, "paused").await.fired, at_pause);
    let waiting = client.queue(QUEUE).counts().await.unwrap().waiting;
    assert_eq!(waiting, 3 + at_pause);
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_due_while_nobody_served_is_made_up_for_once() {
    let client = Client::with_backend(MemoryStore::new() as Arc<_>);
    let often = Schedule::every(Duration::from_millis(5));
    client.schedules().upsert("s", often, tick::job()).await.unwrap();
    let due = info(&client, "s").await.next.unwrap();
    until("slots that are missed", async || due + Duration::from_millis(60) < std::time::SystemTime::now())
        .await;
    let worker = worker(&client).await;
    until("a firing", async || info(&client, "s").await.fired != 0).await;
    assert!(info(&client, "s").await.skipped >= 5);
    worker.stop().await.unwrap();
}
