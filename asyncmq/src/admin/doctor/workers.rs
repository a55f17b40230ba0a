//! Who works, who does not, and what waits in vain.

use crate::admin::view::schedule_status;
use crate::admin::{Admin, QueueOverview};
use crate::backend::{Finding, WorkerInfo};
use crate::client::ScheduleInfo;
use crate::error::Result;
use crate::job::{Job, JobState, Name};

/// How many of the jobs that run next are looked at in each queue: those that nobody can run stand in front.
const LOOKED_AT: usize = 250;

/// What was seen of a queue.
struct Seen {
    overview: QueueOverview,
    first: Vec<Job>,
}

/// Looks at the workers, and at each queue in the light of them.
pub(super) async fn look(admin: &Admin) -> Result<Vec<Finding>> {
    let workers = admin.workers().await?;
    let mut queues = Vec::new();
    for overview in admin.queues().await? {
        let backend = admin.client.backend();
        let scan = backend.scan(&overview.info.name, JobState::Waiting, None, LOOKED_AT);
        let first = admin.client.handle.ask("list jobs", scan).await?.jobs;
        queues.push(Seen { overview, first });
    }
    let mut findings = vec![alive(&workers)];
    findings.extend(dead(&workers));
    findings.extend(versions(&workers));
    findings.extend(orphans(&admin.schedules().await.unwrap_or_default()));
    for queue in &queues {
        findings.extend(unserved(queue, &workers));
        findings.extend(paused(queue));
        findings.extend(unknown(queue, &workers));
    }
    Ok(findings)
}

fn alive(workers: &[WorkerInfo]) -> Finding {
    let live = workers.iter().filter(|worker| worker.alive && !worker.draining).count();
    let draining = workers.iter().filter(|worker| worker.alive && worker.draining).count();
    let says = format!("{live} live, {draining} draining");
    match (live, draining) {
        (0, 0) => Finding::note("workers", "no worker is registered"),
        (0, _) => Finding::warning("workers", says, "start a new one: those that drain take nothing more"),
        _ => Finding::good("workers", says),
    }
}

fn dead(workers: &[WorkerInfo]) -> Option<Finding> {
    let dead: Vec<_> = workers.iter().filter(|worker| !worker.alive).collect();
    let (first, count) = (dead.first()?, dead.len());
    Some(Finding::warning(
        "dead workers",
        format!(
            "{count} worker(s) fell silent without a word, such as process {} on {}, with {} job(s) in hand",
            first.pid, first.host, first.running
        ),
        "look at their logs: they were killed (memory?), froze, or lost the store; their jobs go to others by themselves",
    ))
}

fn versions(workers: &[WorkerInfo]) -> Option<Finding> {
    let mut versions: Vec<_> =
        workers.iter().filter(|worker| worker.alive).map(|worker| worker.version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    (1 < versions.len()).then(|| {
        Finding::note(
            "versions",
            format!("workers of several versions of asyncmq serve: {}", versions.join(", ")),
        )
    })
}

fn orphans(schedules: &[ScheduleInfo]) -> Option<Finding> {
    let is_orphan = |info: &&ScheduleInfo| schedule_status(info) == "orphaned";
    let ids: Vec<&str> = schedules.iter().filter(is_orphan).map(|info| info.id.as_str()).collect();
    (!ids.is_empty()).then(|| {
        Finding::warning(
            "orphaned schedules",
            format!(
                "no live worker declares these schedules any more, so they are paused: {}",
                ids.join(", ")
            ),
            "start a worker that links their tasks, or remove them: asyncmq schedule remove ID",
        )
    })
}

fn serving<'a>(queue: &'a Name, workers: &'a [WorkerInfo]) -> impl Iterator<Item = &'a WorkerInfo> {
    workers.iter().filter(move |worker| worker.alive && worker.queues.contains(queue))
}

fn unserved(queue: &Seen, workers: &[WorkerInfo]) -> Option<Finding> {
    let (name, counts) = (&queue.overview.info.name, &queue.overview.info.counts);
    let stuck = counts.waiting + counts.delayed;
    if stuck == 0 {
        return None;
    }
    let advice = format!("start one with `-q {name}` that links its tasks");
    if serving(name, workers).next().is_none() {
        let says = format!("queue {name:?} has {stuck} job(s) and no worker");
        return Some(Finding::problem("queue without worker", says, advice));
    }
    serving(name, workers).all(|worker| worker.draining).then(|| {
        let says = format!("queue {name:?} has {stuck} job(s), and all of its workers are draining");
        Finding::warning("queue without worker", says, advice)
    })
}

fn paused(queue: &Seen) -> Option<Finding> {
    let info = &queue.overview.info;
    (info.paused && info.counts.waiting != 0).then(|| {
        let says = format!("queue {:?} is paused, and {} job(s) wait in it", info.name, info.counts.waiting);
        Finding::warning("paused", says, format!("when it may go on: asyncmq queue resume {}", info.name))
    })
}

fn unknown(queue: &Seen, workers: &[WorkerInfo]) -> Option<Finding> {
    let name = &queue.overview.info.name;
    // Where nobody serves, nobody can know: that is another finding.
    serving(name, workers).next()?;
    let knows = |job: &Job| {
        serving(name, workers).any(|worker| {
            let version = job.envelope().version;
            worker.tasks.iter().any(|task| task.name == *job.task() && version <= task.version)
        })
    };
    let mut tasks: Vec<&str> = queue.first.iter().filter(|job| !knows(job)).map(Job::task).collect();
    tasks.sort_unstable();
    tasks.dedup();
    (!tasks.is_empty()).then(|| {
        let says = format!("jobs in queue {name:?} wait for tasks that none of its workers has: {}", tasks.join(", "));
        Finding::problem(
            "unknown tasks",
            says,
            "start a worker that links them (and their version), or remove the jobs: asyncmq job remove --query 'state:waiting task:…'",
        )
    })
}
