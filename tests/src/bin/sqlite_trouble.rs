//! A worker on a SQLite file that cannot be written for a while: `sqlite_trouble FILE TROUBLE COPY`.
//!
//! `limit`: no file may be written (`RLIMIT_FSIZE`; whoever starts this ignores `SIGXFSZ`). `full`: the disk is filled, so
//! it had better be a small one. `frozen`: nobody may write the file (`chattr +i`).
//!
//! Before, during and after the trouble jobs are pushed, and a job runs through it all. What was confirmed and then was
//! not done is an error. `COPY` gets a backup of the file when all is over.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use asyncmq::backend::sql::sqlite::SqliteOptions;
use asyncmq::backend::{CallId, Store};
use asyncmq::job::{Envelope, Name, WorkerId};
use asyncmq::{Client, JobId, JobState, State, Worker, task};
use bytes::Bytes;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::Notify;

/// The job that runs all the while.
#[derive(Default)]
struct Gate {
    started: Notify,
    open: Notify,
    ended: Notify,
}

#[task(queue = "trouble")]
async fn waits(gate: State<Arc<Gate>>) {
    gate.started.notify_one();
    gate.open.notified().await;
    gate.ended.notify_one();
}

#[task(queue = "trouble")]
async fn quick() {}

/// What keeps the file from being written.
enum Trouble {
    Limit,
    Full(PathBuf),
    Frozen(PathBuf),
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    file.with_file_name(name)
}

fn freeze(file: &Path, mode: &str) -> anyhow::Result<()> {
    let changed = Command::new("chattr").arg(mode).arg(file).arg(beside(file, "-wal")).status()?;
    ensure!(changed.success(), "this file system or this user cannot make a file immutable with `chattr`");
    Ok(())
}

impl Trouble {
    fn begin(&self) -> anyhow::Result<()> {
        match self {
            Self::Limit => {
                let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE)?;
                Ok(setrlimit(Resource::RLIMIT_FSIZE, 0, hard)?)
            }
            Self::Full(file) => {
                let mut ballast = File::create(beside(file, ".ballast"))?;
                // Ever smaller pieces, until not one byte fits.
                let mut size = 65_536;
                while size != 0 {
                    if ballast.write_all(&vec![0; size]).is_err() {
                        size /= 2;
                    }
                }
                Ok(())
            }
            Self::Frozen(file) => freeze(file, "+i"),
        }
    }

    fn end(&self) -> anyhow::Result<()> {
        match self {
            Self::Limit => {
                let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE)?;
                Ok(setrlimit(Resource::RLIMIT_FSIZE, hard, hard)?)
            }
            Self::Full(file) => Ok(std::fs::remove_file(beside(file, ".ballast"))?),
            Self::Frozen(file) => freeze(file, "-i"),
        }
    }
}

/// Pushes past the client, which would repeat what fails.
struct Pusher {
    store: Arc<dyn Store>,
    sender: WorkerId,
    sequence: u64,
}

impl Pusher {
    /// Pushes a job; the error of the store is the answer.
    async fn push(&mut self) -> Result<JobId, asyncmq::backend::StoreError> {
        self.sequence += 1;
        let args = Bytes::from_static(b"{}");
        let job =
            Envelope::new(JobId::generate(), Name::from_static("trouble"), Name::from_static("quick"), args);
        let (id, call) = (job.id.clone(), CallId { sender: self.sender, sequence: self.sequence });
        self.store.push(call, &[Arc::new(job)]).await.map(|_| id)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let file = PathBuf::from(&arguments[1]);
    let trouble = match arguments[2].as_str() {
        "limit" => Trouble::Limit,
        "full" => Trouble::Full(file.clone()),
        "frozen" => Trouble::Frozen(file.clone()),
        other => anyhow::bail!("there is no trouble {other:?}"),
    };
    let store = SqliteOptions::file(&file).open().await?;
    let client = Client::with_backend(store.clone());
    let gate = Arc::new(Gate::default());
    let worker = Worker::new(&client).state(gate.clone()).concurrency(10).start().await?;
    let mut pusher = Pusher { store: store.clone(), sender: WorkerId::generate(), sequence: 0 };

    let running = waits::job().enqueue_on(&client).await?;
    gate.started.notified().await;
    let mut confirmed = Vec::new();
    for _ in 0..50 {
        confirmed.push(pusher.push().await?);
    }
    trouble.begin()?;
    let passed = suffer(&mut pusher, &mut confirmed, &client, &gate).await;
    trouble.end()?;
    let late = passed?;

    // What was enqueued while it could not be written is confirmed now, for the client has repeated it.
    confirmed.push(late.await??);
    confirmed.push(running.id().clone());
    confirmed.push(pusher.push().await?);
    let queue = client.queue("trouble");
    tokio::time::timeout(Duration::from_secs(60), worker.idle())
        .await
        .context("the worker does not come back")?;
    for id in &confirmed {
        let state = queue.job(id).await?.with_context(|| format!("{id} is lost"))?.state();
        ensure!(state == JobState::Completed, "{id} is {state:?}");
    }
    worker.stop().await?;
    store.backup(&arguments[3]).await?;
    println!("{} confirmed", confirmed.len());
    Ok(())
}

type Late = tokio::task::JoinHandle<asyncmq::Result<JobId>>;

/// Goes on while the file cannot be written. Returns the job that the client is still trying to enqueue.
async fn suffer(
    pusher: &mut Pusher,
    confirmed: &mut Vec<JobId>,
    client: &Client,
    gate: &Gate,
) -> anyhow::Result<Late> {
    let mut refused = 0;
    while refused < 3 {
        match pusher.push().await {
            Ok(id) => confirmed.push(id),
            Err(error) => {
                ensure!(error.is_retryable(), "it is taken for an error that lasts: {error}");
                refused += 1;
            }
        }
    }
    let client = client.clone();
    let late =
        tokio::spawn(async move { quick::job().enqueue_on(&client).await.map(|handle| handle.id().clone()) });
    // A job that runs does not notice.
    gate.open.notify_one();
    gate.ended.notified().await;
    // A store may have made room by copying its log into the file. What it confirms then counts like all else.
    confirmed.extend(pusher.push().await.ok());
    Ok(late)
}
