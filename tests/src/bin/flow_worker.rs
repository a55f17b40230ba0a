//! A worker process for tests that kill it amid flows: `flow_worker URL FOLDER` serves their queues until it is told to end, or killed.

use std::path::Path;
use std::time::Duration;

use asyncmq::{Client, Worker};
use asyncmq_tests::flows;

/// How long it may be silent. What it had in hand when it was killed waits for so long.
const LEASE: Duration = Duration::from_secs(1);

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let words: Vec<String> = std::env::args().collect();
    let [_, url, folder] = words.as_slice() else { anyhow::bail!("flow_worker URL FOLDER") };
    flows::note_in(Path::new(folder))?;
    let worker = Worker::new(&Client::connect(url).await?).queues(flows::QUEUES).registry(flows::registry());
    // However many of its processes were killed: how a job ends is to be known before.
    let worker = worker.max_crashes(u32::MAX).concurrency(8).lease(LEASE).heartbeat_interval(LEASE / 6);
    Ok(worker.run().await?)
}
