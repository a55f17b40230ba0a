//! Handlers in child processes: what they share with others, and how they end.

mod context;

use asyncmq::{Client, Registry, Sandbox, Task, Worker, WorkerHandle};

/// A state that children make, and their worker does not have.
pub(crate) struct Greeting(pub(crate) &'static str);

/// Starts a worker on a store of its own that serves this one task.
async fn serve<T: Task>(sandbox: Sandbox) -> (Client, WorkerHandle) {
    let client = Client::memory();
    let worker = Worker::new(&client).registry(Registry::new().with::<T>()).sandbox(sandbox);
    let handle = worker.start().await.unwrap();
    (client, handle)
}
