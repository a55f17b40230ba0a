//! Jobs that wait for each other, as producers and workers meet them.

mod depends;
mod kept;
mod killed;
mod large;
mod map;
mod oracle;
mod plan;
pub(crate) mod random;
mod typed;

use std::sync::{Arc, Mutex};

use asyncmq::backend::conformance::Fixture;
use asyncmq::{Client, State, TaskError, Worker, WorkerHandle, task};

use crate::support::Make;
use crate::support::memory::Memory;
use crate::support::sqlite::Sqlite;

const QUEUE: &str = "flows";
const OTHER: &str = "flows, elsewhere";

/// What began and what ended, in its order.
#[derive(Clone, Default)]
struct Ran(Arc<Mutex<Vec<(String, bool)>>>);

impl Ran {
    fn note(&self, what: &str, has_ended: bool) {
        self.0.lock().unwrap().push((what.to_owned(), has_ended));
    }

    /// What ran.
    fn all(&self) -> Vec<String> {
        let seen = self.0.lock().unwrap();
        seen.iter().filter(|(_, has_ended)| !has_ended).map(|(what, _)| what.clone()).collect()
    }

    fn began(&self, what: &str) -> Option<usize> {
        self.place(what, false)
    }

    fn ended(&self, what: &str) -> Option<usize> {
        self.place(what, true)
    }

    fn place(&self, what: &str, has_ended: bool) -> Option<usize> {
        self.0.lock().unwrap().iter().position(|(seen, end)| seen == what && *end == has_ended)
    }
}

/// Ends as it is told.
#[task(name = "flows.node", queue = "flows")]
async fn node(ran: State<Ran>, name: String, end: String) -> Result<String, TaskError> {
    ran.note(&name, false);
    tokio::task::yield_now().await;
    ran.note(&name, true);
    match end.as_str() {
        "fail" => Err(TaskError::permanent("it was told to")),
        "cancel" => Err(TaskError::cancel("it was told to")),
        _ => Ok(name),
    }
}

#[task(name = "flows.split", queue = "flows")]
async fn split(text: String) -> Vec<String> {
    text.split(' ').map(ToOwned::to_owned).collect()
}

#[task(name = "flows.count", queue = "flows, elsewhere")]
async fn count(words: Vec<String>) -> Result<usize, TaskError> {
    if words.is_empty() { Err(TaskError::permanent("no words")) } else { Ok(words.len()) }
}

#[task(name = "flows.sum", queue = "flows")]
async fn sum(start: usize, counts: &[usize]) -> usize {
    start + counts.iter().sum::<usize>()
}

#[task(name = "flows.report", queue = "flows")]
async fn report(title: &str, total: Option<usize>) -> String {
    format!("{title}: {total:?}")
}

/// Tries something on every store.
async fn on_every_store(try_it: impl AsyncFn(Client)) {
    on_every_fixture(async |_: &dyn Fixture, client| try_it(client).await).await;
}

/// Tries something on every store whose time is moved by hand.
async fn on_every_fixture(try_it: impl AsyncFn(&dyn Fixture, Client)) {
    let memory = Memory::make().await;
    try_it(&memory, Client::with_backend(memory.store())).await;
    let sqlite = Sqlite::file().await;
    try_it(&sqlite, Client::with_backend(sqlite.store())).await;
    #[cfg(feature = "redis")]
    {
        let redis = crate::support::redis_store::Redis::new().await;
        try_it(&redis, Client::with_backend(redis.store())).await;
    }
    #[cfg(feature = "redis-cluster")]
    {
        let cluster = crate::support::in_cluster::InCluster::new().await;
        try_it(&cluster, Client::with_backend(cluster.store())).await;
    }
}

async fn worker(client: &Client, ran: &Ran) -> WorkerHandle {
    Worker::new(client).queues([QUEUE, OTHER]).concurrency(4).state(ran.clone()).start().await.unwrap()
}
