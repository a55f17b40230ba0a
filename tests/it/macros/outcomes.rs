//! What functions return, and what becomes of it.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use asyncmq::job::FailureKind;
use asyncmq::lifecycle::Outcome;
use asyncmq::testing::ContextBuilder;
use asyncmq::{BoxError, Client, Context, State, TaskError, task, testing};
use serde_json::json;

use super::completed;

#[derive(Debug, thiserror::Error)]
#[error("mail server said {0}")]
struct MailError(u16);

#[derive(Debug, thiserror::Error)]
#[error("sending")]
struct Sending(#[source] BoxError);

#[task(name = "macros.send")]
async fn send(to: String) -> Result<usize, MailError> {
    if to.is_empty() { Err(MailError(550)) } else { Ok(to.len()) }
}

#[tokio::test]
async fn functions_stay_functions() {
    assert_eq!(send("a".to_owned()).await.unwrap(), 1);
    assert!(matches!(send(String::new()).await, Err(MailError(550))));
    let send = 1;
    assert_eq!(send, 1);
}

/// Returns what kind of failure an attempt was, and what it said.
#[track_caller]
fn failed(outcome: Outcome) -> (FailureKind, String) {
    match outcome {
        Outcome::Failed(failure) => (failure.kind(), failure.message().to_owned()),
        other => panic!("the attempt did not fail: {other:?}"),
    }
}

/// Returns what kind of failure it was that no retry helps.
#[track_caller]
fn failed_for_good(outcome: Outcome) -> (FailureKind, String) {
    match outcome {
        Outcome::FailedForGood(failure) => (failure.kind(), failure.message().to_owned()),
        other => panic!("the attempt did not fail for good: {other:?}"),
    }
}

#[task(name = "macros.kept_box")]
async fn kept_box(code: u16) -> Result<(), Box<dyn std::error::Error>> {
    tokio::task::yield_now().await;
    if code == 0 { Ok(()) } else { Err(Box::new(Sending(MailError(code).into()))) }
}

#[task(name = "macros.text")]
fn text(reason: &str) -> Result<(), String> {
    if reason.is_empty() { Ok(()) } else { Err(format!("by {reason}")) }
}

#[derive(Debug)]
struct Local(Rc<str>);

impl From<Local> for BoxError {
    fn from(local: Local) -> Self {
        local.0.to_string().into()
    }
}

#[task(name = "macros.local")]
async fn local() -> Result<(), Local> {
    Err(Local("local".into()))
}

#[task(name = "macros.context")]
async fn context() -> anyhow::Result<()> {
    Err(anyhow::Error::new(MailError(2)).context("greeting").context("sign-up"))
}

#[tokio::test]
async fn any_error_fails_the_attempt_and_says_all_its_causes() -> anyhow::Result<()> {
    let said = async |outcome: asyncmq::Result<Outcome>| outcome.map(failed);
    let error = |text: &str| (FailureKind::Error, text.to_owned());
    assert_eq!(said(testing::perform(send::job("")).await).await?, error("mail server said 550"));
    assert_eq!(said(testing::perform(kept_box::job(1)).await).await?, error("sending: mail server said 1"));
    assert_eq!(said(testing::perform(text::job("text")).await).await?, error("by text"));
    assert_eq!(said(testing::perform(local::job()).await).await?, error("local"));
    assert_eq!(
        said(testing::perform(context::job()).await).await?,
        error("sign-up: greeting: mail server said 2")
    );
    assert_eq!(completed(testing::perform(kept_box::job(0)).await?), json!(null));
    Ok(())
}

#[task(name = "macros.decide")]
async fn decide(how: String) -> anyhow::Result<()> {
    let decision = match how.as_str() {
        "permanent" => TaskError::permanent("no such account"),
        "retry_in" => TaskError::retry_in(Duration::from_secs(9), "busy"),
        "snooze" => TaskError::snooze(Duration::from_secs(5)),
        "cancel" => TaskError::cancel("not needed"),
        other => TaskError::from(other.parse::<u8>().expect_err("it is no number")),
    };
    Err(Sending(decision.into())).map_err(|error| anyhow::Error::new(error).context("deciding"))
}

#[tokio::test]
async fn a_decision_inside_of_other_errors_counts() -> anyhow::Result<()> {
    let perform = |how: &str| testing::perform(decide::job(how));
    assert_eq!(failed_for_good(perform("permanent").await?).1, "deciding: sending: no such account");
    assert!(
        matches!(perform("retry_in").await?, Outcome::FailedFor(_, delay) if delay == Duration::from_secs(9))
    );
    assert!(matches!(perform("snooze").await?, Outcome::Snoozed(delay) if delay == Duration::from_secs(5)));
    assert!(matches!(perform("cancel").await?, Outcome::Cancelled(Some(reason)) if reason == "not needed"));
    assert_eq!(failed(perform("x").await?).1, "deciding: sending: invalid digit found in string");
    Ok(())
}

#[task(name = "macros.literal")]
async fn literal(n: u8) -> Option<&'static str> {
    (n == 1).then_some("text")
}

#[task(name = "macros.borrowed")]
async fn borrowed<'a>(text: &'a str, parts: &'a [String]) -> Result<(Cow<'a, str>, &'a [String]), String> {
    Ok((Cow::Borrowed(text), parts))
}

#[tokio::test]
async fn what_is_borrowed_comes_back_owned() -> anyhow::Result<()> {
    let _: [Option<String>; 0] = [] as [<literal as asyncmq::Task>::Output; 0];
    let _: [(Cow<'static, str>, Vec<String>); 0] = [] as [<borrowed as asyncmq::Task>::Output; 0];
    assert_eq!(completed(testing::perform(literal::job(1)).await?), json!("text"));
    let job = borrowed::job("a", &["b".to_owned()]);
    assert_eq!(completed(testing::perform(job).await?), json!(["a", ["b"]]));
    Ok(())
}

#[task(name = "macros.ratio")]
async fn ratio(of: f64, to: f64) -> f64 {
    of / to
}

#[tokio::test]
async fn a_result_that_json_does_not_have_fails_for_good() -> anyhow::Result<()> {
    assert_eq!(completed(testing::perform(ratio::job(1.0, 2.0)).await?), json!(0.5));
    let (kind, message) = failed_for_good(testing::perform(ratio::job(0.0, 0.0)).await?);
    assert_eq!(kind, FailureKind::Result);
    assert!(message.contains("JSON has no number for NaN"), "{message}");
    Ok(())
}

#[task(name = "macros.panics")]
fn panics(n: u32) -> u32 {
    assert!(n < 3, "{n} is too many");
    n
}

#[tokio::test]
async fn a_panic_on_the_blocking_pool_is_a_failed_attempt() -> anyhow::Result<()> {
    assert_eq!(completed(testing::perform(panics::job(1)).await?), json!(1));
    assert_eq!(
        failed(testing::perform(panics::job(7)).await?),
        (FailureKind::Panic, "7 is too many".to_owned())
    );
    Ok(())
}

struct Db {
    url: String,
}

#[task(name = "macros.given")]
fn given(ctx: &Context, State(db): State<Db>, limit: &State<u32>, name: &str) -> String {
    format!("{} {} {} {name}", ctx.attempt(), db.url, **limit)
}

#[task(name = "macros.given_later")]
async fn given_later(name: String, ctx: Context, db: State<Db>) -> String {
    tokio::task::yield_now().await;
    format!("{} {} {name}", ctx.task(), db.url)
}

#[tokio::test]
async fn context_and_states_are_given_in_any_form() -> anyhow::Result<()> {
    let context = || ContextBuilder::new().state(Db { url: "db".to_owned() }).state(5_u32).attempt(3);
    assert_eq!(completed(context().perform(given::job("a")).await?), json!("3 db 5 a"));
    assert_eq!(completed(context().perform(given_later::job("a")).await?), json!("macros.given_later db a"));
    Ok(())
}

#[tokio::test]
async fn a_state_that_nobody_gave_is_named() -> anyhow::Result<()> {
    let (_, message) = failed_for_good(testing::perform(given_later::job("a")).await?);
    assert!(message.contains("no state of type") && message.contains("Db"), "{message}");
    Ok(())
}

#[task(name = "macros.recursive")]
async fn recursive(n: u32) -> Result<u32, TaskError> {
    if 0 < n {
        recursive::enqueue(n - 1).await?;
    }
    Ok(n)
}

#[tokio::test]
async fn a_task_may_enqueue_itself_and_goes_to_its_own_store() -> anyhow::Result<()> {
    let (one, other) = (super::client::<recursive>(), super::client::<recursive>());
    asyncmq::init(Client::memory());
    one.enqueue(recursive::job(3)).await?;
    other.enqueue(recursive::job(1)).await?;
    assert_eq!(one.drain().await?.completed, 4);
    assert_eq!(other.drain().await?.completed, 2);
    Ok(())
}

#[tokio::test]
async fn enqueue_futures_are_plain_data() {
    fn movable<T: Send + Unpin + 'static>(value: T) -> T {
        value
    }
    let text = String::from("borrowed for the call only");
    let future = movable(recursive::enqueue(1));
    let other = movable(send::job(text.as_str()).enqueue_on(&Client::memory()));
    let job = movable(send::job(&text));
    drop((text, future, other, job.clone()));
}
