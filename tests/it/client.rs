//! Enqueueing, following jobs, and their typed results.

use std::time::{Duration, Instant};

use asyncmq::job::Name;
use asyncmq::worker::Next;
use asyncmq::{
    Backoff, Client, Context, Error, EventKind, JobState, NewJob, Retention, State, Task, TaskError, Worker,
    task, testing,
};
use serde_json::json;

use crate::support::gate::Gate;
use crate::support::severed::{Fault, Severed, Verb};
use crate::support::soon;
use crate::support::stage::{Recorder, Stage};

#[task(name = "client.add", queue = "client")]
async fn add(a: i64, b: i64, c: Option<i64>) -> i64 {
    a + b + c.unwrap_or_default()
}

#[task(name = "client.other", queue = "client")]
async fn other() {}

#[task(name = "client.fails", queue = "client", retries = 1, backoff = "fixed(1ms)")]
async fn fails() -> Result<u8, String> {
    Err("no luck".into())
}

#[task(name = "client.cancels", queue = "client")]
async fn cancels() -> Result<u8, TaskError> {
    Err(TaskError::cancel("enough"))
}

#[task(name = "client.forgotten", queue = "client", retain = "none")]
async fn forgotten(number: u8) -> u8 {
    number
}

#[task(name = "client.deep", queue = "client")]
async fn deep(value: serde_json::Value) -> bool {
    value.is_array()
}

#[task(name = "client.gated", queue = "client gate")]
async fn gated(gate: State<Gate>) -> &'static str {
    gate.pass().await;
    "through"
}

#[tokio::test]
async fn a_result_is_typed_and_comes_the_moment_the_job_ends() {
    let gate = Gate::new();
    let stage = Stage::with("client gate", |worker| worker.state(gate.clone())).await;
    let handle = stage.enqueue(gated::job()).await;
    let waiting = tokio::spawn(handle.result());
    gate.arrived(1).await;
    let start = Instant::now();
    gate.open(1);
    assert_eq!(soon("the result", waiting).await.unwrap().unwrap(), "through");
    // Far less than the five seconds after which a waiting producer looks for itself.
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(handle.result().await.unwrap(), "through", "it can be asked again");
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_result_can_be_read_without_the_code_of_its_task() {
    let gate = Gate::new();
    let stage = Stage::with("client gate", |worker| worker.state(gate.clone())).await;
    let known = stage.enqueue(gated::job()).await;
    let handle = stage.client.queue("client gate").handle(known.id()).await.unwrap();
    gate.open(1);
    let value: serde_json::Value = soon("the result", handle.result()).await.unwrap();
    assert_eq!(value, "through");
    assert_eq!(handle.result_within::<String>(Duration::from_secs(1)).await.unwrap(), "through");
    let error = handle.result::<u32>().await.unwrap_err();
    assert!(matches!(error, Error::ResultType { .. }), "{error}");
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn who_waits_for_a_result_asks_the_store_once() {
    let (store, gate) = (Severed::new(), Gate::new());
    let stage = Stage::over(store.clone(), "client gate", |worker| worker.state(gate.clone())).await;
    let handle = stage.enqueue(gated::job()).await;
    let before = store.calls(Verb::Subscribe);
    let waiting = tokio::spawn(handle.result());
    gate.arrived(1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    gate.open(1);
    soon("the result", waiting).await.unwrap().unwrap();
    assert_eq!(store.calls(Verb::Subscribe) - before, 1);
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_result_that_takes_too_long_is_an_error_and_the_job_goes_on() {
    let gate = Gate::new();
    let stage = Stage::with("client gate", |worker| worker.state(gate.clone())).await;
    let handle = stage.enqueue(gated::job()).await;
    let error = handle.result_within(Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(error, Error::ResultTimeout { .. }), "{error}");
    gate.open(1);
    assert_eq!(soon("the result", handle.result()).await.unwrap(), "through");
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn the_ways_to_end_badly_are_told_apart() {
    let stage = Stage::of("client").await;
    for late in [false, true] {
        let (failed, cancelled) = (stage.enqueue(fails::job()).await, stage.enqueue(cancels::job()).await);
        if late {
            stage.worker.idle().await;
            while !failed.state().await.unwrap().is_terminal() {
                tokio::task::yield_now().await;
            }
        }
        match soon("the failure", failed.result()).await.unwrap_err() {
            Error::JobFailed { id, attempts, message } => {
                assert_eq!((&id, attempts, message.as_str()), (failed.id(), 2, "no luck"));
            }
            error => panic!("{error}"),
        }
        match soon("the cancellation", cancelled.result()).await.unwrap_err() {
            Error::JobCancelled { reason, .. } => assert_eq!(reason.as_deref(), Some("enough")),
            error => panic!("{error}"),
        }
    }
    stage.client.queue("client").pause().await.unwrap();
    let expired = stage.enqueue(other::job().ttl(Duration::from_millis(1))).await;
    let error = soon("the expiry", expired.result()).await.unwrap_err();
    assert!(matches!(error, Error::JobExpired { .. }), "{error}");
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_result_that_is_not_kept_is_told_to_those_who_wait_and_gone_for_the_others() {
    let client = Client::memory();
    let handle = forgotten::job(7).enqueue_on(&client).await.unwrap();
    let waiting = tokio::spawn(handle.result());
    // The waiter has looked and listens when the store knows of its listening.
    tokio::task::yield_now().await;
    let worker = Worker::new(&client).queues(["client"]).start().await.unwrap();
    assert_eq!(soon("the result", waiting).await.unwrap().unwrap(), 7);
    worker.idle().await;
    let error = handle.result().await.unwrap_err();
    assert!(matches!(error, Error::ResultGone { .. }), "{error}");
    let error = handle.state().await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_result_of_another_type_is_an_error_of_its_own() {
    let stage = Stage::with("client", |worker| {
        worker.layer(|_: Context, next: Next| async move { next.run().await.map(|_| "\"text\"".into()) })
    })
    .await;
    let handle = stage.enqueue(add::job(1, 2, None)).await;
    let error = soon("the result", handle.result()).await.unwrap_err();
    assert!(matches!(error, Error::ResultType { .. }), "{error}");
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_handle_can_be_had_by_id_but_only_to_the_tasks_own_job() {
    let client = Client::memory();
    let handle = add::job(1, 2, None).enqueue_on(&client).await.unwrap();
    assert_eq!(client.handle::<add>(handle.id()).await.unwrap().id(), handle.id());
    match client.handle::<other>(handle.id()).await.unwrap_err() {
        Error::OtherTask { found, wanted, .. } => {
            assert_eq!((found.as_str(), wanted.as_str()), (add::NAME, other::NAME));
        }
        error => panic!("{error}"),
    }
    let error = client.handle::<add>("nobody").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert_eq!(client.job(handle.id()).await.unwrap().unwrap().task(), add::NAME);
    assert!(client.job("nobody").await.unwrap().is_none());
}

#[tokio::test]
async fn a_second_job_of_a_kept_id_is_the_first_one() {
    let client = Client::memory();
    let mut recorder = Recorder::of(&client).await;
    let first = add::job(1, 2, None).id("sum 1").enqueue_on(&client).await.unwrap();
    let second = add::job(3, 4, None).id("sum 1").enqueue_on(&client).await.unwrap();
    assert_eq!(first.id(), second.id());
    recorder.next(EventKind::Duplicated).await;
    assert_eq!(client.queue("client").counts().await.unwrap().total(), 1);
    let worker = Worker::new(&client).queues(["client"]).start().await.unwrap();
    assert_eq!(soon("the result", second.result()).await.unwrap(), 3, "the first one's arguments count");
    worker.stop().await.unwrap();
    let third = add::job(5, 6, None).id("sum 1").enqueue_on(&client).await.unwrap();
    assert_eq!(third.result().await.unwrap(), 3, "its record is still kept");
    let error = other::job().id("sum 1").enqueue_on(&client).await.unwrap_err();
    assert!(matches!(error, Error::OtherTask { .. }), "{error}");
    let elsewhere = other::job().id("sum 1").queue("elsewhere").enqueue_on(&client).await;
    assert!(elsewhere.is_ok(), "ids are unique per queue");
}

#[tokio::test]
async fn ids_and_names_are_checked_before_anything_is_sent() {
    let client = Client::memory();
    for id in ["", "a\nb", &"x".repeat(256)] {
        let error = other::job().id(id).enqueue_on(&client).await.unwrap_err();
        assert!(matches!(error, Error::InvalidName { .. }), "{error}");
    }
    other::job().id("x".repeat(255)).enqueue_on(&client).await.unwrap();
    for queue in ["", "a\u{7f}b", &"x".repeat(129)] {
        let error = other::job().queue(queue).enqueue_on(&client).await.unwrap_err();
        assert!(matches!(error, Error::InvalidName { .. }), "{error}");
    }
    let strange = "a:{b} ü*\\\"'";
    let handle = client.queue(strange).add(NewJob::new(strange)).await.unwrap();
    assert_eq!((handle.queue(), handle.job().await.unwrap().task()), (strange, strange));
}

#[tokio::test]
async fn a_bulk_is_checked_as_a_whole_before_any_of_it_is_sent() {
    let client = Client::memory();
    let jobs = (0..5).map(|number| {
        let job = add::job(number, 1, None);
        if number == 3 { job.id("") } else { job }
    });
    match client.enqueue_all(jobs).await.unwrap_err() {
        Error::Bulk { index, source } => {
            assert_eq!(index, 3);
            assert!(matches!(*source, Error::InvalidName { .. }), "{source}");
        }
        error => panic!("{error}"),
    }
    assert_eq!(client.queue("client").counts().await.unwrap().total(), 0);
    let handles = client.enqueue_all((0..2_500).map(|number| add::job(number, 1, None))).await.unwrap();
    assert_eq!(handles.len(), 2_500);
    let first = handles[0].job().await.unwrap();
    assert_eq!(first.args().unwrap().get(), r#"{"a":0,"b":1,"c":null}"#);
    assert_eq!(client.queue("client").counts().await.unwrap().waiting, 2_500);
    let other_task = client.enqueue_all([other::job().id(handles[7].id().to_string())]).await.unwrap_err();
    let Error::Bulk { index: 0, source } = other_task else { panic!("{other_task}") };
    assert!(matches!(*source, Error::OtherTask { .. }), "{source}");
    assert!(client.enqueue_all(Vec::<NewJob<add>>::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn arguments_that_are_too_large_or_too_deep_are_refused_and_not_stored() {
    let client = Client::memory().max_payload(1_000);
    // {"value":["…"]} has fourteen bytes around the text.
    let of_length = |length: usize| deep::job(json!(["x".repeat(length - 14)]));
    of_length(1_000).enqueue_on(&client).await.unwrap();
    let error = of_length(1_001).enqueue_on(&client).await.unwrap_err();
    assert!(matches!(error, Error::Payload { .. }) && error.to_string().contains("1001 bytes"), "{error}");
    let nested = |levels: usize| {
        let array = (0..levels).fold(json!(null), |inner, _| json!([inner]));
        deep::job(array)
    };
    nested(127).enqueue_on(&client).await.unwrap();
    let error = nested(128).enqueue_on(&client).await.unwrap_err();
    assert!(matches!(error, Error::Payload { .. }) && error.to_string().contains("128"), "{error}");
    assert_eq!(client.queue("client").counts().await.unwrap().total(), 2);
    Client::memory().enqueue(deep::job(json!("x".repeat(1_048_000)))).await.unwrap();
    let error = Client::memory().enqueue(deep::job(json!("x".repeat(1_048_576)))).await.unwrap_err();
    assert!(matches!(error, Error::Payload { .. }), "the default is 1 MiB: {error}");
}

#[tokio::test]
async fn a_job_by_name_takes_its_arguments_by_name_by_position_or_both() {
    let mut stage = Stage::of("client").await;
    let queue = stage.client.queue("client");
    let good = [
        NewJob::new("client.add").args(json!([1, 2])),
        NewJob::new("client.add").args(json!([1])).kwargs(json!({"b": 2})),
        NewJob::new("client.add").args(json!({"a": 1, "b": 2})),
        NewJob::new("client.add").kwargs(json!({"a": 1, "b": 2, "c": null})),
    ];
    for job in good {
        let handle = queue.add(job).await.unwrap();
        let job = stage.tells(&handle, &["enqueued", "started 1", "completed 1"]).await;
        assert_eq!(job.result_as::<i64>().unwrap(), 3);
    }
    let bad = [
        NewJob::new("client.add").args(json!([1, 2, 3, 4])),
        NewJob::new("client.add").args(json!([1, 2])).kwargs(json!({"a": 5})),
        NewJob::new("client.add").args(json!([1])),
    ];
    for job in bad {
        let handle = queue.add(job).await.unwrap();
        stage.tells(&handle, &["enqueued", "started 1", "failed 1 arguments"]).await;
    }
    stage.worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_job_by_name_has_its_tasks_options_unless_it_has_its_own() {
    let client = Client::memory();
    let queue = client.queue("client");
    let plain = queue.add(NewJob::new("client.fails")).await.unwrap().job().await.unwrap();
    assert_eq!(
        (plain.max_attempts(), plain.envelope().backoff.clone()),
        (2, Backoff::fixed(Duration::from_millis(1)))
    );
    let own = NewJob::new("client.fails")
        .retries(9)
        .priority(1)
        .retain(Retention::Nothing)
        .tag("x")
        .header("k", "v");
    let own = queue.add(own).await.unwrap().job().await.unwrap();
    assert_eq!((own.max_attempts(), own.priority(), own.tags()), (10, 1, &["x".to_owned()][..]));
    assert_eq!(own.headers(), [("k".to_owned(), "v".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn an_enqueue_that_is_never_answered_is_unconfirmed_and_may_be_repeated() {
    for fault in [Fault::Cut, Fault::Lost] {
        let store = Severed::new();
        let client = Client::with_backend(store.clone());
        store.fail(Verb::Push, fault, usize::MAX);
        let jobs = || (0..3).map(|number| add::job(number, 1, None).id(format!("job {number}")));
        match client.enqueue_all(jobs()).await.unwrap_err() {
            Error::Unconfirmed { ids, .. } => assert_eq!(ids, ["job 0", "job 1", "job 2"]),
            error => panic!("{error}"),
        }
        store.heal();
        let handles = client.enqueue_all(jobs()).await.unwrap();
        assert_eq!(handles.len(), 3);
        assert_eq!(client.queue("client").counts().await.unwrap().waiting, 3, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_was_not_confirmed_is_named() {
    let store = Severed::new();
    let client = Client::with_backend(store.clone());
    let jobs = (0..1_500).map(|number| add::job(number, 1, None).id(format!("job {number}")));
    let enqueue = tokio::spawn(client.enqueue_all(jobs));
    while store.calls(Verb::Push) == 0 {
        tokio::task::yield_now().await;
    }
    store.fail(Verb::Push, Fault::Cut, usize::MAX);
    match enqueue.await.unwrap() {
        // The second batch may have been sent already; then all of it is confirmed.
        Ok(handles) => assert_eq!(handles.len(), 1_500),
        Err(Error::Unconfirmed { ids, .. }) => assert_eq!(ids.len(), 500),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn an_enqueue_is_repeated_until_it_is_answered_and_counts_once() {
    for fault in [Fault::Cut, Fault::Lost] {
        let store = Severed::new();
        let client = Client::with_backend(store.clone());
        store.fail(Verb::Push, fault, 3);
        add::job(1, 2, None).enqueue_on(&client).await.unwrap();
        assert_eq!(client.queue("client").counts().await.unwrap().waiting, 1);
        store.fail(Verb::Push, Fault::Refused, 1);
        let error = add::job(1, 2, None).enqueue_on(&client).await.unwrap_err();
        assert!(matches!(error, Error::Store { .. }), "{error}");
    }
}

#[tokio::test]
async fn the_default_client_is_that_of_the_scope_before_that_of_the_process() {
    let process = Client::memory();
    asyncmq::init(process.clone());
    let waiting = async |client: &Client| client.queue("client").counts().await.unwrap().waiting;
    other::enqueue().await.unwrap();
    assert_eq!(waiting(&process).await, 1);
    testing::scope(async |test| {
        other::enqueue().await.unwrap();
        assert_eq!(waiting(&test).await, 1);
        // Looked up when `enqueue()` is called, not when it is awaited.
        tokio::spawn(other::enqueue()).await.unwrap().unwrap();
        assert_eq!(waiting(&test).await, 2);
    })
    .await;
    assert_eq!(waiting(&process).await, 1);
}

#[tokio::test]
async fn no_debug_shows_arguments() {
    let client = Client::memory();
    let secret = "geheim-4711";
    let job = deep::job(json!([secret]));
    let said = format!("{job:?} {:#?}", job.clone());
    let by_name = NewJob::new("client.deep").args(json!([[secret]]));
    let said = format!("{said} {by_name:?}");
    let handle = job.enqueue_on(&client).await.unwrap();
    let record = handle.job().await.unwrap();
    let said = format!("{said} {handle:?} {record:?} {:?} {:?}", record.envelope(), record.status());
    let large = deep::job(json!([secret.repeat(200_000)])).enqueue_on(&client).await.unwrap_err();
    let said = format!("{said} {large:?} {large} {client:?}");
    assert!(!said.contains(secret), "{said}");
    assert!(said.contains("client.deep"));
}

#[tokio::test]
async fn urls_name_stores_or_say_why_not() {
    let one = Client::connect("memory:client-test").await.unwrap();
    other::job().enqueue_on(&one).await.unwrap();
    let same = Client::connect("memory:client-test").await.unwrap();
    assert_eq!(same.queue("client").counts().await.unwrap().waiting, 1);
    let apart = Client::connect("memory:client-test?prefix=x").await.unwrap();
    assert_eq!(apart.queue("client").counts().await.unwrap().waiting, 0);
    let new = Client::connect("memory:").await.unwrap();
    assert_eq!(new.queue("client").counts().await.unwrap().waiting, 0);
    for url in ["", "nonsense", "mysql://host", "memory:?prefx=x"] {
        let error = Client::connect(url).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_finished_job_cannot_be_moved_and_the_error_names_both_states() {
    let stage = Stage::of("client").await;
    let handle = stage.enqueue(other::job()).await;
    soon("the result", handle.result()).await.unwrap();
    let queue = stage.client.queue("client");
    match queue.retry_job(handle.id()).await.unwrap_err() {
        Error::IllegalMove { from, to, .. } => {
            assert_eq!((from, to), (JobState::Completed, JobState::Waiting))
        }
        error => panic!("{error}"),
    }
    assert!(!handle.cancel().await.unwrap());
    assert!(matches!(queue.promote_job(handle.id()).await.unwrap_err(), Error::IllegalMove { .. }));
    assert!(matches!(queue.retry_job("nobody").await.unwrap_err(), Error::NotFound { .. }));
    assert_eq!(client_queues(&stage.client).await, ["client"]);
    stage.worker.stop().await.unwrap();
}

async fn client_queues(client: &Client) -> Vec<Name> {
    client.queues().await.unwrap()
}
