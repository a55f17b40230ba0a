//! Limits: no more start and run at once than may, over all workers, and nothing that may start waits.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::time::Duration;

use super::Fixture;
use super::stage::{
    Answered, HOUR, LEASE, MILLI, QUEUE, SECOND, Stage, TASK, Worker, cancelled, complete, fail, ids, ids_of,
    job, jobs, only, retry, settlement, soon, work,
};
use crate::backend::{Fenced, Force, LimitInfo};
use crate::job::{Envelope, JobState, Limit, LimitScope, LimitSource, Name, RateLimit};
use crate::lifecycle::{Allowance, Transition};

pub(super) const OTHER: Name = Name::from_static("app.other");

impl Stage {
    /// Orders a limit for the usual queue, or takes back what was ordered.
    pub(super) async fn order(&self, scope: LimitScope, limit: Option<Limit>) -> bool {
        self.store.set_limits(&QUEUE, LimitSource::Ordered, &[(scope, limit)]).await.answered()
    }

    /// Orders a limit for the usual task in the usual queue.
    pub(super) async fn hold_task_to(&self, limit: Limit) {
        self.order(LimitScope::Task(TASK), Some(limit)).await;
    }

    /// Makes a worker that knows another task too.
    pub(super) fn worker_of_two(&self) -> Worker {
        Worker { tasks: [(TASK, 1), (OTHER, 1)].into_iter().collect(), ..self.worker() }
    }
}

pub(super) fn other() -> Envelope {
    Envelope { task: OTHER, ..job() }
}

const fn at_once(jobs: u32) -> Limit {
    Limit::NONE.concurrency(jobs)
}

const fn three_a_second() -> Limit {
    Limit::NONE.rate(RateLimit::per(3, SECOND))
}

pub async fn a_queue_runs_no_more_jobs_at_once_than_it_may(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(5)).await;
    stage.order(LimitScope::Queue, Some(at_once(2))).await;
    let (one, other) = (stage.worker(), stage.worker());
    let held = one.claim(10).await;
    assert_eq!(ids_of(&held), ids(&pushed[..2]));
    assert!(other.claim(10).await.is_empty());
    one.settle(&held[1], complete()).await;
    assert_eq!(ids_of(&other.claim(10).await), ids(&pushed[2..3]));
    assert!(one.claim(10).await.is_empty());
    assert_eq!(stage.recount().await.active, 2);
}

pub async fn a_task_runs_no_more_jobs_at_once_than_it_may(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(5)).await;
    let others = stage.push_all(vec![other(), other(), other()]).await;
    stage.hold_task_to(at_once(2)).await;
    let worker = stage.worker_of_two();
    let held = worker.claim(10).await;
    assert_eq!(ids_of(&held), [ids(&pushed[..2]), ids(&others)].concat(), "other tasks are not held back");
    assert!(stage.worker_of_two().claim(10).await.is_empty());
    worker.settle_all(&held.iter().map(|job| settlement(job, complete())).collect::<Vec<_>>()).await;
    assert_eq!(ids_of(&worker.claim(10).await), ids(&pushed[2..4]));
}

pub async fn a_permit_comes_back_however_the_attempt_ends(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(at_once(1)).await;
    stage.order(LimitScope::Queue, Some(at_once(1))).await;
    let ends = [
        complete(),
        fail(),
        retry(HOUR),
        cancelled("no"),
        Transition::Snooze { after: HOUR },
        Transition::Complete { result: Default::default(), retention: crate::job::Retention::Nothing },
    ];
    stage.push_all(jobs(ends.len() + 1)).await;
    let worker = stage.worker();
    for end in ends {
        let held = worker.one().await;
        assert!(worker.claim(1).await.is_empty());
        assert_eq!(worker.settle(&held, end).await, Fenced::Applied);
    }
    let held = worker.one().await;
    worker.settle(&held, Transition::Release).await;
    assert_eq!(worker.one().await.envelope.id, held.envelope.id, "it was given back and runs again");
}

pub async fn a_dead_workers_permits_come_back(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(at_once(2)).await;
    stage.order(LimitScope::Queue, Some(at_once(2))).await;
    stage.push_all(jobs(4)).await;
    let dead = stage.worker();
    let lost = dead.claim(10).await;
    fixture.advance(LEASE + SECOND).await;
    let worker = stage.worker();
    assert!(worker.claim(10).await.is_empty(), "they are the dead worker's until they are taken from it");
    assert_eq!(stage.rescue().await, 2);
    let held = worker.claim(10).await;
    assert_eq!(ids_of(&held), ids_of(&lost));
    for job in &lost {
        assert_eq!(dead.settle(job, complete()).await, Fenced::Stale);
    }
    assert!(worker.claim(10).await.is_empty(), "a late settle gives no permit back");
}

pub async fn a_struck_off_workers_permits_come_back(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(at_once(1)).await;
    stage.push_all(jobs(2)).await;
    let gone = stage.worker();
    gone.register().await;
    gone.one().await;
    stage.store.deregister(gone.id).await.answered();
    stage.worker().one().await;
}

pub async fn a_late_settle_that_counts_frees_nothing_twice(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(at_once(1)).await;
    stage.push_all(jobs(4)).await;
    let late = stage.worker();
    let held = late.one().await;
    fixture.advance(LEASE + SECOND).await;
    stage.rescue().await;
    assert_eq!(late.settle(&held, complete()).await, Fenced::Applied, "nobody else has claimed it");
    assert_eq!(stage.worker().claim(10).await.len(), 1);
    assert!(stage.worker().claim(10).await.is_empty());
}

pub async fn a_repeated_claim_takes_no_permit_twice(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(at_once(3).rate(RateLimit::per(3, SECOND))).await;
    stage.push_all(jobs(5)).await;
    let worker = stage.worker();
    let call = worker.next_call();
    let held = worker.claim_as(call, 2).await.jobs;
    assert_eq!(ids_of(&worker.claim_as(call, 2).await.jobs), ids_of(&held));
    assert_eq!(worker.claim(10).await.len(), 1);
    for job in held {
        worker.settle(&job, complete()).await;
    }
    assert!(worker.claim(10).await.is_empty(), "three have started in this second");
}

pub async fn a_freed_permit_wakes_whoever_waits_for_it(fixture: &dyn Fixture) {
    for scope in [LimitScope::Queue, LimitScope::Task(TASK)] {
        let stage = Stage::of(fixture);
        stage.order(scope.clone(), Some(at_once(1))).await;
        stage.push_all(jobs(2)).await;
        let (busy, idle) = (stage.worker(), stage.worker());
        let held = busy.one().await;
        let mut signals = idle.signals().await;
        assert!(idle.claim(1).await.is_empty());
        busy.settle(&held, complete()).await;
        work(&mut signals).await;
        let next = idle.one().await;
        idle.settle(&next, complete()).await;
        stage.order(scope, None).await;
    }
}

pub async fn a_bucket_gives_its_tokens_at_once_and_then_one_by_one(fixture: &dyn Fixture) {
    for scope in [LimitScope::Queue, LimitScope::Task(TASK)] {
        let stage = Stage::of(fixture);
        stage.order(scope.clone(), Some(three_a_second())).await;
        let pushed = stage.push_all(jobs(6)).await;
        let worker = stage.worker();
        let claimed = worker.claim_as(worker.next_call(), 10).await;
        assert_eq!(ids_of(&claimed.jobs), ids(&pushed[..3]));
        let third = Duration::from_micros(333_334);
        assert_eq!(worker.claim_as(worker.next_call(), 10).await.next_due, Some(third));
        assert_eq!(claimed.next_due, Some(third), "when the next may start is told at once");
        assert!(claimed.awaits_token);
        fixture.advance(third - MILLI).await;
        assert!(worker.claim(10).await.is_empty());
        fixture.advance(MILLI).await;
        assert_eq!(worker.claim(10).await.len(), 1);
        fixture.advance(SECOND).await;
        assert_eq!(worker.claim(10).await.len(), 2);
        fixture.advance(HOUR).await;
        stage.order(scope, None).await;
        stage.store.obliterate(&QUEUE, Force::RemoveActive, 100).await.answered().ok();
    }
}

pub async fn a_window_holds_no_more_starts_than_it_may(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(Limit::NONE.rate(RateLimit::window(3, SECOND))).await;
    stage.push_all(jobs(9)).await;
    let worker = stage.worker();
    assert_eq!(worker.claim(2).await.len(), 2);
    fixture.advance(Duration::from_millis(600)).await;
    assert_eq!(worker.claim(10).await.len(), 1);
    let refused = worker.claim_as(worker.next_call(), 10).await;
    assert!(refused.jobs.is_empty());
    assert_eq!(refused.next_due, Some(Duration::from_millis(400)), "when the first two leave the window");
    fixture.advance(Duration::from_millis(400)).await;
    assert_eq!(worker.claim(10).await.len(), 2);
    fixture.advance(Duration::from_millis(600)).await;
    assert_eq!(worker.claim(10).await.len(), 1);
}

pub async fn a_window_that_is_used_steadily_is_used_whole(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(Limit::NONE.rate(RateLimit::window(100, SECOND))).await;
    stage.push_all(jobs(110)).await;
    let worker = stage.worker();
    for _ in 0..100 {
        worker.one().await;
        fixture.advance(10 * MILLI).await;
    }
    fixture.advance(20 * MILLI).await;
    assert!(!worker.claim(10).await.is_empty(), "the first few have left the window");
}

pub async fn zero_lets_nothing_start_and_none_everything(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(4)).await;
    let worker = stage.worker();
    for scope in [LimitScope::Queue, LimitScope::Task(TASK)] {
        for blocked in [at_once(0), Limit::NONE.rate(RateLimit::per(0, SECOND))] {
            assert!(stage.order(scope.clone(), Some(blocked)).await);
            let claimed = worker.claim_as(worker.next_call(), 10).await;
            assert!(claimed.jobs.is_empty() && claimed.next_due.is_none(), "nobody need come back by itself");
        }
        assert!(stage.order(scope, Some(Limit::NONE)).await);
        assert_eq!(worker.claim(1).await.len(), 1);
    }
}

pub async fn a_limit_that_is_changed_counts_at_once_and_wakes(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(at_once(1)).await;
    stage.push_all(jobs(4)).await;
    let worker = stage.worker();
    worker.one().await;
    let mut signals = worker.signals().await;
    assert!(worker.claim(10).await.is_empty());
    assert!(stage.order(LimitScope::Task(TASK), Some(at_once(3))).await);
    work(&mut signals).await;
    assert_eq!(worker.claim(10).await.len(), 2);
    assert!(!stage.order(LimitScope::Task(TASK), Some(at_once(3))).await, "nothing changed");
    assert!(stage.order(LimitScope::Task(TASK), None).await);
    assert_eq!(worker.claim(10).await.len(), 1);
}

pub async fn what_is_ordered_goes_before_what_is_declared(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let scope = LimitScope::Task(TASK);
    let declared = [(scope.clone(), Some(at_once(2)))];
    assert!(stage.store.set_limits(&QUEUE, LimitSource::Declared, &declared).await.answered());
    stage.order(scope.clone(), Some(at_once(1))).await;
    stage.order(LimitScope::Queue, Some(three_a_second())).await;
    let infos = stage.store.limits(&QUEUE).await.answered();
    let of_task = LimitInfo { scope: scope.clone(), declared: Some(at_once(2)), ordered: Some(at_once(1)) };
    let of_queue = LimitInfo { scope: LimitScope::Queue, declared: None, ordered: Some(three_a_second()) };
    assert_eq!(infos, [of_queue, of_task]);
    stage.push_all(jobs(5)).await;
    let worker = stage.worker();
    assert_eq!(worker.claim(10).await.len(), 1);
    stage.order(scope, None).await;
    assert_eq!(worker.claim(10).await.len(), 1, "what is declared counts again");
}

pub async fn how_the_limits_stand_is_told(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let held_by = async || stage.store.held_by(&QUEUE, &TASK, None).await.answered();
    assert!(held_by().await.is_empty());
    stage.order(LimitScope::Queue, Some(at_once(7))).await;
    stage.hold_task_to(at_once(2).rate(RateLimit::per(3, SECOND))).await;
    stage.push_all(jobs(5)).await;
    let worker = stage.worker();
    let job = worker.one().await;
    let stand = |standings: &[crate::backend::LimitStanding]| -> Vec<_> {
        standings.iter().map(|standing| (standing.running, standing.allowance)).collect()
    };
    assert_eq!(stand(&held_by().await), [(1, Allowance::May(6)), (1, Allowance::May(1))]);
    worker.one().await;
    assert_eq!(stand(&held_by().await), [(2, Allowance::May(5)), (2, Allowance::Full)]);
    worker.settle(&job, complete()).await;
    worker.one().await;
    stage.hold_task_to(Limit::NONE.rate(RateLimit::per(3, SECOND))).await;
    let until = stage.now().await.after_micros(333_334);
    let held = held_by().await;
    assert_eq!(held[1].allowance, Allowance::Until(until));
    assert_eq!((held[0].scope.clone(), held[1].scope.clone()), (LimitScope::Queue, LimitScope::Task(TASK)));
}

pub async fn an_expired_job_uses_no_permit(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(at_once(1).rate(RateLimit::per(1, HOUR))).await;
    stage.push(Envelope { ttl: Some(SECOND), ..job() }).await;
    let alive = stage.push(job()).await;
    fixture.advance(2 * SECOND).await;
    assert_eq!(ids_of(&stage.worker().claim(10).await), only(&alive));
    assert_eq!(stage.recount().await.expired, 1);
}

pub async fn a_removed_running_job_gives_its_permit_back(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(at_once(1)).await;
    stage.push_all(jobs(2)).await;
    stage.worker().one().await;
    stage.store.obliterate(&QUEUE, Force::RemoveActive, 100).await.answered().ok();
    assert!(stage.store.limits(&QUEUE).await.answered().is_empty(), "a queue goes with its limits");
    stage.hold_task_to(at_once(1)).await;
    stage.push_all(jobs(2)).await;
    stage.worker().one().await;
}

pub async fn each_queue_counts_for_itself(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let beside = Name::from_static("beside");
    stage.hold_task_to(at_once(1)).await;
    stage.push_all(jobs(2)).await;
    let there = stage.push_all((0..2).map(|_| super::stage::job_of(&beside)).collect()).await;
    let worker = stage.worker_of(&[QUEUE, beside]);
    let held = worker.claim(10).await;
    assert_eq!(held.len(), 3);
    assert_eq!(ids_of(&held[1..]), ids(&there));
}

pub async fn idle_limits_wake_nobody(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(three_a_second().concurrency(5)).await;
    let job = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    let claimed = worker.claim_as(worker.next_call(), 10).await;
    assert_eq!(claimed.next_due, None, "nothing waits for the next token");
    assert!(!claimed.awaits_token);
    worker.settle(&held, complete()).await;
    assert_eq!(soon("the state", stage.state(&job)).await, JobState::Completed);
}
