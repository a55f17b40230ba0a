//! Listening to what happens.

use std::collections::BTreeSet;
use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asyncmq::{Client, Context, EventFilter, EventKind, NewJob, State, Task, Worker, task};
use futures::StreamExt;

use crate::support::gate::Gate;
use crate::support::severed::{Fault, Severed, Verb};
use crate::support::stage::Stage;
use crate::support::{soon, until};

#[task(name = "events.quick", queue = "events")]
async fn quick() {}

#[task(name = "events.other", queue = "events")]
async fn other() {}

#[task(name = "events.flaky", queue = "events", retries = 1, backoff = "fixed(1ms)")]
async fn flaky() -> Result<(), String> {
    Err("no".into())
}

#[task(name = "events.naps", queue = "events")]
async fn naps(ctx: Context) -> Result<(), asyncmq::TaskError> {
    static NAPS: AtomicUsize = AtomicUsize::new(0);
    ctx.progress(50, ());
    match NAPS.fetch_add(1, SeqCst) {
        0 => Err(asyncmq::TaskError::snooze(Duration::from_millis(1))),
        _ => Ok(()),
    }
}

#[task(name = "events.gated", queue = "events gate")]
async fn gated(gate: State<Gate>) {
    gate.pass().await;
}

#[tokio::test]
async fn every_kind_that_can_happen_is_told() {
    let store = Severed::new();
    let mut stage = Stage::over(store.clone(), "events", |worker| worker).await;
    let queue = stage.client.queue("events");
    stage.client.enqueue_all([quick::job().id("one"), quick::job().id("one")]).await.unwrap();
    stage.enqueue(flaky::job()).await;
    stage.enqueue(naps::job()).await;
    stage.enqueue(quick::job().delay(Duration::from_secs(60)).id("late")).await.cancel().await.unwrap();
    stage.recorder.ended(4).await;
    queue.pause().await.unwrap();
    stage.enqueue(quick::job().ttl(Duration::from_millis(1))).await;
    stage.recorder.next(EventKind::Expired).await;
    queue.resume().await.unwrap();

    let gate = Gate::new();
    let silent = Worker::new(&stage.client).queues(["events gate"]).state(gate.clone());
    let silent = silent.lease(Duration::from_millis(20)).start().await.unwrap();
    stage.enqueue(gated::job()).await;
    gate.arrived(1).await;
    for verb in [Verb::Extend, Verb::Register, Verb::Claim] {
        store.fail(verb, Fault::Cut, usize::MAX);
    }
    stage.recorder.next(EventKind::Stalled).await;
    store.heal();
    gate.open(2);
    silent.stop().await.unwrap();
    stage.worker.stop().await.unwrap();
    // The other worker's end was told before; this is the one of the stage's own.
    while stage.recorder.seen.iter().filter(|event| event.kind() == EventKind::WorkerStopped).count() < 2 {
        stage.recorder.next(EventKind::WorkerStopped).await;
    }

    let told: BTreeSet<EventKind> = stage.recorder.seen.iter().map(|event| event.kind()).collect();
    let not_here = [
        EventKind::Ready,
        EventKind::Debounced,
        EventKind::Deduplicated,
        EventKind::Dropped,
        EventKind::ScheduleFired,
    ];
    let expected: BTreeSet<_> =
        EventKind::ALL.iter().copied().filter(|kind| !not_here.contains(kind)).collect();
    let missing: Vec<_> = expected.difference(&told).collect();
    assert!(missing.is_empty(), "not told: {missing:?}");
    for event in &stage.recorder.seen {
        assert_eq!(event.job_id().is_some(), event.kind().is_job(), "{event:?}");
        if event.kind() == EventKind::Started {
            assert!(event.worker().is_some() && 1 <= event.attempt() && event.task().is_some(), "{event:?}");
        }
    }
}

#[tokio::test]
async fn a_listener_hears_until_it_is_off() {
    let client = Client::memory();
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = heard.clone();
    let subscription = client.on(EventKind::Enqueued, move |_| {
        counter.fetch_add(1, SeqCst);
    });
    let subscription = soon("the subscription", async { subscription.await.unwrap() }).await;
    quick::job().enqueue_on(&client).await.unwrap();
    until("the event", async || heard.load(SeqCst) == 1).await;
    // Another listener is told in the same way, so the first one has had its chance too.
    let rest = Arc::new(AtomicUsize::new(0));
    let counter = rest.clone();
    let another = client.on(EventKind::Enqueued, move |_| {
        counter.fetch_add(1, SeqCst);
    });
    another.await.unwrap();
    subscription.off();
    for number in 1..=10 {
        quick::job().enqueue_on(&client).await.unwrap();
        until("another listener", async || rest.load(SeqCst) == number).await;
    }
    assert_eq!(heard.load(SeqCst), 1);
}

#[tokio::test]
async fn a_subscription_stays_when_it_is_dropped() {
    let client = Client::memory();
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = heard.clone();
    drop(client.on(EventKind::Enqueued, move |_| {
        counter.fetch_add(1, SeqCst);
    }));
    quick::job().enqueue_on(&client).await.unwrap();
    until("the event", async || heard.load(SeqCst) == 1).await;
}

/// Panics when it is dropped, with another one of itself.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_any(Self)
    }
}

#[tokio::test]
async fn a_listener_that_panics_harms_nothing_and_hears_the_next_event() {
    let client = Client::memory();
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = heard.clone();
    client.on(EventKind::Enqueued, move |_| match counter.fetch_add(1, SeqCst) {
        0 => panic!("a listener that fails"),
        1 => panic_any(Bomb),
        _ => {}
    });
    for number in 1..=3 {
        quick::job().enqueue_on(&client).await.unwrap();
        until("the event", async || heard.load(SeqCst) == number).await;
    }
    Worker::new(&client).queues(["events"]).run_until_idle().await.unwrap();
    assert_eq!(client.queue("events").counts().await.unwrap().completed, 3);
}

#[tokio::test]
async fn events_can_be_chosen_by_kind_pattern_queue_task_and_job() {
    let client = Client::memory();
    let filters = [
        ("kind", EventFilter::from(EventKind::Completed)),
        ("kinds", EventFilter::from([EventKind::Enqueued, EventKind::Completed])),
        ("pattern", EventFilter::parse("job:st*").unwrap()),
        ("workers", EventFilter::parse("worker:*").unwrap()),
        ("queue", EventFilter::all().queue("elsewhere")),
        ("task", EventFilter::all().task(other::NAME)),
        ("both", EventFilter::from(EventKind::Completed).task(other::NAME).queue("events")),
        (
            "job",
            EventFilter::all()
                .job(asyncmq::job::Name::queue("events").unwrap(), NewJobId::of("wanted"))
                .kind(EventKind::Started),
        ),
    ];
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    for (name, filter) in filters {
        let heard = heard.clone();
        client.on(filter, move |event| {
            let line = format!("{name} {} {}", event.kind(), event.job_id().map_or("", |id| &**id));
            heard.lock().unwrap().push(line);
        });
    }
    let mut all = client.events_where(EventKind::WorkerStopped).await.unwrap();
    quick::job().id("quick").enqueue_on(&client).await.unwrap();
    other::job().id("wanted").enqueue_on(&client).await.unwrap();
    quick::job().id("far").queue("elsewhere").enqueue_on(&client).await.unwrap();
    Worker::new(&client).queues(["events"]).concurrency(1).run_until_idle().await.unwrap();
    soon("the worker's end", all.next()).await.unwrap();
    let of = |name: &str| -> Vec<String> {
        let heard = heard.lock().unwrap();
        heard
            .iter()
            .filter_map(|line| line.strip_prefix(&format!("{name} ")))
            .map(ToOwned::to_owned)
            .collect()
    };
    until("the last event", async || of("workers").len() == 2).await;
    assert_eq!(of("kind"), ["job:completed quick", "job:completed wanted"]);
    assert_eq!(of("kinds").len(), 5);
    assert_eq!(of("pattern"), ["job:started quick", "job:started wanted"]);
    assert_eq!(of("workers"), ["worker:started ", "worker:stopped "]);
    assert_eq!(of("queue"), ["job:enqueued far"]);
    assert_eq!(of("task"), ["job:enqueued wanted", "job:started wanted", "job:completed wanted"]);
    assert_eq!(of("both"), ["job:completed wanted"]);
    assert_eq!(of("job"), ["job:started wanted"]);
    for wrong in ["job:faild", "", "queue:*x"] {
        assert!(EventFilter::parse(wrong).is_err(), "{wrong:?}");
    }
}

/// An id as a program has it from somewhere else.
struct NewJobId;

impl NewJobId {
    fn of(text: &str) -> asyncmq::JobId {
        asyncmq::JobId::custom(text).unwrap()
    }
}

#[tokio::test]
async fn a_listener_that_is_too_slow_loses_the_oldest_and_knows_how_many() {
    let client = Client::memory();
    let mut events = client.events_where(EventKind::Enqueued).await.unwrap();
    let sent = 20_000_u64;
    client.enqueue_all((0..sent).map(|_| quick::job())).await.unwrap();
    let last = client.enqueue(NewJob::new("events.quick").queue("events").id("the last")).await.unwrap();
    let mut heard = 0;
    loop {
        let event = soon("the newest event", events.next()).await.unwrap();
        heard += 1;
        if event.job_id() == Some(last.id()) {
            break;
        }
    }
    assert!(0 < events.missed(), "no store keeps {sent} events for one listener");
    assert_eq!(heard + events.missed(), sent + 1);
}

#[tokio::test]
async fn a_listener_that_is_slow_holds_no_worker_up() {
    let client = Client::memory();
    let gate = Gate::new();
    let _events = client.events().await.unwrap();
    client.on(EventKind::Enqueued, {
        let gate = gate.clone();
        move |_| drop(gate.enter())
    });
    client.enqueue_all((0..5_000).map(|_| quick::job())).await.unwrap();
    soon("the end", Worker::new(&client).queues(["events"]).run_until_idle()).await.unwrap();
    assert_eq!(client.queue("events").counts().await.unwrap().completed, 5_000);
}
