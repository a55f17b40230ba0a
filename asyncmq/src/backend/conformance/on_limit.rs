//! Limits that let nobody wait: what becomes of a job while as many like it run as may.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use super::Fixture;
use super::limits::other;
use super::stage::{
    Answered, HOUR, LEASE, QUEUE, SECOND, Stage, TASK, complete, ids, ids_of, job, jobs, only, retry,
    settlement, signal,
};
use crate::backend::{Fenced, Force, Pushed, Signal};
use crate::event::{EventData, EventFilter, EventKind};
use crate::job::{
    Dedup, DedupKey, Due, Envelope, JobState, Limit, LimitScope, LimitSource, OnLimit, RateLimit,
};
use crate::lifecycle::{Transition, why_no_room};

const DISCARD: Limit = Limit::NONE.concurrency(1).on_limit(OnLimit::Discard);
const CANCEL: Limit = Limit::NONE.concurrency(1).on_limit(OnLimit::CancelRunning);
const KEYS: [Option<&str>; 2] = [None, Some("a")];

fn of(key: Option<&str>) -> Envelope {
    let mut job = job();
    if let Some(key) = key {
        job.extras_mut().key = Some(key.into());
    }
    job
}

fn some(count: usize, key: Option<&str>) -> Vec<Envelope> {
    (0..count).map(|_| of(key)).collect()
}

impl Stage {
    async fn clear(&self) {
        self.order(LimitScope::Task(TASK), None).await;
        self.store.obliterate(&QUEUE, Force::RemoveActive, 1_000).await.answered().ok();
    }

    /// Tells how jobs stand, and why.
    async fn reasons(&self, jobs: &[std::sync::Arc<Envelope>]) -> Vec<(JobState, Option<String>)> {
        let mut reasons = Vec::new();
        for job in jobs {
            let kept = self.job(job).await;
            reasons.push((kept.state(), kept.cancel_reason().map(ToOwned::to_owned)));
        }
        reasons
    }
}

pub async fn a_job_that_comes_while_its_limit_is_full_is_discarded(fixture: &dyn Fixture) {
    for key in KEYS {
        let stage = Stage::of(fixture);
        stage.hold_task_to(DISCARD).await;
        stage.push(of(key)).await;
        let worker = stage.worker();
        let held = worker.one().await;
        let mut listener = stage.listen(EventFilter::all()).await;
        let late = stage.push_all(some(2, key)).await;
        let why = why_no_room(DISCARD, &TASK, key, false);
        assert_eq!(stage.reasons(&late).await, vec![(JobState::Cancelled, Some(why.clone())); 2]);
        for _ in 0..2 {
            let mut event = listener.next().await;
            while event.kind() != EventKind::Cancelled {
                event = listener.next().await;
            }
            assert_eq!(*event.data(), EventData::Reason(why.clone()));
        }
        assert_eq!(worker.settle(&held, complete()).await, Fenced::Applied);
        let next = stage.push(of(key)).await;
        assert_eq!(ids_of(&worker.claim(10).await), only(&next));
        assert_eq!(stage.recount().await.waiting, 0);
        stage.clear().await;
    }
}

pub async fn of_jobs_that_came_together_those_over_the_limit_are_discarded(fixture: &dyn Fixture) {
    for key in KEYS {
        let stage = Stage::of(fixture);
        stage.hold_task_to(DISCARD).await;
        let pushed = stage.push_all(some(5, key)).await;
        assert_eq!(stage.counts().await.waiting, 5, "nothing runs yet");
        assert_eq!(ids_of(&stage.worker().claim(10).await), only(&pushed[0]));
        let counts = stage.recount().await;
        assert_eq!((counts.active, counts.waiting, counts.cancelled), (1, 0, 4));
        stage.clear().await;
    }
}

pub async fn nobody_else_is_discarded(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(DISCARD).await;
    stage.push(of(Some("a"))).await;
    let worker = stage.worker_of_two();
    worker.one().await;
    let others = stage.push_all(vec![of(Some("b")), of(None), other()]).await;
    let mut claimed = ids_of(&worker.claim(10).await);
    claimed.sort();
    let mut wanted = ids(&others);
    wanted.sort();
    assert_eq!(claimed, wanted);
}

pub async fn a_job_that_becomes_due_while_its_limit_is_full_is_discarded(fixture: &dyn Fixture) {
    for key in KEYS {
        let stage = Stage::of(fixture);
        stage.hold_task_to(DISCARD).await;
        stage.push(of(key)).await;
        let worker = stage.worker();
        worker.one().await;
        let late = stage.push(Envelope { due: Due::After(SECOND), ..of(key) }).await;
        assert!(worker.claim(10).await.is_empty());
        assert_eq!(stage.state(&late).await, JobState::Delayed);
        fixture.advance(SECOND).await;
        assert!(worker.claim(10).await.is_empty());
        assert_eq!(stage.state(&late).await, JobState::Cancelled);
        stage.clear().await;
    }
}

pub async fn a_job_that_was_begun_waits_where_new_ones_are_discarded(fixture: &dyn Fixture) {
    for key in KEYS {
        let stage = Stage::of(fixture);
        stage.hold_task_to(DISCARD).await;
        let first = stage.push(of(key)).await;
        let worker = stage.worker();
        let held = worker.one().await;
        worker.settle(&held, retry(SECOND)).await;
        stage.push(of(key)).await;
        let second = worker.one().await;
        fixture.advance(SECOND).await;
        assert!(worker.claim(10).await.is_empty());
        assert_eq!(stage.state(&first).await, JobState::Waiting);
        worker.settle(&second, complete()).await;
        assert_eq!(ids_of(&worker.claim(10).await), only(&first));
        stage.clear().await;
    }
}

pub async fn what_a_dead_worker_held_is_not_discarded(fixture: &dyn Fixture) {
    for key in KEYS {
        let stage = Stage::of(fixture);
        stage.hold_task_to(DISCARD).await;
        let pushed = stage.push(of(key)).await;
        stage.worker().one().await;
        let late = stage.push(of(key)).await;
        fixture.advance(LEASE + SECOND).await;
        assert_eq!(stage.rescue().await, 1);
        assert_eq!(ids_of(&stage.worker().claim(10).await), only(&pushed));
        assert_eq!(stage.state(&late).await, JobState::Cancelled);
        stage.clear().await;
    }
}

pub async fn at_a_rate_jobs_wait_whatever_happens_at_the_limit(fixture: &dyn Fixture) {
    for key in KEYS {
        let stage = Stage::of(fixture);
        stage.hold_task_to(DISCARD.concurrency(5).rate(RateLimit::per(1, SECOND))).await;
        stage.push_all(some(3, key)).await;
        let worker = stage.worker();
        assert_eq!(worker.claim(10).await.len(), 1);
        assert_eq!(stage.counts().await.waiting, 2);
        fixture.advance(SECOND).await;
        assert_eq!(worker.claim(10).await.len(), 1);
        fixture.advance(HOUR).await;
        stage.clear().await;
    }
}

pub async fn where_nothing_may_start_nothing_is_discarded(fixture: &dyn Fixture) {
    for policy in [OnLimit::Discard, OnLimit::CancelRunning] {
        for key in KEYS {
            let stage = Stage::of(fixture);
            stage.hold_task_to(Limit::NONE.concurrency(0).on_limit(policy)).await;
            stage.push_all(some(3, key)).await;
            assert!(stage.worker().claim(10).await.is_empty());
            assert_eq!(stage.counts().await.waiting, 3, "{policy}");
            stage.hold_task_to(Limit::NONE.concurrency(1)).await;
            assert_eq!(stage.worker().claim(10).await.len(), 1, "{policy}");
            stage.clear().await;
        }
    }
}

pub async fn a_newer_job_takes_the_place_of_the_one_that_runs(fixture: &dyn Fixture) {
    for key in KEYS {
        let stage = Stage::of(fixture);
        stage.hold_task_to(CANCEL).await;
        let old = stage.push(of(key)).await;
        let (busy, idle) = (stage.worker(), stage.worker());
        let held = busy.one().await;
        let mut signals = busy.signals().await;
        let new = stage.push(of(key)).await;
        while signal(&mut signals).await != Signal::Cancel(vec![held.token]) {}
        assert_eq!(busy.extend(&[&held]).await.cancelled, vec![held.token]);
        assert!(idle.claim(10).await.is_empty(), "the permit is there once the old one has stopped");
        assert_eq!(busy.settle(&held, Transition::Cancel { reason: None }).await, Fenced::Applied);
        let why = why_no_room(CANCEL, &TASK, key, true);
        assert_eq!(stage.reasons(&[old]).await, [(JobState::Cancelled, Some(why))]);
        assert_eq!(ids_of(&idle.claim(10).await), only(&new));
        assert_eq!(stage.recount().await.active, 1);
        stage.clear().await;
    }
}

pub async fn of_several_newcomers_the_newest_is_left(fixture: &dyn Fixture) {
    for key in KEYS {
        let stage = Stage::of(fixture);
        stage.hold_task_to(CANCEL).await;
        stage.push(of(key)).await;
        let worker = stage.worker();
        let held = worker.one().await;
        let older = [stage.push_all(some(2, key)).await, stage.push_all(some(1, key)).await].concat();
        let newest = stage.push(of(key)).await;
        let why = why_no_room(CANCEL, &TASK, key, false);
        assert_eq!(stage.reasons(&older).await, vec![(JobState::Cancelled, Some(why)); 3]);
        worker.settle(&held, Transition::Cancel { reason: None }).await;
        assert_eq!(ids_of(&worker.claim(10).await), only(&newest));
        assert_eq!(stage.recount().await.cancelled, 4);
        stage.clear().await;
    }
}

pub async fn as_many_are_left_and_asked_to_stop_as_may_run(fixture: &dyn Fixture) {
    for key in KEYS {
        let stage = Stage::of(fixture);
        stage.hold_task_to(CANCEL.concurrency(3)).await;
        let worker = stage.worker();
        let mut held = Vec::new();
        for _ in 0..3 {
            stage.push(of(key)).await;
            held.push(worker.one().await);
            fixture.advance(SECOND).await;
        }
        let asked = async |count: usize| {
            let cancelled = worker.extend(&held.iter().collect::<Vec<_>>()).await.cancelled;
            assert_eq!(cancelled, held.iter().take(count).map(|job| job.token).collect::<Vec<_>>());
        };
        stage.push(of(key)).await;
        asked(1).await;
        stage.push(of(key)).await;
        asked(2).await;
        let newest = stage.push_all(some(3, key)).await;
        asked(3).await;
        assert_eq!(stage.list(JobState::Waiting).await, ids(&newest));
        let all: Vec<_> =
            held.iter().map(|job| settlement(job, Transition::Cancel { reason: None })).collect();
        worker.settle_all(&all).await;
        assert_eq!(ids_of(&worker.claim(10).await), ids(&newest));
        stage.clear().await;
    }
}

pub async fn one_that_stopped_by_itself_is_replaced_and_nobody_else_asked(fixture: &dyn Fixture) {
    for key in KEYS {
        let stage = Stage::of(fixture);
        stage.hold_task_to(CANCEL).await;
        stage.push(of(key)).await;
        let worker = stage.worker();
        let held = worker.one().await;
        let new = stage.push(of(key)).await;
        worker.settle(&held, complete()).await;
        let next = worker.one().await;
        assert_eq!(next.envelope.id, new.id);
        assert!(worker.claim(10).await.is_empty());
        assert!(worker.extend(&[&next]).await.cancelled.is_empty());
        stage.clear().await;
    }
}

pub async fn a_discarded_job_frees_its_deduplication_key(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(DISCARD).await;
    stage.push(of(Some("a"))).await;
    stage.worker().one().await;
    let keyed = || {
        let mut job = of(Some("a"));
        job.extras_mut().dedup = Some(DedupKey { key: "once".into(), mode: Dedup::Simple });
        std::sync::Arc::new(job)
    };
    for _ in 0..2 {
        let job = keyed();
        assert_eq!(stage.push_again(std::slice::from_ref(&job)).await, [Pushed::Added]);
        assert_eq!(stage.state(&job).await, JobState::Cancelled);
    }
}

pub async fn what_is_discarded_in_one_step_is_bounded_and_the_rest_follows(fixture: &dyn Fixture) {
    for key in KEYS {
        let stage = Stage::of(fixture);
        let first = stage.push(of(key)).await;
        let worker = stage.worker();
        stage.hold_task_to(Limit::NONE.concurrency(1)).await;
        assert_eq!(worker.one().await.envelope.id, first.id);
        for _ in 0..3 {
            stage.push_all(some(900, key)).await;
        }
        stage.hold_task_to(DISCARD).await;
        let mut waits = stage.counts().await.waiting;
        while waits != 0 {
            let claimed = worker.claim_as(worker.next_call(), 10).await;
            let left = stage.counts().await.waiting;
            assert!(claimed.jobs.is_empty() && left < waits && waits - left <= 1_000, "{waits} {left}");
            assert!(
                left == 0 || claimed.next_due.is_some_and(|due| due.is_zero()),
                "it says that there is more"
            );
            waits = left;
        }
        assert_eq!(stage.recount().await.cancelled, 2_700);
        stage.clear().await;
        stage.store.obliterate(&QUEUE, Force::RemoveActive, 3_000).await.answered().ok();
    }
}

pub async fn what_happens_at_a_limit_may_be_ordered_and_is_kept_when_only_the_number_is(
    fixture: &dyn Fixture,
) {
    let stage = Stage::of(fixture);
    let scope = LimitScope::Task(TASK);
    stage.store.set_limits(&QUEUE, LimitSource::Declared, &[(scope.clone(), Some(DISCARD))]).await.answered();
    stage.order(scope.clone(), Some(Limit::NONE.concurrency(2))).await;
    let in_force = async || stage.store.limits(&QUEUE).await.answered()[0].limit();
    assert_eq!(in_force().await, DISCARD.concurrency(2));
    stage.push_all(jobs(3)).await;
    assert_eq!(stage.worker().claim(10).await.len(), 2);
    assert_eq!(stage.recount().await.cancelled, 1);
    stage.order(scope, Some(Limit::NONE.concurrency(2).on_limit(OnLimit::Wait))).await;
    assert_eq!(in_force().await.when_full(), OnLimit::Wait);
    let waits = stage.push(job()).await;
    assert!(stage.worker().claim(10).await.is_empty());
    assert_eq!(stage.state(&waits).await, JobState::Waiting);
}
