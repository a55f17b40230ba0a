//! A handler that is to stop is asked first, and its process killed if it does not.

use std::time::{Duration, Instant};

use asyncmq::job::FailureKind;
use asyncmq::{Context, JobState, NewJob, Sandbox, task};
use nix::sys::signal::Signal;

use super::{assert_says, ended, failure_of, result_of, serve, soon, until};

#[task(name = "stop.spin", queue = "spin", sandbox, timeout = "200ms")]
async fn spin(how: &str) -> u32 {
    match how {
        "sleep" => tokio::time::sleep(Duration::from_secs(1_000)).await,
        "spin" => loop {
            eprintln!("round and round");
            std::thread::sleep(Duration::from_millis(50));
        },
        "stopped" => nix::sys::signal::raise(Signal::SIGSTOP).unwrap(),
        _ => {}
    }
    std::process::id()
}

/// A job that has time, however long its child takes to start.
fn at_ease() -> NewJob<spin> {
    spin::job("").timeout(Duration::from_secs(30))
}

const SHORT: Sandbox = Sandbox::new().grace(Duration::from_millis(100));

#[tokio::test]
async fn one_that_waits_is_dropped_and_its_process_lives_on() {
    let (client, worker) = serve::<spin>(SHORT).await;
    let before = result_of(&client, at_ease()).await;
    let failure = failure_of(&client, spin::job("sleep")).await;
    assert_eq!((failure.kind(), failure.message()), (FailureKind::Timeout, "timed out after 200ms"));
    assert_eq!(result_of(&client, at_ease()).await, before);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn one_that_blocks_is_killed_after_its_grace() {
    let (client, worker) = serve::<spin>(SHORT).await;
    for how in ["spin", "stopped"] {
        let before = result_of(&client, at_ease()).await;
        let begun = Instant::now();
        let failure = failure_of(&client, spin::job(how)).await;
        assert_says(
            &failure,
            FailureKind::Timeout,
            &["timed out after 200ms", "was killed, as it did not stop in time"],
        );
        assert!(Duration::from_millis(300) <= begun.elapsed(), "it had its time and its grace");
        assert_ne!(result_of(&client, at_ease()).await, before);
    }
    worker.stop().await.unwrap();
}

#[task(name = "stop.block", queue = "block", sandbox)]
fn block(ctx: Context, listens: bool) -> String {
    ctx.progress(1, std::process::id());
    while !(listens && ctx.is_cancelled()) {
        std::thread::sleep(Duration::from_millis(1));
    }
    "heard".into()
}

/// Starts a job that blocks, and returns the id of its process once it does.
async fn blocked(client: &asyncmq::Client, listens: bool) -> (asyncmq::JobHandle<block>, u64) {
    let job = block::job(listens).enqueue_on(client).await.unwrap();
    let process = async {
        loop {
            if let Some(progress) = job.progress().await.unwrap() {
                return progress.data().as_u64().unwrap();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let process = soon("the handler's begin", process).await;
    (job, process)
}

fn is_alive(process: u64) -> bool {
    std::path::Path::new(&format!("/proc/{process}")).exists()
}

#[tokio::test]
async fn a_plain_function_hears_that_it_is_cancelled() {
    let (client, worker) = serve::<block>(SHORT).await;
    let (job, process) = blocked(&client, true).await;
    job.cancel().await.unwrap();
    assert_eq!(ended(&job).await, JobState::Cancelled);
    assert!(is_alive(process), "it returned by itself, so its process was not killed");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_signal_to_all_processes_of_a_service_lets_what_runs_come_to_its_end() {
    let (client, worker) = serve::<block>(SHORT).await;
    let (job, process) = blocked(&client, true).await;
    let id = nix::unistd::Pid::from_raw(i32::try_from(process).unwrap());
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        nix::sys::signal::kill(id, signal).unwrap();
    }
    job.cancel().await.unwrap();
    assert_eq!(ended(&job).await, JobState::Cancelled);
    let kept = client.queue("block").get_job(job.id()).await.unwrap().unwrap();
    assert!(kept.logs().is_empty() && is_alive(process), "it heard of the cancel, and was not killed");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_job_that_does_not_listen_is_killed_and_frees_its_place() {
    let (client, worker) = serve::<block>(SHORT).await;
    let (job, process) = blocked(&client, false).await;
    job.cancel().await.unwrap();
    assert_eq!(ended(&job).await, JobState::Cancelled);
    assert!(!is_alive(process));
    let kept = client.queue("block").get_job(job.id()).await.unwrap().unwrap();
    assert!(kept.logs()[0].message.contains("did not stop in time"));
    assert_eq!(worker.status().running, 0);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_stops_at_once_leaves_no_process_and_gives_the_job_back() {
    let (client, worker) = serve::<block>(SHORT).await;
    let (job, process) = blocked(&client, false).await;
    let report = worker.stop_now().await.unwrap();
    assert_eq!((report.given_back, report.blocked), (vec![job.id().clone()], false));
    until("the end of the process", || !is_alive(process)).await;
}
