//! `asyncmq worker`: serves, lists and looks at workers.

use std::time::SystemTime;

use clap::{ArgMatches, Command};

use super::flags::{leaf, noun, text, word};
use super::job;
use super::out::Tone;
use super::out::object;
use super::out::table::Table;
use super::out::text::{clean, grouped, short};
use super::session::Session;
use super::{Configure, Ended};
use crate::admin::view::{JobView, WorkerView, worker_status};
use crate::backend::WorkerInfo;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::settings::Settings;
use crate::worker::Worker;

/// Describes the command; a binary with tasks can serve too.
pub(super) fn command(has_tasks: bool) -> Command {
    let list = leaf("list", "Lists the workers, those that fell silent in the last minutes too");
    let inspect = leaf("inspect", "Shows a worker, its tasks, and the jobs that it has in hand")
        .arg(word("ID", "The worker's id, or how it begins or ends"));
    if !has_tasks {
        return noun("worker", "Lists and looks at workers").subcommands([list, inspect]);
    }
    Settings::add_flags(Command::new("worker"))
        .about("Serves; or lists and looks at workers")
        .args_conflicts_with_subcommands(true)
        .subcommand(Settings::add_flags(Command::new("start")).about("Serves: the same as without a word"))
        .subcommands([list, inspect])
}

/// Serves until SIGTERM.
pub(super) async fn start(flags: &ArgMatches, configure: Configure) -> Result<Ended> {
    configure(Worker::from_matches(flags).await?).serve_to_the_end().await?;
    Ok(Ended::Done)
}

/// Runs one of the other commands.
pub(super) async fn run(session: &Session, verb: &str, flags: &ArgMatches) -> Result<Ended> {
    match verb {
        "list" => list(session).await,
        _ => inspect(session, text(flags, "ID").unwrap_or_default()).await,
    }
}

const fn tone_of(worker: &WorkerInfo) -> Tone {
    match (worker.alive, worker.draining) {
        (false, _) => Tone::Bad,
        (true, true) => Tone::Warning,
        (true, false) => Tone::Good,
    }
}

async fn list(session: &Session) -> Result<Ended> {
    let workers = session.admin.workers().await?;
    if session.out.json {
        let workers: Vec<WorkerView> = workers.iter().map(Into::into).collect();
        session.out.json(&object!({ workers: workers }))?;
        return Ok(Ended::Done);
    }
    if workers.is_empty() {
        session.out.note("No worker is registered.");
        return Ok(Ended::Done);
    }
    let now: Timestamp = SystemTime::now().into();
    let mut table = Table::new(&[
        "WORKER", "STATUS", "HOST", "#PID", "QUEUES", "#RUNNING", "#DONE", "#FAILED", "#UP", "#SEEN",
    ]);
    for worker in &workers {
        let queues: Vec<_> = worker.queues.iter().map(|queue| queue.as_str()).collect();
        table.row([
            (worker.id.to_string(), Tone::None),
            (worker_status(worker).into(), tone_of(worker)),
            (worker.host.clone(), Tone::None),
            (worker.pid.to_string(), Tone::None),
            (queues.join(" "), Tone::None),
            (format!("{}/{}", worker.running, worker.concurrency), Tone::None),
            (grouped(worker.completed), Tone::None),
            (grouped(worker.failed), if worker.failed == 0 { Tone::Faint } else { Tone::Bad }),
            (short(now.since(worker.started_at)), Tone::Faint),
            (format!("{} ago", short(now.since(worker.seen_at))), Tone::Faint),
        ]);
    }
    session.out.table(&table)?;
    Ok(Ended::Done)
}

async fn inspect(session: &Session, id: &str) -> Result<Ended> {
    let worker = session.admin.worker(id).await?;
    if session.out.json {
        let jobs: Vec<JobView> = worker.jobs.iter().map(Into::into).collect();
        session.out.json(&object!({ worker: WorkerView::from(&worker.info), jobs: jobs }))?;
        return Ok(Ended::Done);
    }
    let (info, now) = (&worker.info, Timestamp::from(SystemTime::now()));
    let names = |names: Vec<&str>| clean(&names.join(", "));
    let facts = [
        ("worker", info.id.to_string()),
        ("status", worker_status(info).to_owned()),
        ("host", format!("{}, process {}", clean(&info.host), info.pid)),
        ("version", clean(&info.version)),
        ("queues", names(info.queues.iter().map(|name| name.as_str()).collect())),
        ("tasks", names(info.tasks.iter().map(|task| task.name.as_str()).collect())),
        ("in hand", format!("{} of {} at once", worker.jobs.len(), info.concurrency)),
        ("completed", grouped(info.completed)),
        ("failed", format!("{} attempts", grouped(info.failed))),
        ("started", format!("{} ago", short(now.since(info.started_at)))),
        ("seen", format!("{} ago", short(now.since(info.seen_at)))),
    ];
    for (label, text) in facts {
        let label = session.out.style.tint(Tone::Faint, &format!("{label:<10}"));
        session.out.line(&format!("{label} {text}"))?;
    }
    if !worker.jobs.is_empty() {
        session.out.line("")?;
        session.out.table(&job::table(&worker.jobs))?;
    }
    Ok(Ended::Done)
}
