//! `asyncmq job add`: enqueues a job of a task by its name.

use std::io::Read;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use super::Ended;
use super::flags::{leaf, number, text, texts, time, value, word};
use super::out::object;
use super::out::text::clean;
use super::session::Session;
use crate::client::{NewJob, Untyped};
use crate::error::{Error, Result};
use crate::job::nearest;

/// Describes the command.
pub(super) fn command() -> Command {
    let add = leaf("add", "Enqueues a job of a task by its name").arg(word("TASK", "The task's name"));
    with_options(add)
        .arg(value("id", "ID", "An id of your own: a second job of a kept one's id is not added"))
        .after_help("Example: asyncmq job add send_welcome to=ann@example.com name=Ann --delay 5m")
}

/// Adds what a job may be given: arguments, and options of its own.
pub(super) fn with_options(command: Command) -> Command {
    let arguments = Arg::new("ARGUMENT")
        .num_args(0..)
        .value_parser(ValueParser::string())
        .help("Arguments by name: to=ann@example.com is a text, count:=3 is JSON");
    let repeated = |arg: Arg| arg.action(ArgAction::Append);
    command
        .arg(arguments)
        .arg(
            value(
                "args",
                "JSON",
                "All arguments as a JSON object or array; - reads them from standard input",
            )
            .conflicts_with("ARGUMENT"),
        )
        .arg(value("queue", "QUEUE", "The queue, in place of the task's own"))
        .arg(value("delay", "TIME", "How long it waits at least: 90s, 5m"))
        .arg(value("priority", "N", "0 runs first, 255 last"))
        .arg(value("retries", "N", "Attempts after the first"))
        .arg(value("ttl", "TIME", "How long after its due time it may still start"))
        .arg(value("timeout", "TIME", "How long one attempt may take"))
        .arg(value("dedup", "MODE", "Counts as the same as others of its key: simple, throttle(10s), throttle(10s, extend), debounce(10s), replace, keep_last"))
        .arg(value("dedup-key", "KEY", "That key; without it, one made of the task and the arguments"))
        .arg(value("key", "KEY", "The key by which it takes turns with others of its task"))
        .arg(repeated(value("tag", "TAG", "A word to find it by, may be repeated")))
        .arg(repeated(value("header", "KEY=VALUE", "A word for its handler, may be repeated")))
}

/// Returns the job that the options describe; its task is looked for among those that live workers have.
pub(super) async fn job_of(session: &Session, flags: &ArgMatches) -> Result<NewJob<Untyped>> {
    let task = text(flags, "TASK").unwrap_or_default();
    warn_of_unknown(session, task, text(flags, "queue")).await?;
    describe(NewJob::new(task).args(arguments(flags)?), flags)
}

/// Runs it.
pub(super) async fn run(session: &Session, flags: &ArgMatches) -> Result<Ended> {
    let task = text(flags, "TASK").unwrap_or_default();
    let mut job = job_of(session, flags).await?;
    if let Some(id) = text(flags, "id") {
        job = job.id(id);
    }
    let client = session.admin.client();
    let enqueued = async {
        match text(flags, "queue") {
            Some(queue) => client.queue(queue).add(job).await,
            None => client.enqueue(job).await,
        }
    };
    let subject = format!("task:{task}");
    let handle = session.admin.on_record(("job.add", &subject), enqueued, |_| 1).await?;
    match session.out.json {
        true => session.out.json(&object!({ id: handle.id().to_string(), queue: handle.queue() }))?,
        false => session.out.line(handle.id().as_str())?,
    }
    Ok(Ended::Done)
}

/// A job of a misspelt task would wait for ever. With a queue that is named, the worker may come later.
async fn warn_of_unknown(session: &Session, task: &str, queue: Option<&str>) -> Result<()> {
    let known = session.admin.tasks().await?;
    if known.iter().any(|known| known.info.name == *task) || crate::task::linked(task).is_some() {
        return Ok(());
    }
    let near = nearest(task, known.iter().map(|known| known.info.name.as_str()));
    let hint = near.map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"));
    let says = format!("no live worker has a task {task:?}{hint}");
    if queue.is_none() {
        return Err(Error::Invalid(format!("{says}; to enqueue it all the same, say into which --queue")));
    }
    eprintln!("warning: {}: the job waits until one comes", clean(&says));
    Ok(())
}

fn describe(mut job: NewJob<Untyped>, flags: &ArgMatches) -> Result<NewJob<Untyped>> {
    if let Some(delay) = time(flags, "delay")? {
        job = job.delay(delay);
    }
    if let Some(priority) = number(flags, "priority")? {
        job = job.priority(priority);
    }
    if let Some(retries) = number(flags, "retries")? {
        job = job.retries(retries);
    }
    if let Some(ttl) = time(flags, "ttl")? {
        job = job.ttl(ttl);
    }
    if let Some(timeout) = time(flags, "timeout")? {
        job = job.timeout(timeout);
    }
    if let Some(mode) = text(flags, "dedup") {
        job = job.dedup(mode.parse()?);
    }
    if let Some(key) = text(flags, "dedup-key") {
        job = job.dedup_key(key);
    }
    if let Some(key) = text(flags, "key") {
        job = job.key(key);
    }
    for tag in texts(flags, "tag") {
        job = job.tag(tag);
    }
    for header in texts(flags, "header") {
        let pair = header.split_once('=');
        let (key, value) =
            pair.ok_or_else(|| Error::Invalid(format!("--header {header:?} is no KEY=VALUE")))?;
        job = job.header(key, value);
    }
    Ok(job)
}

fn arguments(flags: &ArgMatches) -> Result<Value> {
    let of_json = |json: &str| {
        serde_json::from_str(json).map_err(|error| Error::Invalid(format!("--args is no JSON: {error}")))
    };
    match text(flags, "args") {
        Some("-") => {
            let mut json = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut json);
            read.map_err(|error| Error::Invalid(format!("--args - cannot be read: {error}")))?;
            of_json(&json)
        }
        Some(json) => of_json(json),
        None => texts(flags, "ARGUMENT")
            .into_iter()
            .map(argument)
            .collect::<Result<Map<_, _>>>()
            .map(Value::Object),
    }
}

/// Reads `name=text` or `name:=json`.
fn argument(word: &str) -> Result<(String, Value)> {
    let wrong = |reason: &str| Error::Invalid(format!("{word:?} {reason}: write name=text, or name:=json"));
    let (name, value) = word.split_once('=').ok_or_else(|| wrong("is no argument"))?;
    match name.strip_suffix(':') {
        Some(name) => {
            let value = serde_json::from_str(value)
                .map_err(|error| wrong(&format!("has no JSON behind := ({error})")))?;
            Ok((name.to_owned(), value))
        }
        None => Ok((name.to_owned(), Value::from(value))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_are_texts_or_json() {
        assert_eq!(argument("to=a=b").unwrap(), ("to".into(), json!("a=b")));
        assert_eq!(argument("count:=3").unwrap(), ("count".into(), json!(3)));
        assert_eq!(argument("list:=[1,\"x\"]").unwrap(), ("list".into(), json!([1, "x"])));
        assert!(argument("count").is_err() && argument("count:=x").is_err());
    }
}
