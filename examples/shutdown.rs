//! `cargo run --example shutdown` — a worker that stops loses nothing: jobs finish, hear that it ends, or are given back.

use std::time::Duration;

use asyncmq::{Client, Context, EventKind, Worker, task};
use futures::StreamExt;

/// Ends before the time is over.
#[task]
async fn short() -> &'static str {
    tokio::time::sleep(Duration::from_millis(300)).await;
    println!("  short: done, as there was time");
    "done"
}

/// Hears shortly before the end that it should stop, and says how far it came.
#[task]
async fn long(ctx: Context) -> u32 {
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
async fn deaf() {
    tokio::time::sleep(Duration::from_secs(3_600)).await;
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    let client = Client::memory();
    let mut started = client.events_where(EventKind::Started).await?;
    // 25 s unless set: what docker and Kubernetes grant before they kill must be longer than this.
    let worker = Worker::new(&client)
        .drain_timeout(Duration::from_secs(2))
        .on_stop(|| async { println!("  hook: the worker has stopped") });

    let short_job = short::job().enqueue_on(&client).await?;
    let long_job = long::job().enqueue_on(&client).await?;
    let deaf_job = deaf::job().enqueue_on(&client).await?;

    // `Worker::run()` and `worker::run()` stop at SIGTERM and SIGINT in the same way; a second signal skips the wait.
    let all_started = async {
        for _ in 0..3 {
            started.next().await;
        }
        println!("three jobs are running; the worker stops:");
    };
    let report = worker.run_until(all_started).await?;

    println!("short: {:?}", short_job.result().await?);
    println!("long: {} steps", long_job.result().await?);
    println!("deaf: {}, given back: {}", deaf_job.state().await?, report.given_back.contains(deaf_job.id()));
    Ok(())
}
