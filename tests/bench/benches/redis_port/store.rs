//! The store, as a worker uses it: what has ended is settled together with the next claim.

use std::sync::Arc;
use std::time::Duration;

use asyncmq::Retention;
use asyncmq::backend::redis::RedisStore;
use asyncmq::backend::{CallId, Claim, ClaimedJob, Settlement, Store, TaskSet};
use asyncmq::job::{Envelope, JobId, Name, WorkerId};
use asyncmq::lifecycle::Transition;
use bytes::Bytes;

const QUEUE: Name = Name::from_static("bench");
const TASK: Name = Name::from_static("send_mail");
const LEASE: Duration = Duration::from_secs(30);

pub(super) struct Port {
    store: Arc<RedisStore>,
    retention: Retention,
    sender: WorkerId,
    sequence: u64,
}

impl Port {
    pub(super) async fn new(url: &str, retention: Retention) -> Self {
        let store = RedisStore::connect(url).await.unwrap();
        Self { store, retention, sender: WorkerId::generate(), sequence: 0 }
    }

    fn call(&mut self) -> CallId {
        self.sequence += 1;
        CallId { sender: self.sender, sequence: self.sequence }
    }

    pub(super) async fn push(&mut self, first: usize, count: usize) {
        let jobs: Vec<_> = (first..first + count)
            .map(|id| Arc::new(Envelope::new(JobId::generate(), QUEUE, TASK, super::args(id).into())))
            .collect();
        let call = self.call();
        self.store.push(call, &jobs).await.unwrap();
    }

    pub(super) async fn drain(&mut self, batch: usize) -> usize {
        let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
        let (mut done, mut ended): (usize, Vec<Settlement>) = (0, Vec::new());
        loop {
            let settle = self.call();
            let claim =
                Claim { call: self.call(), queues: &[QUEUE], tasks: &tasks, limit: batch, lease: LEASE };
            let claimed = if ended.is_empty() {
                self.store.claim(claim).await
            } else {
                let (settled, claimed) = self.store.settle_and_claim(settle, &ended, claim).await;
                done += settled.unwrap().len();
                claimed
            };
            let claimed = claimed.unwrap();
            if claimed.jobs.is_empty() {
                return done;
            }
            ended = claimed.jobs.into_iter().map(|job| self.completed(job)).collect();
        }
    }

    fn completed(&self, job: ClaimedJob) -> Settlement {
        let transition =
            Transition::Complete { result: Bytes::from_static(b"null"), retention: self.retention };
        Settlement { envelope: job.envelope, token: job.token, transition, report: Default::default() }
    }
}
