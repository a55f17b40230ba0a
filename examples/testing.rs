//! `cargo test --example testing` — tests without a server and without sleeping; `cargo run --example testing` runs them too.

use std::time::Duration;

use asyncmq::{Context, TaskError, assert_enqueued, task, testing};

#[task(queue = "mail", retries = 2, backoff = "fixed(1h)")]
async fn send_welcome(ctx: Context, to: String, name: String) -> Result<String, TaskError> {
    match (to.contains('@'), ctx.attempt()) {
        (false, _) => Err(TaskError::permanent("no address")),
        (true, 1) => Err(std::io::Error::other("the mail server is busy").into()),
        (true, _) => Ok(format!("welcome, {name}")),
    }
}

/// What is to be tested: it enqueues through the default client, which in a test is the test's own.
async fn sign_up(address: &str, name: &str) -> asyncmq::Result<()> {
    send_welcome::job(address, name).delay(Duration::from_secs(86_400)).enqueue().await?;
    Ok(())
}

#[cfg_attr(test, tokio::test)]
async fn signing_up_enqueues_a_welcome() -> asyncmq::Result<()> {
    testing::scope(async |_| {
        sign_up("ann@example.com", "Ann").await?;
        assert_enqueued!(send_welcome { to: "ann@example.com", .. });
        assert_eq!(testing::enqueued::<send_welcome>().len(), 1);
        Ok(())
    })
    .await
}

#[cfg_attr(test, tokio::test)]
async fn the_welcome_is_sent_a_day_later_at_the_second_attempt() -> asyncmq::Result<()> {
    testing::scope(async |test| {
        let start = test.now();
        sign_up("ann@example.com", "Ann").await?;
        let drained = test.drain().await?; // A day and an hour of the test's own time, in no time.
        assert_eq!((drained.failed, drained.completed), (1, 1));
        assert_eq!(test.now().duration_since(start).unwrap_or_default(), Duration::from_secs(25 * 3_600));
        Ok(())
    })
    .await
}

#[cfg_attr(test, tokio::test)]
async fn the_task_is_a_function_that_can_be_called() -> asyncmq::Result<()> {
    let context = testing::ContextBuilder::new().attempt(2).build();
    let said = send_welcome(context, "ann@example.com".into(), "Ann".into()).await;
    assert_eq!(said.ok().as_deref(), Some("welcome, Ann"));
    Ok(())
}

#[cfg(not(test))]
#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    signing_up_enqueues_a_welcome().await?;
    the_welcome_is_sent_a_day_later_at_the_second_attempt().await?;
    the_task_is_a_function_that_can_be_called().await?;
    println!("three tests passed, and nobody slept");
    Ok(())
}
