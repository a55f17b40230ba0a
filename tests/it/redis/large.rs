//! A store with a great many jobs: what is done to one of them, and a claim, cost what they cost in an empty store.
//!
//! The server counts: how long its slowest script took, and how much processor time calls took together.

use std::sync::Arc;
use std::time::Duration;

use asyncmq::backend::redis::RedisStore;
use asyncmq::backend::{CallId, Claim, ClaimedJob, Control, Ordered, Settlement, Store, TaskSet};
use asyncmq::job::{Due, Envelope, JobId, Name, WorkerId};
use asyncmq::lifecycle::Transition;
use asyncmq::{JobState, Retention};

use asyncmq_tests::servers::redis_server::RedisServer;

#[path = "../../bench/benches/redis_port/bare.rs"]
#[expect(dead_code, reason = "only a part of it is needed here")]
mod bare;

const QUEUE: Name = Name::from_static("large");
const TASK: Name = Name::from_static("known");
const BATCH: usize = 1_000;

/// The arguments of a job of the bare queue: as long as a record of the store.
fn args(_id: usize) -> Vec<u8> {
    vec![b'x'; 123]
}

fn median(mut costs: Vec<f64>) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}

/// Says that a job has completed.
fn ended(job: ClaimedJob) -> Settlement {
    let transition = Transition::Complete { result: Default::default(), retention: Retention::Nothing };
    Settlement { envelope: job.envelope, token: job.token, transition, report: Default::default() }
}

struct Scene {
    server: RedisServer,
    store: Arc<RedisStore>,
    worker: WorkerId,
    calls: u64,
}

impl Scene {
    async fn new() -> Self {
        let server = RedisServer::start(&["--slowlog-max-len", "1000"]);
        let store = RedisStore::connect(&server.url()).await.unwrap();
        Self { server, store, worker: WorkerId::generate(), calls: 0 }
    }

    fn call(&mut self) -> CallId {
        self.calls += 1;
        CallId { sender: self.worker, sequence: self.calls }
    }

    /// Pushes jobs, and returns the id of the one in their middle.
    async fn push(&mut self, task: &Name, due: Due, count: usize) -> JobId {
        let (mut middle, mut pushed) = (None, 0);
        while pushed < count {
            let jobs: Vec<_> = (0..BATCH.min(count - pushed))
                .map(|_| {
                    let plain = Envelope::new(JobId::generate(), QUEUE, task.clone(), vec![b'x'; 100].into());
                    Arc::new(Envelope { due, ..plain })
                })
                .collect();
            // A client sends no more in one call.
            for batch in jobs.chunks(BATCH / self.store.weight(&jobs[0])) {
                let call = self.call();
                self.store.push(call, batch).await.unwrap();
            }
            if middle.is_none() && count / 2 <= pushed + jobs.len() {
                middle = Some(jobs[jobs.len() / 2].id.clone());
            }
            pushed += jobs.len();
        }
        middle.unwrap()
    }

    /// Runs jobs a hundred at a time, `rounds` times, and returns the microseconds of processor time that the server took
    /// for one of them: the median of five parts.
    async fn cost(&mut self, rounds: usize) -> f64 {
        let mut costs = Vec::new();
        for _ in 0..5 {
            costs.push(self.run(rounds / 5).await);
        }
        median(costs)
    }

    /// Claims jobs a hundred at a time, `rounds` times, and returns the microseconds of processor time that the server took to hand one
    /// out: the median of five parts.
    async fn claim_cost(&mut self, rounds: usize) -> f64 {
        let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
        let mut costs = Vec::new();
        for _ in 0..5 {
            let (before, mut held) = (self.server.cpu(), Vec::new());
            for _ in 0..rounds / 5 {
                let (call, lease) = (self.call(), Duration::from_secs(600));
                let claim = Claim { call, queues: &[QUEUE], tasks: &tasks, limit: 100, lease };
                held.extend(self.store.claim(claim).await.unwrap().jobs);
            }
            costs.push((self.server.cpu() - before) / held.len() as f64);
            let ended: Vec<_> = held.into_iter().map(ended).collect();
            for ended in ended.chunks(BATCH) {
                let settle = self.call();
                self.store.settle(settle, ended).await.unwrap();
            }
        }
        median(costs)
    }

    /// Does so at one go.
    async fn run(&mut self, rounds: usize) -> f64 {
        let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
        let (mut ended, mut ran): (Vec<Settlement>, usize) = (Vec::new(), 0);
        let before = self.server.cpu();
        for _ in 0..rounds {
            let settle = self.call();
            let (call, lease) = (self.call(), Duration::from_secs(600));
            let claim = Claim { call, queues: &[QUEUE], tasks: &tasks, limit: 100, lease };
            let claimed = if ended.is_empty() {
                self.store.claim(claim).await
            } else {
                self.store.settle_and_claim(settle, &ended, claim).await.1
            };
            let jobs = claimed.unwrap().jobs;
            assert_eq!(jobs.len(), 100);
            ran += jobs.len();
            ended = jobs.into_iter().map(self::ended).collect();
        }
        let cpu = self.server.cpu() - before;
        let settle = self.call();
        self.store.settle(settle, &ended).await.unwrap();
        cpu / ran as f64
    }

    /// Orders what can be ordered of one job, for jobs in the middle of the many.
    async fn order(&mut self, waiting: [JobId; 2], delayed: JobId) {
        let [cancelled, removed] = waiting;
        let store = &self.store;
        assert_eq!(store.cancel(&QUEUE, &cancelled, None).await.unwrap(), Ordered::Done);
        assert_eq!(store.retry(&QUEUE, &cancelled).await.unwrap(), Ordered::Done);
        assert_eq!(store.remove(&QUEUE, &removed).await.unwrap(), Ordered::Done);
        assert_eq!(store.promote(&QUEUE, &delayed).await.unwrap(), Ordered::Done);
    }

    /// Returns the scripts that took longer than is watched for: microseconds and the command.
    fn slow(&self) -> Vec<(u64, String)> {
        let entries: Vec<redis::Value> = self.server.order(&["SLOWLOG", "GET", "1000"]);
        entries
            .into_iter()
            .map(|entry| {
                let (_, _, micros, words, ..): (u64, u64, u64, Vec<Vec<u8>>, String, String) =
                    redis::from_redis_value(entry).unwrap();
                (micros, String::from_utf8_lossy(&words[0]).into_owned())
            })
            .filter(|(_, command)| command == "EVALSHA")
            .collect()
    }

    fn watch_for_slow(&self, micros: u64) {
        let () = self.server.order(&["CONFIG", "SET", "slowlog-log-slower-than", &micros.to_string()]);
        let () = self.server.order(&["SLOWLOG", "RESET"]);
    }
}

/// A bare queue on a server of its own.
struct BareScene {
    server: RedisServer,
    queue: bare::Bare,
    pushed: usize,
}

impl BareScene {
    async fn push(&mut self, jobs: usize) {
        for _ in 0..jobs / BATCH {
            self.queue.push(self.pushed, BATCH).await;
            self.pushed += BATCH;
        }
    }

    /// As [`Scene::cost`].
    async fn cost(&mut self, rounds: usize) -> f64 {
        let mut costs = Vec::new();
        for _ in 0..5 {
            let before = self.server.cpu();
            let ran = self.queue.turns(100, rounds / 5).await;
            #[expect(clippy::cast_precision_loss, reason = "a mean needs no exact count")]
            costs.push((self.server.cpu() - before) / ran as f64);
        }
        median(costs)
    }
}

/// How much more a job costs beside many, and how long a script took.
struct Figures {
    /// Beside as many waiting as delayed jobs, a tenth of the waiting ones of an unknown task and in front.
    dearer: f64,
    /// The same for handing it out alone.
    claim: f64,
    /// Beside some more, at which the server moves the hash of the jobs to a larger table: each look-up in a hash moves a part of it.
    moving: f64,
    /// The microseconds of the slowest order of one job, and of the slowest script at all.
    order: u64,
    script: u64,
}

/// Does with a bare queue what [`measure`] does with the store, and returns how much more a turn costs beside many jobs: in
/// a large hash whatever is looked for lies in slower memory.
async fn measure_bare(many: usize, more: usize, rounds: usize) -> [f64; 2] {
    let server = RedisServer::start(&[]);
    let client = redis::Client::open(server.url()).unwrap();
    let queue = bare::Bare::new(client.get_multiplexed_async_connection().await.unwrap());
    let mut scene = BareScene { server, queue, pushed: 0 };
    scene.push(125 * rounds).await;
    scene.queue.turns(100, rounds / 4).await;
    let alone = scene.cost(rounds).await;
    scene.push(2 * many).await;
    let crowded = scene.cost(rounds).await;
    scene.push(100 * rounds + more).await;
    let moving = scene.cost(rounds).await;
    println!("a bare queue: a job {crowded:.2} µs, {moving:.2} beside {more} more, alone {alone:.2}");
    [crowded / alone, moving / alone]
}

/// Fills a store with `many` waiting and as many delayed jobs, and then with `more`.
async fn measure(many: usize, more: usize, rounds: usize) -> Figures {
    let mut scene = Scene::new().await;
    scene.push(&TASK, Due::Now, 100 * rounds).await;
    scene.run(rounds / 4).await;
    scene.push(&TASK, Due::Now, 100 * (rounds / 4)).await;
    let alone = scene.cost(rounds).await;
    scene.push(&TASK, Due::Now, 100 * (rounds / 4)).await;
    let claim_alone = scene.claim_cost(rounds / 4).await;

    scene.watch_for_slow(1_000);
    scene.push(&Name::from_static("unknown"), Due::Now, many / 10).await;
    let cancelled = scene.push(&TASK, Due::Now, many / 2).await;
    let removed = scene.push(&TASK, Due::Now, many * 2 / 5).await;
    let delayed = scene.push(&TASK, Due::After(Duration::from_secs(3_600)), many).await;
    let crowded = scene.cost(rounds).await;
    let claim = scene.claim_cost(rounds / 4).await;
    let slowest = |scene: &Scene| scene.slow().into_iter().map(|(micros, _)| micros).max().unwrap_or(0);
    let script = slowest(&scene);
    scene.push(&TASK, Due::Now, 125 * rounds + more).await;
    let moving = scene.cost(rounds).await;
    scene.watch_for_slow(1_000);
    // Of those that are due at once a claim promotes some.
    scene.push(&TASK, Due::After(Duration::from_millis(1)), 2_000).await;
    scene.run(4).await;
    let script = slowest(&scene).max(script);
    scene.watch_for_slow(0);
    scene.order([cancelled.clone(), removed], delayed.clone()).await;
    let order = scene.slow().into_iter().map(|(micros, _)| micros).max().unwrap();
    for id in [&cancelled, &delayed] {
        use asyncmq::backend::Inspect;
        let job = scene.store.find(&QUEUE, id).await.unwrap().unwrap();
        assert_eq!(job.status().state, JobState::Waiting);
    }
    println!(
        "{many} waiting, {many} delayed: a job {crowded:.2} µs of the server's CPU, {moving:.2} beside {more} more, alone \
         {alone:.2}; to hand one out {claim:.2}, alone {claim_alone:.2}; slowest order {order} µs, slowest script {script} µs"
    );
    Figures { dearer: crowded / alone, claim: claim / claim_alone, moving: moving / alone, order, script }
}

#[tokio::test]
async fn many_jobs_make_no_call_slow() {
    // On a machine that runs other tests beside this one times are rough: what grows with the number is found all the same.
    let Figures { dearer, order, script, .. } = measure(30_000, 5_000, 30).await;
    assert!(dearer < 3.0, "{dearer}");
    assert!(order < 25_000, "{order}");
    assert!(script < 250_000, "{script}");
}

#[tokio::test]
#[ignore = "takes a minute and wants a machine that is idle"]
async fn millions_of_jobs_make_no_call_slow() {
    // A Redis hash of more than 2,097,152 fields is moved to a larger table.
    let [bare, bare_moving] = measure_bare(1_000_000, 200_000, 1_000).await;
    let Figures { dearer, claim, moving, order, script } = measure(1_000_000, 200_000, 1_000).await;
    println!(
        "a claim is {claim:.2} times as dear, a job {dearer:.2} times, a bare queue {bare:.2} times; while the hash is moved {moving:.2} and {bare_moving:.2} times"
    );
    assert!(dearer / bare < 1.2, "{dearer} {bare}");
    assert!(moving / bare_moving < 1.2, "{moving} {bare_moving}");
    assert!(order < 1_000, "{order}");
    assert!(script < 5_000, "{script}");
}
