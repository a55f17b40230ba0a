//! `asyncmq queue`: lists, looks at and steers queues.

use std::time::Duration;

use clap::{ArgMatches, Command};

use super::flags::{dry_run, leaf, noun, switch, text, time, value, word, yes};
use super::out::Tone;
use super::out::object;
use super::out::table::Table;
use super::out::text::{clean, grouped, many, short};
use super::session::Session;
use super::{Ended, bulk, confirm, job, queue_limit};
use crate::admin::view::{JobView, QueueView};
use crate::admin::{Cleared, QueueOverview};
use crate::backend::{Drain, Force};
use crate::error::{Error, Result};
use crate::job::JobState;

/// Describes the command.
pub(super) fn command() -> Command {
    let queue = || word("QUEUE", "The queue's name");
    let sweeping = |command: Command| command.arg(queue()).args([yes(), dry_run()]);
    noun("queue", "Lists, looks at and steers queues")
        .subcommand(leaf("list", "Lists every queue that was ever used"))
        .subcommand(leaf("info", "Shows how a queue stands").arg(queue()))
        .subcommand(leaf("pause", "Stops a queue from giving out; running jobs go on").arg(queue()))
        .subcommand(leaf("resume", "Lets a queue give out again").arg(queue()))
        .subcommand(queue_limit::command())
        .subcommand(
            sweeping(leaf("drain", "Removes the jobs that wait"))
                .arg(switch("delayed", "Removes those that are not yet due too")),
        )
        .subcommand(
            sweeping(leaf("clean", "Removes jobs of a state that have been in it for some time"))
                .arg(
                    value("state", "STATE", "completed, failed, expired, cancelled, waiting or delayed")
                        .required(true),
                )
                .arg(
                    value(
                        "older-than",
                        "TIME",
                        "Only those that ended (or were due) so long ago: 0s, 1h, 7d",
                    )
                    .default_value("0s"),
                ),
        )
        .subcommand(
            sweeping(leaf("obliterate", "Removes a queue with all its jobs"))
                .arg(switch("force", "Takes running jobs away from their workers too")),
        )
}

/// Runs one of its commands.
pub(super) async fn run(session: &Session, verb: &str, flags: &ArgMatches) -> Result<Ended> {
    if verb == "list" {
        return list(session).await;
    }
    let name = text(flags, "QUEUE").unwrap_or_default();
    match verb {
        "info" => info(session, name).await,
        "pause" => set_paused(session, name, true).await,
        "resume" => set_paused(session, name, false).await,
        "limit" => queue_limit::run(session, name, flags).await,
        "drain" => {
            let which = if flags.get_flag("delayed") { Drain::WaitingAndDelayed } else { Drain::Waiting };
            clear(session, name, Cleared::Drain(which), flags).await
        }
        "clean" => {
            let state = text(flags, "state").unwrap_or_default();
            let state = JobState::from_name(state).ok_or_else(|| {
                let names = JobState::ALL.map(JobState::name).join(", ");
                Error::Invalid(format!("there is no state {state:?}; there are {names}"))
            })?;
            let age = time(flags, "older-than")?.unwrap_or(Duration::ZERO);
            clear(session, name, Cleared::Clean(state, age), flags).await
        }
        _ => {
            let force = if flags.get_flag("force") { Force::RemoveActive } else { Force::RefuseActive };
            clear(session, name, Cleared::Obliterate(force), flags).await
        }
    }
}

async fn list(session: &Session) -> Result<Ended> {
    let queues = session.admin.queues().await?;
    if session.out.json {
        let queues: Vec<QueueView> = queues.iter().map(Into::into).collect();
        session.out.json(&object!({ queues: queues }))?;
        return Ok(Ended::Done);
    }
    let mut table = Table::new(&[
        "QUEUE",
        "STATUS",
        "#WAITING",
        "#ACTIVE",
        "#DELAYED",
        "#COMPLETED",
        "#DEAD",
        "#OLDEST",
        "#WORKERS",
    ]);
    for queue in &queues {
        let counts = queue.info.counts;
        let number = |number: u64| (grouped(number), if number == 0 { Tone::Faint } else { Tone::None });
        let dead = counts.failed + counts.expired;
        let oldest = queue.info.oldest_waiting.map_or_else(|| "-".into(), short);
        table.row([
            (queue.info.name.to_string(), Tone::Bold),
            status(queue),
            number(counts.waiting),
            number(counts.active),
            number(counts.delayed + counts.blocked),
            number(counts.completed),
            (grouped(dead), if dead == 0 { Tone::Faint } else { Tone::Bad }),
            (oldest, Tone::None),
            number(queue.workers as u64),
        ]);
    }
    if table.is_empty() {
        session.out.note("No queue was used yet.");
        return Ok(Ended::Done);
    }
    session.out.table(&table)?;
    Ok(Ended::Done)
}

fn status(queue: &QueueOverview) -> (String, Tone) {
    let waits = queue.info.counts.waiting + queue.info.counts.delayed != 0;
    match (queue.info.paused, queue.workers) {
        (true, _) => ("paused".into(), Tone::Warning),
        (false, 0) if waits => ("no worker".into(), Tone::Bad),
        (false, 0) => ("idle".into(), Tone::Faint),
        (false, _) => ("served".into(), Tone::Good),
    }
}

async fn info(session: &Session, name: &str) -> Result<Ended> {
    let queue = session.admin.queue(name).await?;
    if session.out.json {
        session.out.json(&QueueView::from(&queue))?;
        return Ok(Ended::Done);
    }
    let counts = &queue.info.counts;
    let mut lines = vec![("queue", clean(name)), ("status", status(&queue).0)];
    lines.extend(JobState::ALL.map(|state| (state.name(), grouped(counts.of(state)))));
    lines.push(("oldest", queue.info.oldest_waiting.map_or_else(|| "nothing waits".into(), short)));
    lines.push(("enqueued", format!("{} since the store was made", grouped(queue.info.enqueued))));
    lines.push(("ended", format!("{} since the store was made", grouped(queue.info.ended))));
    lines.push(("workers", format!("{}, for {} at once", queue.workers, many(queue.concurrency, "job"))));
    for (label, text) in lines {
        let label = session.out.style.tint(Tone::Faint, &format!("{label:<10}"));
        session.out.line(&format!("{label} {text}"))?;
    }
    Ok(Ended::Done)
}

async fn set_paused(session: &Session, name: &str, paused: bool) -> Result<Ended> {
    let changed = session.admin.set_paused(name, paused).await?;
    if session.out.json {
        session.out.json(&object!({ queue: name, paused: paused, changed: changed }))?;
        return Ok(Ended::Done);
    }
    let (now, already) =
        if paused { ("paused", "was paused already") } else { ("resumed", "was not paused") };
    session.out.line(&format!("{} {}", clean(name), if changed { now } else { already }))?;
    Ok(Ended::Done)
}

async fn clear(session: &Session, name: &str, what: Cleared, flags: &ArgMatches) -> Result<Ended> {
    let is_trial = flags.get_flag("dry-run");
    if is_trial || !flags.get_flag("yes") {
        let preview = session.admin.preview_clear(name, what, bulk::SAMPLE).await?;
        if is_trial && session.out.json {
            let sample: Vec<JobView> = preview.sample.iter().map(Into::into).collect();
            session.out.json(&object!({ queue: name, would_remove: preview.count, sample: sample }))?;
            return Ok(Ended::Done);
        }
        if !session.out.json && !preview.sample.is_empty() {
            session.out.table(&job::table(&preview.sample))?;
        }
        let would = would(name, what, preview.count);
        if is_trial {
            session.out.line(&would)?;
            return Ok(Ended::Done);
        }
        eprintln!("{would}");
        if !confirm::ask(&clean(name))? {
            return Ok(confirm::not_confirmed());
        }
    }
    let removed = session.admin.clear(name, what).await?;
    match session.out.json {
        true => session.out.json(&object!({ queue: name, removed: removed }))?,
        false => session.out.line(&format!("removed {}", many(removed, "job")))?,
    }
    Ok(Ended::Done)
}

fn would(name: &str, what: Cleared, count: u64) -> String {
    let queue = clean(name);
    match what {
        Cleared::Drain(Drain::Waiting) => {
            format!("This would remove {} from {queue}.", many(count, "waiting job"))
        }
        Cleared::Drain(Drain::WaitingAndDelayed) => {
            format!("This would remove {} from {queue}.", many(count, "waiting or delayed job"))
        }
        Cleared::Clean(state, age) => {
            let older = if age.is_zero() { String::new() } else { format!(", older than {}", short(age)) };
            format!("This would remove {} from {queue}{older}.", many(count, &format!("{state} job")))
        }
        Cleared::Obliterate(force) => {
            let running = if force == Force::RemoveActive { ", running ones too" } else { "" };
            format!("This would remove the queue {queue} with {}{running}.", many(count, "job"))
        }
    }
}
