//! `asyncmq job`: lists, looks at, adds and changes jobs.

use std::time::SystemTime;

use clap::{ArgMatches, Command};

use super::bulk::{self, Target};
use super::flags::{leaf, noun, number, query_help, query_of, query_words, text, value};
use super::out::Tone;
use super::out::object;
use super::out::table::Table;
use super::out::text::{many, short};
use super::session::Session;
use super::{Ended, job_add, job_inspect};
use crate::admin::view::JobView;
use crate::admin::{Order, Query};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::job::{Job, JobState};

/// Describes the command.
pub(super) fn command() -> Command {
    noun("job", "Lists, looks at, adds and changes jobs")
        .subcommand(list_command(
            "Lists jobs, by queue and state; each state as it will run, or the latest first",
        ))
        .subcommand(job_inspect::command())
        .subcommand(job_add::command())
        .subcommand(bulk::command("retry", "Puts failed, expired or cancelled jobs back with fresh attempts"))
        .subcommand(
            bulk::command("cancel", "Cancels jobs that have not ended; running ones are told").arg(value(
                "reason",
                "TEXT",
                "Why, for their record",
            )),
        )
        .subcommand(bulk::command("remove", "Removes jobs with all that is kept of them; running ones stay"))
        .subcommand(bulk::command("promote", "Makes delayed jobs due now"))
}

pub(super) fn list_command(about: &'static str) -> Command {
    leaf("list", about)
        .arg(query_words())
        .arg(value("limit", "N", "How many at most").default_value("50"))
        .arg(value("after", "CURSOR", "Goes on where an earlier list ended"))
        .after_help(query_help())
}

/// Runs one of its commands.
pub(super) async fn run(session: &Session, verb: &str, flags: &ArgMatches) -> Result<Ended> {
    let order = match verb {
        "list" => return list(session, query_of(flags)?, flags).await,
        "inspect" => return job_inspect::run(session, flags).await,
        "add" => return job_add::run(session, flags).await,
        "retry" => Order::Retry,
        "cancel" => Order::Cancel { reason: text(flags, "reason").map(ToOwned::to_owned) },
        "remove" => Order::Remove,
        _ => Order::Promote,
    };
    bulk::run(session, &order, Target::of(flags, Query::all())?, flags).await
}

/// Lists jobs, page by page until there are as many as were asked for.
pub(super) async fn list(session: &Session, query: Query, flags: &ArgMatches) -> Result<Ended> {
    let limit = number::<usize>(flags, "limit")?.unwrap_or(50);
    let (mut jobs, mut after) = (Vec::new(), text(flags, "after").map(ToOwned::to_owned));
    let bar = bulk::spinner(session.out.json);
    let mut looked = 0;
    loop {
        let page = session.admin.jobs(&query, after.as_deref(), limit.saturating_sub(jobs.len())).await?;
        looked += page.looked;
        bar.set_message(format!("{} looked at, {} found", looked, jobs.len()));
        jobs.extend(page.jobs);
        after = page.next;
        if after.is_none() || limit <= jobs.len() {
            break;
        }
    }
    bar.finish_and_clear();
    if session.out.json {
        let jobs: Vec<JobView> = jobs.iter().map(Into::into).collect();
        session.out.json(&object!({ jobs: jobs, next: after }))?;
        return Ok(Ended::Done);
    }
    if jobs.is_empty() {
        session.out.note(if query.is_all() { "There is no job." } else { "No job is like that." });
        return Ok(Ended::Done);
    }
    session.out.table(&table(&jobs))?;
    if let Some(after) = after {
        let total = match query.is_counted() {
            true => format!(" of {}", many(session.admin.count(&query).await?, "job")),
            false => String::new(),
        };
        session.out.note(&format!("{}{total} shown; more: --after {}", jobs.len(), quoted(&after)));
    }
    Ok(Ended::Done)
}

/// Writes a word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    if is_plain {
        word.to_owned()
    } else {
        format!("'{}'", super::out::text::clean(word).replace('\'', "'\\''"))
    }
}

/// Lists jobs for people.
pub(super) fn table(jobs: &[Job]) -> Table {
    let now = SystemTime::now().into();
    let mut table = Table::new(&["ID", "STATE", "QUEUE", "TASK", "#TRY", "WHEN", "ERROR"]);
    for job in jobs {
        let error = job.errors().last().map(|failure| failure.message().to_owned()).unwrap_or_default();
        table.row([
            (job.id().to_string(), Tone::None),
            (job.state().to_string(), tone_of(job.state())),
            (job.queue().to_owned(), Tone::None),
            (job.task().to_owned(), Tone::Bold),
            (format!("{}/{}", job.attempt(), job.max_attempts()), Tone::None),
            (when(job, now), Tone::Faint),
            (error, Tone::Bad),
        ]);
    }
    table
}

pub(super) const fn tone_of(state: JobState) -> Tone {
    match state {
        JobState::Completed => Tone::Good,
        JobState::Failed | JobState::Expired => Tone::Bad,
        JobState::Active => Tone::Warning,
        JobState::Cancelled | JobState::Blocked => Tone::Faint,
        JobState::Waiting | JobState::Delayed => Tone::None,
    }
}

/// Returns the time that matters most of a job.
fn when(job: &Job, now: Timestamp) -> String {
    let status = job.status();
    match (job.state(), status.started_at, status.finished_at) {
        (JobState::Delayed, ..) if now < status.run_at => {
            format!("due in {}", short(status.run_at.since(now)))
        }
        (JobState::Delayed, ..) => "due".into(),
        (JobState::Active, Some(started), _) => format!("for {}", short(now.since(started))),
        (_, _, Some(finished)) => format!("{} ago", short(now.since(finished))),
        _ => format!("for {}", short(now.since(status.run_at))),
    }
}
