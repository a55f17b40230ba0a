//! The list of workers.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::time::Duration;

use super::Fixture;
use super::stage::{Answered, HOUR, LEASE, QUEUE, SECOND, Stage, complete, ids, ids_of, job, jobs};
use crate::backend::{DEAD_AFTER, Fenced, TaskDefaults, TaskInfo, WorkerInfo};
use crate::job::{Backoff, JobState, Name, Retention};

async fn listed(stage: &Stage) -> Vec<WorkerInfo> {
    stage.store.workers().await.answered()
}

fn published() -> TaskInfo {
    TaskInfo {
        name: Name::from_static("app.täsk:{1}"),
        version: 3,
        queue: QUEUE,
        arguments: vec!["to".into(), "ü".into()],
        defaults: TaskDefaults {
            max_attempts: 4,
            priority: 7,
            delay: Some(Duration::from_millis(1_500)),
            ttl: Some(HOUR),
            timeout: None,
            backoff: Backoff::list([SECOND, HOUR]),
            retention: Retention::For(HOUR),
            tags: vec!["vip".into()],
            keyed: true,
            dedup: Some(crate::job::Dedup::Throttle(HOUR).extend()),
            dedup_keyed: true,
        },
        schedule: Some("every 1h".into()),
    }
}

pub async fn a_worker_is_listed_as_it_describes_itself(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let worker = stage.worker_of(&[QUEUE, Name::from_static("other")]);
    let info = WorkerInfo { running: 3, completed: 10, failed: 2, tasks: vec![published()], ..worker.info() };
    stage.store.register(&info, LEASE).await.answered();
    let now = stage.now().await;
    assert_eq!(listed(&stage).await, [WorkerInfo { started_at: now, seen_at: now, alive: true, ..info }]);
}

pub async fn a_heartbeat_brings_the_entry_up_to_date(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let worker = stage.worker();
    worker.register().await;
    let start = stage.now().await;
    fixture.advance(SECOND * 10).await;
    let info = WorkerInfo { completed: 99, draining: true, ..worker.info() };
    stage.store.register(&info, LEASE).await.answered();
    let now = stage.now().await;
    assert_eq!(listed(&stage).await, [WorkerInfo { started_at: start, seen_at: now, alive: true, ..info }]);
}

pub async fn a_silent_worker_is_shown_dead(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let worker = stage.worker();
    worker.register().await;
    fixture.advance(DEAD_AFTER - SECOND).await;
    assert!(listed(&stage).await[0].alive);
    fixture.advance(SECOND).await;
    assert!(!listed(&stage).await[0].alive);
    worker.register().await;
    assert!(listed(&stage).await[0].alive);
}

pub async fn who_was_silent_for_long_is_struck_from_the_list(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.worker().register().await;
    fixture.advance(HOUR).await;
    stage.rescue().await;
    let alive = stage.worker();
    alive.register().await;
    let listed = listed(&stage).await;
    assert_eq!(listed.iter().map(|worker| worker.id).collect::<Vec<_>>(), [alive.id]);
}

pub async fn workers_are_listed_by_id(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut workers: Vec<_> = (0..5).map(|_| stage.worker()).collect();
    let wanted: Vec<_> = workers.iter().map(|worker| worker.id).collect();
    workers.reverse();
    for worker in &workers {
        worker.register().await;
    }
    assert_eq!(listed(&stage).await.iter().map(|worker| worker.id).collect::<Vec<_>>(), wanted);
}

pub async fn a_worker_that_ends_is_no_longer_listed(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (worker, other) = (stage.worker(), stage.worker());
    worker.register().await;
    other.register().await;
    stage.store.deregister(worker.id).await.answered();
    stage.store.deregister(worker.id).await.answered();
    let listed = listed(&stage).await;
    assert_eq!(listed.iter().map(|worker| worker.id).collect::<Vec<_>>(), [other.id]);
}

pub async fn a_worker_that_ends_gives_back_what_it_holds(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(3)).await;
    let worker = stage.worker();
    worker.register().await;
    let held = worker.claim(2).await;
    stage.store.deregister(worker.id).await.answered();
    assert_eq!(stage.list(JobState::Waiting).await, ids(&pushed));
    let again = stage.worker().claim(10).await;
    assert_eq!(ids_of(&again), ids(&pushed));
    assert!(again.iter().all(|job| (job.attempt, job.crashes) == (1, 0)));
    assert_eq!(worker.settle(&held[0], complete()).await, Fenced::Stale);
}

pub async fn a_worker_that_ends_with_a_job_to_be_cancelled_leaves_it_cancelled(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    worker.one().await;
    stage.store.cancel(&QUEUE, &pushed.id, Some("enough")).await.answered();
    stage.store.deregister(worker.id).await.answered();
    let kept = stage.job(&pushed).await;
    assert_eq!((kept.state(), kept.cancel_reason()), (JobState::Cancelled, Some("enough")));
    assert_eq!(stage.recount().await.cancelled, 1);
}

pub async fn a_worker_need_not_register_to_claim(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    assert!(listed(&stage).await.is_empty());
    assert_eq!(worker.settle(&held, complete()).await, Fenced::Applied);
}
