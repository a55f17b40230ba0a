//! A sandboxed handler is given what any other is given, and what it returns arrives.

use std::time::{Duration, Instant};

use asyncmq::{Context, Sandbox, State, TaskError, task};
use serde::{Deserialize, Serialize};

use super::{Greeting, serve};
use crate::support::soon;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    process: u32,
    id: String,
    attempt: (u32, u32),
    queue: String,
    task: String,
    tags: Vec<String>,
    header: Option<String>,
    left: Option<Duration>,
}

#[task(name = "sandbox.look", queue = "sandbox look", sandbox, retries = 4, timeout = "30s", tags = ["a", "b"])]
async fn look(ctx: Context) -> Seen {
    Seen {
        process: std::process::id(),
        id: ctx.job_id().to_string(),
        attempt: (ctx.attempt(), ctx.max_attempts()),
        queue: ctx.queue().to_owned(),
        task: ctx.task().to_owned(),
        tags: ctx.tags().to_vec(),
        header: ctx.header("tenant").map(ToOwned::to_owned),
        left: ctx.deadline().map(|deadline| deadline.duration_since(Instant::now())),
    }
}

#[tokio::test]
async fn the_context_is_that_of_the_job_in_another_process() {
    let (client, worker) = serve::<look>(Sandbox::new()).await;
    let job = look::job().header("tenant", "7").enqueue_on(&client).await.unwrap();
    let seen = soon("the result", job.result()).await.unwrap();
    assert_ne!(seen.process, std::process::id());
    let left = seen.left.unwrap();
    assert!(Duration::from_secs(15) < left && left <= Duration::from_secs(30), "{left:?}");
    let expected = Seen {
        id: job.id().to_string(),
        attempt: (1, 5),
        queue: "sandbox look".into(),
        task: "sandbox.look".into(),
        tags: vec!["a".into(), "b".into()],
        header: Some("7".into()),
        ..seen
    };
    assert_eq!(seen, expected);
    worker.stop().await.unwrap();
}
