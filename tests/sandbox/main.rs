//! Handlers in child processes: what they share with others, and how they end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod context;
mod ends;
mod large;
mod pool;
mod process;
mod start;
mod stop;

use std::future::Future;
use std::time::Duration;

use asyncmq::job::{Failure, FailureKind};
use asyncmq::{Client, JobHandle, JobState, NewJob, Registry, Sandbox, Task, Worker, WorkerHandle};

/// Where the children begin: they are this binary.
#[test]
fn asyncmq_sandbox_child() {
    let late = || async { Ok::<_, std::io::Error>(context::Late(7)) };
    asyncmq::sandbox::child().state(|| context::Greeting("hello")).state_async(late).init();
}

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something, but not for ever.
#[track_caller]
fn soon<F: Future>(what: &str, future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(PATIENCE, future).await {
            Ok(done) => done,
            Err(_) => panic!("waited in vain for {what} at {place}"),
        }
    }
}

/// Waits until something can be seen that no event tells.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let seen = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon(what, seen).await;
}

/// Starts a worker on a store of its own that serves this one task.
async fn serve<T: Task>(sandbox: Sandbox) -> (Client, WorkerHandle) {
    let client = Client::memory();
    let worker = Worker::new(&client).registry(Registry::new().with::<T>()).sandbox(sandbox);
    let handle = worker.start().await.unwrap();
    (client, handle)
}

/// Sends a job and waits for its result.
async fn result_of<T: Task<Output: serde::de::DeserializeOwned>>(
    client: &Client,
    job: NewJob<T>,
) -> T::Output {
    let job = job.enqueue_on(client).await.unwrap();
    soon("the result", job.result()).await.unwrap()
}

/// Waits for a job's end.
async fn ended<T: Task<Output: serde::de::DeserializeOwned>>(job: &JobHandle<T>) -> JobState {
    let _ = soon("the end of a job", job.result()).await;
    job.state().await.unwrap()
}

/// Sends a job that fails, and returns how its last attempt did.
async fn failure_of<T: Task<Output: serde::de::DeserializeOwned>>(
    client: &Client,
    job: NewJob<T>,
) -> Failure {
    let job = job.enqueue_on(client).await.unwrap();
    assert_eq!(ended(&job).await, JobState::Failed);
    let kept = client.queue(T::QUEUE).get_job(job.id()).await.unwrap().unwrap();
    kept.errors().last().unwrap().clone()
}

/// Asserts what kind of failure it is and what it says.
#[track_caller]
fn assert_says(failure: &Failure, kind: FailureKind, parts: &[&str]) {
    assert_eq!(failure.kind(), kind, "{failure:?}");
    for part in parts {
        assert!(failure.message().contains(part), "{part:?} is not in {:?}", failure.message());
    }
}
