//! Many jobs of one dead worker go back to where they belong, at a cost that hardly grows with their number.

use std::sync::Arc;
use std::time::Duration;

use asyncmq::Clock;
use asyncmq::backend::redis::RedisStore;
use asyncmq::backend::{CallId, Claim, Store, TaskSet, Upkeep};
use asyncmq::job::{JobId, WorkerId};

use asyncmq_tests::servers::redis_server::RedisServer;

use super::caller::{QUEUE, TASK, plain};

const LEASE: Duration = Duration::from_secs(30);
const HELD: usize = 5_000;
/// What a job may cost the server, in microseconds of processor time.
const MOST: f64 = 700.0;

/// Claims so many jobs.
async fn claim(store: &RedisStore, count: usize) -> Vec<JobId> {
    let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
    let (sender, mut ids) = (WorkerId::generate(), Vec::new());
    for sequence in 1..=(count / 1_000) as u64 {
        let call = CallId { sender, sequence };
        let claim = Claim { call, queues: &[QUEUE], tasks: &tasks, limit: 1_000, lease: LEASE };
        ids.extend(store.claim(claim).await.unwrap().jobs.into_iter().map(|job| job.envelope.id.clone()));
    }
    ids
}

#[tokio::test]
async fn many_jobs_of_a_dead_worker_go_back_in_their_order_and_cost_little() {
    let (server, clock) = (RedisServer::start(&[]), Clock::manual());
    let store = RedisStore::connect_with_clock(&server.url(), clock.clone()).await.unwrap();
    let (sender, mut pushed) = (WorkerId::generate(), Vec::new());
    for sequence in 1..=(HELD / 1_000) as u64 + 1 {
        let jobs: Vec<_> = std::iter::repeat_with(|| Arc::new(plain())).take(1_000).collect();
        store.push(CallId { sender, sequence }, &jobs).await.unwrap();
        pushed.extend(jobs.iter().map(|job| job.id.clone()));
    }
    assert_eq!(claim(&store, HELD).await, pushed[..HELD]);
    clock.advance(2 * LEASE);
    let (before, mut rescued) = (server.cpu(), 0);
    while rescued < HELD {
        let some = store.rescue(3, 1_000).await.unwrap();
        assert_ne!(some, 0);
        rescued += some;
    }
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no exact count")]
    let cost = (server.cpu() - before) / HELD as f64;
    println!("a rescued job costs {cost:.0} µs");
    assert!(cost < MOST, "{cost:.0} µs a job");
    assert_eq!(claim(&store, HELD + 1_000).await, pushed);
}
