//! `asyncmq queue limit`: shows and sets what a queue and its tasks are held to.

use clap::{ArgMatches, Command};

use super::Ended;
use super::flags::{leaf, switch, text, value, word};
use super::out::table::Table;
use super::out::text::clean;
use super::out::{Tone, object};
use super::session::Session;
use crate::admin::view::LimitView;
use crate::admin::words::read_limit;
use crate::error::{Error, Result};
use crate::job::{Limit, LimitScope, Name};

/// Describes the command.
pub(super) fn command() -> Command {
    leaf("limit", "Shows what a queue and its tasks are held to across all workers; with a limit, sets it")
        .arg(word("QUEUE", "The queue's name"))
        .arg(value("task", "TASK", "The jobs of this task; those with keys, each key for itself"))
        .arg(value("rate", "RATE", "How many start in a time: 100/1s, window(100/1s), 0/1s for none"))
        .arg(value("concurrency", "JOBS", "How many run at once; 0 for none"))
        .arg(value(
            "on-limit",
            "WHAT",
            "What becomes of a job while so many of its task or key run: wait, discard, cancel_running",
        ))
        .arg(
            value("weight", "TURNS", "How many turns a key has while each other has one: 1 to 100")
                .requires_all(["task", "key"])
                .conflicts_with_all(["rate", "concurrency", "on-limit", "off", "reset"]),
        )
        .arg(value("key", "KEY", "The key whose turns --weight sets").requires("weight"))
        .arg(switch("off", "No limit, whatever the code says").conflicts_with_all([
            "rate",
            "concurrency",
            "on-limit",
        ]))
        .arg(
            switch("reset", "Takes back what was set: what the code says counts again").conflicts_with_all([
                "rate",
                "concurrency",
                "on-limit",
                "off",
            ]),
        )
}

/// Runs it.
pub(super) async fn run(session: &Session, name: &str, flags: &ArgMatches) -> Result<Ended> {
    let scope = match text(flags, "task") {
        Some(task) => LimitScope::Task(Name::task(task)?),
        None => LimitScope::Queue,
    };
    if let (Some(key), Some(weight)) = (text(flags, "key"), text(flags, "weight")) {
        return weigh(session, name, &scope, key, weight).await;
    }
    match wanted(flags)? {
        Some(limit) => set(session, name, scope, limit).await,
        None => show(session, name).await,
    }
}

/// Reads what is to be set; nothing if nothing is.
fn wanted(flags: &ArgMatches) -> Result<Option<Option<Limit>>> {
    if flags.get_flag("reset") {
        return Ok(Some(None));
    }
    let limit = read_limit(|name| text(flags, name), "--")?;
    Ok((flags.get_flag("off") || limit != Limit::NONE).then_some(Some(limit)))
}

async fn set(session: &Session, name: &str, scope: LimitScope, limit: Option<Limit>) -> Result<Ended> {
    let changed = session.admin.set_limit(name, scope.clone(), limit).await?;
    if session.out.json {
        let task = task_of(&scope);
        session.out.json(&object!({ queue: name, task: task, changed: changed }))?;
        return Ok(Ended::Done);
    }
    let of = task_of(&scope).map_or_else(String::new, |task| format!(", task {}", clean(task)));
    let now = match limit {
        _ if !changed => "was so already".to_owned(),
        None => "is held to what the code says".to_owned(),
        Some(limit) if limit.is_none() => "is held to no limit".to_owned(),
        Some(limit) => format!("is held to {limit}"),
    };
    session.out.line(&format!("{}{of} {now}", clean(name)))?;
    Ok(Ended::Done)
}

/// Says how many turns a key of a task has.
async fn weigh(session: &Session, name: &str, scope: &LimitScope, key: &str, weight: &str) -> Result<Ended> {
    let turns = weight.parse().map_err(|_| {
        Error::Invalid(format!(
            "--weight {weight:?} is no number of turns: write one from 1, which is what all have, to 100"
        ))
    })?;
    let task = task_of(scope).unwrap_or_default();
    let changed = session.admin.set_key_weight(name, task, key, turns).await?;
    if session.out.json {
        session.out.json(&object!({ queue: name, task: task, changed: changed }))?;
        return Ok(Ended::Done);
    }
    let now = if changed { "has" } else { "had already" };
    session.out.line(&format!("key {} of task {} {now} {turns} turn(s) in one", clean(key), clean(task)))?;
    Ok(Ended::Done)
}

fn task_of(scope: &LimitScope) -> Option<&str> {
    match scope {
        LimitScope::Queue => None,
        LimitScope::Task(task) => Some(task.as_str()),
    }
}

async fn show(session: &Session, name: &str) -> Result<Ended> {
    let held = session.admin.limits_in_use(name).await?;
    if session.out.json {
        let limits: Vec<LimitView> = held.limits.iter().map(Into::into).collect();
        session.out.json(&object!({ limits: limits, parked_keys: held.parked_keys }))?;
        return Ok(Ended::Done);
    }
    let mut table = Table::new(&["WHAT", "LIMIT", "IN USE", "CODE SAYS"]);
    for used in &held.limits {
        let info = &used.info;
        let declared = info.declared.map_or_else(|| "-".into(), |limit| limit.to_string());
        let ordered = info.ordered.is_some();
        table.row([
            (clean(&info.scope.to_string()), Tone::Bold),
            (info.limit().to_string(), if ordered { Tone::Warning } else { Tone::None }),
            (used.in_words(), Tone::None),
            (declared, Tone::Faint),
        ]);
    }
    if table.is_empty() {
        session.out.note("Neither the queue nor its tasks are held to a limit.");
        return Ok(Ended::Done);
    }
    session.out.table(&table)?;
    if held.parked_keys != 0 {
        let keys = if held.parked_keys == 1 { "key waits" } else { "keys wait" };
        session.out.note(&format!("{} {keys} for a permit or a token.", held.parked_keys));
    }
    Ok(Ended::Done)
}
