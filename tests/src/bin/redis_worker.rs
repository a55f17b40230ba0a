//! A worker process on a Redis store, for tests that kill, stop and starve it.
//!
//! `redis_worker URL FOLDER NAME LEASE_MS CONCURRENCY` serves the queues `work` and `canary.NAME` until it is told to end.

use std::time::Duration;

use asyncmq::{Client, Registry, Worker};
use asyncmq_tests::work;

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, folder, name, lease, concurrency] = arguments.as_slice() else {
        anyhow::bail!("redis_worker URL FOLDER NAME LEASE_MS CONCURRENCY");
    };
    let lease = Duration::from_millis(lease.parse()?);
    let tasks = Registry::new().with::<work::wait>().with::<work::fail_once>().with::<work::hold>();
    let tasks = tasks.with::<work::block>().with::<work::block_aside>().with::<work::abort>();
    let tasks = tasks.with::<work::canary>();
    work::note_in(folder);
    let worker = Worker::new(&Client::connect(url).await?)
        .queues(["work".to_owned(), format!("canary.{name}")])
        .registry(tasks)
        .concurrency(concurrency.parse()?)
        .lease(lease)
        .heartbeat_interval(lease / 6);
    Ok(worker.run().await?)
}
