//! Deduplication as producers meet it: whose handle they get, which key a job has, and what they are told.

use std::time::Duration;

use asyncmq::backend::{TaskDefaults, TaskInfo, WorkerInfo};
use asyncmq::job::{Name, WorkerId};
use asyncmq::{Backoff, Client, Dedup, Error, JobState, NewJob, Retention, State, task};
use serde_json::json;

use crate::support::gate::Gate;
use crate::support::soon;
use crate::support::stage::Stage;

const QUEUE: &str = "dedup";

#[task(name = "dedup.plain", queue = "dedup")]
async fn plain(number: u32) -> u32 {
    number
}

#[task(name = "dedup.other", queue = "dedup")]
async fn other() {}

#[task(name = "dedup.by_user", queue = "dedup", dedup = "simple", dedup_key = format!("user {user}"))]
async fn by_user(user: u32, text: String) -> String {
    format!("{user}: {text}")
}

#[task(name = "dedup.whole", queue = "dedup", dedup = "throttle(10s, extend)")]
async fn whole(a: u32, b: Option<String>) -> u32 {
    a + u32::try_from(b.unwrap_or_default().len()).unwrap()
}

#[task(name = "dedup.debounced", queue = "dedup", dedup = "debounce(1h)", dedup_key = group)]
async fn debounced(group: u8, number: u32) -> u32 {
    let _ = group;
    number
}

#[task(name = "dedup.gated", queue = "dedup gate", dedup = "keep_last", dedup_key = group)]
async fn gated(group: u8, number: u32, gate: State<Gate>) -> u32 {
    let _ = group;
    gate.pass().await;
    number
}

fn simple(number: u32) -> NewJob<plain> {
    plain::job(number).dedup(Dedup::Simple).dedup_key("k")
}

/// Returns the key of the one job that waits.
async fn only_key(client: &Client) -> (String, Dedup) {
    let jobs = client.queue(QUEUE).list_jobs(JobState::Waiting, 0..9).await.unwrap();
    let jobs = if jobs.is_empty() { client.queue(QUEUE).list_delayed(0..9).await.unwrap() } else { jobs };
    assert_eq!(jobs.len(), 1);
    let key = jobs[0].envelope().dedup().expect("it has a key");
    (key.key.to_string(), key.mode)
}

#[tokio::test]
async fn the_second_caller_gets_the_handle_of_the_first_job() {
    let client = Client::memory();
    let first = simple(1).enqueue_on(&client).await.unwrap();
    let second = simple(2).enqueue_on(&client).await.unwrap();
    assert_eq!(second.id(), first.id());
    let worker = Stage::on(&client, QUEUE, |worker| worker).await.worker;
    assert_eq!(
        soon("both results", futures::future::try_join(first.result(), second.result())).await.unwrap(),
        (1, 1)
    );
    let third = simple(3).enqueue_on(&client).await.unwrap();
    assert_eq!(soon("the result", third.result()).await.unwrap(), 3);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_key_that_a_job_of_another_task_holds_is_an_error_and_no_handle() {
    let client = Client::memory();
    let theirs = other::job().dedup(Dedup::Replace).dedup_key("k").enqueue_on(&client).await.unwrap();
    let error = simple(1).enqueue_on(&client).await.unwrap_err();
    let Error::KeyHeld { key, id, found, wanted } = &error else { panic!("{error}") };
    assert_eq!(
        (key.as_str(), id, found.as_str(), wanted.as_str()),
        ("k", theirs.id(), "dedup.other", "dedup.plain")
    );
    let bulk = client.enqueue_all([plain::job(1), simple(2)]).await.unwrap_err();
    let Error::Bulk { index: 1, source } = &bulk else { panic!("{bulk}") };
    assert!(matches!(**source, Error::KeyHeld { .. }));
}

#[tokio::test]
async fn jobs_of_one_bulk_count_in_their_order() {
    let client = Client::memory();
    let handles = client.enqueue_all([simple(1), simple(2), simple(3).dedup_key("l")]).await.unwrap();
    assert_eq!(handles[0].id(), handles[1].id());
    assert_ne!(handles[0].id(), handles[2].id());
    assert_eq!(client.queue(QUEUE).counts().await.unwrap().waiting, 2);
}

#[tokio::test]
async fn without_a_key_jobs_of_equal_arguments_are_the_same() {
    let client = Client::memory();
    let job = |number| plain::job(number).dedup(Dedup::Simple);
    let first = job(1).enqueue_on(&client).await.unwrap();
    assert_eq!(job(1).enqueue_on(&client).await.unwrap().id(), first.id());
    assert_ne!(job(2).enqueue_on(&client).await.unwrap().id(), first.id());
    let typed = whole::job(1, Some("x".into())).enqueue_on(&client).await.unwrap();
    let named = NewJob::new("dedup.whole").args(json!({"b": "x", "a": 1}));
    assert_eq!(client.queue(QUEUE).add(named).await.unwrap().id(), typed.id());
}

#[tokio::test]
async fn a_tasks_own_expression_is_the_key_however_the_job_is_described() {
    let client = Client::memory();
    let typed = by_user::job(7, "one").enqueue_on(&client).await.unwrap();
    assert_eq!(only_key(&client).await, ("user 7".into(), Dedup::Simple));
    let named = NewJob::new("dedup.by_user").args(json!({"user": 7, "text": "two"}));
    assert_eq!(client.queue(QUEUE).add(named).await.unwrap().id(), typed.id());
    let own = by_user::job(7, "three").dedup_key("mine").enqueue_on(&client).await.unwrap();
    assert_ne!(own.id(), typed.id());
    let garbled = NewJob::new("dedup.by_user").args(json!({"user": "Ann"}));
    let error = client.queue(QUEUE).add(garbled).await.unwrap_err();
    assert!(matches!(error, Error::Payload { .. }) && error.to_string().contains("dedup_key"), "{error}");
}

#[tokio::test]
async fn what_another_binary_publishes_of_a_task_counts_too() {
    let client = Client::memory();
    let defaults = TaskDefaults {
        max_attempts: 1,
        priority: 5,
        delay: None,
        ttl: None,
        timeout: None,
        backoff: Backoff::DEFAULT,
        retention: Retention::Standard,
        tags: Vec::new(),
        dedup: Some(Dedup::Simple),
        keyed: false,
        dedup_keyed: false,
    };
    let task = |name: &str, dedup_keyed| TaskInfo {
        name: Name::from_stored(name),
        schedule: None,
        version: 1,
        queue: Name::from_static(QUEUE),
        arguments: Vec::new(),
        defaults: TaskDefaults { dedup_keyed, ..defaults.clone() },
    };
    let tasks = vec![task("elsewhere.whole", false), task("elsewhere.keyed", true)];
    let worker = WorkerInfo { tasks, ..WorkerInfo::new(WorkerId::generate()) };
    client.backend().register(&worker, Duration::from_secs(30)).await.unwrap();
    let queue = client.queue(QUEUE);
    let first = queue.add(NewJob::new("elsewhere.whole").args(json!({"a": 1}))).await.unwrap();
    let second = queue.add(NewJob::new("elsewhere.whole").args(json!({"a": 1}))).await.unwrap();
    assert_eq!(first.id(), second.id());
    let error = queue.add(NewJob::new("elsewhere.keyed")).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)) && error.to_string().contains(".dedup_key("), "{error}");
    queue.add(NewJob::new("elsewhere.keyed").dedup_key("k")).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_says_what_to_do() {
    let client = Client::memory();
    let invalid = [
        (plain::job(1).dedup_key("k"), ".dedup(Dedup::Simple)"),
        (plain::job(1).dedup(Dedup::Throttle(Duration::ZERO)), "must not be 0"),
        (
            plain::job(1).dedup(Dedup::Debounce(Duration::from_secs(1))).delay(Duration::from_secs(1)),
            "remove its `delay`",
        ),
        (simple(1).dedup_key("a\nb"), "control character"),
        (simple(1).dedup_key("x".repeat(256)), "255 are allowed"),
    ];
    for (job, said) in invalid {
        let error = job.enqueue_on(&client).await.unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
    assert_eq!(client.queue(QUEUE).counts().await.unwrap().total(), 0);
}

#[tokio::test]
async fn who_waits_for_a_replaced_job_is_told_by_which() {
    let client = Client::memory();
    let first = debounced::job(7, 1).enqueue_on(&client).await.unwrap();
    assert_eq!(only_key(&client).await, ("7".into(), Dedup::Debounce(Duration::from_secs(3_600))));
    let mut result = std::pin::pin!(first.result());
    assert!(futures::poll!(&mut result).is_pending(), "it listens");
    let second = debounced::job(7, 2).enqueue_on(&client).await.unwrap();
    assert_ne!(second.id(), first.id());
    let error = soon("the answer", result).await.unwrap_err();
    let Error::JobReplaced { id, by } = &error else { panic!("{error}") };
    assert_eq!((id, by), (first.id(), second.id()));
    assert!(matches!(first.job().await.unwrap_err(), Error::NotFound { .. }));
}

#[tokio::test]
async fn a_key_can_be_looked_up_and_freed() {
    let client = Client::memory();
    let queue = client.queue(QUEUE);
    assert_eq!(queue.get_deduplication_job_id("k").await.unwrap(), None);
    let first = simple(1).enqueue_on(&client).await.unwrap();
    assert_eq!(queue.get_deduplication_job_id("k").await.unwrap().as_ref(), Some(first.id()));
    assert!(queue.remove_deduplication_key("k").await.unwrap());
    assert!(!queue.remove_deduplication_key("k").await.unwrap());
    assert_ne!(simple(2).enqueue_on(&client).await.unwrap().id(), first.id());
}

#[tokio::test]
async fn the_last_one_that_came_while_a_job_ran_runs_after_it() {
    let gate = Gate::new();
    let stage = Stage::with("dedup gate", |worker| worker.state(gate.clone()).concurrency(9)).await;
    let first = stage.enqueue(gated::job(7, 1)).await;
    gate.arrived(1).await;
    let second = stage.enqueue(gated::job(7, 2)).await;
    let third = stage.enqueue(gated::job(7, 3)).await;
    assert_eq!(third.state().await.unwrap(), JobState::Blocked);
    gate.open(1);
    assert_eq!(soon("the first result", first.result()).await.unwrap(), 1);
    gate.arrived(1).await;
    gate.open(1);
    assert_eq!(soon("the last result", third.result()).await.unwrap(), 3);
    // It was replaced before anybody awaited it, and nothing is kept of it.
    assert!(matches!(second.result().await.unwrap_err(), Error::ResultGone { id } if id == *second.id()));
    assert_eq!((gate.total(), gate.most()), (2, 1));
    stage.worker.stop().await.unwrap();
}
