//! What handlers say while they run: progress, log lines, and jobs of their own.

use std::time::{Duration, Instant};

use asyncmq::{Context, EventData, EventKind, State, task};

use crate::support::gate::Gate;
use crate::support::severed::{Fault, Severed, Verb};
use crate::support::stage::{Stage, check};

#[task(name = "reports.chatters", queue = "reports")]
async fn chatters(ctx: Context, for_ms: u64) -> u32 {
    let (start, mut said) = (Instant::now(), 0_u32);
    while start.elapsed() < Duration::from_millis(for_ms) {
        said += 1;
        ctx.progress(f64::from(said % 100), said);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    ctx.progress(100, "the last word");
    said
}

#[tokio::test]
async fn progress_is_told_ten_times_a_second_at_most_and_the_latest_wins() {
    let mut stage = Stage::of("reports").await;
    let handle = stage.enqueue(chatters::job(1_000_u64)).await;
    stage.recorder.story(handle.id()).await;
    let told: Vec<_> =
        stage.recorder.seen.iter().filter(|event| event.kind() == EventKind::Progress).collect();
    assert!((5..=10).contains(&told.len()), "{} events in a second", told.len());
    let EventData::Progress(last) = told.last().unwrap().data() else { panic!("no progress") };
    assert_eq!((last.percent(), last.data()), (100.0, &serde_json::json!("the last word")));
    let progress = handle.progress().await.unwrap().unwrap();
    assert_eq!(progress.data(), &serde_json::json!("the last word"));
    let said = |event: &&asyncmq::Event| match event.data() {
        EventData::Progress(progress) => progress.data().as_u64(),
        _ => None,
    };
    let numbers: Vec<u64> = told.iter().filter_map(said).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    stage.worker.stop().await.unwrap();
}

#[task(name = "reports.writes_lines", queue = "reports")]
async fn writes_lines(ctx: Context, count: usize) {
    for number in 0..count {
        ctx.log(format!("line {number}"));
        if number % 7 == 0 {
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }
}

fn lines(job: &asyncmq::Job) -> Vec<String> {
    job.logs().iter().map(|line| line.message.clone()).collect()
}

fn expected(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("line {number}")).collect()
}

#[tokio::test]
async fn log_lines_are_kept_in_order_up_to_the_last() {
    let job = check(writes_lines::job(100_usize), &["enqueued", "started 1", "completed 1"]).await;
    assert_eq!(lines(&job), expected(100));
}

#[task(name = "reports.floods", queue = "reports")]
async fn floods(ctx: Context, count: usize) {
    (0..count).for_each(|number| ctx.log(format!("line {number}")));
}

#[tokio::test]
async fn of_a_flood_of_lines_the_last_are_kept() {
    let job = check(floods::job(10_050_usize), &["enqueued", "started 1", "completed 1"]).await;
    assert_eq!(lines(&job), expected(10_050)[9_850..]);
}

#[tokio::test]
async fn reports_that_the_store_did_not_take_are_told_again_in_order() {
    let store = Severed::new();
    store.fail(Verb::Report, Fault::Cut, 3);
    let mut stage = Stage::over(store.clone(), "reports", |worker| worker).await;
    let handle = stage.enqueue(writes_lines::job(200_usize)).await;
    let job = stage.tells(&handle, &["enqueued", "started 1", "completed 1"]).await;
    assert_eq!(lines(&job), expected(200));
    store.was_hit(Verb::Report, 3).await;
    stage.worker.stop().await.unwrap();
}

#[task(name = "reports.says_and_fails", queue = "reports", retries = 1, backoff = "fixed(1ms)")]
async fn says_and_fails(ctx: Context) -> Result<(), String> {
    ctx.log(format!("attempt {}", ctx.attempt()));
    if ctx.attempt() == 1 { Err("once".into()) } else { Ok(()) }
}

#[tokio::test]
async fn lines_of_every_attempt_are_kept_with_its_number() {
    let events = ["enqueued", "started 1", "retrying 1 error", "started 2", "completed 2"];
    let job = check(says_and_fails::job(), &events).await;
    let told: Vec<_> = job.logs().iter().map(|line| (line.attempt, line.message.as_str())).collect();
    assert_eq!(told, [(1, "attempt 1"), (2, "attempt 2")]);
}

#[task(name = "reports.says_too_much", queue = "reports")]
async fn says_too_much(ctx: Context) {
    ctx.log("ü".repeat(10_000));
    ctx.progress(f64::NAN, f64::INFINITY);
}

#[tokio::test]
async fn a_long_line_is_cut_and_a_progress_that_is_no_number_is_none() {
    let events = ["enqueued", "started 1", "progress 1", "completed 1"];
    let job = check(says_too_much::job(), &events).await;
    assert!(job.logs()[0].message.len() <= 4_096 && job.logs()[0].message.starts_with('ü'));
    let progress = job.progress().unwrap();
    assert_eq!((progress.percent(), progress.data()), (0.0, &serde_json::Value::Null));
}

#[task(name = "reports.child", queue = "children")]
async fn child() -> u32 {
    1
}

#[task(name = "reports.by_context", queue = "children")]
async fn by_context(ctx: Context) -> Result<String, asyncmq::Error> {
    Ok(ctx.enqueue(child::job()).await?.id().to_string())
}

#[task(name = "reports.by_default", queue = "children")]
async fn by_default() -> Result<String, asyncmq::Error> {
    Ok(child::enqueue().await?.id().to_string())
}

#[task(name = "reports.by_default_blocking", queue = "children")]
fn by_default_blocking() -> Result<String, asyncmq::Error> {
    Ok(futures::executor::block_on(child::enqueue())?.id().to_string())
}

#[task(name = "reports.by_context_blocking", queue = "children")]
fn by_context_blocking(ctx: Context) -> Result<String, asyncmq::Error> {
    Ok(futures::executor::block_on(ctx.enqueue(child::job()))?.id().to_string())
}

#[tokio::test]
async fn a_handlers_own_jobs_go_into_its_workers_store() {
    let mut stage = Stage::of("children").await;
    let parents = [
        stage.enqueue(asyncmq::NewJob::new("reports.by_context").queue("children")).await,
        stage.enqueue(asyncmq::NewJob::new("reports.by_default").queue("children")).await,
        stage.enqueue(asyncmq::NewJob::new("reports.by_default_blocking").queue("children")).await,
        stage.enqueue(asyncmq::NewJob::new("reports.by_context_blocking").queue("children")).await,
    ];
    for parent in &parents {
        let id = stage.recorder.story(parent.id()).await;
        assert_eq!(id.last().unwrap(), "completed 1");
        let child_id: String = parent.job().await.unwrap().result_as().unwrap();
        let handle = stage.client.handle::<child>(&child_id).await.expect("the child is in this store");
        assert_eq!(handle.result().await.unwrap(), 1);
    }
    stage.worker.stop().await.unwrap();
}

#[task(name = "reports.speaks_then_blocks", queue = "speaks then blocks")]
async fn speaks_then_blocks(ctx: Context, gate: State<Gate>) {
    ctx.progress(50, ());
    ctx.log("before");
    gate.pass_blocking();
}

#[task(name = "reports.another", queue = "speaks then blocks")]
async fn another(ctx: Context) {
    ctx.progress(50, ());
    ctx.cancelled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_speaks_and_then_blocks_its_thread_holds_nothing_up() {
    let gate = Gate::new();
    let _open = gate.opens_at_the_end();
    let mut stage = Stage::with("speaks then blocks", |worker| worker.state(gate.clone())).await;
    let blocker = stage.enqueue(speaks_then_blocks::job()).await;
    gate.arrived(1).await;
    let start = Instant::now();
    let handle = stage.enqueue(another::job()).await;
    let is_its =
        |event: &asyncmq::Event| event.kind() == EventKind::Progress && event.job_id() == Some(handle.id());
    stage.recorder.until("another job's progress", is_its).await;
    handle.cancel().await.unwrap();
    stage.recorder.next(EventKind::Cancelled).await;
    let took = start.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    gate.open(1);
    assert_eq!(stage.recorder.story(blocker.id()).await.last().unwrap(), "completed 1");
    stage.worker.stop().await.unwrap();
}
