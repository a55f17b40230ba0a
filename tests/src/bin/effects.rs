//! A worker with a load of its own, for tests that end it from outside.
//!
//! `EFFECTS_DIR` names a folder: `acks` gets the id of each job that the store took in, `begun` and `effects` the id of
//! each job that was begun and that ran to its end, `states` how all of them stood when the worker had stopped. Without it
//! there is no load.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use asyncmq::{Client, Context, JobState, State, TaskError, Worker, task};

/// Lines in files, each with a single write.
struct Files(PathBuf);

impl Files {
    fn add(&self, file: &str, line: &str) {
        let file = OpenOptions::new().append(true).create(true).open(self.0.join(file));
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .expect("a file can be written");
    }
}

#[task(queue = "effects")]
async fn effect(ctx: Context, files: State<Arc<Files>>, millis: u64) {
    files.add("begun", ctx.job_id());
    tokio::time::sleep(Duration::from_millis(millis)).await;
    files.add("effects", ctx.job_id());
}

#[task(queue = "effects")]
fn never_returns(ctx: Context, files: State<Arc<Files>>) {
    files.add("stuck", ctx.job_id());
    loop {
        std::thread::park();
    }
}

#[task(queue = "effects")]
async fn blocks_its_thread_for_ever(ctx: Context, files: State<Arc<Files>>) {
    files.add("stuck", ctx.job_id());
    loop {
        std::thread::park();
    }
}

#[task(queue = "effects", retries = 1, backoff = "fixed(1ms)")]
async fn fails() -> Result<(), TaskError> {
    Err(TaskError::retry("no answer"))
}

/// Enqueues until it is told to stop; notes what the store confirmed.
async fn produce(client: Client, files: Arc<Files>, over: Arc<AtomicBool>, longest: u64) {
    for number in 0_u64.. {
        if over.load(SeqCst) {
            return;
        }
        let jobs =
            (0..1 + number % 5).map(|job| effect::job((number * 7_919 + job * 104_729) % (longest + 1)));
        for handle in client.enqueue_all(jobs).await.expect("a store in memory takes every job in") {
            files.add("acks", handle.id());
        }
        if 200 < client.queue("effects").counts().await.expect("it can be asked").waiting {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Notes how every job stands.
async fn note_states(client: &Client, files: &Files) -> asyncmq::Result<()> {
    for state in JobState::ALL {
        for job in client.queue("effects").list_jobs(state, 0..u64::MAX).await? {
            files.add("states", &format!("{} {state}", job.id()));
        }
    }
    Ok(())
}

#[tokio::main(worker_threads = 2)]
async fn main() -> asyncmq::Result<()> {
    let folder = std::env::var_os("EFFECTS_DIR");
    let Some(folder) = folder else { return asyncmq::worker::run().await };
    let (files, over) = (Arc::new(Files(folder.into())), Arc::new(AtomicBool::new(false)));
    let longest = std::env::var("EFFECTS_LONGEST").ok().and_then(|text| text.parse().ok());
    let stuck = std::env::var("EFFECTS_STUCK").unwrap_or_default();
    let worker = Worker::from_args().await?.state(files.clone());
    let (start_files, start_over) = (files.clone(), over.clone());
    let worker = worker.on_start(move || async move {
        let client = asyncmq::Queue::builder("effects").build().await?.client().clone();
        match stuck.as_str() {
            "thread" => drop(client.enqueue(never_returns::job()).await?),
            "async" => drop(client.enqueue_all((0..2).map(|_| blocks_its_thread_for_ever::job())).await?),
            "fails" => drop(client.enqueue(fails::job()).await?),
            _ => {}
        }
        let producing =
            longest.map(|longest| tokio::spawn(produce(client, start_files.clone(), start_over, longest)));
        start_files.add("ready", "");
        *PRODUCER.lock().await = producing;
        Ok::<(), asyncmq::Error>(())
    });
    let worker = worker.on_stop(move || async move {
        over.store(true, SeqCst);
        if let Some(producing) = PRODUCER.lock().await.take() {
            producing.await.expect("the producer ends in order");
        }
        let client = asyncmq::Queue::builder("effects").build().await?.client().clone();
        note_states(&client, &files).await
    });
    worker.run().await
}

static PRODUCER: tokio::sync::Mutex<Option<tokio::task::JoinHandle<()>>> =
    tokio::sync::Mutex::const_new(None);
