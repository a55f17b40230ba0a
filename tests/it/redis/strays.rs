//! A server that forgets what it had answered: no job stays with a worker that no longer knows of it.

use std::sync::Arc;
use std::time::Duration;

use asyncmq::JobState;
use asyncmq::backend::redis::RedisStore;
use asyncmq::backend::{CallId, Claim, ClaimedJob, Inspect, Store, TaskSet};
use asyncmq::job::{Envelope, JobId, Name, WorkerId};

use crate::support::redis_server::RedisServer;
use crate::support::until;

const QUEUE: Name = Name::from_static("strays");
const TASK: Name = Name::from_static("t");
const LEASE: Duration = Duration::from_millis(200);

async fn claimed(store: &RedisStore, worker: WorkerId, count: usize) -> Vec<ClaimedJob> {
    let job = |_| Arc::new(Envelope::new(JobId::generate(), QUEUE, TASK, b"{}".as_slice().into()));
    let jobs: Vec<_> = (0..count).map(job).collect();
    store.push(CallId { sender: worker, sequence: 1 }, &jobs).await.unwrap();
    let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
    let call = CallId { sender: worker, sequence: 1 };
    let claim = Claim { call, queues: &[QUEUE], tasks: &tasks, limit: count, lease: LEASE };
    store.claim(claim).await.unwrap().jobs
}

#[tokio::test]
async fn a_job_whose_end_the_server_forgot_runs_again_and_the_others_stay() {
    let server = RedisServer::start(&[]);
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let worker = WorkerId::generate();
    let jobs = claimed(&store, worker, 600).await;
    // The worker knows every second one. As it sees it, the others have been settled, and the server has said so.
    let held: Vec<_> = jobs.iter().step_by(2).map(|job| (job.envelope.clone(), job.token)).collect();
    let mut leases = store.leases().await.unwrap();
    let active = async || store.queue(&QUEUE).await.unwrap().counts.active;
    for _ in 0..10 {
        leases.extend(worker, &held, LEASE).await.unwrap();
        tokio::time::sleep(LEASE / 4).await;
    }
    assert_eq!(active().await, 600, "there is no look while the connection lasts");

    server.order::<i64>(&["CLIENT", "KILL", "TYPE", "normal"]);
    until("the forgotten jobs wait again", async || {
        // The first call finds out that the connection is gone.
        let extended = leases.extend(worker, &held, LEASE).await;
        extended.is_ok_and(|extension| extension.lost.is_empty()) && active().await == 300
    })
    .await;
    for (envelope, _) in &held {
        assert_eq!(store.find(&QUEUE, &envelope.id).await.unwrap().unwrap().state(), JobState::Active);
    }
    let waiting = store.queue(&QUEUE).await.unwrap().counts.waiting;
    assert_eq!(waiting, 300);
}
