//! Failed attempts: how long they wait, and what errors decide.

use std::time::Duration;

use asyncmq::{Backoff, Context, EventData, EventKind, JobState, NewJob, Task, TaskError, task, testing};
use futures::{FutureExt, StreamExt};

use crate::support::stage::check;

const SECOND: Duration = Duration::from_secs(1);

/// Runs a job to its end on virtual time and returns the delays before its retries.
async fn delays<T: Task>(job: NewJob<T>) -> Vec<Duration> {
    let client = testing::client();
    let mut events = client.events_where(EventKind::Retrying).await.unwrap();
    job.enqueue_on(&client).await.unwrap();
    client.drain().await.unwrap();
    let mut delays = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        let EventData::Retry { after, .. } = event.data() else { panic!("{event:?}") };
        delays.push(*after);
    }
    delays
}

fn seconds(times: &[u64]) -> Vec<Duration> {
    times.iter().copied().map(Duration::from_secs).collect()
}

#[task(name = "retry.by_number", queue = "retry", retries = 3, backoff = 3.0)]
async fn by_number() -> Result<(), String> {
    Err("no".into())
}

#[task(name = "retry.by_fixed", queue = "retry", retries = 2, backoff = "fixed(7s)")]
pub(crate) async fn by_fixed() -> Result<(), String> {
    Err("no".into())
}

#[task(
    name = "retry.by_exponential",
    queue = "retry",
    retries = 4,
    backoff = "exponential(1s, factor = 3, max = 10s, jitter = 0)"
)]
async fn by_exponential() -> Result<(), String> {
    Err("no".into())
}

#[task(name = "retry.by_list", queue = "retry", retries = 4, backoff = "list(1s, 10s, 60s)")]
async fn by_list() -> Result<(), String> {
    Err("no".into())
}

fn twice_then_never(attempt: u32, error: &TaskError) -> Option<Duration> {
    assert_eq!(error.message(), "no");
    (attempt < 3).then(|| Duration::from_secs(u64::from(attempt) * 11))
}

#[task(name = "retry.by_function", queue = "retry", retries = 9, backoff = twice_then_never)]
async fn by_function() -> Result<(), String> {
    Err("no".into())
}

fn broken(_: u32, _: &TaskError) -> Option<Duration> {
    panic!("the backoff is broken")
}

#[task(name = "retry.by_broken_function", queue = "retry", retries = 1, backoff = broken)]
async fn by_broken_function() -> Result<(), String> {
    Err("no".into())
}

#[task(name = "retry.by_default", queue = "retry", retries = 2)]
async fn by_default() -> Result<(), String> {
    Err("no".into())
}

#[tokio::test]
async fn a_number_is_a_base_to_the_power_of_the_attempt() {
    assert_eq!(delays(by_number::job()).await, seconds(&[3, 9, 27]));
}

#[tokio::test]
async fn a_fixed_backoff_is_always_the_same() {
    assert_eq!(delays(by_fixed::job()).await, seconds(&[7, 7]));
}

#[tokio::test]
async fn an_exponential_backoff_grows_up_to_its_cap() {
    assert_eq!(delays(by_exponential::job()).await, seconds(&[1, 3, 9, 10]));
}

#[tokio::test]
async fn the_last_delay_of_a_list_repeats() {
    assert_eq!(delays(by_list::job()).await, seconds(&[1, 10, 60, 60]));
}

#[tokio::test]
async fn a_function_decides_and_can_give_up() {
    assert_eq!(delays(by_function::job()).await, seconds(&[11, 22]));
}

#[tokio::test]
async fn a_function_that_panics_is_answered_by_the_default() {
    let delays = delays(by_broken_function::job()).await;
    assert_eq!(delays.len(), 1);
    assert!((0.9..=1.1).contains(&delays[0].as_secs_f64()), "{delays:?}");
}

#[tokio::test]
async fn without_a_word_the_delay_doubles_from_a_second_give_or_take_a_tenth() {
    let delays = delays(by_default::job()).await;
    assert!((0.9..=1.1).contains(&delays[0].as_secs_f64()), "{delays:?}");
    assert!((1.8..=2.2).contains(&delays[1].as_secs_f64()), "{delays:?}");
}

#[tokio::test]
async fn a_job_can_ask_for_another_backoff_and_other_retries() {
    assert_eq!(delays(by_fixed::job().backoff(Backoff::fixed(SECOND)).retries(1)).await, seconds(&[1]));
    assert_eq!(delays(by_function::job().backoff(Backoff::fixed(SECOND)).retries(1)).await, seconds(&[1]));
}

#[task(name = "retry.third_time_lucky", queue = "retry", retries = 2, backoff = "fixed(5ms)")]
async fn third_time_lucky(ctx: Context) -> Result<u32, String> {
    if ctx.attempt() < 3 { Err("not yet".into()) } else { Ok(ctx.attempt()) }
}

#[tokio::test]
async fn a_failed_attempt_is_followed_by_another_one() {
    let job = check(
        third_time_lucky::job(),
        &[
            "enqueued",
            "started 1",
            "retrying 1 error",
            "started 2",
            "retrying 2 error",
            "started 3",
            "completed 3",
        ],
    )
    .await;
    assert_eq!(job.errors().len(), 2);
    assert_eq!(job.result_as::<u32>().unwrap(), 3);
}

#[task(name = "retry.hopeless", queue = "retry", retries = 1, backoff = "fixed(5ms)")]
async fn hopeless() -> Result<(), std::io::Error> {
    Err(std::io::Error::other("the disk is full"))
}

#[tokio::test]
async fn a_job_without_attempts_left_is_a_dead_letter_with_every_error() {
    let job =
        check(hopeless::job(), &["enqueued", "started 1", "retrying 1 error", "started 2", "failed 2 error"])
            .await;
    assert_eq!(job.state(), JobState::Failed);
    let messages: Vec<_> =
        job.errors().iter().map(|failure| (failure.attempt(), failure.message())).collect();
    assert_eq!(messages, [(1, "the disk is full"), (2, "the disk is full")]);
}

#[derive(Debug, thiserror::Error)]
#[error("the payment failed")]
struct Payment(#[source] Box<dyn std::error::Error + Send + Sync>);

#[task(name = "retry.permanent_in_anyhow", queue = "retry", retries = 9)]
async fn permanent_in_anyhow() -> anyhow::Result<()> {
    Err(anyhow::Error::from_boxed(TaskError::permanent("no such account").into()).context("charging"))
}

#[task(name = "retry.permanent_in_thiserror", queue = "retry", retries = 9)]
async fn permanent_in_thiserror() -> Result<(), Payment> {
    Err(Payment(TaskError::permanent("no such account").into()))
}

#[task(name = "retry.retry_in_thiserror", queue = "retry", retries = 1)]
async fn retry_in_thiserror(ctx: Context) -> Result<(), Payment> {
    match ctx.attempt() {
        1 => Err(Payment(TaskError::retry_in(SECOND * 42, "busy").into())),
        _ => Ok(()),
    }
}

#[task(name = "retry.cancels_itself", queue = "retry", retries = 1)]
async fn cancels_itself() -> Result<(), TaskError> {
    Err(TaskError::cancel("not needed any more"))
}

#[tokio::test]
async fn a_permanent_error_skips_the_retries_through_anyhow_and_thiserror() {
    let job = check(permanent_in_anyhow::job(), &["enqueued", "started 1", "failed 1 error"]).await;
    assert_eq!(job.errors()[0].message(), "charging: no such account");
    let job = check(permanent_in_thiserror::job(), &["enqueued", "started 1", "failed 1 error"]).await;
    assert_eq!(job.errors()[0].message(), "the payment failed: no such account");
}

#[tokio::test]
async fn an_error_can_name_the_delay_of_its_retry() {
    assert_eq!(delays(retry_in_thiserror::job()).await, [SECOND * 42]);
}

#[tokio::test]
async fn a_handler_can_cancel_its_job() {
    let job = check(cancels_itself::job(), &["enqueued", "started 1", "cancelled 1"]).await;
    assert_eq!(job.cancel_reason(), Some("not needed any more"));
}

#[task(name = "retry.naps", queue = "retry")]
async fn naps(ctx: Context) -> Result<u32, TaskError> {
    // Attempts do not count naps, so the job's own log does.
    static NAPS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    match NAPS.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0..3 => Err(TaskError::snooze(Duration::from_millis(5))),
        _ => Ok(ctx.attempt()),
    }
}

#[tokio::test]
async fn a_snooze_spends_no_attempt_and_leaves_no_error() {
    let job = check(
        naps::job(),
        &[
            "enqueued",
            "started 1",
            "released",
            "started 1",
            "released",
            "started 1",
            "released",
            "started 1",
            "completed 1",
        ],
    )
    .await;
    assert!(job.errors().is_empty());
    assert_eq!(job.result_as::<u32>().unwrap(), 1);
}
