//! `depends_on`, on single jobs and in bulk.

use std::time::Duration;

use asyncmq::{Dedup, Dependency, Error, JobId, JobState, OnFailure, WaitsFor, testing};

use super::{OTHER, QUEUE, Ran, count, node, on_every_store, worker};
use crate::support::soon;

#[tokio::test]
async fn a_job_waits_for_handles_and_ids_of_any_queue() {
    on_every_store(async |client| {
        let far = count::job(vec!["a".to_owned()]).enqueue_on(&client).await.unwrap();
        let near = node::job("near", "ok").id("near").enqueue_on(&client).await.unwrap();
        let ids = [far.id().clone(), JobId::custom("near").unwrap()];
        let child = node::job("child", "ok").depends_on(ids).enqueue_on(&client).await.unwrap();
        let other = count::with(vec!["x".to_owned()]).depends_on([&near]).enqueue_on(&client).await.unwrap();
        assert_eq!(child.state().await.unwrap(), JobState::Blocked);
        let explained = child.explain().await.unwrap();
        let parent = |id: &JobId, queue: &str, state| {
            let of = |reason: &WaitsFor| {
                matches!(reason, WaitsFor::Parent { id: own, queue: its, state: stands }
                    if own == id && **its == *queue && *stands == state)
            };
            assert!(explained.reasons.iter().any(of), "{explained:?}");
        };
        parent(far.id(), OTHER, JobState::Waiting);
        parent(near.id(), QUEUE, JobState::Waiting);
        let said = explained.to_string();
        assert!(
            said.contains(&format!("it waits for job {} of queue {OTHER:?}, which is waiting", far.id())),
            "{said}"
        );
        let ran = Ran::default();
        let worker = worker(&client, &ran).await;
        soon("the child", child.result()).await.unwrap();
        assert_eq!(ran.all(), ["near", "child"]);
        soon("the other", other.result()).await.unwrap();
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn jobs_of_a_bulk_may_wait_for_each_other_in_any_order() {
    on_every_store(async |client| {
        let id = |name: &str| JobId::custom(name).unwrap();
        let jobs = [
            node::job("c", "ok").id("c").depends_on([id("a"), id("b")]),
            node::job("b", "ok").id("b").depends_on([id("a")]),
            node::job("a", "ok").id("a"),
        ];
        let handles = client.enqueue_all(jobs).await.unwrap();
        assert_eq!(handles.iter().map(|handle| &**handle.id()).collect::<Vec<_>>(), ["c", "b", "a"]);
        let ran = Ran::default();
        let worker = worker(&client, &ran).await;
        soon("the last", handles[0].result()).await.unwrap();
        assert_eq!(ran.all(), ["a", "b", "c"]);
        let circle = [
            node::job("d", "ok").id("d").depends_on([id("e")]),
            node::job("e", "ok").id("e").depends_on([id("d")]),
        ];
        let error = client.enqueue_all(circle).await.unwrap_err().to_string();
        assert!(error.contains("d (flows.node) waits for e (flows.node) waits for d"), "{error}");
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_unknown_job_is_an_error_that_names_it() {
    on_every_store(async |client| {
        let gone = JobId::custom("gone").unwrap();
        let error = node::job("a", "ok").depends_on([&gone]).enqueue_on(&client).await.unwrap_err();
        assert!(matches!(&error, Error::ParentGone { parent, .. } if parent == "gone"), "{error:?}");
        let removed = node::job("b", "ok").enqueue_on(&client).await.unwrap();
        client.queue(QUEUE).remove_job(removed.id()).await.unwrap();
        let error = node::job("c", "ok").depends_on([&removed]).enqueue_on(&client).await.unwrap_err();
        assert!(
            matches!(&error, Error::ParentGone { queue: Some(queue), .. } if queue == QUEUE),
            "{error:?}"
        );
        assert_eq!(client.queue(QUEUE).counts().await.unwrap().total(), 0);
    })
    .await;
}

#[tokio::test]
async fn each_edge_has_its_own_policy() {
    on_every_store(async |client| {
        let bad = node::job("bad", "fail").enqueue_on(&client).await.unwrap();
        let after = async |policy| {
            let waits = Dependency::from(&bad).on_failure(policy);
            node::job("after", "ok").depends_on([waits]).enqueue_on(&client).await.unwrap()
        };
        let (fails, runs, ends) =
            (after(OnFailure::Fail).await, after(OnFailure::Run).await, after(OnFailure::Cancel).await);
        let worker = worker(&client, &Ran::default()).await;
        soon("the one that runs", runs.result()).await.unwrap();
        let error = soon("the one that fails", fails.result()).await.unwrap_err();
        assert!(matches!(error, Error::JobFailed { .. }), "{error:?}");
        let error = soon("the one that is cancelled", ends.result()).await.unwrap_err();
        assert!(
            matches!(&error, Error::JobCancelled { reason: Some(reason), .. } if reason.contains("failed")),
            "{error:?}"
        );
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_job_that_waits_may_have_a_delay_and_a_key() {
    on_every_store(async |client| {
        let first = node::job("first", "ok").enqueue_on(&client).await.unwrap();
        let job = || node::job("later", "ok").depends_on([&first]).delay(Duration::from_secs(3_600));
        let later = job().dedup(Dedup::Simple).dedup_key("k").enqueue_on(&client).await.unwrap();
        let same = job().dedup(Dedup::Simple).dedup_key("k").enqueue_on(&client).await.unwrap();
        assert_eq!(same.id(), later.id());
        let worker = worker(&client, &Ran::default()).await;
        soon("the first", first.result()).await.unwrap();
        crate::support::until("the child to be delayed", async || {
            later.state().await.unwrap() == JobState::Delayed
        })
        .await;
        let error = job().dedup(Dedup::KeepLast).enqueue_on(&client).await.unwrap_err().to_string();
        assert!(error.contains("cannot do both"), "{error}");
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_test_runs_jobs_that_wait_by_hand() {
    let client = testing::client().state(Ran::default());
    let first = node::job("first", "ok").enqueue_on(&client).await.unwrap();
    let second = node::job("second", "ok").depends_on([&first]).enqueue_on(&client).await.unwrap();
    let drained = client.drain().await.unwrap();
    assert_eq!(drained.completed, 2);
    assert_eq!(second.state().await.unwrap(), JobState::Completed);
}
