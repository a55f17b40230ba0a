//! A worker process of the laboratory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use asyncmq::{Client, Worker};

use crate::lab::journal::Journal;
use crate::lab::load;
use crate::lab::recorded::Recorded;

/// How long a worker may be silent.
pub const LEASE: Duration = Duration::from_secs(2);
/// With how many deaths of a process a job is given up.
pub const MAX_CRASHES: u32 = 3;
/// How many jobs a worker runs at once. Three of a hundred last five seconds; what piled up while something was wrong
/// must leave hands free, as a worker that has none is no dead one.
pub const CONCURRENCY: usize = 40;
/// How long it waits for its jobs when it is told to stop.
const DRAIN: Duration = Duration::from_secs(2);

/// Serves until the process is told to stop.
///
/// # Errors
///
/// Those of the store and of the journal.
pub async fn run(url: &str, folder: &Path, name: &str) -> anyhow::Result<()> {
    let journal = Arc::new(Journal::in_folder(folder)?);
    load::write_to(journal.clone());
    let store = Client::connect(url).await?.backend().clone();
    let client = Client::with_backend(Recorded::new(store, journal, name, MAX_CRASHES));
    let worker = Worker::new(&client)
        .queues([load::WORK.to_owned(), load::PAUSED.to_owned(), format!("canary.{name}")])
        // The canaries of a worker do not wait for all that others left behind.
        .queue_weight(format!("canary.{name}"), 5)
        .registry(load::registry())
        .concurrency(CONCURRENCY)
        .lease(LEASE)
        .heartbeat_interval(LEASE / 4)
        .max_crashes(MAX_CRASHES)
        .drain_timeout(DRAIN);
    Ok(worker.run().await?)
}
