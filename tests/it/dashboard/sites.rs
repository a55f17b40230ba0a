//! A dashboard of each store, with a worker that serves: in this process for the store in memory, else another process.

use std::process::{Child, Command, Stdio};
#[cfg(feature = "redis")]
use std::sync::Arc;

use asyncmq::{Client, Context, TaskError, Worker, WorkerHandle, task};
use tempfile::TempDir;

#[cfg(feature = "redis")]
use asyncmq_tests::servers::redis_server::RedisServer;

use super::{Site, config};
use crate::support::{sqlite_url, until};

/// What serves the queues.
enum Serving {
    Here(Option<WorkerHandle>),
    There(Child),
}

/// A store with a worker and a dashboard.
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) client: Client,
    pub(super) site: Site,
    pub(super) folder: TempDir,
    url: String,
    serving: Serving,
    #[cfg(feature = "redis")]
    _server: Option<Arc<RedisServer>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Serving::There(child) = &mut self.serving {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Place {
    /// Returns how another process comes to the store.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Ends the worker that is in this process.
    pub(super) async fn close(mut self) {
        if let Serving::Here(worker) = &mut self.serving
            && let Some(worker) = worker.take()
        {
            worker.stop().await.unwrap();
        }
    }
}

/// The tasks of `operator`, under names of their own, as both may be linked.
#[task(queue = "slow", name = "linger")]
async fn linger_here(ctx: Context, name: String) -> Result<String, TaskError> {
    ctx.log(format!("lingering for {name}"));
    ctx.cancelled().await;
    Err(TaskError::cancel("told to"))
}

#[task(queue = "mail", name = "greet", tags = ["letters"])]
pub(crate) async fn greet_here(to: String, token: Option<String>) -> String {
    drop(token);
    format!("hello {to}")
}

#[task(queue = "mail", name = "app.fetch")]
async fn fetch_here(path: String) -> Result<u64, TaskError> {
    let file = std::fs::metadata(&path)
        .map_err(|_| TaskError::permanent(format!("no {path}: the\u{1b}[31m disk")))?;
    Ok(file.len())
}

async fn in_memory() -> Place {
    let client = Client::memory();
    let worker = Worker::new(&client).queues(["mail", "slow"]).start().await.unwrap();
    place(("memory", "memory:".into()), client, Serving::Here(Some(worker)), tempfile::tempdir().unwrap())
}

fn place((name, url): (&'static str, String), client: Client, serving: Serving, folder: TempDir) -> Place {
    let site = Site::of(&client, config());
    Place {
        name,
        client,
        site,
        folder,
        url,
        serving,
        #[cfg(feature = "redis")]
        _server: None,
    }
}

async fn with_process(name: &'static str, url: String, folder: TempDir) -> Place {
    let client = Client::connect(&url).await.unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_operator"));
    command.args(["worker", "start", "--log-level", "error"]).current_dir(folder.path());
    command.env_clear().env("ASYNCMQ_URL", &url).stdin(Stdio::null()).stdout(Stdio::null());
    let child = command.spawn().unwrap();
    let process = child.id();
    let place = place((name, url), client.clone(), Serving::There(child), folder);
    let is_listed = async || client.workers().await.unwrap().iter().any(|worker| worker.pid == process);
    until("the worker", is_listed).await;
    place
}

/// Returns one of each.
pub(super) async fn places() -> Vec<Place> {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(folder.path());
    let places = vec![in_memory().await, with_process("sqlite", url, folder).await];
    #[cfg(feature = "redis")]
    let places = {
        let (mut places, server) = (places, RedisServer::shared());
        let url = format!("{}?prefix={}", server.url(), uuid::Uuid::new_v4().simple());
        let mut there = with_process("redis", url, tempfile::tempdir().unwrap()).await;
        there._server = Some(server);
        places.push(there);
        places
    };
    places
}
