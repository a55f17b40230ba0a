//! A cluster with two processes at its store, and short words for what they do.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use asyncmq::backend::redis::RedisStore;
use asyncmq::backend::{
    CallId, Claim, ClaimedJob, Inspect, Pushed, Report, Settlement, Store, TaskSet, Upkeep,
};
use asyncmq::job::{Envelope, JobId, Name, Parent, Passes, Retention, WorkerId};
use asyncmq::lifecycle::Transition;
use asyncmq::{JobState, OnFailure};
use bytes::Bytes;

use crate::support::redis_cluster::Cluster;
use crate::support::until;

pub(super) const TASK: Name = Name::from_static("slots.act");

/// Two processes at the store of a cluster, and somebody who can do what he wants to its keys.
pub(super) struct Field {
    pub(super) cluster: Arc<Cluster>,
    prefix: String,
    pub(super) one: Arc<RedisStore>,
    pub(super) other: Arc<RedisStore>,
    sender: WorkerId,
    sequence: AtomicU64,
}

impl Field {
    pub(super) async fn new() -> Self {
        Self::on(tokio::task::spawn_blocking(Cluster::shared).await.unwrap()).await
    }

    pub(super) async fn on(cluster: Arc<Cluster>) -> Self {
        let prefix = uuid::Uuid::new_v4().to_string();
        let url = format!("{}?prefix={prefix}", cluster.url());
        let (one, other) =
            (RedisStore::connect(&url).await.unwrap(), RedisStore::connect(&url).await.unwrap());
        Self { cluster, prefix, one, other, sender: WorkerId::generate(), sequence: AtomicU64::new(0) }
    }

    pub(super) fn call(&self) -> CallId {
        CallId { sender: self.sender, sequence: self.sequence.fetch_add(1, Ordering::Relaxed) }
    }

    pub(super) async fn push(&self, job: &Arc<Envelope>) {
        assert_eq!(self.one.push(self.call(), std::slice::from_ref(job)).await.unwrap(), [Pushed::Added]);
    }

    pub(super) async fn claim(&self, queue: &Name) -> Vec<ClaimedJob> {
        let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
        let (call, lease) = (self.call(), Duration::from_secs(60));
        let claim = Claim { call, queues: std::slice::from_ref(queue), tasks: &tasks, limit: 1, lease };
        self.one.claim(claim).await.unwrap().jobs
    }

    /// Completes the job of a queue that must be there.
    pub(super) async fn complete(&self, queue: &Name) {
        let job = self.claim(queue).await.pop().expect("there is a job");
        let result = Bytes::from_static(b"7");
        let transition = Transition::Complete { result, retention: Retention::Standard };
        let settlement =
            Settlement { envelope: job.envelope, token: job.token, transition, report: Report::default() };
        self.one.settle(self.call(), &[settlement]).await.unwrap();
    }

    pub(super) async fn state(&self, job: &Envelope) -> Option<JobState> {
        self.other.find(&job.queue, &job.id).await.unwrap().map(|job| job.state())
    }

    /// Waits until a job stands so; whoever does duties does them meanwhile.
    pub(super) async fn comes_to(&self, job: &Envelope, state: JobState) {
        until(&format!("job {} of {} is {state}", job.id, job.queue), async || {
            self.other.expire(1_000).await.unwrap();
            self.state(job).await == Some(state)
        })
        .await;
    }

    pub(super) fn base(&self, queue: &Name) -> String {
        format!("{}:{{q{queue}}}:", self.prefix)
    }

    pub(super) fn order<T: redis::FromRedisValue>(&self, command: &str, key: String, rest: &[&[u8]]) -> T {
        let mut order = redis::cmd(command);
        order.arg(key);
        for word in rest {
            order.arg(*word);
        }
        order.query(&mut self.cluster.connection()).unwrap()
    }

    /// Says that somebody carries an outbox until then, who does nothing.
    pub(super) fn hold(&self, from: &Name, to: &Name, until: u64) {
        let held = [until.to_be_bytes(), *b"somebody"].concat();
        let outs = format!("{}outs", self.base(from));
        self.order::<()>("HSET", outs, &[self.base(to).as_bytes(), &held]);
    }

    /// Reads an outbox.
    pub(super) fn outbox(&self, from: &Name, to: &Name) -> Vec<Vec<u8>> {
        self.order("LRANGE", format!("{}o:{}", self.base(from), self.base(to)), &[b"0", b"-1"])
    }

    /// Puts messages into an outbox, as if they had never been carried.
    pub(super) fn post(&self, from: &Name, to: &Name, messages: &[Vec<u8>]) {
        let messages: Vec<_> = messages.iter().map(Vec::as_slice).collect();
        self.order::<()>("RPUSH", format!("{}o:{}", self.base(from), self.base(to)), &messages);
        self.order::<()>("HSET", format!("{}outs", self.base(from)), &[self.base(to).as_bytes(), b""]);
    }

    /// Lets duties carry whatever nobody holds.
    pub(super) async fn arrived_by_duty(&self) {
        self.other.expire(1_000).await.unwrap();
        let (cluster, prefix) = (self.cluster.clone(), self.prefix.clone());
        tokio::task::spawn_blocking(move || cluster.arrived(&prefix)).await.unwrap();
    }
}

/// A moment that does not come.
pub(super) const NEVER: u64 = 1 << 62;

pub(super) fn queue(name: impl AsRef<str>) -> Name {
    Name::queue(name.as_ref()).unwrap()
}

pub(super) fn job_of(queue: &Name) -> Envelope {
    Envelope::new(JobId::generate(), queue.clone(), TASK, Bytes::from_static(b"{}"))
}

pub(super) fn child_of(parent: &Envelope, queue: &Name, on_failure: OnFailure) -> Arc<Envelope> {
    let mut child = job_of(queue);
    let (queue, id) = (parent.queue.clone(), parent.id.clone());
    child.extras_mut().parents.push(Parent { queue, id, on_failure, passes: Passes::Output });
    Arc::new(child)
}

/// Goes on with something until it waits for so many times, and then no more, as a process does that is frozen: what it has sent
/// arrives, and nothing comes of the answer. Returns what it gives if it comes to its end.
pub(super) async fn frozen_after<'a, T>(
    mut waits: usize,
    future: impl Future<Output = T> + Send + 'a,
) -> Result<T, Frozen<'a, T>> {
    let mut future: Frozen<'a, T> = Box::pin(future);
    let done = poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if waits == 0 => Poll::Ready(None),
        Poll::Pending => {
            waits -= 1;
            Poll::Pending
        }
    });
    done.await.ok_or(future)
}

/// What a process does that is frozen.
pub(super) type Frozen<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
