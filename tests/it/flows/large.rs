//! Flows that are too large for one step.

use asyncmq::backend::conformance::Fixture;
use asyncmq::{Client, Flow, JobHandle, JobState};
use std::time::Duration;

use super::{OTHER, QUEUE, Ran, count, node, on_every_store, split, sum, worker};
use crate::support::Make;
use crate::support::faulty::{Fault, FaultyBackend, Side};
use crate::support::memory::Memory;
use crate::support::soon;

/// More jobs than one step takes in.
const MANY: usize = 1_200;
/// How long taking in may take.
const STAGING: Duration = Duration::from_secs(300);

/// Fans out and in, over two queues.
fn fan(id: &str, width: usize) -> Flow {
    let mut flow = Flow::with_id(id);
    let words = flow.add(split::job("a b c"));
    let counts: Vec<_> = (0..width).map(|_| flow.add(count::with(&words))).collect();
    flow.add(sum::with(0_usize, &counts));
    flow.finally(node::job(format!("{id} end"), "ok"));
    flow
}

#[tokio::test]
async fn a_large_flow_runs_once_all_of_it_is_there() {
    on_every_store(async |client| {
        let ran = Ran::default();
        let worker = worker(&client, &ran).await;
        let handle = fan("large", MANY).enqueue_on(&client).await.unwrap();
        let again = fan("large", MANY).enqueue_on(&client).await.unwrap();
        let graph = soon("the end", handle.wait()).await.unwrap();
        assert_eq!(graph.count(JobState::Completed), MANY + 3);
        assert_eq!(graph.nodes[MANY + 1].job.as_ref().unwrap().result_as::<usize>().unwrap(), 3 * MANY);
        assert!(graph.nodes[0].parents.is_empty(), "nothing is seen of what held it back");
        assert!(soon("the same end", again.wait()).await.unwrap().is_completed());
        assert_eq!(ran.all(), ["large end"]);
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_large_flow_may_begin_with_the_list_of_a_job_outside_of_it() {
    on_every_store(async |client| {
        let worker = worker(&client, &Ran::default()).await;
        let outside = client.enqueue(split::job("a b c")).await.unwrap();
        let mut flow = Flow::with_id("outside");
        let counts = flow.map(&outside.output(), |word| count::with(&[word][..]));
        let total = flow.add(sum::with(0_usize, &counts));
        (0..MANY).for_each(|_| drop(flow.add(node::job("beside", "ok"))));
        let handle = flow.enqueue_on(&client).await.unwrap();
        assert_eq!(soon("the total", handle.result(&total)).await.unwrap(), 3);
        let graph = soon("the end", handle.wait()).await.unwrap();
        assert_eq!(graph.count(JobState::Completed), MANY + 5);
        assert_eq!(handle.remove().await.unwrap(), MANY + 5);
        assert_eq!(outside.result().await.unwrap(), ["a", "b", "c"], "it is none of the flow");
        worker.stop().await.unwrap();
    })
    .await;
}

/// Counts the jobs of a flow that are kept.
async fn kept(client: &Client) -> u64 {
    let mut kept = 0;
    for queue in [QUEUE, OTHER] {
        kept += client.queue(queue).counts().await.unwrap().total();
    }
    kept
}

/// Finds what holds a flow back.
async fn gate_of(client: &Client) -> Option<JobHandle> {
    for state in JobState::ALL {
        let jobs = client.queue(QUEUE).list_jobs(state, 0..u64::MAX).await.unwrap();
        if let Some(gate) = jobs.iter().find(|job| job.task() == "asyncmq.gate") {
            return Some(client.queue(QUEUE).handle(gate.id()).await.unwrap());
        }
    }
    None
}

#[tokio::test]
async fn a_flow_whose_sender_dies_is_there_as_a_whole_or_not_at_all() {
    let (mut whole, mut gone) = (0, 0);
    for call in 0.. {
        for side in [Side::Request, Side::Reply] {
            let fixture = Memory::make().await;
            let store = FaultyBackend::cut(fixture.store(), Fault { call, side });
            let sender = Client::with_backend(store.clone());
            let sending = tokio::spawn(async move { fan("cut", MANY).enqueue_on(&sender).await });
            tokio::select! {
                () = store.dead() => {}
                sent = sending => {
                    sent.unwrap().unwrap();
                    assert!(call == 4 && 0 < whole && 0 < gone, "{call} calls, {whole} whole, {gone} gone");
                    return;
                }
            }
            let client = Client::with_backend(store.beside());
            let ran = Ran::default();
            let worker = worker(&client, &ran).await;
            fixture.advance(STAGING).await;
            if let Some(gate) = gate_of(&client).await {
                let _ = soon("the gate", gate.result::<serde_json::Value>()).await;
            }
            match client.flow("cut").await {
                Ok(flow) => {
                    let graph = soon("the end", flow.wait()).await.unwrap();
                    assert_eq!(graph.count(JobState::Completed), MANY + 3, "{call} {side:?}");
                    whole += 1;
                }
                Err(_) => {
                    assert!(kept(&client).await <= 1, "{call} {side:?}: nothing but what removed it");
                    assert!(ran.all().is_empty());
                    gone += 1;
                    let flow = fan("cut", MANY).enqueue_on(&client).await.unwrap();
                    assert!(soon("the end", flow.wait()).await.unwrap().is_completed(), "{call} {side:?}");
                }
            }
            worker.stop().await.unwrap();
        }
    }
}

#[tokio::test]
async fn who_is_too_slow_to_send_a_flow_is_told_so() {
    let fixture = Memory::make().await;
    let client = Client::with_backend(fixture.store());
    let worker = worker(&client, &Ran::default()).await;
    // What another sender left of the same flow, before its last calls.
    let store = FaultyBackend::cut(fixture.store(), Fault { call: 2, side: Side::Request });
    let slow = Client::with_backend(store.clone());
    let sending = tokio::spawn(async move { fan("slow", MANY).enqueue_on(&slow).await });
    store.dead().await;
    fixture.advance(STAGING).await;
    let gate = gate_of(&client).await.unwrap();
    let error = soon("the gate", gate.result::<serde_json::Value>()).await.unwrap_err().to_string();
    assert!(error.contains("was not enqueued as a whole"), "{error}");
    store.mend();
    let error = soon("the answer", sending).await.unwrap().unwrap_err();
    assert!(matches!(&error, asyncmq::Error::Unconfirmed { ids, .. } if ids.len() == MANY + 4), "{error:?}");
    assert_eq!(kept(&client).await, 1, "only the gate is left");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_large_flow_that_was_removed_waits_for_all_of_it_again() {
    let client = Client::memory();
    let worker = worker(&client, &Ran::default()).await;
    for _ in 0..2 {
        let handle = fan("again", MANY).enqueue_on(&client).await.unwrap();
        assert!(soon("the end", handle.wait()).await.unwrap().is_completed());
        assert!(gate_of(&client).await.is_none(), "a gate that has opened is gone");
        assert_eq!(handle.remove().await.unwrap(), MANY + 3);
        assert_eq!(kept(&client).await, 0);
    }
    worker.stop().await.unwrap();
}
