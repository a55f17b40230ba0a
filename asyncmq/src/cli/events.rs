//! `asyncmq events`: follows what happens.

use clap::{ArgAction, ArgMatches, Command};
use futures_util::StreamExt;
use tokio::signal::unix::{SignalKind, signal};

use super::Ended;
use super::flags::{leaf, number, text, texts, value};
use super::out::Tone;
use super::out::text::clean;
use super::session::Session;
use crate::admin::view::EventView;
use crate::error::{Error, Result};
use crate::event::{Event, EventFilter, EventKind};
use crate::job::{JobId, Name};

/// Describes the command.
pub(super) fn command() -> Command {
    let repeated = |name, of, help| value(name, of, help).action(ArgAction::Append);
    leaf("events", "Follows what happens from now on, until Ctrl-C; with --json one object a line")
        .arg(repeated("kind", "KIND", "Only these: job:failed, job:*, worker:*; may be repeated"))
        .arg(repeated("queue", "QUEUE", "Only those of this queue, may be repeated"))
        .arg(repeated("task", "TASK", "Only those of this task, may be repeated"))
        .arg(value("job", "ID", "Only those of this job"))
        .arg(value("count", "N", "Ends after so many"))
}

/// Runs it.
pub(super) async fn run(session: &Session, flags: &ArgMatches) -> Result<Ended> {
    let mut events = session.admin.client().events_where(filter(session, flags).await?).await?;
    // Heard from here on: also while an event is shown.
    let mut interrupts = signal(SignalKind::interrupt())
        .map_err(|error| Error::Startup(format!("cannot listen for Ctrl-C: {error}")))?;
    // Programs need to know it too, before they do what they want to hear of.
    eprintln!("Listening; Ctrl-C ends it.");
    let (most, mut told, mut missed) = (number::<u64>(flags, "count")?.unwrap_or(u64::MAX), 0, 0);
    while told < most {
        let event = tokio::select! {
            event = events.next() => event,
            _ = interrupts.recv() => return Ok(Ended::Done),
        };
        let Some(event) = event else {
            return Err(Error::Startup("the store has closed the stream of events".into()));
        };
        if missed < events.missed() {
            eprintln!("{} event(s) were missed", events.missed() - missed);
            missed = events.missed();
        }
        show(session, &event)?;
        told += 1;
    }
    Ok(Ended::Done)
}

async fn filter(session: &Session, flags: &ArgMatches) -> Result<EventFilter> {
    let mut filter = EventFilter::all();
    for pattern in texts(flags, "kind") {
        filter = filter.kinds_like(pattern)?;
    }
    for queue in texts(flags, "queue") {
        filter = filter.queue(queue);
    }
    for task in texts(flags, "task") {
        filter = filter.task(task);
    }
    if let Some(id) = text(flags, "job") {
        let job = session.admin.job(id, texts(flags, "queue").first().copied()).await?;
        filter = filter.job(Name::from_stored(job.queue()), JobId::from_stored(id));
    }
    Ok(filter)
}

fn show(session: &Session, event: &Event) -> Result<()> {
    let view = EventView::from(event);
    if session.out.json {
        return session.out.json_line(&view);
    }
    let style = session.out.style;
    let tone = match event.kind() {
        EventKind::Failed | EventKind::Expired | EventKind::Stalled | EventKind::Dropped => Tone::Bad,
        EventKind::Retrying | EventKind::Cancelled | EventKind::QueuePaused => Tone::Warning,
        EventKind::Completed => Tone::Good,
        _ => Tone::None,
    };
    let part = |text: Option<&str>| text.map(|text| format!(" {}", clean(text))).unwrap_or_default();
    let (time, kind) = (style.tint(Tone::Faint, &view.time), style.tint(tone, &format!("{:<15}", view.kind)));
    let attempt = view
        .attempt
        .filter(|attempt| *attempt != 0)
        .map(|attempt| format!(" #{attempt}"))
        .unwrap_or_default();
    let worker = view.worker.as_deref().filter(|_| view.job.is_none());
    let detail = view.detail.as_deref().map(|detail| format!("  {}", clean(detail))).unwrap_or_default();
    let (queue, task, job) =
        (part(view.queue.as_deref()), part(view.task.as_deref()), part(view.job.as_deref()));
    session.out.line(&format!("{time} {kind}{queue}{task}{job}{attempt}{}{detail}", part(worker)))
}
