//! Arguments on their way into the store and out of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use asyncmq::job::FailureKind;
use asyncmq::lifecycle::Outcome;
use asyncmq::{Error, JobState, NewJob, task, testing};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::{client, completed, run_by_name};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Parcel {
    to: String,
    sizes: Vec<f64>,
    extra: BTreeMap<String, Option<u64>>,
}

#[task(name = "macros.echo")]
async fn echo(
    parcel: Parcel,
    r#type: &str,
    parts: &[u8],
    path: &Path,
    maybe: Option<&Parcel>,
) -> (Parcel, String, PathBuf) {
    assert_eq!(maybe, Some(&parcel));
    (parcel, format!("{type} {parts:?}"), path.to_owned())
}

fn parcel() -> Parcel {
    let extra = BTreeMap::from([("a".to_owned(), Some(u64::MAX)), ("b".to_owned(), None)]);
    Parcel {
        to: "ü\u{0}\"\u{1F680}\\".to_owned(),
        sizes: vec![0.1 + 0.2, 1e-300, 12_345_678_901_234_567.0],
        extra,
    }
}

#[tokio::test]
async fn values_come_back_as_they_were_given() -> anyhow::Result<()> {
    let job = echo::job(parcel(), "box", &[1, 2], Path::new("/tmp"), Some(&parcel()));
    let (returned, text, path): (Parcel, String, PathBuf) =
        serde_json::from_value(completed(testing::perform(job).await?))?;
    assert_eq!(returned, parcel());
    assert_eq!((text.as_str(), path), ("box [1, 2]", PathBuf::from("/tmp")));
    Ok(())
}

#[tokio::test]
async fn arguments_are_stored_as_an_object_by_name() -> anyhow::Result<()> {
    let client = client::<echo>();
    let handle = client.enqueue(echo::job(parcel(), "box", &[1], Path::new("/tmp"), None)).await?;
    let job = handle.job().await?;
    let stored: serde_json::Value = serde_json::from_str(job.args().unwrap().get())?;
    let expected = json!({"parcel": parcel(), "type": "box", "parts": [1], "path": "/tmp", "maybe": null});
    assert_eq!(stored, expected);
    Ok(())
}

#[task(name = "macros.nothing")]
async fn nothing() {}

#[tokio::test]
async fn a_task_without_arguments_stores_an_empty_object() -> anyhow::Result<()> {
    let client = client::<nothing>();
    let handle = client.enqueue(nothing::job()).await?;
    assert_eq!(handle.job().await?.args().unwrap().get(), "{}");
    Ok(())
}

#[task(name = "macros.average")]
async fn average(values: Vec<Option<f64>>, weight: f32) -> f64 {
    values.into_iter().flatten().sum::<f64>() * f64::from(weight)
}

#[tokio::test]
async fn numbers_that_json_does_not_have_are_refused_when_enqueued() -> anyhow::Result<()> {
    let client = client::<average>();
    for (values, weight, argument) in [
        (vec![Some(f64::NAN)], 1.0, "values"),
        (vec![None, Some(f64::INFINITY)], 1.0, "values"),
        (vec![], f32::NAN, "weight"),
    ] {
        let error = client.enqueue(average::job(values, weight)).await.unwrap_err();
        let Error::Payload { task, reason } = &error else { panic!("{error:?}") };
        assert_eq!(task, "macros.average");
        assert!(reason.contains(&format!("argument `{argument}`")), "{reason}");
    }
    assert_eq!(client.queue("default").counts().await?.waiting, 0);
    assert_eq!(completed(testing::perform(average::job(vec![None, Some(1.5)], 2.0)).await?), json!(3.0));
    Ok(())
}

fn five() -> u32 {
    5
}

#[task(name = "macros.lenient")]
async fn lenient(
    name: String,
    maybe: Option<String>,
    #[serde(default)] count: u32,
    #[serde(default = "five")] limit: u32,
    #[serde(rename = "kind \"of\" it", alias = "sort", alias = "type")] kind: String,
) -> String {
    format!("{name} {maybe:?} {count} {limit} {kind}")
}

async fn lenient_with(args: serde_json::Value) -> anyhow::Result<String> {
    let job = run_by_name::<lenient>(NewJob::new("macros.lenient").args(args)).await?;
    match job.state() {
        JobState::Completed => Ok(serde_json::from_str(job.result().map_or("", |json| json.get()))?),
        _ => {
            assert_eq!(job.errors()[0].kind(), FailureKind::Arguments);
            Err(anyhow::anyhow!("{}", job.errors()[0].message()))
        }
    }
}

#[tokio::test]
async fn absent_arguments_take_their_default_or_are_none() -> anyhow::Result<()> {
    assert_eq!(lenient_with(json!({"name": "a", "sort": "b"})).await?, "a None 0 5 b");
    assert_eq!(
        lenient_with(json!({"type": "b", "limit": 7, "name": "a", "maybe": "c"})).await?,
        "a Some(\"c\") 0 7 b"
    );
    Ok(())
}

#[tokio::test]
async fn a_missing_argument_is_named() {
    let error = lenient_with(json!({"sort": "b"})).await.unwrap_err().to_string();
    assert!(error.contains("argument `name`: is missing"), "{error}");
    let error = lenient_with(json!({"name": "a"})).await.unwrap_err().to_string();
    assert!(error.contains("argument `kind \"of\" it`: is missing"), "{error}");
}

#[tokio::test]
async fn an_argument_of_another_type_is_named() {
    let error = lenient_with(json!({"name": 7, "sort": "b"})).await.unwrap_err().to_string();
    assert!(error.contains("argument `name`: invalid type: integer `7`, expected a string"), "{error}");
}

#[tokio::test]
async fn a_renamed_argument_is_stored_under_its_new_name_and_unknown_ones_are_ignored() -> anyhow::Result<()>
{
    let client = client::<lenient>();
    let handle = client.enqueue(lenient::job("a", None, 1, 2, "b")).await?;
    let stored = handle.job().await?.args().unwrap().get().to_owned();
    assert_eq!(stored, r#"{"name":"a","maybe":null,"count":1,"limit":2,"kind \"of\" it":"b"}"#);

    let args = json!({"name": "a", "kind \"of\" it": "b", "of a newer sender": [1]});
    assert_eq!(lenient_with(args).await?, "a None 0 5 b");
    Ok(())
}

#[tokio::test]
async fn an_argument_given_twice_is_refused() {
    let error = lenient_with(json!({"name": "a", "sort": "b", "type": "c"})).await.unwrap_err().to_string();
    assert!(error.contains("is given twice"), "{error}");
}

#[task(name = "macros.subtract")]
async fn subtract(ctx: asyncmq::Context, from: i64, what: i64) -> i64 {
    assert_eq!(ctx.task(), "macros.subtract");
    from - what
}

async fn subtract_with(job: NewJob) -> anyhow::Result<Result<i64, String>> {
    let job = run_by_name::<subtract>(job).await?;
    Ok(match job.result() {
        Some(json) => Ok(serde_json::from_str(json.get())?),
        None => Err(job.errors()[0].message().to_owned()),
    })
}

#[tokio::test]
async fn arguments_by_place_are_put_in_their_place() -> anyhow::Result<()> {
    let job = || NewJob::new("macros.subtract");
    assert_eq!(subtract_with(job().args(json!([7, 3]))).await?, Ok(4));
    assert_eq!(subtract_with(job().args(json!([7])).kwargs(json!({"what": 5}))).await?, Ok(2));
    assert_eq!(subtract_with(job().args(json!({"what": 1, "from": 3}))).await?, Ok(2));

    let error = subtract_with(job().args(json!([7, 3, 1]))).await?.unwrap_err();
    assert!(error.contains("too many arguments: 3 by place, the task takes 2"), "{error}");
    let error = subtract_with(job().args(json!([7, 3])).kwargs(json!({"what": 5}))).await?.unwrap_err();
    assert!(error.contains("argument `what`: is given twice, by name and by place"), "{error}");
    let error = subtract_with(job().args(json!([7]))).await?.unwrap_err();
    assert!(error.contains("argument `what`: is missing"), "{error}");
    Ok(())
}

#[derive(Debug, Serialize)]
struct Touchy;

impl<'de> Deserialize<'de> for Touchy {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("touched")
    }
}

#[task(name = "macros.touch")]
async fn touch(touchy: Touchy) -> String {
    format!("{touchy:?}")
}

#[task(name = "macros.touch_in_a_thread")]
fn touch_in_a_thread(touchy: Touchy) -> String {
    format!("{touchy:?}")
}

#[tokio::test]
async fn a_panic_while_decoding_is_a_failed_attempt() -> anyhow::Result<()> {
    for outcome in
        [testing::perform(touch::job(Touchy)).await?, testing::perform(touch_in_a_thread::job(Touchy)).await?]
    {
        let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
        assert_eq!((failure.kind(), failure.message()), (FailureKind::Panic, "touched"));
    }
    Ok(())
}

struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it is a secret"))
    }
}

impl<'de> Deserialize<'de> for Unwritable {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

#[task(name = "macros.unwritable")]
async fn unwritable(first: u8, value: Unwritable) {
    let _ = (first, value);
}

#[tokio::test]
async fn an_argument_that_cannot_be_written_is_said_when_enqueued() {
    let job = unwritable::job(1, Unwritable);
    let error = client::<unwritable>().enqueue(job).await.unwrap_err();
    assert!(error.to_string().contains("argument `value`: it is a secret"), "{error}");
}
