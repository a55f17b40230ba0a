//! A binary of a user's own: its tasks and the whole command line in one.

use std::time::Duration;

use asyncmq::{Flow, TaskError, task};

/// Says that it has begun, and runs until it is told to stop.
#[task(queue = "slow")]
async fn linger(ctx: asyncmq::Context, name: String) -> Result<String, TaskError> {
    ctx.log(format!("lingering for {name}"));
    ctx.cancelled().await;
    Err(TaskError::cancel("told to"))
}

/// Succeeds for whoever is kind.
#[task(queue = "mail", tags = ["letters"])]
async fn greet(to: String, token: Option<String>) -> String {
    drop(token);
    format!("hello {to}")
}

/// Fails as long as its file is not there.
#[task(queue = "mail", name = "app.fetch")]
async fn fetch(path: String) -> Result<u64, TaskError> {
    let file = std::fs::metadata(&path)
        .map_err(|_| TaskError::permanent(format!("no {path}: the\u{1b}[31m disk")))?;
    Ok(file.len())
}

/// Enqueues a flow: somebody is greeted, twice a file is fetched, and somebody is greeted again.
#[task(queue = "mail")]
async fn order(id: String, path: String) -> Result<(), asyncmq::Error> {
    let mut flow = Flow::with_id(id);
    let first = flow.add(greet::job("ann", None));
    let parts = [0, 1].map(|_| flow.add(fetch::job(&path).depends_on([&first])));
    flow.add(greet::job("bob", None).depends_on(&parts));
    flow.enqueue().await?;
    Ok(())
}

/// Logs as programs do, and hands on to another.
#[task(queue = "talk")]
async fn talk(ctx: asyncmq::Context, lines: u32) -> Result<String, asyncmq::Error> {
    tracing::info!(lines, api_key = "geheim", "talking");
    tracing::debug!("whispered");
    for number in 1..=lines {
        tracing::warn!("line {number}");
    }
    Ok(ctx.enqueue(hum::job()).await?.id().to_string())
}

/// Logs on a thread of its own.
#[task(queue = "talk")]
fn hum() {
    tracing::error!(tune = "an old one", "humming");
}

fn main() -> std::process::ExitCode {
    asyncmq::cli::Cli::new().worker(|worker| worker.scan_interval(Duration::from_millis(200))).main()
}
