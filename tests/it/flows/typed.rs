//! Flows whose jobs take what others return.

use asyncmq::{Client, Error, Flow, FlowState, JobState, NewJob, Node};
use serde_json::{Value, json};

use super::{OTHER, QUEUE, Ran, count, node, on_every_store, report, split, sum, worker};
use crate::support::soon;

#[tokio::test]
async fn outputs_become_arguments_in_chains_diamonds_and_lists() {
    on_every_store(async |client| {
        let mut flow = Flow::new();
        let words = flow.add(split::job("a b c"));
        let counts = [
            flow.add(count::with(&words)),
            flow.add(count::with(vec!["x".to_owned()])),
            flow.add(count::with(&words)),
        ];
        let total = flow.add(sum::with(100_usize, counts.as_slice()));
        let title = flow.add(report::with("total", total.optional()));
        let worker = worker(&client, &Ran::default()).await;
        let handle = flow.enqueue_on(&client).await.unwrap();
        assert_eq!(soon("the title", handle.result(&title)).await.unwrap(), "total: Some(107)");
        assert_eq!(handle.result(&total).await.unwrap(), 107);
        let graph = soon("the end", handle.wait()).await.unwrap();
        assert!(graph.is_over() && graph.is_completed());
        assert_eq!(graph.count(JobState::Completed), 6);
        assert_eq!(graph.nodes[1].queue, OTHER);
        assert_eq!(graph.nodes[4].parents.len(), 3);
        let dot = graph.to_dot();
        assert!(dot.contains("flows.sum (completed)") && dot.matches(" -> ").count() == 6, "{dot}");
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_failed_job_ends_those_behind_it_and_an_optional_output_is_none() {
    on_every_store(async |client| {
        let mut flow = Flow::new();
        let nothing = flow.add(count::job(Vec::new()));
        let total = flow.add(sum::with(1_usize, [&nothing]));
        let title = flow.add(report::with("total", total.optional()));
        let worker = worker(&client, &Ran::default()).await;
        let handle = flow.enqueue_on(&client).await.unwrap();
        assert_eq!(soon("the title", handle.result(&title)).await.unwrap(), "total: None");
        let error = handle.result(&total).await.unwrap_err();
        assert!(matches!(&error, Error::JobFailed { attempts: 0, message, .. } if message.contains(&**nothing.id())), "{error}");
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn callbacks_run_as_the_flow_ends() {
    on_every_store(async |client| {
        let ran = Ran::default();
        let worker = worker(&client, &ran).await;
        for (end, on_success, on_failure) in
            [("ok", true, false), ("fail", false, true), ("cancel", false, true)]
        {
            for (callback, runs) in [("success", on_success), ("failure", on_failure), ("finally", true)] {
                let name = |what: &str| format!("{end} {callback} {what}");
                let mut flow = Flow::new();
                let first = flow.add(node::job(name("first"), "ok"));
                flow.add(node::job(name("second"), end).depends_on([&first]));
                flow.add(node::job(name("beside"), "ok"));
                let job = node::job(name("callback"), "ok");
                let last = match callback {
                    "success" => flow.on_success(job),
                    "failure" => flow.on_failure(job),
                    _ => flow.finally(job),
                };
                let handle = flow.enqueue_on(&client).await.unwrap();
                soon("the end", handle.wait()).await.unwrap();
                let expected = if runs { JobState::Completed } else { JobState::Cancelled };
                assert_eq!(handle.job(&last).unwrap().state().await.unwrap(), expected, "{end} {callback}");
                let began = ran.began(&name("callback"));
                assert_eq!(began.is_some(), runs, "{end} {callback}");
                assert!(!runs || ran.ended(&name("second")) < began, "it runs at the end");
            }
        }
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn callbacks_stand_behind_all_whatever_else_was_said_of_some() {
    on_every_store(async |client| {
        let outside =
            client.queue(QUEUE).add(NewJob::new("flows.node").args(json!(["outside", "ok"]))).await.unwrap();
        let ran = Ran::default();
        let worker = worker(&client, &ran).await;
        for end in ["ok", "fail"] {
            let name = |what: &str| format!("{end} {what}");
            let mut flow = Flow::new();
            let first = flow.add(node::job(name("first"), end));
            let callback = |what: &str| node::job(name(what), "ok").depends_on([&first]);
            let failure = flow.on_failure(callback("failure").depends_on([&outside]));
            let again = flow.on_failure(callback("again"));
            let success = flow.on_success(callback("success"));
            let last = flow.finally(callback("last"));
            let handle = flow.enqueue_on(&client).await.unwrap();
            soon("the end", handle.wait()).await.unwrap();
            let state = async |node: &Node<String>| handle.job(node).unwrap().state().await.unwrap();
            let (ran, not) = (JobState::Completed, JobState::Cancelled);
            let expected = if end == "ok" { (not, ran, ran) } else { (ran, not, ran) };
            assert_eq!((state(&failure).await, state(&success).await, state(&last).await), expected, "{end}");
            assert_eq!(state(&again).await, state(&failure).await, "{end}");
            let completed = handle.state().await.unwrap() == FlowState::Completed;
            assert_eq!(completed, end == "ok");
        }
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_flow_is_found_cancelled_and_begun_anew_by_its_id() {
    on_every_store(async |client| {
        let flow = |end: &str| {
            let mut flow = Flow::with_id("nightly");
            let first = flow.add(node::job("first", "ok"));
            let second = flow.add(node::job("second", end).depends_on([&first]));
            flow.add(node::job("third", "ok").depends_on([&second]));
            flow
        };
        flow("fail").enqueue_on(&client).await.unwrap();
        flow("fail").enqueue_on(&client).await.unwrap();
        assert_eq!(
            client.queue(QUEUE).counts().await.unwrap().unfinished(),
            4,
            "there is one of that id, and it has a job of its own"
        );
        let handle = client.flow("nightly").await.unwrap();
        assert_eq!(handle.cancel().await.unwrap(), 3);
        let graph = handle.graph().await.unwrap();
        assert_eq!(
            (graph.id.as_str(), graph.count(JobState::Cancelled), graph.is_over()),
            ("nightly", 3, true)
        );
        assert_eq!(handle.retry().await.unwrap(), 3);
        let graph = handle.graph().await.unwrap();
        assert_eq!((graph.count(JobState::Waiting), graph.count(JobState::Blocked)), (1, 2));
        let ran = Ran::default();
        let worker = worker(&client, &ran).await;
        let graph = soon("the end", handle.wait()).await.unwrap();
        assert_eq!((graph.count(JobState::Completed), graph.count(JobState::Failed)), (1, 2));
        assert_eq!(ran.all(), ["first", "second"]);
        assert_eq!(handle.retry().await.unwrap(), 2, "what completed stays");
        soon("the end", handle.wait()).await.unwrap();
        assert_eq!(ran.all(), ["first", "second", "second"]);
        let error = client.flow("weekly").await.unwrap_err();
        assert!(matches!(error, Error::FlowNotFound { id } if id == "weekly"));
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_list_without_nodes_is_an_empty_list() {
    on_every_store(async |client| {
        let mut flow = Flow::new();
        let nothing: [Node<usize>; 0] = [];
        let alone = flow.add(sum::with(7_usize, nothing.as_slice()));
        let behind = flow.add(sum::with(&alone, nothing.as_slice()));
        let worker = worker(&client, &Ran::default()).await;
        let handle = flow.enqueue_on(&client).await.unwrap();
        assert_eq!(soon("the first sum", handle.result(&alone)).await.unwrap(), 7);
        assert_eq!(soon("the second sum", handle.result(&behind)).await.unwrap(), 7);
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_flow_is_removed_as_a_whole() {
    on_every_store(async |client| {
        let mut flow = Flow::with_id("kept");
        let first = flow.add(node::job("first", "ok"));
        flow.add(node::job("second", "ok").depends_on([&first]));
        let handle = flow.enqueue_on(&client).await.unwrap();
        let worker = worker(&client, &Ran::default()).await;
        soon("the end", handle.wait()).await.unwrap();
        assert_eq!(handle.remove().await.unwrap(), 2);
        assert!(matches!(client.flow("kept").await, Err(Error::FlowNotFound { .. })));
        assert_eq!(client.queue(QUEUE).counts().await.unwrap().total(), 0);
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn jobs_by_name_take_outputs_too() {
    on_every_store(async |client| {
        let mut flow = Flow::new();
        let words = flow.add_named(NewJob::new("flows.split").args(json!(["a b"])));
        let count = flow.add_named(NewJob::new("flows.count").input("words", &words));
        let worker = worker(&client, &Ran::default()).await;
        let handle = flow.enqueue_on(&client).await.unwrap();
        assert_eq!(soon("the count", handle.result(&count)).await.unwrap(), Value::from(2));
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_flow_that_cannot_be_leaves_nothing_behind() {
    on_every_store(async |client| {
        let refused = async |flow: Flow, why: &str| {
            let error = flow.enqueue_on(&client).await.unwrap_err();
            let said = format!("{error:?}");
            assert!(said.contains(why), "{said}");
            assert_eq!(client.queue(QUEUE).counts().await.unwrap().total(), 0, "{why}");
        };
        refused(Flow::new(), "1 to 20000 jobs").await;
        let mut circle = Flow::with_id("c");
        let ids = ["c.1", "c.0"].map(|id| asyncmq::JobId::custom(id).unwrap());
        circle.add(node::job("a", "ok").depends_on([&ids[0]]));
        circle.add(node::job("b", "ok").depends_on([&ids[1]]));
        refused(circle, "c.0 (flows.node) waits for c.1 (flows.node) waits for c.0").await;
        let gone = client.queue(QUEUE).add(NewJob::new("flows.node")).await.unwrap();
        client.queue(QUEUE).remove_job(gone.id()).await.unwrap();
        let mut outside = Flow::new();
        outside.add(node::job("a", "ok"));
        outside.add(node::job("b", "ok").depends_on([&gone]));
        refused(outside, &format!("waits for job {}", gone.id())).await;
        let mut same = Flow::new();
        same.add(node::job("a", "ok").dedup(asyncmq::Dedup::Simple));
        refused(same, "a job of a flow cannot be left out").await;
        let mut dense = Flow::new();
        let nodes: Vec<_> = (0..500).map(|_| dense.add(node::job("a", "ok"))).collect();
        for _ in 0..401 {
            dense.add(node::job("b", "ok").depends_on(&nodes));
        }
        refused(dense, "200000 are allowed").await;
        let mut wide = Flow::new();
        let others = (0..20_001).map(|place| asyncmq::JobId::custom(&format!("{place}")).unwrap());
        wide.add(node::job("a", "ok").depends_on(others));
        refused(wide, "waits for 20001 others, 20000 are allowed").await;
        let mut named = Flow::new();
        named.add(node::job("a", "ok").id("mine"));
        refused(named, "has its id of the flow").await;
        refused(Flow::with_id("x".repeat(201)), "1 to 200 bytes").await;
        refused(Flow::with_id("a\nb"), "control character").await;
    })
    .await;
}

#[tokio::test]
async fn a_chain_of_a_thousand_runs_in_its_order() {
    let client = Client::memory();
    let mut flow = Flow::new();
    let mut last = flow.add(node::job("0", "ok"));
    for place in 1..1_000 {
        last = flow.add(node::job(place.to_string(), "ok").depends_on([&last]));
    }
    let ran = Ran::default();
    let worker = worker(&client, &ran).await;
    let handle = flow.enqueue_on(&client).await.unwrap();
    soon("the end", handle.result(&last)).await.unwrap();
    let expected: Vec<String> = (0..1_000).map(|place| place.to_string()).collect();
    assert_eq!(ran.all(), expected);
    worker.stop().await.unwrap();
}
