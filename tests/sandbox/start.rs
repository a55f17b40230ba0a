//! What is wrong with a sandbox is said when its worker starts.

use asyncmq::{Client, Error, Registry, Sandbox, State, Worker, task};

struct Unmade;

#[task(name = "start.stateful", queue = "stateful", sandbox)]
async fn stateful(_state: State<Unmade>) {}

#[task(name = "start.tight", queue = "tight", sandbox, memory = "1MiB")]
async fn tight() {}

async fn refusal(registry: Registry, sandbox: Sandbox) -> String {
    let worker = Worker::new(&Client::memory()).registry(registry).sandbox(sandbox);
    let error = worker.start().await.unwrap_err();
    assert!(matches!(error, Error::Startup(_) | Error::Invalid(_)), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn a_state_that_the_child_does_not_make_is_named() {
    let said = refusal(Registry::new().with::<stateful>(), Sandbox::new()).await;
    for part in
        ["\"start.stateful\"", "State<Unmade>", "sandbox/start.rs", "asyncmq::sandbox::child().state("]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn too_little_memory_is_refused_with_what_is_needed() {
    let said = refusal(Registry::new().with::<tight>(), Sandbox::new()).await;
    assert!(said.contains("may use 1 MiB of memory") && said.contains("give it at least"), "{said}");
}

#[tokio::test]
async fn values_that_cannot_be_are_refused() {
    let said = refusal(Registry::new().with::<tight>(), Sandbox::new().jobs(0)).await;
    assert!(said.contains("`sandbox_jobs` is 0"), "{said}");
}
