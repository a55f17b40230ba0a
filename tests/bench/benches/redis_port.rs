//! What the Redis store costs, at its port, beside a bare queue: `cargo bench -p asyncmq-bench --features redis --bench redis_port`.
//!
//! Starts a server of its own (or uses and **empties** the one of `REDIS_URL`). For each size of batch it lets a bare queue of
//! two scripts and the store do the same work in turns, and prints of each the server's CPU time per job, the rate, and
//! how they compare (the median of the rounds). A job has 100 bytes of arguments. `JOBS` sets how many jobs a round has (100000),
//! `ROUNDS` how many rounds there are (3), `BATCHES` the sizes (1,64,100,1000).
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

#[path = "redis_port/bare.rs"]
mod bare;
#[path = "redis_port/store.rs"]
mod store;

use std::time::Instant;

use redis::aio::MultiplexedConnection;

use bare::Bare;
use store::Port;

/// The arguments of job number `id`.
fn args(id: usize) -> Vec<u8> {
    let mut args =
        format!(r#"[{id},"user{id:07}@example.com","Welcome to the new service",1764000000000000000]"#);
    args.push_str(&" ".repeat(100_usize.saturating_sub(args.len())));
    args.into_bytes()
}

/// What is measured: something that takes jobs in and gives them out again.
enum Queue {
    Bare(Bare),
    Store(Port),
}

impl Queue {
    async fn push(&mut self, first: usize, count: usize) {
        match self {
            Self::Bare(bare) => bare.push(first, count).await,
            Self::Store(port) => port.push(first, count).await,
        }
    }

    /// Claims and settles until nothing waits. Returns how many jobs that were.
    async fn drain(&mut self, batch: usize) -> usize {
        match self {
            Self::Bare(bare) => bare.drain(batch).await,
            Self::Store(port) => port.drain(batch).await,
        }
    }
}

/// What a round cost, for each job.
#[derive(Clone, Copy)]
struct Cost {
    /// Microseconds of the server's CPU.
    push_cpu: f64,
    run_cpu: f64,
    /// Jobs a second.
    pushed: f64,
    ran: f64,
    /// Bytes of the server's memory for a job that waits.
    bytes: f64,
}

async fn info(server: &mut MultiplexedConnection) -> (f64, f64) {
    let info: String = redis::cmd("INFO").arg("everything").query_async(server).await.unwrap();
    let value = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name) && line[name.len()..].starts_with(':'));
        line.unwrap()[name.len() + 1..].parse::<f64>().unwrap()
    };
    (value("used_cpu_user") + value("used_cpu_sys"), value("used_memory"))
}

async fn round(queue: &mut Queue, server: &mut MultiplexedConnection, jobs: usize, batch: usize) -> Cost {
    redis::cmd("FLUSHALL").exec_async(server).await.unwrap();
    let (before, start) = (info(server).await, Instant::now());
    // Jobs are taken in in bulk, however they are run.
    let bulk = batch.max(64);
    for first in (0..jobs).step_by(bulk) {
        queue.push(first, bulk.min(jobs - first)).await;
    }
    let (between, pushed) = (info(server).await, start.elapsed());
    let start = Instant::now();
    assert_eq!(queue.drain(batch).await, jobs);
    let (after, ran) = (info(server).await, start.elapsed());
    let each = |total: f64| total / jobs as f64;
    Cost {
        push_cpu: each((between.0 - before.0) * 1e6),
        run_cpu: each((after.0 - between.0) * 1e6),
        pushed: 1.0 / each(pushed.as_secs_f64()),
        ran: 1.0 / each(ran.as_secs_f64()),
        bytes: each(between.1 - before.1),
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn set_or(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[tokio::main]
async fn main() {
    let server = std::env::var("REDIS_URL")
        .err()
        .map(|_| asyncmq_tests::servers::redis_server::RedisServer::start(&[]));
    let url = server.as_ref().map_or_else(|| std::env::var("REDIS_URL").unwrap(), |server| server.url());
    let (jobs, rounds): (usize, usize) =
        (set_or("JOBS", "100000").parse().unwrap(), set_or("ROUNDS", "3").parse().unwrap());
    let client = redis::Client::open(url.as_str()).unwrap();
    let mut watch = client.get_multiplexed_async_connection().await.unwrap();
    let names = ["bare queue", "nothing kept", "kept"];
    let mut queues = [
        Queue::Bare(Bare::new(client.get_multiplexed_async_connection().await.unwrap())),
        Queue::Store(Port::new(&url, asyncmq::Retention::Nothing).await),
        Queue::Store(Port::new(&url, asyncmq::Retention::Standard).await),
    ];
    for batch in set_or("BATCHES", "1,64,100,1000").split(',') {
        let batch: usize = batch.parse().unwrap();
        let jobs = if batch == 1 { jobs / 10 } else { jobs };
        let mut costs: [Vec<Cost>; 3] = Default::default();
        for _ in 0..rounds {
            for (queue, costs) in queues.iter_mut().zip(&mut costs) {
                costs.push(round(queue, &mut watch, jobs, batch).await);
            }
        }
        println!("{batch} at a time");
        for (name, own) in names.iter().zip(&costs) {
            let of = |figure: fn(&Cost) -> f64| median(own.iter().map(figure).collect());
            // Both of a pair ran in the same moment, on a machine that others may use too.
            let beside = |figure: fn(&Cost) -> f64| {
                median(own.iter().zip(&costs[0]).map(|(own, bare)| figure(own) / figure(bare)).collect())
            };
            println!(
                "  {name:<13} CPU µs a job: {:6.2} push + {:6.2} run = {:6.2} ({:.2}x)   jobs/s: {:7.0} push ({:.2}x) {:7.0} run ({:.2}x)   {:3.0} bytes waiting",
                of(|cost| cost.push_cpu),
                of(|cost| cost.run_cpu),
                of(|cost| cost.push_cpu + cost.run_cpu),
                beside(|cost| cost.push_cpu + cost.run_cpu),
                of(|cost| cost.pushed),
                beside(|cost| cost.pushed),
                of(|cost| cost.ran),
                beside(|cost| cost.ran),
                of(|cost| cost.bytes),
            );
        }
    }
}
