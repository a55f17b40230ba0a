//! `asyncmq schedule`: lists, looks at and steers recurring jobs.

use std::time::SystemTime;

use clap::{ArgMatches, Command};

use super::flags::{dry_run, leaf, noun, number, text, value, word, yes};
use super::out::Tone;
use super::out::object;
use super::out::table::Table;
use super::out::text::{clean, grouped, short};
use super::session::Session;
use super::{Ended, confirm, job_add};
use crate::admin::view::{ScheduleDetailView, ScheduleView, schedule_status};
use crate::admin::words::read_schedule;
use crate::client::ScheduleInfo;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::schedule::Schedule;

/// Describes the command.
pub(super) fn command() -> Command {
    let id = || word("ID", "The schedule's id");
    noun("schedule", "Lists, looks at and steers recurring jobs")
        .subcommand(leaf("list", "Lists the schedules").arg(value(
            "queue",
            "QUEUE",
            "Only those of this queue",
        )))
        .subcommand(
            leaf("inspect", "Shows a schedule, its job, and when it runs next")
                .arg(id())
                .arg(value("next", "N", "How many of the next runs").default_value("5")),
        )
        .subcommand(add())
        .subcommand(leaf("pause", "Stops a schedule from firing until it is resumed").arg(id()).arg(value(
            "reason",
            "TEXT",
            "Why, for those who look at it",
        )))
        .subcommand(leaf("resume", "Lets it fire again, from its next slot on").arg(id()))
        .subcommand(leaf("remove", "Removes a schedule; its jobs stay").arg(id()).args([yes(), dry_run()]))
        .subcommand(leaf("run", "Enqueues its job now, outside of its slots").arg(id()))
}

fn add() -> Command {
    let add = leaf("add", "Makes a schedule, or changes the one of this id in its place")
        .arg(word("ID", "Its id: unique in the store"))
        .arg(word("WHEN", "How often (1h, 90s), a cron expression (\"0 9 * * 1-5\"), or @daily and the like"))
        .arg(word("TASK", "The task's name"))
        .arg(value("tz", "ZONE", "The time zone of a cron expression: Europe/Zurich"))
        .arg(value("start", "TIME", "Not before: 2027-01-31T00:00:00Z"))
        .arg(value("end", "TIME", "Not after"))
        .arg(value("limit", "N", "How many times in all"))
        .arg(value("jitter", "TIME", "How much later each may start, by lot"))
        .arg(value("misfire", "POLICY", "What is done about missed slots: skip, once (the default) or all"))
        .arg(value("overlap", "POLICY", "While the last job has not ended: allow (the default) or skip"));
    job_add::with_options(add).after_help(
        "Example: asyncmq schedule add nightly \"0 3 * * *\" app.cleanup days:=30 --tz Europe/Zurich",
    )
}

/// Runs one of its commands.
pub(super) async fn run(session: &Session, verb: &str, flags: &ArgMatches) -> Result<Ended> {
    if verb == "list" {
        return list(session, text(flags, "queue")).await;
    }
    let id = text(flags, "ID").unwrap_or_default();
    match verb {
        "inspect" => inspect(session, id, number(flags, "next")?.unwrap_or(5)).await,
        "add" => put(session, id, flags).await,
        "pause" => turn(session, id, true, text(flags, "reason")).await,
        "resume" => turn(session, id, false, None).await,
        "remove" => remove(session, id, flags).await,
        _ => fire(session, id).await,
    }
}

fn tone_of(info: &ScheduleInfo) -> Tone {
    match schedule_status(info) {
        "active" => Tone::Good,
        "over" => Tone::Faint,
        _ => Tone::Warning,
    }
}

/// Says how far away a time is.
fn distance(time: Option<SystemTime>) -> String {
    let Some(time) = time.map(Timestamp::from) else { return "-".into() };
    let now = Timestamp::from(SystemTime::now());
    if now < time {
        format!("in {}", short(time.since(now)))
    } else {
        format!("{} ago", short(now.since(time)))
    }
}

async fn list(session: &Session, queue: Option<&str>) -> Result<Ended> {
    let mut all = session.admin.schedules().await?;
    all.retain(|info| queue.is_none_or(|queue| *info.queue == *queue));
    if session.out.json {
        let schedules: Vec<ScheduleView> = all.iter().map(Into::into).collect();
        session.out.json(&object!({ schedules: schedules }))?;
        return Ok(Ended::Done);
    }
    if all.is_empty() {
        session.out.note("There is no schedule.");
        return Ok(Ended::Done);
    }
    let mut table =
        Table::new(&["SCHEDULE", "STATUS", "WHEN", "TASK", "QUEUE", "#NEXT", "#LAST", "#FIRED", "#SKIPPED"]);
    for info in &all {
        table.row([
            (info.id.clone(), Tone::Bold),
            (schedule_status(info).to_owned(), tone_of(info)),
            (info.schedule.to_string(), Tone::None),
            (info.task.to_string(), Tone::None),
            (info.queue.to_string(), Tone::None),
            (distance(info.next), Tone::None),
            (distance(info.last), Tone::Faint),
            (grouped(info.fired), Tone::None),
            (grouped(info.skipped), if info.skipped == 0 { Tone::Faint } else { Tone::Warning }),
        ]);
    }
    session.out.table(&table)?;
    Ok(Ended::Done)
}

async fn inspect(session: &Session, id: &str, count: usize) -> Result<Ended> {
    let info = session.admin.schedule(id).await?;
    let view = ScheduleDetailView::of(&info, count);
    if session.out.json {
        session.out.json(&view)?;
        return Ok(Ended::Done);
    }
    let shown = |text: &Option<String>| text.as_deref().map_or_else(|| "-".into(), clean);
    let mut facts = vec![
        ("schedule", clean(&info.id)),
        ("status", status_of(&view.schedule)),
        ("runs", view.schedule.words.clone()),
        ("as written", info.schedule.to_string()),
        ("task", clean(&info.task)),
        ("queue", clean(&info.queue)),
        ("declared", if info.declared { "by the task's attribute" } else { "by hand" }.into()),
        ("missed", format!("{}; overlap: {}", view.misfire, view.overlap)),
        ("fired", format!("{}, skipped {}", grouped(info.fired), grouped(info.skipped))),
        ("last", shown(&view.schedule.last)),
        ("arguments", view.args.as_deref().map_or_else(|| "-".into(), |args| clean(args.get()))),
    ];
    facts.extend(view.upcoming.iter().map(|next| ("next", next.clone())));
    for (label, text) in facts {
        let label = session.out.style.tint(Tone::Faint, &format!("{label:<10}"));
        session.out.line(&format!("{label} {text}"))?;
    }
    Ok(Ended::Done)
}

/// Says how a schedule stands, and who stopped it.
fn status_of(view: &ScheduleView) -> String {
    let Some(by) = &view.paused_by else { return view.status.to_owned() };
    let why = view.paused_reason.as_ref().map_or_else(String::new, |reason| format!(": {}", clean(reason)));
    format!("{} by {}{why}", view.status, clean(by))
}

fn schedule_of(flags: &ArgMatches) -> Result<Schedule> {
    let part = |name: &str| text(flags, if name == "when" { "WHEN" } else { name });
    read_schedule(part, "--")
}

async fn put(session: &Session, id: &str, flags: &ArgMatches) -> Result<Ended> {
    let schedule = schedule_of(flags)?;
    let (job, queue) = (job_add::job_of(session, flags).await?, text(flags, "queue"));
    let info = session.admin.put_schedule(id, schedule, job, queue).await?;
    if session.out.json {
        session.out.json(&ScheduleView::from(&info))?;
        return Ok(Ended::Done);
    }
    let next = info
        .next
        .map_or_else(|| schedule_status(&info).to_owned(), |next| format!("next {}", distance(Some(next))));
    session.out.line(&format!("{}: {}, {next}", clean(&info.id), info.schedule.describe()))?;
    Ok(Ended::Done)
}

async fn turn(session: &Session, id: &str, paused: bool, reason: Option<&str>) -> Result<Ended> {
    let changed = match paused {
        true => session.admin.pause_schedule(id, reason).await?,
        false => session.admin.resume_schedule(id).await?,
    };
    if session.out.json {
        session.out.json(&object!({ id: id, paused: paused, changed: changed }))?;
        return Ok(Ended::Done);
    }
    let (now, already) =
        if paused { ("paused", "was paused already") } else { ("resumed", "was not paused") };
    session.out.line(&format!("{} {}", clean(id), if changed { now } else { already }))?;
    Ok(Ended::Done)
}

async fn remove(session: &Session, id: &str, flags: &ArgMatches) -> Result<Ended> {
    let is_trial = flags.get_flag("dry-run");
    if is_trial || !flags.get_flag("yes") {
        let info = session.admin.schedule(id).await?;
        if is_trial && session.out.json {
            session.out.json(&object!({ id: id, would_remove: ScheduleView::from(&info) }))?;
            return Ok(Ended::Done);
        }
        let would = format!("This would remove the schedule {} ({}).", clean(id), info.schedule.describe());
        if is_trial {
            session.out.line(&would)?;
            return Ok(Ended::Done);
        }
        eprintln!("{would}");
        if !confirm::ask(&clean(id))? {
            return Ok(confirm::not_confirmed());
        }
    }
    session.admin.remove_schedule(id).await?;
    match session.out.json {
        true => session.out.json(&object!({ id: id, removed: true }))?,
        false => session.out.line(&format!("removed {}", clean(id)))?,
    }
    Ok(Ended::Done)
}

async fn fire(session: &Session, id: &str) -> Result<Ended> {
    let handle = session.admin.run_schedule(id).await?;
    match session.out.json {
        true => {
            session.out.json(&object!({ id: id, job: handle.id().to_string(), queue: handle.queue() }))?
        }
        false => session.out.line(handle.id().as_str())?,
    }
    Ok(Ended::Done)
}
