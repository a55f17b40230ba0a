//! What the Redis store costs, at its port: `cargo bench -p asyncmq-tests --features redis`.
//!
//! Starts a server of its own (or uses `REDIS_URL`), and prints for each phase the rate, the server's CPU time and commands per
//! job, and the memory per waiting job. `JOBS` sets how many jobs there are, 200000 unless set.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

#[path = "../it/support/redis_server.rs"]
#[expect(dead_code, reason = "only a part of it is needed here")]
mod redis_server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use asyncmq::Retention;
use asyncmq::backend::redis::RedisStore;
use asyncmq::backend::{CallId, Claim, ClaimedJob, Settlement, Store, TaskSet};
use asyncmq::job::{Envelope, JobId, Name, WorkerId};
use asyncmq::lifecycle::Transition;
use bytes::Bytes;

const QUEUE: Name = Name::from_static("bench");
const TASK: Name = Name::from_static("send_mail");
const LEASE: Duration = Duration::from_secs(30);

struct Bench {
    store: Arc<RedisStore>,
    server: redis::Connection,
    sender: WorkerId,
    sequence: u64,
}

/// What the server had used up at a moment.
struct Used {
    cpu: f64,
    commands: u64,
    memory: u64,
    at: Instant,
}

impl Bench {
    fn used(&mut self) -> Used {
        let info: String = redis::cmd("INFO").arg("everything").query(&mut self.server).unwrap();
        let value = |name: &str| {
            let line =
                info.lines().find(|line| line.starts_with(name) && line[name.len()..].starts_with(':'));
            line.unwrap()[name.len() + 1..].parse::<f64>().unwrap()
        };
        Used {
            cpu: value("used_cpu_user") + value("used_cpu_sys"),
            commands: value("total_commands_processed") as u64,
            memory: value("used_memory") as u64,
            at: Instant::now(),
        }
    }

    fn tell(&mut self, phase: &str, jobs: usize, before: &Used) {
        let after = self.used();
        let (seconds, count) = ((after.at - before.at).as_secs_f64(), jobs as f64);
        println!(
            "{{\"phase\":\"{phase}\",\"jobs\":{jobs},\"per_second\":{:.0},\"cpu_us\":{:.2},\"commands\":{:.2},\"bytes\":{:.0}}}",
            count / seconds,
            (after.cpu - before.cpu) * 1e6 / count,
            (after.commands - before.commands) as f64 / count,
            (after.memory as f64 - before.memory as f64) / count,
        );
    }

    fn call(&mut self) -> CallId {
        self.sequence += 1;
        CallId { sender: self.sender, sequence: self.sequence }
    }

    async fn push(&mut self, jobs: usize, batch: usize) {
        let args = Bytes::from(vec![b'x'; 100]);
        for from in (0..jobs).step_by(batch) {
            let jobs: Vec<_> = (from..jobs.min(from + batch))
                .map(|_| Arc::new(Envelope::new(JobId::generate(), QUEUE, TASK, args.clone())))
                .collect();
            let call = self.call();
            self.store.push(call, &jobs).await.unwrap();
        }
    }

    /// Claims and settles until nothing waits, `batch` jobs at a time; a settle travels with the next claim.
    async fn drain(&mut self, batch: usize, retention: Retention) -> usize {
        let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
        let (mut done, mut ended): (usize, Vec<Settlement>) = (0, Vec::new());
        loop {
            let claim =
                Claim { call: self.call(), queues: &[QUEUE], tasks: &tasks, limit: batch, lease: LEASE };
            let settle = CallId { sequence: claim.call.sequence + (1 << 40), ..claim.call };
            let settled = async {
                if !ended.is_empty() {
                    self.store.settle(settle, &ended).await.unwrap();
                }
            };
            let ((), claimed) = tokio::join!(settled, self.store.claim(claim));
            let claimed = claimed.unwrap();
            done += ended.len();
            if claimed.jobs.is_empty() {
                return done;
            }
            ended = claimed.jobs.into_iter().map(|job| completed(job, retention)).collect();
        }
    }
}

fn completed(job: ClaimedJob, retention: Retention) -> Settlement {
    let transition = Transition::Complete { result: Bytes::from_static(b"null"), retention };
    Settlement { envelope: job.envelope, token: job.token, transition, report: Default::default() }
}

#[tokio::main]
async fn main() {
    let server = std::env::var("REDIS_URL").err().map(|_| redis_server::RedisServer::start(&[]));
    let url = server.as_ref().map_or_else(|| std::env::var("REDIS_URL").unwrap(), |server| server.url());
    let jobs: usize = std::env::var("JOBS").map_or(200_000, |jobs| jobs.parse().unwrap());
    let mut bench = Bench {
        store: RedisStore::connect(&url).await.unwrap(),
        server: redis::Client::open(url).unwrap().get_connection().unwrap(),
        sender: WorkerId::generate(),
        sequence: 0,
    };
    for (retention, name) in [(Retention::Nothing, "nothing kept"), (Retention::Standard, "kept")] {
        for batch in [1, 16, 64, 100, 256, 1_000] {
            let jobs = if batch == 1 { jobs / 10 } else { jobs };
            let before = bench.used();
            bench.push(jobs, batch).await;
            bench.tell(&format!("push, {batch} at a time"), jobs, &before);
            let before = bench.used();
            let done = bench.drain(batch, retention).await;
            assert_eq!(done, jobs);
            bench.tell(&format!("claim and settle, {batch} at a time, {name}"), jobs, &before);
        }
    }
}
