//! A producer, a worker that is watched by a canary, and a proxy between the worker and the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use asyncmq::{Client, Context, JobId, Registry, Worker, WorkerHandle, task};

use asyncmq_tests::servers::proxy::Proxy;
use asyncmq_tests::servers::redis_server::RedisServer;

/// How long anything may take at all.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a worker may be silent.
const LEASE: Duration = Duration::from_secs(3);

/// How often the handler of each job ran.
static RUNS: Mutex<Option<HashMap<JobId, usize>>> = Mutex::new(None);

fn runs() -> MutexGuard<'static, Option<HashMap<JobId, usize>>> {
    RUNS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[task(name = "faults.work", queue = "faults", retain = "none", retries = 0)]
async fn work(ctx: &Context, millis: u64) {
    *runs().get_or_insert_default().entry(JobId::from_stored(ctx.job_id())).or_default() += 1;
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[task(name = "faults.canary", queue = "canary")]
async fn canary() -> u32 {
    7
}

pub(super) struct Scene {
    pub(super) server: Arc<RedisServer>,
    pub(super) proxy: Proxy,
    /// Straight to the server: what tests do beside the fault.
    pub(super) client: Client,
    worker: WorkerHandle,
    acknowledged: Vec<JobId>,
}

impl Scene {
    pub(super) async fn new(options: &[&str]) -> Self {
        let server = Arc::new(RedisServer::start(options));
        let proxy = Proxy::start(server.port()).await;
        let (beside, url) = (server.url(), proxy.url());
        Self::with(server, proxy, &beside, &url).await
    }

    /// Sets a scene in which client and worker find their ways by themselves.
    pub(super) async fn with(server: Arc<RedisServer>, proxy: Proxy, beside: &str, url: &str) -> Self {
        let client = Client::connect(beside).await.unwrap();
        let behind = Client::connect(url).await.unwrap();
        let worker = Worker::new(&behind)
            .queues(["faults", "canary"])
            .registry(Registry::new().with::<work>().with::<canary>())
            .concurrency(20)
            .lease(LEASE)
            .heartbeat_interval(LEASE / 6)
            .start()
            .await
            .unwrap();
        let mut scene = Self { server, proxy, client, worker, acknowledged: Vec::new() };
        scene.enqueue(50).await;
        scene.consumes("before any fault", PATIENCE).await;
        scene
    }

    /// Enqueues jobs, every fifth of which takes a while.
    pub(super) async fn enqueue(&mut self, count: u64) {
        let jobs = (0..count).map(|number| work::job(if number % 5 == 0 { 40 } else { 0 }));
        let handles = self.client.enqueue_all(jobs).await.unwrap();
        self.acknowledged.extend(handles.iter().map(|handle| handle.id().clone()));
    }

    /// Waits until the worker has run a new canary, and returns how long that took.
    pub(super) async fn consumes(&self, after: &str, within: Duration) -> Duration {
        let start = Instant::now();
        let ran = async {
            loop {
                let Ok(handle) = canary::job().enqueue_on(&self.client).await else { continue };
                if handle.result().await.is_ok() {
                    return;
                }
            }
        };
        let ran = tokio::time::timeout(PATIENCE, ran).await;
        let took = start.elapsed();
        println!("{after}: consuming again after {took:?}");
        assert!(ran.is_ok(), "{after}: the worker does not consume any more");
        assert!(took <= within, "{after}: the worker consumes again only after {took:?}");
        took
    }

    /// Waits until nothing is left to do, and checks that every acknowledged job ran, each as often as it may.
    pub(super) async fn finish(self, faults: usize) {
        let queue = self.client.queue("faults");
        let drained = async {
            while queue.counts().await.map_or(1, |counts| counts.unfinished()) != 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, drained).await.expect("the queue runs empty");
        let (lost, repeated) = {
            let runs = runs();
            let runs = runs.as_ref().unwrap();
            let of = |id: &JobId| runs.get(id).copied().unwrap_or_default();
            let lost = self.acknowledged.iter().filter(|id| of(id) == 0).count();
            (lost, self.acknowledged.iter().filter(|id| 1 < of(id)).count())
        };
        println!("{} jobs, {faults} faults: {lost} lost, {repeated} run again", self.acknowledged.len());
        assert_eq!((lost, repeated), (0, 0));
        self.worker.stop().await.unwrap();
    }
}
