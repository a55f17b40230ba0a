//! `asyncmq job inspect`: all about one job, and why it does not run.

use std::time::{Duration, SystemTime};

use clap::{ArgMatches, Command};
use serde_json::value::RawValue;

use super::Ended;
use super::flags::{leaf, switch, text, value, word};
use super::job::tone_of;
use super::out::Tone;
use super::out::text::{clean, lines, short};
use super::session::Session;
use crate::admin::view::{JobDetailView, Secrets, rfc3339};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::job::Job;

/// Describes the command.
pub(super) fn command() -> Command {
    leaf("inspect", "Shows all about a job: arguments, result, what went wrong, what its handler logged")
        .arg(word("ID", "The job's id"))
        .arg(value("queue", "QUEUE", "Its queue, where the id is in several"))
        .arg(switch("reveal", "Shows the values of arguments that are named like secrets too"))
}

/// Runs it.
pub(super) async fn run(session: &Session, flags: &ArgMatches) -> Result<Ended> {
    let job = session.admin.job(text(flags, "ID").unwrap_or_default(), text(flags, "queue")).await?;
    let secrets = if flags.get_flag("reveal") { Secrets::Shown } else { Secrets::Hidden };
    let (owner, why) = (session.admin.dedup_owner(&job).await?, session.admin.why_not_running(&job).await?);
    let mut view = JobDetailView::of(&job, secrets).with_dedup_owner(owner.as_ref());
    view.waits_for.clone_from(&why);
    if session.out.json {
        session.out.json(&view)?;
        return Ok(Ended::Done);
    }
    for (label, text) in facts(&job, &view, why) {
        let label = session.out.style.tint(Tone::Faint, &format!("{label:<10}"));
        let tone = if text == job.state().name() { tone_of(job.state()) } else { Tone::None };
        session.out.line(&format!("{label} {}", session.out.style.tint(tone, &text)))?;
    }
    for failure in &view.errors {
        let head = format!("attempt {} · {} · {}", failure.attempt, failure.kind, failure.at);
        session.out.line(&format!("\n{}", session.out.style.tint(Tone::Bad, &head)))?;
        session.out.line(&indented(&failure.message))?;
    }
    if !view.logs.is_empty() {
        session.out.line(&format!("\n{}", session.out.style.tint(Tone::Bold, "log")))?;
        for (line, shown) in job.logs().iter().zip(&view.logs) {
            session.out.line(&format!("  {}: {}", line.attempt, clean(shown)))?;
        }
    }
    Ok(Ended::Done)
}

fn facts(job: &Job, view: &JobDetailView, why: Option<String>) -> Vec<(&'static str, String)> {
    let now: Timestamp = SystemTime::now().into();
    let time = |time: Timestamp| {
        let distance = if now < time {
            format!("in {}", short(time.since(now)))
        } else {
            format!("{} ago", short(now.since(time)))
        };
        format!("{} ({distance})", rfc3339(time))
    };
    let status = job.status();
    let mut facts = vec![
        ("job", clean(job.id().as_str())),
        ("task", clean(job.task())),
        ("queue", clean(job.queue())),
        ("state", job.state().name().to_owned()),
    ];
    facts.extend(job.flow_id().map(|flow| ("flow", clean(flow))));
    facts.extend(why.map(|why| ("because", clean(&why))));
    facts.push(("attempt", format!("{} of {}", job.attempt(), job.max_attempts())));
    if job.crashes() != 0 {
        facts.push(("crashes", job.crashes().to_string()));
    }
    facts.extend(job.key().map(|key| ("key", clean(key))));
    facts.push(("priority", job.priority().to_string()));
    facts.push(("created", time(status.created_at)));
    facts.push(("due", time(status.run_at)));
    facts.extend(status.started_at.map(|at| ("started", time(at))));
    facts.extend(status.finished_at.map(|at| ("ended", time(at))));
    facts.extend(status.expires_at.map(|at| ("expires", time(at))));
    let limit = |limit: Option<f64>| limit.map(|seconds| short(Duration::from_secs_f64(seconds)));
    facts.extend(limit(view.timeout).map(|time| ("timeout", time)));
    facts.extend(job.worker().map(|worker| ("worker", worker.to_string())));
    if !view.parents.is_empty() {
        facts.push(("after", after(view)));
    }
    if !job.tags().is_empty() {
        facts.push(("tags", clean(&job.tags().join(", "))));
    }
    facts.extend(dedup(view));
    for (key, value) in &view.headers {
        facts.push(("header", format!("{}: {}", clean(key), clean(value))));
    }
    facts.extend(view.progress.map(|percent| ("progress", format!("{percent} %"))));
    facts.extend(view.cancel_reason.as_deref().map(|reason| ("reason", clean(reason))));
    let json = |json: &Option<Box<RawValue>>| json.as_ref().map(|json| clean(json.get()));
    facts.push(("args", json(&view.args).unwrap_or_else(|| "not JSON".into())));
    facts.extend(json(&view.result).map(|result| ("result", result)));
    facts
}

/// How many of the jobs that one waits for are named.
const NAMED: usize = 10;

/// Names the jobs that must end, or had to end, before it.
fn after(view: &JobDetailView) -> String {
    let named = view.parents.iter().take(NAMED).map(|id| clean(id)).collect::<Vec<_>>().join(", ");
    match view.parents.len().saturating_sub(NAMED) {
        0 => named,
        rest => format!("{named} and {rest} more"),
    }
}

/// Says by which key it counts as the same as others, and who holds that.
fn dedup(view: &JobDetailView) -> Option<(&'static str, String)> {
    let (mode, key) = view.dedup.as_deref().zip(view.dedup_key.as_deref())?;
    let held = match view.dedup_owner.as_deref() {
        Some(owner) if owner == view.job.id => "which it holds".to_owned(),
        Some(owner) => format!("held by job {owner}"),
        None => "held by nobody".to_owned(),
    };
    Some(("dedup", clean(&format!("{mode} by key {key}, {held}"))))
}

fn indented(text: &str) -> String {
    lines(text).lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
