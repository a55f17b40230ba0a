//! `cargo run --example shutdown` — a worker that stops loses nothing: jobs finish, hear that it ends, or are given back.

use std::sync::Arc;
use std::time::Duration;

use asyncmq::{Client, Context, State, Worker, task};
use tokio::sync::Barrier;

/// Where the three jobs and `main` wait for one another, so that the worker stops while all three run.
type AllRunning = Arc<Barrier>;

/// Ends before the time is over.
#[task]
async fn short(all_running: State<AllRunning>) -> &'static str {
    all_running.wait().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    println!("  short: done, as there was time");
    "done"
}

/// Hears shortly before the end that it should stop, and says how far it came.
#[task]
async fn long(ctx: Context, all_running: State<AllRunning>) -> u32 {
    all_running.wait().await;
    let mut steps = 0;
    while !ctx.is_cancelled() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        steps += 1;
    }
    println!("  long: told to stop, ending in order after {steps} steps");
    steps
}

/// Does not listen: it is dropped at the end, and its job waits again, with no attempt spent.
#[task]
async fn deaf(all_running: State<AllRunning>) {
    all_running.wait().await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    let (client, all_running) = (Client::memory(), AllRunning::new(Barrier::new(4)));
    // 25 s unless set: what docker and Kubernetes grant before they kill must be longer than this.
    let worker = Worker::new(&client)
        .state(all_running.clone())
        .drain_timeout(Duration::from_secs(2))
        .on_stop(|| async { println!("  hook: the worker has stopped") });
    let short_job = short::job().enqueue_on(&client).await?;
    let long_job = long::job().enqueue_on(&client).await?;
    let deaf_job = deaf::job().enqueue_on(&client).await?;

    // `Worker::run()` and `worker::run()` stop at SIGTERM and SIGINT in the same way; a second signal skips the wait.
    let until = async {
        all_running.wait().await;
        println!("three jobs are running; the worker stops:");
    };
    let report = worker.run_until(until).await?;

    println!("short: {:?}", short_job.result().await?);
    println!("long: {} steps", long_job.result().await?);
    println!("deaf: {}, given back: {}", deaf_job.state().await?, report.given_back.contains(deaf_job.id()));
    Ok(())
}
