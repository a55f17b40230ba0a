//! `asyncmq job`: lists, looks at, adds and changes jobs.

use std::time::{Duration, Instant, SystemTime};

use clap::{ArgMatches, Command};

use super::bulk::{self, Target};
use super::flags::{leaf, noun, number, query_help, query_of, query_words, switch, text, value};
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
        .arg(switch("all", "Looks at every job that may be meant, where that takes longer than a moment too"))
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

/// How long a list looks for what few jobs are like before it says how far it came.
pub(super) const MOMENT: Duration = Duration::from_millis(150);

/// What a list found.
struct Found {
    jobs: Vec<Job>,
    looked: u64,
    next: Option<String>,
}

/// Lists jobs, page by page until there are as many as were asked for, or a moment is over.
pub(super) async fn list(session: &Session, query: Query, flags: &ArgMatches) -> Result<Ended> {
    let limit = number::<usize>(flags, "limit")?.unwrap_or(50);
    let found = find(session, &query, limit, flags).await?;
    if session.out.json {
        let jobs: Vec<JobView> = found.jobs.iter().map(Into::into).collect();
        session.out.json(&object!({ jobs: jobs, next: found.next }))?;
        return Ok(Ended::Done);
    }
    if !found.jobs.is_empty() {
        session.out.table(&table(&found.jobs))?;
    }
    match &found.next {
        Some(next) => session.out.note(&rest(session, &query, (&found, limit), next).await?),
        None if found.jobs.is_empty() => {
            session.out.note(if query.is_all() { "There is no job." } else { "No job is like that." });
        }
        None => {}
    }
    Ok(Ended::Done)
}

async fn find(session: &Session, query: &Query, limit: usize, flags: &ArgMatches) -> Result<Found> {
    let (start, is_patient) = (Instant::now(), flags.get_flag("all"));
    let after = text(flags, "after").map(ToOwned::to_owned);
    let mut found = Found { jobs: Vec::new(), looked: 0, next: after };
    let bar = bulk::spinner(session.out.json);
    loop {
        let room = limit.saturating_sub(found.jobs.len());
        let page = session.admin.jobs(query, found.next.as_deref(), room).await?;
        found.looked += page.looked;
        found.jobs.extend(page.jobs);
        found.next = page.next;
        bar.set_message(format!("{} looked at, {} found", found.looked, found.jobs.len()));
        let is_over = !is_patient && MOMENT <= start.elapsed();
        if found.next.is_none() || limit <= found.jobs.len() || is_over {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(found)
}

/// Says what may follow, and how to get at it.
async fn rest(
    session: &Session,
    query: &Query,
    (found, limit): (&Found, usize),
    next: &str,
) -> Result<String> {
    let (shown, after) = (found.jobs.len(), quoted(next));
    if query.is_counted() {
        let total = many(session.admin.count(query).await?, "job");
        return Ok(format!("{shown} of {total} shown; more: --after {after}"));
    }
    if limit <= shown {
        return Ok(format!("{shown} shown; more: --after {after}"));
    }
    let (looked, most) = (found.looked, session.admin.count_at_most(query).await?);
    Ok(format!(
        "{shown} found among {looked} looked at, of {most}; go on: --after {after}, or look at all: --all"
    ))
}

/// Writes a word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
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
