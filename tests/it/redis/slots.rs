//! Jobs that wait for others across the slots of a cluster, and what dies on the way between them.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use asyncmq::backend::redis::RedisStore;
use asyncmq::backend::{
    CallId, Claim, Control, Force, Inspect, Ordered, Pushed, Report, Settlement, Store, TaskSet, Upkeep,
};
use asyncmq::job::{Envelope, JobId, Name, Parent, Retention, WorkerId};
use asyncmq::lifecycle::Transition;
use asyncmq::{Client, Dependency, JobState, OnFailure, Registry, TaskError, Worker, task};
use bytes::Bytes;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

use crate::flows::random::{expected, graph};
use crate::support::redis_cluster::Cluster;
use crate::support::{soon, until};

const TASK: Name = Name::from_static("slots.act");

/// Two processes at the store of a cluster, and somebody who can do what he wants to its keys.
struct Field {
    cluster: Arc<Cluster>,
    prefix: String,
    one: Arc<RedisStore>,
    other: Arc<RedisStore>,
    sender: WorkerId,
    sequence: AtomicU64,
}

impl Field {
    async fn new() -> Self {
        Self::on(tokio::task::spawn_blocking(Cluster::shared).await.unwrap()).await
    }

    async fn on(cluster: Arc<Cluster>) -> Self {
        let prefix = uuid::Uuid::new_v4().to_string();
        let url = format!("{}?prefix={prefix}", cluster.url());
        let (one, other) =
            (RedisStore::connect(&url).await.unwrap(), RedisStore::connect(&url).await.unwrap());
        Self { cluster, prefix, one, other, sender: WorkerId::generate(), sequence: AtomicU64::new(0) }
    }

    fn call(&self) -> CallId {
        CallId { sender: self.sender, sequence: self.sequence.fetch_add(1, Ordering::Relaxed) }
    }

    async fn push(&self, job: &Arc<Envelope>) {
        assert_eq!(self.one.push(self.call(), std::slice::from_ref(job)).await.unwrap(), [Pushed::Added]);
    }

    /// Claims the job of a queue that must be there, and completes it.
    async fn complete(&self, queue: &Name) {
        let tasks: TaskSet = [(TASK, 1)].into_iter().collect();
        let (call, lease) = (self.call(), Duration::from_secs(60));
        let claim = Claim { call, queues: std::slice::from_ref(queue), tasks: &tasks, limit: 1, lease };
        let job = self.one.claim(claim).await.unwrap().jobs.pop().expect("there is a job");
        let result = Bytes::from_static(b"7");
        let transition = Transition::Complete { result, retention: Retention::Standard };
        let settlement =
            Settlement { envelope: job.envelope, token: job.token, transition, report: Report::default() };
        self.one.settle(self.call(), &[settlement]).await.unwrap();
    }

    async fn state(&self, job: &Envelope) -> Option<JobState> {
        self.other.find(&job.queue, &job.id).await.unwrap().map(|job| job.state())
    }

    /// Waits until a job stands so; whoever does duties does them meanwhile.
    async fn comes_to(&self, job: &Envelope, state: JobState) {
        until(&format!("job {} of {} is {state}", job.id, job.queue), async || {
            self.other.expire(1_000).await.unwrap();
            self.state(job).await == Some(state)
        })
        .await;
    }

    fn base(&self, queue: &Name) -> String {
        format!("{}:{{q{queue}}}:", self.prefix)
    }

    fn order<T: redis::FromRedisValue>(&self, command: &str, key: String, rest: &[&[u8]]) -> T {
        let mut order = redis::cmd(command);
        order.arg(key);
        for word in rest {
            order.arg(*word);
        }
        order.query(&mut self.cluster.connection()).unwrap()
    }

    /// Says that somebody carries an outbox until then, who does nothing.
    fn hold(&self, from: &Name, to: &Name, until: u64) {
        let held = [until.to_be_bytes(), *b"somebody"].concat();
        let outs = format!("{}outs", self.base(from));
        self.order::<()>("HSET", outs, &[self.base(to).as_bytes(), &held]);
    }

    /// Reads an outbox.
    fn outbox(&self, from: &Name, to: &Name) -> Vec<Vec<u8>> {
        self.order("LRANGE", format!("{}o:{}", self.base(from), self.base(to)), &[b"0", b"-1"])
    }

    /// Puts messages into an outbox, as if they had never been carried.
    fn post(&self, from: &Name, to: &Name, messages: &[Vec<u8>]) {
        let messages: Vec<_> = messages.iter().map(Vec::as_slice).collect();
        self.order::<()>("RPUSH", format!("{}o:{}", self.base(from), self.base(to)), &messages);
        self.order::<()>("HSET", format!("{}outs", self.base(from)), &[self.base(to).as_bytes(), b""]);
    }

    /// Lets duties carry whatever nobody holds.
    async fn arrived_by_duty(&self) {
        self.other.expire(1_000).await.unwrap();
        let (cluster, prefix) = (self.cluster.clone(), self.prefix.clone());
        tokio::task::spawn_blocking(move || cluster.arrived(&prefix)).await.unwrap();
    }
}

/// A moment that does not come.
const NEVER: u64 = 1 << 62;

fn queue(name: impl AsRef<str>) -> Name {
    Name::queue(name.as_ref()).unwrap()
}

fn job_of(queue: &Name) -> Envelope {
    Envelope::new(JobId::generate(), queue.clone(), TASK, Bytes::from_static(b"{}"))
}

fn child_of(parent: &Envelope, queue: &Name, on_failure: OnFailure) -> Arc<Envelope> {
    let mut child = job_of(queue);
    let (queue, id) = (parent.queue.clone(), parent.id.clone());
    child.extras_mut().parents.push(Parent { queue, id, on_failure, passes: true });
    Arc::new(child)
}

/// Goes on with something until it waits for so many times, and drops it then. Returns what it gives if it comes to its end.
async fn cut_short<F: Future>(future: F, mut waits: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if waits == 0 => Poll::Ready(None),
        Poll::Pending => {
            waits -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_dies_anywhere_leaves_no_child_that_nobody_tells() {
    let field = Field::new().await;
    let mut families = Vec::new();
    for waits in 0.. {
        let parent = Arc::new(job_of(&queue(format!("parents {waits}"))));
        field.push(&parent).await;
        let child = child_of(&parent, &queue(format!("children {waits}")), OnFailure::Cancel);
        let is_done = cut_short(field.one.push(field.call(), std::slice::from_ref(&child)), waits).await;
        families.push((parent, child));
        if is_done.is_some() {
            break;
        }
    }
    assert!(5 < families.len(), "a push takes several steps, not {}", families.len());
    for (parent, _) in &families {
        assert_eq!(field.other.cancel(&parent.queue, &parent.id, None).await.unwrap(), Ordered::Done);
    }
    let mut kept = 0;
    for (_, child) in &families {
        if field.state(child).await.is_some() {
            kept += 1;
            field.comes_to(child, JobState::Cancelled).await;
        }
    }
    assert!(2 < kept, "some died between the push and its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_dies_anywhere_leaves_no_child_that_nobody_tells() {
    let field = Field::new().await;
    let mut families = Vec::new();
    for waits in 0.. {
        let parent = Arc::new(job_of(&queue(format!("parents {waits}"))));
        let child = child_of(&parent, &queue(format!("children {waits}")), OnFailure::Cancel);
        field.push(&parent).await;
        field.push(&child).await;
        let is_done = cut_short(field.one.cancel(&parent.queue, &parent.id, None), waits).await;
        families.push((parent, child));
        if is_done.is_some() {
            break;
        }
    }
    assert!(3 < families.len(), "an order takes several steps, not {}", families.len());
    for (parent, child) in &families {
        // The first ones died before they ordered anything.
        field.other.cancel(&parent.queue, &parent.id, None).await.unwrap();
        field.comes_to(child, JobState::Cancelled).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_carrier_had_when_it_died_is_carried_by_duties_and_claims() {
    let field = Field::new().await;
    for (number, by_claim) in [(1, false), (2, true)] {
        let (near, far) = (queue(format!("near {number}")), queue(format!("far {number}")));
        field.hold(&near, &far, NEVER);
        field.hold(&far, &near, NEVER);
        let parent = Arc::new(job_of(&far));
        field.push(&parent).await;
        let child = child_of(&parent, &near, OnFailure::Run);
        field.push(&child).await;
        assert_eq!(field.outbox(&near, &far).len(), 1, "nobody else carries what somebody has");
        let hand_on = async |from: &Name, to: &Name| {
            field.hold(from, to, 0);
            match by_claim {
                true => {
                    let tasks = [(TASK, 1)].into_iter().collect();
                    let (call, lease) = (field.call(), Duration::from_secs(60));
                    let queues = std::slice::from_ref(from);
                    let claim = Claim { call, queues, tasks: &tasks, limit: 1, lease };
                    field.other.claim(claim).await.unwrap();
                    until("the message is carried", async || field.outbox(from, to).is_empty()).await;
                }
                false => {
                    field.other.expire(1_000).await.unwrap();
                    assert_eq!(field.outbox(from, to).len(), 0);
                }
            }
        };
        hand_on(&near, &far).await;
        field.complete(&far).await;
        assert_eq!(field.state(&child).await, Some(JobState::Blocked));
        hand_on(&far, &near).await;
        assert_eq!(field.state(&child).await, Some(JobState::Waiting));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_twice_changes_nothing() {
    let field = Field::new().await;
    let (near, far) = (queue("near"), queue("far"));
    let parent = Arc::new(job_of(&far));
    field.push(&parent).await;
    field.hold(&near, &far, NEVER);
    let child = child_of(&parent, &near, OnFailure::Cancel);
    field.push(&child).await;
    let asks = field.outbox(&near, &far);
    field.post(&near, &far, &asks);
    field.other.expire(1_000).await.unwrap();
    field.hold(&far, &near, NEVER);
    field.complete(&far).await;
    let tells = field.outbox(&far, &near);
    assert_eq!((asks.len(), tells.len()), (1, 2), "it was asked twice, and tells twice");
    field.post(&far, &near, &tells);
    field.arrived_by_duty().await;
    assert_eq!(field.other.queue(&near).await.unwrap().counts.waiting, 1);
    field.complete(&near).await;
    // Whatever comes late finds nothing to change.
    field.post(&far, &near, &tells);
    field.post(&near, &far, &asks);
    field.arrived_by_duty().await;
    assert_eq!(field.state(&child).await, Some(JobState::Completed));
    assert_eq!(field.other.queue(&near).await.unwrap().counts.total(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_goes_when_what_it_has_to_say_was_said_and_leaves_nothing() {
    let field = Field::new().await;
    let (near, far) = (queue("near"), queue("far"));
    let parent = Arc::new(job_of(&far));
    field.push(&parent).await;
    let child = child_of(&parent, &near, OnFailure::Cancel);
    field.push(&child).await;
    // Somebody who has taken up the messages is not waited for.
    field.hold(&far, &near, NEVER);
    assert_eq!(field.one.obliterate(&far, Force::RefuseActive, 100).await.unwrap(), Ok(1));
    assert_eq!(field.state(&child).await, Some(JobState::Cancelled));
    assert_eq!(field.other.queues().await.unwrap(), std::slice::from_ref(&near));
    assert_eq!(field.cluster.keys_that_stay(&field.base(&far)), [] as [String; 0]);
    assert_eq!(field.one.obliterate(&near, Force::RefuseActive, 100).await.unwrap(), Ok(1));
    assert_eq!(field.cluster.keys_that_stay(&field.base(&near)), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_one_push_may_wait_for_each_other_back_and_forth() {
    let field = Field::new().await;
    let queues = [queue("left"), queue("right")];
    let mut line = vec![Arc::new(job_of(&queues[0]))];
    for place in 1..6 {
        line.push(child_of(&line[place - 1], &queues[place % 2], OnFailure::Fail));
    }
    let call = field.call();
    let pushed = field.one.push(call, &line).await.unwrap();
    assert_eq!(pushed, vec![Pushed::Added; 6]);
    assert_eq!(field.one.push(call, &line).await.unwrap(), pushed, "a repeated call is known at each step");
    for (place, job) in line.iter().enumerate() {
        field.comes_to(job, JobState::Waiting).await;
        field.complete(&queues[place % 2]).await;
    }
    let lost = Arc::new(job_of(&queues[0]));
    let child = child_of(&lost, &queues[1], OnFailure::Fail);
    let grandchild = child_of(&child, &queues[0], OnFailure::Fail);
    let pushed = field.one.push(field.call(), &[child, grandchild]).await.unwrap();
    assert_eq!(pushed, [Pushed::ParentGone { parent: 0 }, Pushed::ParentGone { parent: 0 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_nobody_waits_for_costs_no_script_more() {
    let cluster = Arc::new(tokio::task::spawn_blocking(Cluster::start).await.unwrap());
    let field = Field::on(cluster.clone()).await;
    let plain = queue("plain");
    for _ in 0..2 {
        field.push(&Arc::new(job_of(&plain))).await;
        field.complete(&plain).await;
    }
    let before = cluster.scripts_run();
    field.push(&Arc::new(job_of(&plain))).await;
    field.complete(&plain).await;
    assert_eq!(cluster.scripts_run() - before, 3, "a push, a claim and a settle");
}

/// Ends as it is told.
#[task(name = "slots.node", queue = "slots")]
async fn node(end: String) -> Result<(), TaskError> {
    match end.as_str() {
        "fail" => Err(TaskError::permanent("it was told to")),
        "cancel" => Err(TaskError::cancel("it was told to")),
        _ => Ok(()),
    }
}

async fn client_of(cluster: &Cluster) -> Client {
    Client::connect(&format!("{}?prefix={}", cluster.url(), uuid::Uuid::new_v4())).await.unwrap()
}

async fn worker(client: &Client, queues: &[String]) -> asyncmq::WorkerHandle {
    let worker = Worker::new(client).queues(queues.to_vec()).registry(Registry::new().with::<node>());
    worker.concurrency(8).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_job_of_a_graph_over_five_queues_ends_as_the_policies_say() {
    let cluster = tokio::task::spawn_blocking(Cluster::shared).await.unwrap();
    let client = client_of(&cluster).await;
    let queues: Vec<String> = (0..5).map(|number| format!("slots {number}")).collect();
    let workers = [worker(&client, &queues).await, worker(&client, &queues).await];
    let mut lot = TestRunner::new(Config::default());
    for number in 0..15 {
        let graph = graph().new_tree(&mut lot).unwrap().current();
        let spread = proptest::collection::vec(0..5_usize, graph.len()).new_tree(&mut lot).unwrap().current();
        let id = |place: usize| JobId::custom(&format!("{number} {place}")).unwrap();
        let jobs = graph.iter().enumerate().map(|(place, job)| {
            let parents =
                job.parents.iter().map(|(parent, policy)| Dependency::from(id(*parent)).on_failure(*policy));
            let new = node::job(job.end).id(&*id(place)).queue(queues[spread[place]].clone());
            new.depends_on(parents.collect::<Vec<_>>())
        });
        let mut handles = Vec::new();
        if number % 2 == 0 {
            handles = client.enqueue_all(jobs).await.unwrap();
        } else {
            for job in jobs {
                handles.push(job.enqueue_on(&client).await.unwrap());
            }
        }
        for (place, (handle, states)) in handles.iter().zip(expected(&graph)).enumerate() {
            // What it gives is an error for most ends.
            let _ = soon(&format!("the end of job {place} of {graph:#?}"), handle.result()).await;
            let state = handle.state().await.unwrap();
            assert!(states.contains(&state), "job {place} is {state}, not {states:?}, in {graph:#?}");
        }
    }
    for worker in workers {
        worker.stop().await.unwrap();
    }
}
