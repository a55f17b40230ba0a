//! One queue: how it stands, what runs next, and what can be ordered of it.

use askama::Template;
use axum::response::{IntoResponse, Redirect};

use super::limits::Limits;
use super::rows::{JobRow, QueueRow};
use super::{Shell, done, page};
use crate::admin::{Query, QueueOverview};
use crate::dashboard::access::Role;
use crate::dashboard::error::Answer;
use crate::dashboard::text::{grouped, local, many, short};
use crate::dashboard::visit::{Fields, Visit};
use crate::job::JobState;

/// How many jobs are shown that run next.
const NEXT: usize = 10;

/// How many jobs are in a state.
struct StateTile {
    label: &'static str,
    value: String,
    link: String,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    shell: Shell,
    row: QueueRow,
    tiles: Vec<StateTile>,
    facts: Vec<(&'static str, String)>,
    can_operate: bool,
    can_clear: bool,
    cleanable: [&'static str; 6],
    limits: Limits,
    limit_link: String,
    jobs: Vec<JobRow>,
    can_pick: bool,
    none: &'static str,
}

/// Shows it.
pub(in crate::dashboard) async fn show(visit: Visit) -> Answer {
    let name = visit.query.must("name")?;
    let queue = visit.admin().queue(name).await?;
    let waiting = Query::all().in_queue(name).in_states(&[JobState::Waiting]);
    let next = visit.admin().jobs(&waiting, None, NEXT).await?;
    let tile = |state: JobState| StateTile {
        label: state.name(),
        value: grouped(queue.info.counts.of(state)),
        link: visit.link("/jobs", &[("queue", name), ("state", state.name())]),
    };
    page(&QueuePage {
        shell: Shell::new(&visit, "/queues", name),
        row: QueueRow::of(&visit, &queue),
        tiles: JobState::ALL.map(tile).into(),
        facts: facts(&queue),
        can_operate: Role::Operator <= visit.role(),
        can_clear: Role::Admin <= visit.role(),
        cleanable: ["completed", "failed", "expired", "cancelled", "waiting", "delayed"],
        limits: Limits::of(&visit, &[name]).await?,
        limit_link: visit.link("/limits/edit", &[("queue", name)]),
        jobs: JobRow::list(&visit, &next.jobs),
        can_pick: false,
        none: "Nothing waits.",
    })
}

fn facts(queue: &QueueOverview) -> Vec<(&'static str, String)> {
    vec![
        ("Oldest", queue.info.oldest_waiting.map_or_else(|| "nothing waits".into(), short)),
        ("Workers", format!("{}, for {} at once", queue.workers, many(queue.concurrency, "job"))),
        ("Enqueued", format!("{} since the store was made", grouped(queue.info.enqueued))),
        ("Ended", format!("{} since the store was made", grouped(queue.info.ended))),
    ]
}

/// Stops it from giving out.
pub(in crate::dashboard) async fn pause(visit: Visit, fields: Fields) -> Answer {
    set_paused(&visit, &fields, true).await
}

/// Lets it give out again.
pub(in crate::dashboard) async fn resume(visit: Visit, fields: Fields) -> Answer {
    set_paused(&visit, &fields, false).await
}

async fn set_paused(visit: &Visit, Fields(fields): &Fields, paused: bool) -> Answer {
    let name = fields.must("name")?;
    let queue = name.to_owned();
    let changed = visit.order(|admin| async move { admin.set_paused(&queue, paused).await }).await?;
    let word = match (changed, paused) {
        (false, _) => "unchanged",
        (true, true) => "paused",
        (true, false) => "resumed",
    };
    if let Some(back) = fields.get("back").and_then(local) {
        return Ok(Redirect::to(&visit.link(back, &[("done", word)])).into_response());
    }
    Ok(done(visit, ("/queue", &[("name", name)]), word))
}
