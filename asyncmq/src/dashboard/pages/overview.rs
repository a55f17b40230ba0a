//! The overview: is all well, how much is there, what failed; to be read in twenty seconds.

use std::time::Duration;

use askama::Template;

use super::charts::{COLUMNS, ended_chart, waiting_chart};
use super::rows::{Moment, OLD, QueueRow, first_line, status_of};
use super::{Shell, page};
use crate::admin::QueueOverview;
use crate::admin::view::EventView;
use crate::backend::WorkerInfo;
use crate::dashboard::chart::{Chart, spark};
use crate::dashboard::error::Answer;
use crate::dashboard::text::{grouped, many, rate, short};
use crate::dashboard::visit::Visit;
use crate::dashboard::watch::history::Sample;
use crate::dashboard::watch::recent::Wanted;

/// How many queues are shown; the rest is a click away.
const QUEUES: usize = 12;
/// How many samples make the rate of now: a minute.
const NOW: usize = 12;

/// Something that is worth a look.
struct Finding {
    tone: &'static str,
    says: String,
    link: String,
}

struct Tile {
    label: &'static str,
    value: String,
    unit: &'static str,
    note: String,
    tone: &'static str,
    link: String,
    spark: Chart,
}

struct Failed {
    link: String,
    task: String,
    queue: String,
    says: String,
    when: Moment,
}

struct Span {
    name: &'static str,
    link: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    shell: Shell,
    tone: &'static str,
    verdict: String,
    findings: Vec<Finding>,
    tiles: Vec<Tile>,
    ended: Chart,
    waiting: Chart,
    column: &'static str,
    from: &'static str,
    spans: Vec<Span>,
    queues: Vec<QueueRow>,
    queue_count: usize,
    has_actions: bool,
    failures: Vec<Failed>,
    no_failures: &'static str,
}

/// Shows the overview.
pub(in crate::dashboard) async fn show(visit: Visit) -> Answer {
    let admin = visit.admin();
    let (mut queues, workers) = (admin.queues().await?, admin.workers().await?);
    let is_hour = visit.query.get("span") == Some("1h");
    let samples: Vec<Sample> = visit.dashboard.watch.history().latest(720).copied().collect();
    let findings = findings(&visit, &queues, &workers);
    let (tone, verdict) = verdict(&findings, &queues);
    let per_column = if is_hour { 6 } else { 1 };
    let (ended, waiting) = (ended_chart(&samples, per_column), waiting_chart(&samples, per_column));
    let tiles = tiles(&visit, &queues, &samples);
    let queue_count = queues.len();
    queues.sort_by_key(|queue| {
        std::cmp::Reverse((status_of(queue).1 == "bad", queue.info.counts.unfinished()))
    });
    let span =
        |name, value: &str, is_chosen| Span { name, link: visit.link("/", &[("span", value)]), is_chosen };
    page(&Overview {
        shell: Shell::new(&visit, "/", "Overview"),
        tone,
        verdict,
        findings,
        tiles,
        ended,
        waiting,
        column: if is_hour { "30 s" } else { "5 s" },
        from: if is_hour { "1 h ago" } else { "10 min ago" },
        spans: vec![span("10 min", "", !is_hour), span("1 h", "1h", is_hour)],
        queues: queues.iter().take(QUEUES).map(|queue| QueueRow::of(&visit, queue)).collect(),
        queue_count,
        has_actions: false,
        failures: failures(&visit),
        no_failures: if visit.dashboard.watch.listens() {
            "None since this dashboard started."
        } else {
            "This dashboard does not listen to events."
        },
    })
}

fn verdict(findings: &[Finding], queues: &[QueueOverview]) -> (&'static str, String) {
    match findings.iter().filter(|finding| finding.tone != "note").count() {
        0 if queues.is_empty() => ("good", "Nothing has happened yet".into()),
        0 => ("good", "All is well".into()),
        1 => ("warn", "One thing needs a look".into()),
        count => ("warn", format!("{count} things need a look")),
    }
}

/// Lists what needs a look, in the words of `doctor` but without asking the store more than it was asked already.
fn findings(visit: &Visit, queues: &[QueueOverview], workers: &[WorkerInfo]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for queue in queues {
        let (name, counts) = (queue.info.name.as_str(), &queue.info.counts);
        let link = visit.link("/queue", &[("name", name)]);
        let waiting = many(counts.waiting, "job");
        if queue.info.paused && counts.waiting != 0 {
            findings.push(Finding { tone: "warn", says: format!("{name} is paused, {waiting} wait"), link });
        } else if queue.workers == 0 && counts.waiting != 0 {
            findings.push(Finding {
                tone: "bad",
                says: format!("{name} has no worker, {waiting} wait"),
                link,
            });
        } else if let Some(oldest) = queue.info.oldest_waiting.filter(|oldest| OLD <= *oldest) {
            let says = format!("{name}: the oldest job waits for {}", short(oldest));
            findings.push(Finding { tone: "warn", says, link });
        }
    }
    let dead = workers.iter().filter(|worker| !worker.alive).count() as u64;
    if dead != 0 {
        let says = format!("{} fell silent", many(dead, "worker"));
        findings.push(Finding { tone: "warn", says, link: visit.link("/workers", &[]) });
    }
    let failed: u64 = visit.dashboard.watch.history().latest(720).map(|sample| sample.failed).sum();
    if failed != 0 {
        let says = format!("{} failed for good within the last hour", many(failed, "job"));
        findings.push(Finding { tone: "bad", says, link: visit.link("/dead", &[("q", "ended:<1h")]) });
    }
    for run in visit.dashboard.runs.working() {
        let says = format!("{} is under way, by {}", run.order.verb(), run.who);
        let link = visit.link("/bulk/run", &[("n", &run.number.to_string())]);
        findings.push(Finding { tone: "note", says, link });
    }
    let more = findings.len().saturating_sub(8);
    findings.truncate(8);
    if more != 0 {
        let (says, link) = (format!("and {more} more"), visit.link("/queues", &[]));
        findings.push(Finding { tone: "warn", says, link });
    }
    findings
}

/// What the tiles say of now.
struct Now {
    rates: (f64, f64),
    waiting: u64,
    active: u64,
    delayed: u64,
    dead: u64,
    oldest: Option<Duration>,
    newly_failed: u64,
}

impl Now {
    fn of(visit: &Visit, queues: &[QueueOverview], samples: &[Sample]) -> Self {
        let sum = |of: fn(&QueueOverview) -> u64| queues.iter().map(of).sum::<u64>();
        let (enqueued, ended, _) = visit.dashboard.watch.history().rates(NOW);
        Self {
            rates: (enqueued, ended),
            waiting: sum(|queue| queue.info.counts.waiting),
            active: sum(|queue| queue.info.counts.active),
            delayed: sum(|queue| queue.info.counts.delayed + queue.info.counts.blocked),
            dead: sum(|queue| queue.info.counts.failed + queue.info.counts.expired),
            oldest: queues.iter().filter_map(|queue| queue.info.oldest_waiting).max(),
            newly_failed: samples.iter().map(|sample| sample.failed).sum(),
        }
    }

    fn oldest(&self) -> (String, &'static str) {
        let is_old = self.oldest.is_some_and(|oldest| OLD <= oldest);
        let says = self
            .oldest
            .map_or_else(|| "nothing waits".into(), |oldest| format!("oldest for {}", short(oldest)));
        (says, if is_old { "warn" } else { "" })
    }
}

fn tiles(visit: &Visit, queues: &[QueueOverview], samples: &[Sample]) -> Vec<Tile> {
    let now = Now::of(visit, queues, samples);
    let drawn = |of: fn(&Sample) -> u64| {
        let latest: Vec<u64> = samples.iter().skip(samples.len().saturating_sub(COLUMNS)).map(of).collect();
        spark(&latest, COLUMNS)
    };
    let tile = |label, (value, note), (path, state), spark| Tile {
        label,
        value,
        unit: "",
        note,
        tone: "",
        link: visit.link(path, &[("state", state)]),
        spark,
    };
    let minute = || "over the last minute".to_owned();
    let (oldest, tone) = now.oldest();
    let newly = format!("{} new within the hour", grouped(now.newly_failed));
    let delayed = format!("{} delayed", grouped(now.delayed));
    let (coming, ended) = ((rate(now.rates.0), minute()), (rate(now.rates.1), minute()));
    let bad = if now.newly_failed == 0 { "" } else { "bad" };
    vec![
        Tile { unit: "/s", ..tile("Coming in", coming, ("/stats", ""), drawn(|sample| sample.enqueued)) },
        Tile { unit: "/s", ..tile("Ended", ended, ("/stats", ""), drawn(|sample| sample.ended)) },
        Tile {
            tone,
            ..tile(
                "Waiting",
                (grouped(now.waiting), oldest),
                ("/jobs", "waiting"),
                drawn(|sample| sample.waiting),
            )
        },
        tile("Active", (grouped(now.active), delayed), ("/jobs", "active"), drawn(|sample| sample.active)),
        Tile {
            tone: bad,
            ..tile("Dead letters", (grouped(now.dead), newly), ("/dead", ""), drawn(|sample| sample.failed))
        },
    ]
}

fn failures(visit: &Visit) -> Vec<Failed> {
    let recent = &visit.dashboard.watch.recent;
    let wanted = |kind: &str| Wanted { kind: Some(kind.into()), ..Wanted::default() };
    let mut events =
        [recent.latest(&wanted("job:failed"), 6), recent.latest(&wanted("job:retrying"), 6)].concat();
    events.sort_by(|one, other| other.time.cmp(&one.time));
    events.iter().take(6).map(|event| failed(visit, event)).collect()
}

fn failed(visit: &Visit, event: &EventView) -> Failed {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (task, queue, job) = (text(&event.task), text(&event.queue), text(&event.job));
    Failed {
        link: visit.link("/job", &[("queue", &queue), ("id", &job)]),
        says: first_line(event.detail.as_deref().unwrap_or_default()),
        when: super::events::moment(&event.time),
        task,
        queue,
    }
}
