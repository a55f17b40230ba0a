//! Workers, tasks, events, the record of orders, the last hour, and the store itself, for programs.

use std::collections::BTreeMap;

use serde_json::json;

use super::answer;
use crate::admin::view::{AuditView, FindingView, JobView, TaskView, WorkerView, rfc3339};
use crate::dashboard::error::Answer;
use crate::dashboard::live::wanted;
use crate::dashboard::visit::Visit;
use crate::dashboard::watch::history::Sample;
use crate::job::JobState;

/// Shows which store this is, and what is in it.
pub(in crate::dashboard) async fn info(visit: Visit) -> Answer {
    let (queues, workers) = (visit.admin().queues().await?, visit.admin().workers().await?);
    let sum = |state: JobState| queues.iter().map(|queue| queue.info.counts.of(state)).sum::<u64>();
    let jobs: BTreeMap<_, _> = JobState::ALL.iter().map(|state| (state.name(), sum(*state))).collect();
    answer(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "store": visit.dashboard.client.backend().kind(),
        "url": visit.dashboard.store_url,
        "queues": queues.len(),
        "workers": workers.iter().filter(|worker| worker.alive).count(),
        "jobs": jobs,
    }))
}

/// Lists who works.
pub(in crate::dashboard) async fn workers(visit: Visit) -> Answer {
    let workers: Vec<WorkerView> = visit.admin().workers().await?.iter().map(Into::into).collect();
    answer(&json!({ "workers": workers }))
}

/// Shows one with what it has in hand.
pub(in crate::dashboard) async fn worker(visit: Visit) -> Answer {
    let detail = visit.admin().worker(visit.query.must("id")?).await?;
    let jobs: Vec<JobView> = detail.jobs.iter().map(|job| visit.dashboard.conceal.job(job)).collect();
    answer(&json!({ "worker": WorkerView::from(&detail.info), "jobs": jobs }))
}

/// Lists what live workers can run.
pub(in crate::dashboard) async fn tasks(visit: Visit) -> Answer {
    let tasks: Vec<TaskView> = visit.admin().tasks().await?.iter().map(Into::into).collect();
    answer(&json!({ "tasks": tasks }))
}

/// Lists the latest events, the newest first; `/live/events` streams them.
pub(in crate::dashboard) async fn events(visit: Visit) -> Answer {
    let limit = visit.query.number("limit", (1, 100, 500))?;
    let events = visit.dashboard.watch.recent.latest(&wanted(&visit), limit);
    let events: Vec<_> = events.iter().map(|event| &**event).collect();
    answer(&json!({ "events": events }))
}

/// Lists who ordered what, the latest first.
pub(in crate::dashboard) async fn audit(visit: Visit) -> Answer {
    let limit = visit.query.number("limit", (1, 100, 1_000))?;
    let entries: Vec<AuditView> =
        visit.admin().audit(0..limit as u64).await?.into_iter().map(|entry| (&entry).into()).collect();
    answer(&json!({ "audit": entries }))
}

/// Lists the samples of the last hour, the oldest first.
pub(in crate::dashboard) async fn history(visit: Visit) -> Answer {
    let limit = visit.query.number("limit", (1, 720, 720))?;
    let shape = |sample: &Sample| {
        json!({
            "at": rfc3339(sample.at), "seconds": sample.seconds, "enqueued": sample.enqueued, "ended": sample.ended,
            "failed": sample.failed, "waiting": sample.waiting, "active": sample.active, "delayed": sample.delayed,
            "dead": sample.dead, "oldest": sample.oldest,
        })
    };
    let samples: Vec<_> = visit.dashboard.watch.history().latest(limit).map(shape).collect();
    answer(&json!({ "samples": samples }))
}

/// Says what is wrong and what to do.
pub(in crate::dashboard) async fn doctor(visit: Visit) -> Answer {
    let diagnosis = visit.admin().diagnose().await?;
    let findings: Vec<FindingView> = diagnosis.findings.iter().map(Into::into).collect();
    answer(&json!({ "worst": diagnosis.worst().name(), "findings": findings }))
}
