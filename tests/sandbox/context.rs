//! A sandboxed handler is given what any other is given, and what it says and returns arrives.

use std::time::{Duration, Instant};

use asyncmq::job::FailureKind;
use asyncmq::{Context, JobState, Registry, Sandbox, State, TaskError, Worker, task};
use serde::{Deserialize, Serialize};

use super::{assert_says, ended, failure_of, result_of, serve, soon};

/// A state that children make, and their worker does not have.
pub(crate) struct Greeting(pub(crate) &'static str);

/// One that is waited for.
pub(crate) struct Late(pub(crate) u32);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    process: u32,
    id: String,
    attempt: (u32, u32),
    queue: String,
    task: String,
    tags: Vec<String>,
    header: Option<String>,
    left: Option<Duration>,
}

#[task(name = "context.look", queue = "look", sandbox, retries = 4, timeout = "30s", tags = ["a", "b"])]
async fn look(ctx: Context) -> Seen {
    Seen {
        process: std::process::id(),
        id: ctx.job_id().to_string(),
        attempt: (ctx.attempt(), ctx.max_attempts()),
        queue: ctx.queue().to_owned(),
        task: ctx.task().to_owned(),
        tags: ctx.tags().to_vec(),
        header: ctx.header("tenant").map(ToOwned::to_owned),
        left: ctx.deadline().map(|deadline| deadline.duration_since(Instant::now())),
    }
}

#[tokio::test]
async fn the_context_is_that_of_the_job_in_another_process() {
    let (client, worker) = serve::<look>(Sandbox::new()).await;
    let job = look::job().header("tenant", "7").enqueue_on(&client).await.unwrap();
    let seen = soon("the result", job.result()).await.unwrap();
    assert_ne!(seen.process, std::process::id());
    let left = seen.left.unwrap();
    assert!(Duration::from_secs(15) < left && left <= Duration::from_secs(30), "{left:?}");
    let expected = Seen {
        process: seen.process,
        left: seen.left,
        id: job.id().to_string(),
        attempt: (1, 5),
        queue: "look".into(),
        task: "context.look".into(),
        tags: vec!["a".into(), "b".into()],
        header: Some("7".into()),
    };
    assert_eq!(seen, expected);
    worker.stop().await.unwrap();
}

#[task(name = "context.greet", queue = "greet", sandbox)]
async fn greet(greeting: State<Greeting>, late: State<Late>, name: &str) -> String {
    format!("{} {name} {}", greeting.0.0, late.0.0)
}

#[tokio::test]
async fn states_are_made_in_the_child() {
    let (client, worker) = serve::<greet>(Sandbox::new()).await;
    assert_eq!(result_of(&client, greet::job("Ann")).await, "hello Ann 7");
    worker.stop().await.unwrap();
}

#[task(name = "context.talk", queue = "talk", sandbox)]
async fn talk(ctx: Context) {
    ctx.log("first");
    ctx.progress(50, "half");
    let asked = tokio::time::timeout(Duration::from_secs(30), ctx.cancelled()).await;
    ctx.log(format!("told to stop: {}", asked.is_ok()));
    println!("this goes to standard output, and is in nobody's way");
    ctx.progress(100, ());
}

#[tokio::test]
async fn progress_and_log_arrive_while_it_runs_and_a_cancel_is_heard() {
    let (client, worker) = serve::<talk>(Sandbox::new()).await;
    let job = talk::job().enqueue_on(&client).await.unwrap();
    let half = async {
        while job.progress().await.unwrap().is_none_or(|progress| progress.percent() < 50.0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon("the progress", half).await;
    job.cancel().await.unwrap();
    assert_eq!(ended(&job).await, JobState::Cancelled);
    let kept = client.queue("talk").get_job(job.id()).await.unwrap().unwrap();
    let lines: Vec<&str> = kept.logs().iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["first", "told to stop: true"]);
    assert!((kept.progress().unwrap().percent() - 100.0).abs() < f64::EPSILON);
    worker.stop().await.unwrap();
}

#[task(name = "context.decide", queue = "decide", sandbox, retries = 1, backoff = "fixed(1ms)")]
fn decide(ctx: Context, how: &str) -> Result<u32, TaskError> {
    match how {
        "permanent" => Err(TaskError::permanent("no such account")),
        "snooze" if ctx.attempt() == 1 && ctx.header("x").is_none() => Err(TaskError::cancel("not now")),
        "panic" => panic!("it panicked on purpose"),
        "retry" if ctx.attempt() == 1 => Err(TaskError::retry_in(Duration::from_millis(1), "busy")),
        _ => Ok(ctx.attempt()),
    }
}

#[tokio::test]
async fn decisions_and_panics_arrive_as_they_were_made() {
    let (client, worker) = serve::<decide>(Sandbox::new()).await;
    let permanent = failure_of(&client, decide::job("permanent")).await;
    assert_eq!((permanent.attempt(), permanent.message()), (1, "no such account"));
    let panicked = failure_of(&client, decide::job("panic")).await;
    assert_says(&panicked, FailureKind::Panic, &["it panicked on purpose"]);
    assert_eq!(result_of(&client, decide::job("retry")).await, 2);
    let cancelled = decide::job("snooze").enqueue_on(&client).await.unwrap();
    assert_eq!(ended(&cancelled).await, JobState::Cancelled);
    worker.stop().await.unwrap();
}

#[task(name = "context.parent", queue = "family", sandbox)]
async fn parent(child: &str) -> Result<String, asyncmq::Error> {
    let job = look::job().tag(child).delay(Duration::from_secs(3_600)).id(child).enqueue().await?;
    let refused = job.state().await.unwrap_err();
    Ok(format!("{}: {refused:?}", job.id()))
}

#[tokio::test]
async fn a_handler_enqueues_through_its_worker_and_hears_what_else_it_cannot_do() {
    let (client, worker) = serve::<parent>(Sandbox::new()).await;
    let said = result_of(&client, parent::job("born")).await;
    assert!(said.starts_with("born: ") && said.contains("can only enqueue"), "{said}");
    let born = client.queue("look").list_delayed(0..10).await.unwrap();
    assert_eq!(born.len(), 1);
    assert_eq!((born[0].id().as_str(), born[0].task()), ("born", "context.look"));
    assert_eq!(born[0].tags(), ["a", "b", "born"], "options go with it");
    worker.stop().await.unwrap();
}

#[task(name = "context.where", queue = "where")]
async fn where_am_i() -> u32 {
    std::process::id()
}

#[tokio::test]
async fn a_worker_may_run_all_its_tasks_in_children_and_runs_none_there_unasked() {
    let (client, worker) = serve::<where_am_i>(Sandbox::new()).await;
    assert_eq!(result_of(&client, where_am_i::job()).await, std::process::id());
    worker.stop().await.unwrap();
    let (client, worker) = serve::<where_am_i>(Sandbox::new().all()).await;
    assert_ne!(result_of(&client, where_am_i::job()).await, std::process::id());
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn middleware_stays_with_the_worker_and_sees_what_the_child_returned() {
    let client = asyncmq::Client::memory();
    let worker =
        Worker::new(&client).registry(Registry::new().with::<where_am_i>()).sandbox(Sandbox::new().all());
    let worker = worker.layer(|ctx: Context, next: asyncmq::worker::Next| async move {
        let handled = next.run().await?;
        ctx.log(format!("{} in {}", String::from_utf8_lossy(&handled), std::process::id()));
        Ok(handled)
    });
    let worker = worker.start().await.unwrap();
    let job = where_am_i::job().enqueue_on(&client).await.unwrap();
    let there = soon("the result", job.result()).await.unwrap();
    let kept = client.queue("where").get_job(job.id()).await.unwrap().unwrap();
    assert_eq!(kept.logs()[0].message, format!("{there} in {}", std::process::id()));
    worker.stop().await.unwrap();
}

#[task(name = "context.log", queue = "log", sandbox)]
async fn logs() {
    tracing::info!(answer = 42, "handlers log");
}

#[tokio::test]
async fn what_a_test_runs_by_hand_runs_here() {
    let outcome = asyncmq::testing::perform(where_am_i::job()).await.unwrap();
    let here = std::process::id().to_string();
    assert_eq!(outcome, asyncmq::lifecycle::Outcome::Completed(here.into()));
    let test = asyncmq::testing::client().registry(Registry::new().with::<logs>());
    logs::job().enqueue_on(&test).await.unwrap();
    assert_eq!(test.drain().await.unwrap().completed, 1, "virtual time is this process's");
}
