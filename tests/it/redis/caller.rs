//! Somebody who calls a store with a server of its own, as clients and workers do, and runs jobs of one task.

use std::sync::Arc;
use std::time::Duration;

use asyncmq::Retention;
use asyncmq::backend::redis::RedisStore;
use asyncmq::backend::{CallId, Claim, ClaimedJob, Pushed, Report, Settlement, Store, TaskSet};
use asyncmq::job::{Envelope, JobId, Name, WorkerId};
use asyncmq::lifecycle::Transition;

use asyncmq_tests::servers::redis_server::RedisServer;

pub(super) const QUEUE: Name = Name::from_static("costs");
pub(super) const TASK: Name = Name::from_static("known");

/// Longer than any of these tests.
pub(super) const LEASE: Duration = Duration::from_secs(600);

pub(super) struct Caller {
    pub(super) server: RedisServer,
    pub(super) store: Arc<RedisStore>,
    sender: WorkerId,
    calls: u64,
}

impl Caller {
    pub(super) async fn new() -> Self {
        let server = RedisServer::start(&[]);
        let store = RedisStore::connect(&server.url()).await.unwrap();
        Self { server, store, sender: WorkerId::generate(), calls: 0 }
    }

    pub(super) const fn call(&mut self) -> CallId {
        self.calls += 1;
        CallId { sender: self.sender, sequence: self.calls }
    }

    pub(super) async fn push(&mut self, jobs: Vec<Envelope>) -> Vec<Pushed> {
        let (call, jobs) = (self.call(), jobs.into_iter().map(Arc::new).collect::<Vec<_>>());
        self.store.push(call, &jobs).await.unwrap()
    }

    /// Claims so many jobs and completes them.
    pub(super) async fn run(&mut self, count: usize) {
        let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
        let call = self.call();
        let claim = Claim { call, queues: &[QUEUE], tasks: &tasks, limit: count, lease: LEASE };
        let jobs = self.store.claim(claim).await.unwrap().jobs;
        assert_eq!(jobs.len(), count);
        let ended = jobs.into_iter().map(|job| completed(job, Retention::Standard)).collect::<Vec<_>>();
        let call = self.call();
        self.store.settle(call, &ended).await.unwrap();
    }
}

/// A job that has nothing beside its arguments.
pub(super) fn plain() -> Envelope {
    Envelope::new(JobId::generate(), QUEUE, TASK, vec![b'x'; 100].into())
}

/// Ends a job well.
pub(super) fn completed(job: ClaimedJob, retention: Retention) -> Settlement {
    let transition = Transition::Complete { result: Default::default(), retention };
    Settlement { envelope: job.envelope, token: job.token, transition, report: Report::default() }
}
