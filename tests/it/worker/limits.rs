//! Limits across workers and turns by key, as tasks and people ask for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use asyncmq::backend::WorkerInfo;
use asyncmq::backend::memory::MemoryStore;
use asyncmq::job::{LimitSource, Name, WorkerId};
use asyncmq::{
    Client, Error, EventKind, Limit, LimitScope, NewJob, OnLimit, RateLimit, Registry, State, WaitsFor,
    Worker, WorkerHandle, task,
};
use futures::StreamExt;

use crate::support::gate::Gate;
use crate::support::{soon, until};

const SECOND: Duration = Duration::from_secs(1);

#[task(name = "limits.few", queue = "few", concurrency = 2)]
async fn few(gate: State<Gate>) {
    gate.pass().await;
}

#[task(name = "limits.tenants", queue = "tenants", concurrency = 1, key = tenant)]
async fn of_tenant(tenant: String, number: u32, log: State<Log>) {
    log.start(&tenant, number);
    tokio::task::yield_now().await;
    log.end(&tenant);
}

#[task(name = "limits.rated", queue = "rated", rate_limit = "window(5/100ms)")]
async fn rated() {}

/// What ran, and whether two of a tenant ran at once.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    running: HashMap<String, u32>,
    order: HashMap<String, Vec<u32>>,
    most: u32,
    ended: usize,
}

impl Log {
    fn start(&self, tenant: &str, number: u32) {
        let mut seen = self.0.lock().unwrap();
        let running = seen.running.entry(tenant.to_owned()).or_default();
        *running += 1;
        seen.most = seen.most.max(seen.running[tenant]);
        seen.order.entry(tenant.to_owned()).or_default().push(number);
    }

    fn end(&self, tenant: &str) {
        let mut seen = self.0.lock().unwrap();
        *seen.running.get_mut(tenant).unwrap() -= 1;
        seen.ended += 1;
    }
}

async fn two_workers(client: &Client, queue: &str, describe: impl Fn(Worker) -> Worker) -> [WorkerHandle; 2] {
    let worker = || async { describe(Worker::new(client).queues([queue])).start().await.unwrap() };
    [worker().await, worker().await]
}

async fn stop(workers: [WorkerHandle; 2]) {
    for worker in workers {
        worker.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_a_task_says_holds_all_workers() {
    let (client, gate) = (Client::memory(), Gate::new());
    let workers = two_workers(&client, "few", |worker| worker.state(gate.clone())).await;
    client.enqueue_all((0..6).map(|_| few::job())).await.unwrap();
    gate.arrived(2).await;
    for _ in 2..6 {
        gate.open(1);
        gate.arrived(1).await;
    }
    assert_eq!(gate.most(), 2, "of all that ran");
    let limits = client.queue("few").limits().await.unwrap();
    let own = limits.iter().find(|info| info.scope.to_string() == "task limits.few");
    assert_eq!(own.and_then(|info| info.declared), Some(Limit::NONE.concurrency(2)));
    gate.open(10);
    stop(workers).await;
}

#[tokio::test]
async fn what_is_ordered_counts_at_once_and_goes_before_what_a_task_says() {
    let (client, gate) = (Client::memory(), Gate::new());
    let workers = two_workers(&client, "few", |worker| worker.state(gate.clone())).await;
    let queue = client.queue("few");
    client.enqueue_all((0..6).map(|_| few::job())).await.unwrap();
    gate.arrived(2).await;
    assert!(queue.limit_task("limits.few", Some(Limit::NONE.concurrency(4))).await.unwrap());
    gate.arrived(2).await;
    assert!(queue.limit(Some(Limit::NONE.concurrency(3))).await.unwrap());
    gate.open(1);
    until("one to leave, in whose place none comes", async || gate.inside() == 3).await;
    gate.most();
    for _ in 4..6 {
        gate.open(1);
        gate.arrived(1).await;
    }
    assert_eq!(gate.most(), 3, "of all that ran from then on");
    assert!(queue.limit(None).await.unwrap() && queue.limit_task("limits.few", None).await.unwrap());
    gate.open(10);
    stop(workers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_one_key_run_one_after_the_other_in_their_order() {
    let (client, log) = (Client::memory(), Log::default());
    let workers = two_workers(&client, "tenants", |worker| worker.state(log.clone())).await;
    let jobs = (0..300).map(|number| of_tenant::job(["a", "b", "c"][number as usize % 3], number));
    client.enqueue_all(jobs).await.unwrap();
    until("all jobs", async || log.0.lock().unwrap().ended == 300).await;
    let order = {
        let seen = log.0.lock().unwrap();
        assert_eq!(seen.most, 1);
        seen.order.clone()
    };
    for (place, tenant) in ["a", "b", "c"].into_iter().enumerate() {
        let sent: Vec<u32> = (0..300).skip(place).step_by(3).collect();
        assert_eq!(order[tenant], sent);
    }
    stop(workers).await;
}

#[tokio::test]
async fn a_rate_holds_all_workers_together() {
    let client = Client::memory();
    let mut events = client.events().await.unwrap();
    let workers = two_workers(&client, "rated", |worker| worker).await;
    client.enqueue_all((0..20).map(|_| rated::job())).await.unwrap();
    // By the store's clock, which is the one that counts.
    let mut starts: Vec<SystemTime> = Vec::new();
    while starts.len() < 20 {
        let event = soon("a start", events.next()).await.unwrap();
        starts.extend((event.kind() == EventKind::Started).then(|| event.time()));
    }
    starts.sort();
    let within = |first: &SystemTime| {
        starts.iter().filter(|start| first <= *start && **start < *first + Duration::from_millis(100)).count()
    };
    assert_eq!(starts.iter().map(within).max(), Some(5));
    stop(workers).await;
}

#[tokio::test]
async fn a_worker_that_runs_until_idle_leaves_nothing_that_waits_for_a_token() {
    let client = Client::memory();
    client.enqueue_all((0..12).map(|_| rated::job())).await.unwrap();
    Worker::new(&client).queues(["rated"]).run_until_idle().await.unwrap();
    assert_eq!(client.queue("rated").counts().await.unwrap().completed, 12);
}

#[tokio::test]
async fn a_job_by_name_of_a_task_with_keys_needs_one() {
    let client = Client::memory();
    let queue = client.queue("tenants");
    let job = || NewJob::new("limits.tenants").args(serde_json::json!({"tenant": "a", "number": 1}));
    let error = queue.add(job()).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(said) if said.contains(".key(")), "{error}");
    let handle = queue.add(job().key("a")).await.unwrap();
    assert_eq!(handle.job().await.unwrap().key(), Some("a"));
    for key in ["", "a\nb", &"x".repeat(256)] {
        let error = queue.add(job().key(key)).await.unwrap_err();
        assert!(matches!(error, Error::InvalidName { what: "key of a job", .. }), "{error}");
    }
}

#[tokio::test]
async fn whatever_a_job_waits_for_is_told() {
    let (client, gate) = (Client::memory(), Gate::new());
    let queue = client.queue("few");
    let jobs = client.enqueue_all((0..4).map(|_| few::job())).await.unwrap();
    let reasons = async |place: usize| jobs[place].explain().await.unwrap().reasons;
    assert_eq!(reasons(0).await, [WaitsFor::Worker]);
    queue.pause().await.unwrap();
    assert_eq!(reasons(0).await, [WaitsFor::Resume, WaitsFor::Worker]);
    let worker = Worker::new(&client).queues(["few"]).registry(Registry::new().with::<rated>());
    let other = worker.start().await.unwrap();
    let unknown = [WaitsFor::Resume, WaitsFor::Task { task: Name::from_static("limits.few"), version: 1 }];
    assert_eq!(reasons(0).await, unknown);
    other.stop().await.unwrap();
    queue.resume().await.unwrap();
    let worker =
        Worker::new(&client).queues(["few"]).state(gate.clone()).concurrency(3).start().await.unwrap();
    gate.arrived(2).await;
    let scope = LimitScope::Task(Name::from_static("limits.few"));
    let full = WaitsFor::Permit { scope: scope.clone(), key: None, running: 2, most: 2 };
    assert_eq!(reasons(2).await, [full]);
    assert_eq!(reasons(0).await, []);
    let said = jobs[2].explain().await.unwrap().to_string();
    assert_eq!(said, "as many jobs of its task run as may at once (2/2)");
    queue.limit_task("limits.few", Some(Limit::NONE.rate(RateLimit::per(0, SECOND)))).await.unwrap();
    assert!(matches!(&reasons(2).await[..], [WaitsFor::Rate { until: None, .. }]));
    queue.limit_task("limits.few", Some(Limit::NONE)).await.unwrap();
    gate.arrived(1).await;
    assert_eq!(reasons(3).await, [WaitsFor::Turn { ahead: 0, at_least: false }]);
    let later = few::job().delay(SECOND).enqueue_on(&client).await.unwrap();
    assert!(matches!(&later.explain().await.unwrap().reasons[..], [WaitsFor::Time { .. }]));
    gate.open(10);
    worker.stop().await.unwrap();
}

/// A worker with a limit that has started, on a store whose time stands still, with the clock.
async fn one_that_declares() -> (Client, asyncmq::Clock, WorkerHandle) {
    let clock = asyncmq::Clock::manual();
    let client = Client::with_backend(MemoryStore::with_clock(clock.clone()) as Arc<_>);
    let worker = Worker::new(&client).queues(["few"]).registry(Registry::new().with::<few>());
    let worker = worker.state(Gate::new()).start().await.unwrap();
    assert_eq!(declared(&client).await, Some(Limit::NONE.concurrency(2)));
    clock.advance(SECOND);
    (client, clock, worker)
}

async fn declared(client: &Client) -> Option<Limit> {
    let limits = client.queue("few").limits().await.unwrap();
    limits.iter().find(|info| info.scope.to_string() == "task limits.few")?.declared
}

/// What the start of a worker does whose code says something else of the task.
async fn start_of_another(client: &Client, limit: Option<Limit>) -> WorkerId {
    let task = client.workers().await.unwrap()[0].tasks[0].clone();
    let queues = vec![Name::from_static("few")];
    let info = WorkerInfo { queues, tasks: vec![task], ..WorkerInfo::new(WorkerId::generate()) };
    client.backend().register(&info, Duration::from_secs(30)).await.unwrap();
    let scope = LimitScope::Task(Name::from_static("limits.few"));
    client.backend().set_limits(&info.queues[0], LimitSource::Declared, &[(scope, limit)]).await.unwrap();
    info.id
}

#[tokio::test(start_paused = true)]
async fn what_a_later_worker_took_away_comes_back_only_when_that_is_gone() {
    let (client, clock, worker) = one_that_declares().await;
    for other in [None, Some(Limit::NONE.concurrency(7))] {
        let later = start_of_another(&client, other).await;
        clock.advance(SECOND);
        // Several looks.
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert_eq!(declared(&client).await, other, "the last one to start counts");
        client.backend().deregister(later).await.unwrap();
        tokio::time::sleep(Duration::from_secs(130)).await;
        assert_eq!(
            declared(&client).await,
            Some(Limit::NONE.concurrency(2)),
            "{other:?}: it is the last of those that live"
        );
    }
    worker.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_store_has_lost_is_declared_again() {
    let (client, _clock, worker) = one_that_declares().await;
    let queue = client.queue("few");
    queue.obliterate(asyncmq::backend::Force::RemoveActive).await.unwrap();
    assert_eq!(declared(&client).await, None);
    tokio::time::sleep(Duration::from_secs(130)).await;
    assert_eq!(declared(&client).await, Some(Limit::NONE.concurrency(2)));
    worker.stop().await.unwrap();
}

#[task(name = "limits.newest", queue = "newest", concurrency = 1, on_limit = "cancel_running", key = page)]
async fn render(page: String, gate: State<Gate>) {
    drop(page);
    gate.pass().await;
}

#[task(name = "limits.only", queue = "only", concurrency = 1, on_limit = "discard", key = page)]
async fn refresh(page: String, gate: State<Gate>) {
    drop(page);
    gate.pass().await;
}

/// The reason for which a job was cancelled.
fn reason(error: Error) -> String {
    match error {
        Error::JobCancelled { reason, .. } => reason.expect("it says why"),
        error => panic!("it was not cancelled: {error}"),
    }
}

#[tokio::test]
async fn a_newer_job_stops_the_one_that_runs_also_where_the_worker_is_full() {
    let (client, gate) = (Client::memory(), Gate::new());
    let worker = Worker::new(&client).queues(["newest"]).state(gate.clone()).concurrency(1);
    let worker = worker.start().await.unwrap();
    let old = client.enqueue(render::job("home")).await.unwrap();
    gate.arrived(1).await;
    let between = client.enqueue(render::job("home")).await.unwrap();
    let new = client.enqueue(render::job("home")).await.unwrap();
    let stopped = reason(old.result().await.unwrap_err());
    assert_eq!(stopped, "a newer job of key \"home\" of task limits.newest takes its place (1 at once)");
    let passed_over = reason(between.result().await.unwrap_err());
    assert_eq!(
        passed_over,
        "a newer job of key \"home\" of task limits.newest came before it had started (1 at once)"
    );
    gate.arrived(1).await;
    gate.open(1);
    new.result().await.unwrap();
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_job_that_comes_too_many_is_discarded_and_says_why() {
    let (client, gate) = (Client::memory(), Gate::new());
    let worker = Worker::new(&client).queues(["only"]).state(gate.clone()).start().await.unwrap();
    let first = client.enqueue(refresh::job("home")).await.unwrap();
    gate.arrived(1).await;
    let second = client.enqueue(refresh::job("home")).await.unwrap();
    let why = "as many jobs of key \"home\" of task limits.only ran as may at once (1)";
    let explained = second.explain().await.unwrap();
    assert_eq!(explained.to_string(), format!("it waits for nothing: it is cancelled: {why}"));
    assert_eq!(reason(second.result().await.unwrap_err()), why);
    let other = client.enqueue(refresh::job("about")).await.unwrap();
    gate.arrived(1).await;
    gate.open(2);
    first.result().await.unwrap();
    other.result().await.unwrap();
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn what_makes_no_sense_at_a_limit_is_refused() {
    let client = Client::memory();
    let queue = client.queue("few");
    let discard = Limit::NONE.on_limit(OnLimit::Discard);
    let refused = async |limit: Limit, scope: &str| {
        let order = match scope {
            "" => queue.limit(Some(limit)).await,
            task => queue.limit_task(task, Some(limit)).await,
        };
        order.unwrap_err().to_string()
    };
    let rate = RateLimit::per(1, SECOND);
    assert!(refused(discard.concurrency(1), "").await.contains("is for the limit of a task"));
    assert!(refused(discard, "limits.few").await.contains("give a concurrency too"));
    assert!(refused(discard.rate(rate), "limits.few").await.contains("At a rate jobs always wait"));
    assert!(queue.limits().await.unwrap().is_empty());
    for (weight, task, key) in
        [(0, "limits.few", "a"), (101, "limits.few", "a"), (2, "", "a"), (2, "limits.few", "")]
    {
        queue.set_key_weight(task, key, weight).await.unwrap_err();
    }
    assert!(queue.set_key_weight("limits.few", "a", 100).await.unwrap());
    assert_eq!(queue.key_weights().await.unwrap().len(), 1);
}
