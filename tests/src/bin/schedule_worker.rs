//! A worker process for tests of schedules: `schedule_worker URL` serves the queue `beats` until it is told to end, or killed.

use std::time::Duration;

use asyncmq::{Client, Registry, Worker, task};

/// Does nothing: that it was enqueued is what counts.
#[task(name = "beat", queue = "beats")]
async fn beat() {}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let url = std::env::args().nth(1).ok_or_else(|| anyhow::anyhow!("schedule_worker URL"))?;
    let worker = Worker::new(&Client::connect(&url).await?).queues(["beats"]);
    let lease = Duration::from_secs(2);
    Ok(worker
        .registry(Registry::new().with::<beat>())
        .lease(lease)
        .heartbeat_interval(lease / 6)
        .run()
        .await?)
}
