//! Graphs whose jobs lie in the slots of a cluster.

use std::time::{Duration, Instant};

use asyncmq::{Client, Dependency, JobId, Registry, TaskError, Worker, task};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

use crate::flows::random::{expected, graph};
use crate::support::redis_cluster::Cluster;
use crate::support::soon;

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

/// Enqueues jobs, and tells how long that takes and how long it is from there to the end of the last one.
async fn measured(client: &Client, what: &str, jobs: Vec<asyncmq::NewJob<node>>) {
    let (count, begin) = (jobs.len(), Instant::now());
    client.enqueue_all(jobs).await.unwrap();
    let enqueued = begin.elapsed();
    let queues = ["slots 0".to_owned(), "slots 1".to_owned()];
    let (begin, worker) = (Instant::now(), worker(client, &queues).await);
    for queue in &queues {
        while client.queue(queue.as_str()).counts().await.unwrap().unfinished() != 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    println!("{what} of {count}: enqueued in {enqueued:.2?}, run in {:.2?}", begin.elapsed());
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a minute: how long lines and fans take within a slot and between two"]
async fn lines_and_fans_between_two_slots_take_time_in_proportion_to_their_size() {
    let cluster = tokio::task::spawn_blocking(Cluster::shared).await.unwrap();
    for (where_, slots) in [("within a slot", 1), ("between slots", 2)] {
        let queue = move |place: usize| format!("slots {}", place % slots);
        for size in [500, 1_000] {
            let id = |place: usize| JobId::custom(&format!("line {place}")).unwrap();
            let job = |place: usize| {
                let new = node::job("ok").id(&*id(place)).queue(queue(place));
                if place == 0 { new } else { new.depends_on([id(place - 1)]) }
            };
            let what = format!("a line {where_}");
            measured(&client_of(&cluster).await, &what, (0..size).map(job).collect()).await;
        }
        for size in [5_000, 10_000] {
            let first = JobId::custom("first").unwrap();
            let job = |place: usize| match place {
                0 => node::job("ok").id("first").queue(queue(0)),
                _ => node::job("ok").queue(queue(1)).depends_on([&first]),
            };
            let what = format!("a fan out {where_}");
            measured(&client_of(&cluster).await, &what, (0..=size).map(job).collect()).await;
            let id = |place: usize| JobId::custom(&format!("part {place}")).unwrap();
            let job = |place: usize| match place {
                place if place == size => node::job("ok").queue(queue(1)).depends_on((0..size).map(id)),
                place => node::job("ok").id(&*id(place)).queue(queue(0)),
            };
            let what = format!("a fan in {where_}");
            measured(&client_of(&cluster).await, &what, (0..=size).map(job).collect()).await;
        }
    }
}
