//! Who works: how lately each worker was heard of, and what it has in hand.

use std::time::Duration;

use askama::Template;

use super::rows::{JobRow, Moment};
use super::{Shell, page};
use crate::backend::{DEAD_AFTER, WorkerInfo};
use crate::clock::Timestamp;
use crate::dashboard::error::Answer;
use crate::dashboard::text::grouped;
use crate::dashboard::visit::Visit;

/// A worker that was heard of within this is alive; one heartbeat is every ten seconds unless set.
const FRESH: Duration = Duration::from_secs(10);
/// More are not shown on one page.
const MOST: usize = 1_000;

struct WorkerRow {
    id: String,
    short_id: String,
    link: String,
    host: String,
    pid: u32,
    version: String,
    liveness: &'static str,
    seen: Moment,
    started: Moment,
    is_draining: bool,
    running: u32,
    concurrency: u32,
    queues: String,
    completed: String,
    failed: String,
}

#[derive(Template)]
#[template(path = "workers.html")]
struct Workers {
    shell: Shell,
    summary: String,
    workers: Vec<WorkerRow>,
}

#[derive(Template)]
#[template(path = "worker.html")]
struct WorkerPage {
    shell: Shell,
    row: WorkerRow,
    facts: Vec<(&'static str, String)>,
    jobs: Vec<JobRow>,
    can_pick: bool,
    none: &'static str,
}

/// Returns `alive`, `aging` or `dead`, by the store's clock.
pub(super) fn liveness(worker: &WorkerInfo, now: Timestamp) -> &'static str {
    match now.since(worker.seen_at) {
        _ if !worker.alive => "dead",
        silent if silent < FRESH + Duration::from_secs(1) => "alive",
        silent if silent < DEAD_AFTER => "aging",
        _ => "dead",
    }
}

impl WorkerRow {
    fn of(visit: &Visit, worker: &WorkerInfo, now: Timestamp) -> Self {
        let id = worker.id.to_string();
        Self {
            link: visit.link("/worker", &[("id", &id)]),
            short_id: super::rows::short_id(&id),
            id,
            host: if worker.host.is_empty() { "unnamed".into() } else { worker.host.clone() },
            pid: worker.pid,
            version: worker.version.clone(),
            liveness: liveness(worker, now),
            seen: worker.seen_at.into(),
            started: worker.started_at.into(),
            is_draining: worker.draining,
            running: worker.running,
            concurrency: worker.concurrency,
            queues: join(worker.queues.iter().map(|queue| queue.as_str())),
            completed: grouped(worker.completed),
            failed: grouped(worker.failed),
        }
    }
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Lists them, those that fell silent last.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    let mut workers = visit.admin().workers().await?;
    let now = visit.dashboard.store_time().await?;
    workers.sort_by_key(|worker| (!worker.alive, worker.host.clone(), worker.pid));
    let rows: Vec<_> = workers.iter().take(MOST).map(|worker| WorkerRow::of(&visit, worker, now)).collect();
    let count = |liveness| rows.iter().filter(|row| row.liveness == liveness).count();
    let summary = format!("{} alive, {} aging, {} dead", count("alive"), count("aging"), count("dead"));
    page(&Workers { shell: Shell::new(&visit, "/workers", "Workers"), summary, workers: rows })
}

/// Shows one with what it has in hand.
pub(in crate::dashboard) async fn show(visit: Visit) -> Answer {
    let detail = visit.admin().worker(visit.query.must("id")?).await?;
    let now = visit.dashboard.store_time().await?;
    let (info, row) = (&detail.info, WorkerRow::of(&visit, &detail.info, now));
    let facts = vec![
        ("Process", format!("{} on {}", info.pid, row.host)),
        ("Version", info.version.clone()),
        ("Queues", row.queues.clone()),
        ("Tasks", join(info.tasks.iter().map(|task| task.name.as_str()))),
        ("At once", format!("{} of {}", info.running, info.concurrency)),
        ("Completed", row.completed.clone()),
        ("Failed attempts", row.failed.clone()),
        ("Since", row.started.iso.clone()),
        ("Heard of", row.seen.ago.clone()),
    ];
    page(&WorkerPage {
        shell: Shell::new(&visit, "/workers", row.host.clone()),
        row,
        facts,
        jobs: JobRow::list(&visit, &detail.jobs),
        can_pick: false,
        none: "It has nothing in hand.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::WorkerId;

    #[test]
    fn a_worker_ages_and_dies_with_its_silence() {
        let mut worker = WorkerInfo::new(WorkerId::generate());
        let at = |seconds| Timestamp::default().after(Duration::from_secs(seconds));
        for (silent, named) in [(0, "alive"), (10, "alive"), (11, "aging"), (29, "aging"), (30, "dead")] {
            assert_eq!(liveness(&worker, at(silent)), named, "{silent} s");
        }
        worker.alive = false;
        assert_eq!(liveness(&worker, at(0)), "dead");
    }
}
