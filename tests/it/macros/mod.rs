//! What `#[task]` makes of functions, at run time.

mod arguments;
mod definitions;
mod links;
mod outcomes;

use asyncmq::lifecycle::Outcome;
use asyncmq::testing::TestClient;
use asyncmq::{Job, NewJob, Registry, Task, testing};
use serde_json::Value;

/// Returns what the handler returned; anything else fails the test.
#[track_caller]
fn completed(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Completed(json) => serde_json::from_slice(&json).expect("a result is JSON"),
        other => panic!("the job did not complete: {other:?}"),
    }
}

/// A client whose worker knows one task.
fn client<T: Task>() -> TestClient {
    testing::client().registry(Registry::new().with::<T>())
}

/// Enqueues a job by name, runs it, and returns what became of it.
async fn run_by_name<T: Task>(job: NewJob) -> anyhow::Result<Job> {
    let client = client::<T>();
    let handle = client.queue(T::QUEUE).add(job).await?;
    client.drain_due().await?;
    Ok(handle.job().await?)
}
