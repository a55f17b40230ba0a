//! What happened lately, and goes on happening.

use askama::Template;

use super::rows::Moment;
use super::{Shell, page};
use crate::admin::view::EventView;
use crate::dashboard::error::Answer;
use crate::dashboard::live::wanted;
use crate::dashboard::visit::Visit;
use crate::event::EventKind;

/// How many are shown at first.
const SHOWN: usize = 100;

/// An event as a row.
pub(super) struct Heard {
    pub(super) when: Moment,
    pub(super) clock: String,
    pub(super) kind: &'static str,
    pub(super) tone: &'static str,
    pub(super) link: Option<String>,
    pub(super) task: String,
    pub(super) queue: String,
    pub(super) detail: String,
}

#[derive(Template)]
#[template(path = "events.html")]
struct Events {
    shell: Shell,
    says: String,
    kinds: Vec<&'static str>,
    wanted_kind: String,
    wanted_queue: String,
    wanted_task: String,
    stream: String,
    events: Vec<Heard>,
}

impl Heard {
    pub(super) fn of(visit: &Visit, event: &EventView) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (queue, job) = (text(&event.queue), text(&event.job));
        let link = event.job.as_ref().map(|_| visit.link("/job", &[("queue", &queue), ("id", &job)]));
        Self {
            when: moment(&event.time),
            clock: event.time.get(11..19).unwrap_or_default().to_owned(),
            kind: event.kind,
            tone: tone(event.kind),
            link,
            task: text(&event.task),
            queue,
            detail: super::rows::first_line(event.detail.as_deref().unwrap_or_default()),
        }
    }
}

/// Returns the colour of a kind.
fn tone(kind: &str) -> &'static str {
    match kind {
        "job:completed" => "good",
        "job:failed" | "job:expired" | "job:stalled" | "job:dropped" => "bad",
        "job:retrying" | "queue:paused" => "warn",
        _ => "",
    }
}

/// Reads a time back that was written as RFC 3339; the distance is to now.
pub(super) fn moment(iso: &str) -> Moment {
    let ago =
        crate::admin::view::from_rfc3339(iso).map_or_else(String::new, crate::dashboard::text::distance);
    Moment { iso: iso.to_owned(), ago }
}

/// Lists them, the newest first.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    let wanted = wanted(&visit);
    let watch = &visit.dashboard.watch;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (kind, queue, task) = (text(&wanted.kind), text(&wanted.queue), text(&wanted.task));
    let missed = watch.tally().missed;
    page(&Events {
        // The stream of events itself keeps this page up to date.
        shell: Shell::new(&visit, "/events", "Events").still(),
        says: match (watch.listens(), missed) {
            (false, _) => "this dashboard does not listen to events".into(),
            (true, 0) => "the last 500 are kept".into(),
            (true, missed) => format!("the last 500 are kept; {missed} were lost on the way"),
        },
        kinds: ["job:*", "queue:*", "worker:*"]
            .into_iter()
            .chain(EventKind::ALL.iter().map(|kind| kind.name()))
            .collect(),
        stream: visit.link("/live/events", &[("kind", &kind), ("queue", &queue), ("task", &task)]),
        events: watch.recent.latest(&wanted, SHOWN).iter().map(|event| Heard::of(&visit, event)).collect(),
        wanted_kind: kind,
        wanted_queue: queue,
        wanted_task: task,
    })
}
