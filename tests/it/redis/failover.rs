//! Masters that die, and replicas that stand in for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asyncmq::backend::redis::RedisStore;
use asyncmq::backend::{CallId, Claim, Inspect, Pushed, Store, TaskSet};
use asyncmq::job::{Envelope, JobId, Name, WorkerId};
use asyncmq::{Client, Context, Registry, Worker, task};
use bytes::Bytes;

use crate::redis::scene::Scene;
use crate::support::names::Names;
use crate::support::redis_cluster::Cluster;
use crate::support::{soon, until};
use asyncmq_tests::servers::proxy::Proxy;
use asyncmq_tests::servers::redis_server::RedisServer;

/// How often the handler of each job ran.
static RUNS: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);

#[task(name = "failover.count", queue = "failover", retain = "none")]
async fn count(ctx: &Context) {
    *RUNS.lock().unwrap().get_or_insert_default().entry(ctx.job_id().to_string()).or_default() += 1;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_a_cluster_that_dies_is_replaced_and_nothing_is_lost() {
    let cluster = Arc::new(tokio::task::spawn_blocking(Cluster::with_replica).await.unwrap());
    let client = Client::connect(&cluster.url()).await.unwrap();
    // Enough queues that every node has some of them.
    let queues: Vec<String> = (0..9).map(|number| format!("failover.{number}")).collect();
    let worker = Worker::new(&client).queues(queues.clone()).registry(Registry::new().with::<count>());
    let worker = worker.lease(Duration::from_secs(30)).start().await.unwrap();
    let mut acknowledged = Vec::new();
    for number in 0..180 {
        // They come due around and after the failover.
        let job =
            count::job().queue(queues[number % 9].clone()).delay(Duration::from_millis(25 * number as u64));
        acknowledged.push(job.enqueue_on(&client).await.unwrap().id().to_string());
    }
    let dying = cluster.clone();
    let replaced = tokio::task::spawn_blocking(move || {
        dying.kill_first();
        dying.replaced();
    });
    replaced.await.unwrap();
    for queue in &queues {
        let what = format!("{queue} runs empty");
        until(&what, async || client.queue(queue.clone()).counts().await.is_ok_and(|c| c.unfinished() == 0))
            .await;
    }
    let runs = RUNS.lock().unwrap().clone().unwrap();
    let lost = acknowledged.iter().filter(|id| !runs.contains_key(*id)).count();
    let again = acknowledged.iter().filter(|id| runs.get(*id).is_some_and(|runs| 1 < *runs)).count();
    println!("{} jobs, 1 node killed: {lost} lost, {again} run again", acknowledged.len());
    assert_eq!((lost, again), (0, 0));
    worker.stop().await.unwrap();
}

fn replica_of(master: &RedisServer, options: &[&str]) -> RedisServer {
    let port = master.port().to_string();
    let link = ["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"];
    RedisServer::start(&[&link[..], options].concat())
}

async fn has_replicas(master: &RedisServer, count: usize) {
    until("the replicas are up to date", async || master.is_confirmed_by(count, "probe")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_no_replica_has_is_not_confirmed_and_is_done_once_when_repeated() {
    let master = RedisServer::start(&[]);
    let replica = replica_of(&master, &[]);
    has_replicas(&master, 1).await;
    let store = RedisStore::connect(&format!("{}?replicated=1", master.url())).await.unwrap();
    let queue = Name::from_static("q");
    let job =
        || Arc::new(Envelope::new(JobId::generate(), queue.clone(), Name::from_static("t"), Bytes::new()));
    let sender = WorkerId::generate();
    store.push(CallId { sender, sequence: 1 }, &[job()]).await.unwrap();
    assert_eq!(replica.order::<u64>(&["HLEN", "asyncmq:{qq}:jobs"]), 1, "what is confirmed is there");
    replica.kill();
    let (call, job) = (CallId { sender, sequence: 2 }, job());
    let error = store.push(call, std::slice::from_ref(&job)).await.unwrap_err();
    assert!(error.is_retryable());
    assert!(format!("{error:?}").contains("too few replicas"), "{error:?}");
    replica.revive();
    let again = soon("the replica confirms", async {
        loop {
            if let Ok(pushed) = store.push(call, std::slice::from_ref(&job)).await {
                return pushed;
            }
        }
    });
    assert_eq!(again.await, [Pushed::Added]);
    assert_eq!(store.queue(&queue).await.unwrap().counts.waiting, 2);
    assert_eq!(replica.order::<u64>(&["HLEN", "asyncmq:{qq}:jobs"]), 2);
}

#[tokio::test]
#[ignore = "ten seconds: so long is an enqueue repeated"]
async fn an_enqueue_that_no_replica_has_ends_with_an_error_that_says_so() {
    let master = RedisServer::start(&[]);
    let client = Client::connect(&format!("{}?replicated=1", master.url())).await.unwrap();
    let job = || count::job().id("the-one");
    let error = job().enqueue_on(&client).await.unwrap_err();
    assert!(format!("{error:?}").contains("too few replicas"), "{error:?}");
    let _replica = replica_of(&master, &[]);
    has_replicas(&master, 1).await;
    job().enqueue_on(&client).await.unwrap();
    assert_eq!(client.queue("failover").counts().await.unwrap().waiting, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_replica_confirmed_survives_the_death_of_its_master() {
    let master = Arc::new(RedisServer::start(&[]));
    let replicas = [replica_of(&master, &[]), replica_of(&master, &[])];
    has_replicas(&master, 2).await;
    let (names, proxy) = (Names::start().await, Proxy::start(master.port()).await);
    names.set("main", "127.0.0.1", master.port());
    let url = format!("{}?replicated=1", names.url("main"));
    let mut scene = Scene::with(master.clone(), proxy, &url, &url).await;
    scene.enqueue(300).await;
    master.kill();
    // As a sentinel would: the one that has more becomes the master, the other one follows it.
    let has = |replica: &RedisServer| {
        let info: String = replica.order(&["INFO", "replication"]);
        let line = info.lines().find_map(|line| line.strip_prefix("slave_repl_offset:").map(str::to_owned));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    let best = usize::from(has(&replicas[0]) < has(&replicas[1]));
    let (new, other) = (&replicas[best], &replicas[1 - best]);
    new.order::<()>(&["REPLICAOF", "NO", "ONE"]);
    other.order::<()>(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]);
    has_replicas(new, 1).await;
    names.set("main", "127.0.0.1", new.port());
    scene.consumes("the master was killed", Duration::from_secs(3)).await;
    scene.enqueue(100).await;
    scene.finish(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_follows_a_master_that_hands_over_and_goes_on() {
    let master = Arc::new(RedisServer::start(&[]));
    let replica = replica_of(&master, &[]);
    has_replicas(&master, 1).await;
    let (names, proxy) = (Names::start().await, Proxy::start(master.port()).await);
    names.set("main", "127.0.0.1", master.port());
    let url = names.url("main");
    let mut scene = Scene::with(master.clone(), proxy, &url, &url).await;
    scene.enqueue(300).await;
    master.order::<()>(&["FAILOVER", "TO", "127.0.0.1", &replica.port().to_string()]);
    until("the replica takes over", async || {
        replica.order::<String>(&["INFO", "replication"]).contains("role:master")
    })
    .await;
    names.set("main", "127.0.0.1", replica.port());
    scene.consumes("the master handed over", Duration::from_secs(3)).await;
    // The old one is alive, and would be listened to for ever.
    until("nobody listens to the old master", async || {
        master.order::<String>(&["CLIENT", "LIST", "TYPE", "pubsub"]).trim().is_empty()
    })
    .await;
    scene.finish(1).await;
}

#[tokio::test]
async fn a_claim_that_arrives_behind_a_later_one_takes_nothing() {
    let server = RedisServer::start(&[]);
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let (queues, task) = ([Name::from_static("q")], Name::from_static("t"));
    let tasks: TaskSet = [(task.clone(), 1)].into_iter().collect();
    let job = || Arc::new(Envelope::new(JobId::generate(), queues[0].clone(), task.clone(), Bytes::new()));
    let sender = WorkerId::generate();
    store.push(CallId { sender, sequence: 1 }, &[job(), job(), job()]).await.unwrap();
    for (sequence, jobs) in [(9, 1), (10, 1), (9, 0), (10, 1), (11, 1)] {
        let (call, lease) = (CallId { sender, sequence }, Duration::from_secs(60));
        let claim = Claim { call, queues: &queues, tasks: &tasks, limit: 1, lease };
        assert_eq!(store.claim(claim).await.unwrap().jobs.len(), jobs, "claim {sequence}");
    }
    assert_eq!(store.queue(&queues[0]).await.unwrap().counts.active, 3);
}
