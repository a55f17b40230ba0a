//! How many jobs run at once, how fast they start, and from which queue.

use std::time::{Duration, Instant};

use asyncmq::{Client, EventKind, Queue, RateLimit, State, Worker, task};

use crate::support::gate::Gate;
use crate::support::stage::Stage;
use crate::support::{soon, until};

const SECOND: Duration = Duration::from_secs(1);

#[task(name = "concurrency.gauged", queue = "gauge")]
async fn gauged(gate: State<Gate>) {
    gate.pass().await;
}

/// Whatever might still start has had its chance when this is over.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn never_more_jobs_run_at_once_than_are_allowed() {
    let gate = Gate::new();
    let stage = Stage::with("gauge", |worker| worker.state(gate.clone()).concurrency(3)).await;
    stage.client.enqueue_all((0..20).map(|_| gauged::job())).await.unwrap();
    gate.arrived(3).await;
    settle().await;
    assert_eq!(gate.inside(), 3);
    let counts = stage.client.queue("gauge").counts().await.unwrap();
    assert_eq!((counts.active, counts.waiting), (3, 17), "nothing is hidden from other workers");
    gate.open(20);
    stage.worker.idle().await;
    assert_eq!((gate.most(), gate.total()), (3, 20));
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn concurrency_changes_while_the_worker_runs() {
    let gate = Gate::new();
    let stage = Stage::with("gauge", |worker| worker.state(gate.clone()).concurrency(0)).await;
    stage.client.enqueue_all((0..30).map(|_| gauged::job())).await.unwrap();
    settle().await;
    assert_eq!(gate.total(), 0, "a worker of none runs none");

    stage.worker.set_concurrency(8);
    gate.arrived(8).await;
    settle().await;
    assert_eq!(gate.most(), 8);

    stage.worker.set_concurrency(2);
    gate.open(6);
    until("six to leave", async || gate.inside() == 2).await;
    settle().await;
    assert_eq!((gate.inside(), gate.total()), (2, 8), "no one starts while more run than are allowed");
    gate.most();
    gate.open(4);
    gate.arrived(4).await;
    settle().await;
    assert_eq!((gate.most(), gate.total()), (2, 12));
    assert_eq!(stage.worker.status().concurrency, 2);

    stage.worker.set_concurrency(30);
    gate.arrived(18).await;
    gate.open(30);
    stage.worker.idle().await;
    assert_eq!(gate.total(), 30);
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_is_paused_starts_nothing_and_goes_on_when_it_is_resumed() {
    let gate = Gate::new();
    let stage = Stage::with("gauge", |worker| worker.state(gate.clone())).await;
    stage.enqueue(gauged::job()).await;
    gate.arrived(1).await;
    stage.worker.pause();
    assert!(stage.worker.status().paused);
    let handle = stage.enqueue(gauged::job()).await;
    gate.open(1);
    settle().await;
    assert_eq!((gate.inside(), gate.total()), (0, 1), "the running one went on, and no other began");
    let start = Instant::now();
    stage.worker.resume();
    gate.arrived(1).await;
    assert!(start.elapsed() < Duration::from_millis(100));
    gate.open(1);
    soon("the job", handle.result()).await.unwrap();
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_paused_queue_gives_nothing_out_and_a_resumed_one_does_within_a_tenth_of_a_second() {
    let gate = Gate::new();
    let stage = Stage::with("gauge", |worker| worker.state(gate.clone())).await;
    let queue = stage.client.queue("gauge");
    assert!(queue.pause().await.unwrap());
    stage.enqueue(gauged::job()).await;
    settle().await;
    assert_eq!(gate.total(), 0);
    let start = Instant::now();
    assert!(queue.resume().await.unwrap());
    gate.arrived(1).await;
    assert!(start.elapsed() < Duration::from_millis(100));
    gate.open(1);
    stage.worker.stop().await.unwrap();
}

#[task(name = "concurrency.ticks", queue = "rate")]
async fn ticks(starts: State<Starts>) {
    starts.push(Instant::now());
}

#[derive(Clone, Default)]
struct Starts(std::sync::Arc<std::sync::Mutex<Vec<Instant>>>);

impl Starts {
    fn push(&self, time: Instant) {
        self.0.lock().unwrap().push(time);
    }
}

/// Runs jobs under a limit and returns when each started.
async fn starts(limit: RateLimit, jobs: usize, wait_for: usize) -> Vec<Instant> {
    let client = Client::memory();
    let starts = Starts::default();
    let worker = Worker::new(&client).queues(["rate"]).concurrency(50).rate_limit(limit);
    let worker = worker.state(starts.clone()).start().await.unwrap();
    client.enqueue_all((0..jobs).map(|_| ticks::job())).await.unwrap();
    until("the starts", async || wait_for <= starts.0.lock().unwrap().len()).await;
    worker.stop().await.unwrap();
    let mut all = starts.0.lock().unwrap().clone();
    all.sort();
    all
}

/// Returns the most starts in any window of this length.
fn most_within(starts: &[Instant], window: Duration) -> usize {
    let within =
        |first: &Instant| starts.iter().filter(|start| first <= *start && **start < *first + window).count();
    starts.iter().map(within).max().unwrap_or_default()
}

#[tokio::test]
async fn a_bucket_lets_a_burst_through_and_then_its_rate() {
    let starts = starts(RateLimit::per(10, SECOND / 5), 30, 30).await;
    // 10 at once, then 50 a second: 30 take 400 ms.
    let took = *starts.last().unwrap() - starts[0];
    assert!((Duration::from_millis(380)..Duration::from_millis(900)).contains(&took), "{took:?}");
    let most = most_within(&starts, SECOND / 10);
    assert!(most <= 10 + 5 + 1, "{most} in a tenth of a second");
}

#[tokio::test]
async fn a_window_never_holds_more_than_its_number() {
    let window = Duration::from_millis(100);
    let starts = starts(RateLimit::window(5, window), 20, 20).await;
    // A start is noted a little after it was counted, so the window is measured a little narrower.
    let most = most_within(&starts, window - Duration::from_millis(10));
    assert_eq!(most, 5);
    let took = *starts.last().unwrap() - starts[0];
    assert!((Duration::from_millis(290)..Duration::from_millis(900)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_rate_of_zero_blocks() {
    let stage =
        Stage::with("gauge", |worker| worker.state(Gate::new()).rate_limit(RateLimit::per(0, SECOND))).await;
    stage.enqueue(gauged::job()).await;
    settle().await;
    assert_eq!(stage.client.queue("gauge").counts().await.unwrap().waiting, 1);
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_queue_is_served_as_its_builder_says() {
    let (client, gate) = (Client::memory(), Gate::new());
    let queue = Queue::builder("gauge").client(&client).concurrency(2).build().await.unwrap();
    let worker = Worker::for_queue(&queue).state(gate.clone()).start().await.unwrap();
    assert_eq!(worker.status().concurrency, 2);
    client.enqueue_all((0..5).map(|_| gauged::job())).await.unwrap();
    gate.arrived(2).await;
    settle().await;
    assert_eq!(gate.inside(), 2);
    gate.open(5);
    worker.idle().await;
    worker.stop().await.unwrap();
    let limited = Queue::builder("gauge").client(&client).rate_limit(0).build().await.unwrap();
    let worker = Worker::for_queue(&limited).state(gate.clone()).start().await.unwrap();
    gauged::job().enqueue_on(&client).await.unwrap();
    settle().await;
    assert_eq!(gate.total(), 5, "0 blocks");
    worker.stop().await.unwrap();
}

#[task(name = "concurrency.critical", queue = "critical")]
async fn critical() {}

#[task(name = "concurrency.bulk", queue = "bulk")]
async fn bulk() {}

#[tokio::test]
async fn a_heavier_queue_gets_its_share_and_the_lighter_one_does_not_starve() {
    let client = Client::memory();
    let mut ended = client.events_where(EventKind::Completed).await.unwrap();
    client.enqueue_all((0..1_200).map(|_| critical::job())).await.unwrap();
    client.enqueue_all((0..1_200).map(|_| bulk::job())).await.unwrap();
    let worker = Worker::new(&client)
        .queues(["bulk", "critical"])
        .queue_weight("critical", 5)
        .concurrency(1)
        .start()
        .await
        .unwrap();
    let mut counts = [0_usize; 2];
    for _ in 0..600 {
        let event = soon("a job", futures::StreamExt::next(&mut ended)).await.unwrap();
        counts[usize::from(event.queue() == Some("bulk"))] += 1;
    }
    assert!(counts[0].abs_diff(500) <= 25, "{counts:?} instead of 500 and 100");
    worker.stop_now().await.unwrap();
}

#[tokio::test]
async fn the_weight_of_a_queue_that_is_not_served_is_an_error() {
    let worker = Worker::new(&Client::memory()).queues(["retry"]).queue_weight("retyr", 5);
    let error = worker.start().await.unwrap_err().to_string();
    assert!(error.contains("\"retyr\"") && error.contains("\"retry\""), "{error}");
}

#[tokio::test]
async fn lower_priorities_run_first_and_equal_ones_in_their_order() {
    let (client, gate) = (Client::memory(), Gate::new());
    let mut expected = Vec::new();
    for (number, priority) in [9_u8, 5, 0, 5, 0, 255].into_iter().enumerate() {
        let handle = gauged::job().priority(priority).enqueue_on(&client).await.unwrap();
        expected.push((priority, number, handle.id().clone()));
    }
    expected.sort();
    gate.open(6);
    let mut stage = Stage::on(&client, "gauge", |worker| worker.state(gate.clone()).concurrency(1)).await;
    stage.recorder.ended(6).await;
    let started = stage.recorder.seen.iter().filter(|event| event.kind() == EventKind::Started);
    let started: Vec<_> = started.map(|event| event.job_id().unwrap().clone()).collect();
    assert_eq!(started, expected.into_iter().map(|(_, _, id)| id).collect::<Vec<_>>());
    stage.worker.stop().await.unwrap();
}
