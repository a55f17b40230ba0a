//! A server that forgets what it had answered: no job stays with a worker that no longer knows of it.

use std::sync::Arc;
use std::time::Duration;

use asyncmq::backend::redis::RedisStore;
use asyncmq::backend::{CallId, Claim, ClaimedJob, Inspect, Store, TaskSet};
use asyncmq::job::{Envelope, JobId, Name, WorkerId};
use asyncmq::{Client, JobState, Registry, State, Worker, task};

use crate::support::gate::Gate;
use crate::support::until;
use asyncmq_tests::servers::redis_server::RedisServer;

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
    let jobs = store.claim(claim).await.unwrap().jobs;
    // Whoever claims again has read the reply.
    let call = CallId { sender: worker, sequence: 2 };
    assert!(store.claim(Claim { call, ..claim }).await.unwrap().jobs.is_empty());
    jobs
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

#[task(name = "strays.gated", queue = "strays of a worker")]
async fn gated(gate: State<Gate>) {
    gate.pass().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_runs_again_what_its_server_forgot_when_it_came_back() {
    let server = Arc::new(RedisServer::start(&[]));
    let client = Client::connect(&server.url()).await.unwrap();
    let gate = Gate::new();
    let worker = Worker::new(&client).queues(["strays of a worker"]).state(gate.clone()).lease(LEASE);
    let worker = worker.registry(Registry::new().with::<gated>()).start().await.unwrap();
    let job = gated::job().enqueue_on(&client).await.unwrap();
    gate.arrived(1).await;
    // What the server has on its disk: the job is in the worker's hand.
    server.order::<()>(&["SAVE"]);
    gate.open(1);
    job.result().await.unwrap();
    server.kill();
    let revived = server.clone();
    tokio::task::spawn_blocking(move || revived.revive()).await.unwrap();
    assert_eq!(job.state().await.unwrap(), JobState::Active, "it was forgotten");
    gate.arrived(1).await;
    gate.open(1);
    job.result().await.unwrap();
    worker.stop().await.unwrap();
}
