//! Flows are kept and forgotten as a whole.

use std::time::Duration;

use asyncmq::backend::conformance::Fixture;
use asyncmq::job::Name;
use asyncmq::{Client, Error, Flow, FlowGraph, FlowState, JobId, JobState, OnFailure, Retention, task};

use super::{QUEUE, Ran, node, on_every_fixture, worker};
use crate::support::soon;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

#[task(name = "flows.letters", queue = "flows")]
async fn letters(word: String) -> Vec<String> {
    word.chars().map(String::from).collect()
}

#[task(name = "flows.twice", queue = "flows, elsewhere")]
async fn twice(letter: String) -> String {
    letter.repeat(2)
}

/// Lets time pass, and then whatever is over be forgotten.
async fn pass(fixture: &dyn Fixture, client: &Client, time: Duration) {
    fixture.advance(time).await;
    // What goes in one queue may let go of something in another one.
    for _ in 0..4 {
        fixture.arrived().await;
        while client.backend().prune(&Default::default(), 1_000).await.unwrap() != 0 {}
    }
}

async fn jobs_left(client: &Client) -> u64 {
    let mut left = 0;
    for queue in client.queues().await.unwrap() {
        left += client.queue(&*queue).counts().await.unwrap().total();
    }
    left
}

fn gone(graph: &FlowGraph) -> usize {
    graph.nodes.iter().filter(|node| node.job.is_none()).count()
}

#[tokio::test]
async fn a_flow_is_kept_as_a_whole_and_forgotten_as_a_whole() {
    on_every_fixture(async |fixture: &dyn Fixture, client: Client| {
        let mut flow = Flow::with_id("kept").retain(DAY);
        let word = flow.add(letters::job("abc"));
        let doubled = flow.map(&word, twice::with);
        flow.add(node::job("late", "ok").depends_on([&doubled]).delay(Duration::ZERO));
        let running = worker(&client, &Ran::default()).await;
        let handle = flow.enqueue_on(&client).await.unwrap();
        let graph = soon("the end", handle.wait()).await.unwrap();
        assert_eq!((graph.nodes.len(), graph.count(JobState::Completed)), (6, 6));
        running.stop().await.unwrap();
        pass(fixture, &client, DAY - HOUR).await;
        let graph = handle.graph().await.unwrap();
        assert_eq!((graph.nodes.len(), gone(&graph)), (6, 0));
        pass(fixture, &client, HOUR * 2).await;
        assert!(matches!(client.flow("kept").await, Err(Error::FlowNotFound { .. })));
        assert_eq!(jobs_left(&client).await, 0, "nothing of it is left");
    })
    .await;
}

#[tokio::test]
async fn a_failed_flow_can_be_retried_as_a_whole_for_as_long_as_it_is_kept() {
    on_every_fixture(async |fixture: &dyn Fixture, client: Client| {
        let mut flow = Flow::with_id("retried");
        let first = flow.add(node::job("first", "ok"));
        let fails = flow.add(node::job("fails", "fail").depends_on([&first]));
        let cancelled = asyncmq::Dependency::from(&fails).on_failure(OnFailure::Cancel);
        flow.add(node::job("cancelled", "ok").depends_on([cancelled]));
        let unkept = flow.add(node::job("unkept", "ok").retain(Retention::Nothing));
        let running = worker(&client, &Ran::default()).await;
        let handle = flow.enqueue_on(&client).await.unwrap();
        let graph = soon("the end", handle.wait()).await.unwrap();
        assert_eq!(graph.state, FlowState::Failed);
        running.stop().await.unwrap();
        pass(fixture, &client, DAY * 6).await;
        let graph = handle.graph().await.unwrap();
        assert_eq!(gone(&graph), 1, "one was to leave nothing behind");
        assert!(client.job(handle.job(&unkept).unwrap().id()).await.unwrap().is_none());
        assert_eq!((graph.count(JobState::Completed), graph.count(JobState::Cancelled)), (1, 1));
        let ran = Ran::default();
        let running = worker(&client, &ran).await;
        assert_eq!(handle.retry().await.unwrap(), 2, "the cancelled one too, though it ended days ago");
        assert_eq!(soon("the end", handle.wait()).await.unwrap().state, FlowState::Failed);
        assert_eq!(ran.all(), ["fails"]);
        running.stop().await.unwrap();
        pass(fixture, &client, DAY * 6).await;
        assert_eq!(gone(&handle.graph().await.unwrap()), 1, "its time begins anew with it");
        pass(fixture, &client, DAY * 2).await;
        assert_eq!(jobs_left(&client).await, 0);
        assert!(client.queue(QUEUE).counts().await.unwrap().failed == 0);
    })
    .await;
}

/// A flow of this id that doubles the letters of a word, and is kept for a minute.
fn doubling(word: &str) -> (Flow, asyncmq::Node<Vec<String>>) {
    let mut flow = Flow::with_id("again").retain(Duration::from_secs(60));
    let letters = flow.add(letters::job(word));
    let doubled = flow.map(&letters, twice::with);
    (flow, doubled)
}

#[tokio::test]
async fn a_flow_whose_id_comes_again_runs_anew_whatever_is_left_of_the_former() {
    on_every_fixture(async |fixture: &dyn Fixture, client: Client| {
        let mut words = ["ab", "cd", "ef"].into_iter();
        let mut run = async || {
            let word = words.next().unwrap();
            let (flow, doubled) = doubling(word);
            let running = worker(&client, &Ran::default()).await;
            let handle = flow.enqueue_on(&client).await.unwrap();
            let expected: Vec<String> = word.chars().map(|letter| String::from(letter).repeat(2)).collect();
            assert_eq!(soon("the letters", handle.result(&doubled)).await.unwrap(), expected);
            soon("the end", handle.wait()).await.unwrap();
            running.stop().await.unwrap();
        };
        run().await;
        pass(fixture, &client, Duration::from_secs(90)).await;
        assert_eq!(
            jobs_left(&client).await,
            0,
            "also what was made, though that is kept for an hour elsewhere"
        );
        run().await;
        // Only its own record is gone yet.
        let head = JobId::custom("again.flow").unwrap();
        client.backend().remove(&Name::queue(QUEUE).unwrap(), &head).await.unwrap();
        assert!(jobs_left(&client).await >= 4);
        run().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_of_a_former_flow_that_is_kept_for_longer_is_told_of() {
    on_every_fixture(async |fixture: &dyn Fixture, client: Client| {
        let flow = || {
            let mut flow = Flow::with_id("longer").retain(HOUR);
            flow.add(node::job("kept", "ok").retain(Retention::For(DAY)));
            flow.add(node::job("not kept", "ok"));
            flow
        };
        let running = worker(&client, &Ran::default()).await;
        let handle = flow().enqueue_on(&client).await.unwrap();
        soon("the end", handle.wait()).await.unwrap();
        running.stop().await.unwrap();
        pass(fixture, &client, HOUR * 2).await;
        assert_eq!(jobs_left(&client).await, 1);
        let refused = flow().enqueue_on(&client).await.unwrap_err().to_string();
        assert!(refused.contains("longer.0") && refused.contains("an id of its own"), "{refused}");
        assert_eq!(jobs_left(&client).await, 1, "nothing was enqueued");
        let kept = JobId::custom("longer.0").unwrap();
        client.backend().remove(&Name::queue(QUEUE).unwrap(), &kept).await.unwrap();
        flow().enqueue_on(&client).await.unwrap();
        assert_eq!(jobs_left(&client).await, 3);
    })
    .await;
}
