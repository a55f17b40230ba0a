//! Arguments and results of any size pass, as far as payloads may be large.

use asyncmq::job::FailureKind;
use asyncmq::{Client, Registry, Sandbox, Worker, task};

use super::{assert_says, failure_of, result_of};

#[task(name = "large.double", queue = "double", sandbox)]
async fn double(text: String, times: usize) -> String {
    text.repeat(times)
}

const MEGABYTES_50: usize = 50 << 20;

async fn serve(client: &Client) -> asyncmq::WorkerHandle {
    let worker = Worker::new(client).registry(Registry::new().with::<double>()).sandbox(Sandbox::new());
    worker.start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_megabytes_go_in_and_come_out_intact() {
    let client = Client::memory().max_payload(MEGABYTES_50 + 1_000);
    let worker = serve(&client).await;
    // Not the same everywhere, so that no piece can be in another's place.
    let text: String = (0..).map(|number| format!("{number:07},")).take(MEGABYTES_50 / 8).collect();
    assert!(result_of(&client, double::job(&*text, 1)).await == text);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_result_past_the_limit_fails_and_does_not_travel() {
    let client = Client::memory().max_payload(10_000);
    let worker = serve(&client).await;
    let failure = failure_of(&client, double::job("0123456789", 10_000)).await;
    assert_says(&failure, FailureKind::Result, &["the result has 100002 bytes, 10000 are allowed"]);
    worker.stop().await.unwrap();
}
