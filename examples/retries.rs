//! `cargo run --example retries` — how a job's error decides when, and whether, the job runs again.

use std::time::{Duration, Instant};

use asyncmq::{Client, Context, EventKind, TaskError, Worker, task};

/// An ordinary error is retried after a delay that grows: 100 ms, 200 ms, 400 ms, …, at most a second.
#[task(retries = 3, backoff = "exponential(100ms, factor = 2, max = 1s, jitter = 0)")]
async fn fetch(ctx: Context, url: String) -> Result<String, String> {
    if ctx.attempt() < 4 { Err(format!("{url} does not answer")) } else { Ok(format!("{url} has answered")) }
}

/// The handler may know better: after a 429, say, when to come back.
#[task(retries = 3)]
async fn publish(ctx: Context, page: String) -> Result<String, TaskError> {
    if ctx.attempt() == 1 {
        return Err(TaskError::retry_in(Duration::from_millis(300), "too many requests"));
    }
    Ok(format!("{page} is out"))
}

/// No retry would help: the job becomes a dead letter at once, with 5 retries left.
#[task(retries = 5)]
async fn charge(account: String) -> Result<(), TaskError> {
    Err(TaskError::permanent(format!("there is no account {account}")))
}

/// Not an error at all, only too early: no attempt is spent.
#[task]
async fn wait_for_file(path: String) -> Result<String, TaskError> {
    if std::fs::metadata(&path).is_err() {
        std::fs::write(&path, "here I am").map_err(TaskError::permanent)?;
        return Err(TaskError::snooze(Duration::from_millis(200)));
    }
    std::fs::remove_file(&path).map_err(TaskError::permanent)?;
    Ok(format!("{path} has come"))
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    let (client, start) = (Client::memory(), Instant::now());
    let kinds = [EventKind::Started, EventKind::Retrying, EventKind::Released, EventKind::Failed];
    let _log = client.on(kinds, move |event| {
        let (at, kind) = (start.elapsed().as_millis(), event.kind());
        println!(
            "{at:>5} ms  {kind:<13} {:<13} attempt {}",
            event.task().unwrap_or_default(),
            event.attempt()
        );
    });
    let worker = Worker::new(&client).start().await?;

    let fetched = fetch::job("example.com").enqueue_on(&client).await?;
    let published = publish::job("news.html").enqueue_on(&client).await?;
    let charged = charge::job("DE00").enqueue_on(&client).await?;
    let path = std::env::temp_dir().join(format!("asyncmq-example-{}", std::process::id()));
    let waited = wait_for_file::job(path.to_string_lossy()).enqueue_on(&client).await?;

    println!("{}", waited.result().await?);
    println!("{}", published.result().await?);
    println!("{}", fetched.result().await?);
    println!("{}", charged.result().await.expect_err("it was permanent"));
    worker.stop().await?;
    Ok(())
}
