//! What keys and limits cost the server, and how long others wait beside one tenant with a great many jobs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use asyncmq::backend::{Claim, Control, Settlement, Store, TaskSet};
use asyncmq::job::JobId;
use asyncmq::{
    Client, Event, EventKind, Limit, LimitScope, LimitSource, RateLimit, Registry, Retention, Worker, task,
};
use futures::StreamExt;

use super::caller::{Caller, LEASE, QUEUE, TASK, completed, plain};
use asyncmq_tests::servers::redis_server::RedisServer;

const JOBS: usize = 50_000;
const BATCH: usize = 64;
/// How many jobs of other tenants are sent, and how many of them at once.
const OTHERS: usize = 10_000;
const BURST: usize = 10;

impl Caller {
    async fn holding(limit: Option<Limit>) -> Self {
        let caller = Self::new().await;
        if limit.is_some() {
            let limits = [(LimitScope::Task(TASK), limit)];
            caller.store.set_limits(&QUEUE, LimitSource::Ordered, &limits).await.unwrap();
        }
        caller
    }

    /// Pushes jobs of so many keys in turn (without keys if 0), and runs them, a batch at a time. Returns the microseconds of
    /// processor time of the server that one job took in, and through claim and settle.
    async fn spend(&mut self, keys: usize) -> (f64, f64) {
        let job = |number: usize| {
            let mut job = plain();
            if 0 < keys {
                job.extras_mut().key = Some(format!("tenant {}", number % keys).into());
            }
            Arc::new(job)
        };
        let jobs: Vec<_> = (0..JOBS).map(job).collect();
        let before = self.server.cpu();
        for batch in jobs.chunks(BATCH) {
            let call = self.call();
            self.store.push(call, batch).await.unwrap();
        }
        let pushed = self.server.cpu();
        assert_eq!(self.run_all().await, JOBS);
        let each = |cpu: f64| cpu / JOBS as f64;
        (each(pushed - before), each(self.server.cpu() - pushed))
    }

    async fn run_all(&mut self) -> usize {
        let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
        let (mut ended, mut ran): (Vec<Settlement>, usize) = (Vec::new(), 0);
        loop {
            let settle = self.call();
            let call = self.call();
            let claim = Claim { call, queues: &[QUEUE], tasks: &tasks, limit: BATCH, lease: LEASE };
            let (settled, claimed) = self.store.settle_and_claim(settle, &ended, claim).await;
            settled.unwrap();
            let jobs = claimed.unwrap().jobs;
            if jobs.is_empty() {
                return ran;
            }
            ran += jobs.len();
            ended = jobs.into_iter().map(|job| completed(job, Retention::Nothing)).collect();
        }
    }
}

/// How often each kind of jobs is measured.
const ROUNDS: usize = 3;

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Measures, each kind beside jobs that use nothing of it; what it asserts is loose, as machines do other things too.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for some minutes"]
async fn what_keys_and_limits_cost() {
    let second = Duration::from_secs(1);
    let rate = |permits| Some(Limit::NONE.rate(RateLimit::per(permits, second)));
    let cases = [
        ("without a key, 1,000 at once", 0, Some(Limit::NONE.concurrency(1_000))),
        ("without a key, 10 million a second", 0, rate(10_000_000)),
        ("one key", 1, None),
        ("100 keys", 100, None),
        ("10,000 keys", 10_000, None),
        ("10,000 keys, one at once each", 10_000, Some(Limit::NONE.concurrency(1))),
        ("10,000 keys, 1,000 a second each", 10_000, rate(1_000)),
    ];
    println!(
        "{:<36} {:>6} {:>16} {:>6}",
        "us of the server's CPU for a job", "push", "claim and settle", "ratio"
    );
    let print = |name: &str, costs: &[(f64, f64)], ratio: f64| {
        let push = median(costs.iter().map(|cost| cost.0).collect());
        let run = median(costs.iter().map(|cost| cost.1).collect());
        println!("{name:<36} {push:>6.2} {run:>16.2} {ratio:>6.2}");
    };
    let mut all_plain = Vec::new();
    for (name, keys, limit) in cases {
        let (mut costs, mut ratios) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let plain = Caller::holding(None).await.spend(0).await;
            let own = Caller::holding(limit).await.spend(keys).await;
            ratios.push((own.0 + own.1) / (plain.0 + plain.1));
            all_plain.push(plain);
            costs.push(own);
        }
        let ratio = median(ratios);
        print(name, &costs, ratio);
        assert!(ratio < 4.0, "{name}: {ratio}");
    }
    print("without a key", &all_plain, 1.0);
}

#[task(name = "keys.tenant", queue = "tenants", key = tenant, concurrency = 8)]
async fn serve(tenant: String) {
    tokio::time::sleep(Duration::from_millis(if tenant == "large" { 50 } else { 1 })).await;
}

/// When jobs were sent and when they started.
#[derive(Default)]
struct Waits {
    sent: Mutex<HashMap<JobId, Instant>>,
    started: Mutex<HashMap<JobId, Instant>>,
}

impl Waits {
    async fn send(&self, client: &Client) {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        for burst in 0..OTHERS / BURST {
            tick.tick().await;
            let jobs = (0..BURST).map(|place| serve::job(format!("tenant {}", burst * BURST + place)));
            let at = Instant::now();
            for handle in client.enqueue_all(jobs).await.unwrap() {
                self.sent.lock().unwrap().insert(handle.id().clone(), at);
            }
        }
    }

    fn note(&self, event: &Event) {
        if event.kind() == EventKind::Started
            && let Some(id) = event.job_id()
        {
            self.started.lock().unwrap().insert(id.clone(), Instant::now());
        }
    }

    fn are_all_started(&self) -> bool {
        let (sent, started) = (self.sent.lock().unwrap(), self.started.lock().unwrap());
        sent.len() == OTHERS && sent.keys().all(|id| started.contains_key(id))
    }

    /// Returns the median, and what 95 of 100 waited at most.
    fn quantiles(&self) -> (Duration, Duration) {
        let (sent, started) = (self.sent.lock().unwrap(), self.started.lock().unwrap());
        let mut waits: Vec<_> =
            sent.iter().map(|(id, at)| started[id].saturating_duration_since(*at)).collect();
        waits.sort();
        (waits[OTHERS / 2], waits[OTHERS * 95 / 100])
    }
}

/// Runs jobs of many tenants beside one with so many slow ones.
async fn waits_beside(large: usize) -> (Duration, Duration) {
    let server = RedisServer::start(&[]);
    let client = Client::connect(&server.url()).await.unwrap();
    let mut workers = Vec::new();
    for _ in 0..4 {
        let worker = Worker::new(&client).queues(["tenants"]).registry(Registry::new().with::<serve>());
        workers.push(worker.concurrency(25).start().await.unwrap());
    }
    client.enqueue_all((0..large).map(|_| serve::job("large"))).await.unwrap();
    let waits = Arc::new(Waits::default());
    let mut events = client.events().await.unwrap();
    let sending = tokio::spawn({
        let (client, waits) = (client.clone(), waits.clone());
        async move { waits.send(&client).await }
    });
    while !(sending.is_finished() && waits.are_all_started()) {
        if let Ok(event) = tokio::time::timeout(Duration::from_millis(100), events.next()).await {
            waits.note(&event.expect("the store lives"));
        }
    }
    for worker in workers {
        worker.stop_now().await.unwrap();
    }
    waits.quantiles()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for a minute"]
async fn others_hardly_wait_longer_beside_a_tenant_with_100_000_slow_jobs() {
    let alone = waits_beside(0).await;
    let beside = waits_beside(100_000).await;
    println!("10,000 tenants alone: p50 {:?}, p95 {:?}", alone.0, alone.1);
    println!("beside one with 100,000 slow jobs: p50 {:?}, p95 {:?}", beside.0, beside.1);
    assert!(beside.1 <= 2 * alone.1.max(Duration::from_millis(5)), "{beside:?} instead of {alone:?}");
}

/// How many keys are set aside when their limit changes.
const PARKED: usize = 100_000;

impl Caller {
    /// Claims until the store does not say any more that there is more to do at once. Returns how many times.
    async fn look_until_done(&mut self) -> usize {
        let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
        for round in 1.. {
            let claim = Claim { call: self.call(), queues: &[QUEUE], tasks: &tasks, limit: 1, lease: LEASE };
            let claimed = self.store.claim(claim).await.unwrap();
            if claimed.next_due.is_none_or(|due| !due.is_zero()) {
                return round;
            }
        }
        unreachable!("a range without an end ended")
    }

    /// Returns the median and the longest of the times in microseconds that commands have taken since this was asked last.
    fn took(&self) -> (u64, u64) {
        let entries: Vec<Vec<redis::Value>> = self.server.order(&["SLOWLOG", "GET", "-1"]);
        let took = entries.iter().map(|entry| redis::from_redis_value::<u64>(entry[2].clone()).unwrap());
        let mut took: Vec<_> = took.collect();
        took.sort_unstable();
        let _: String = self.server.order(&["SLOWLOG", "RESET"]);
        let middle = took.get(took.len() / 2).copied().unwrap_or_default();
        (middle, took.last().copied().unwrap_or_default())
    }
}

/// Measures; what it asserts is loose, as machines do other things too.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for a minute"]
async fn no_step_is_long_when_the_limit_of_100_000_keys_changes() {
    for (from, to) in [
        (Limit::NONE.concurrency(0), Limit::NONE.rate(RateLimit::per(0, Duration::from_secs(1)))),
        (Limit::NONE.concurrency(0), Limit::NONE.concurrency(1)),
        (Limit::NONE.concurrency(0), Limit::NONE),
    ] {
        let mut caller = Caller::holding(Some(from)).await;
        let job = |number: usize| {
            let mut job = plain();
            job.extras_mut().key = Some(format!("tenant {number}").into());
            Arc::new(job)
        };
        let jobs: Vec<_> = (0..PARKED).map(job).collect();
        for batch in jobs.chunks(BATCH) {
            let call = caller.call();
            caller.store.push(call, batch).await.unwrap();
        }
        let _: String = caller.server.order(&["CONFIG", "SET", "slowlog-log-slower-than", "100"]);
        let _: String = caller.server.order(&["CONFIG", "SET", "slowlog-max-len", "10000"]);
        let parked = caller.look_until_done().await;
        let parking = caller.took();
        let limits = [(LimitScope::Task(TASK), Some(to))];
        caller.store.set_limits(&QUEUE, LimitSource::Ordered, &limits).await.unwrap();
        let changing = caller.took();
        let looked = caller.look_until_done().await;
        let looking = caller.took();
        println!(
            "{from} -> {to}: {parked} claims set them aside, changed, {looked} claims looked again; \
             median and longest in us: {parking:?}, {changing:?}, {looking:?}"
        );
        assert!(100 <= parked && 1 < looked && changing.0.max(looking.0) < 5_000);
    }
}
