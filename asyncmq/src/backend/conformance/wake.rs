//! Wake-ups: a worker that registered, claimed and then waits is told of all that came after.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::time::Duration;

use super::Fixture;
use super::stage::{
    Answered, HOUR, LEASE, QUEUE, SECOND, Stage, Worker, complete, fail, job, job_of, jobs, retry, signal,
    soon, work,
};
use crate::backend::{Force, Signal, Signals};
use crate::job::{Due, Envelope, Name};
use crate::lifecycle::Transition;

/// Makes a worker that registered its wish for signals and found nothing to claim.
async fn waiting(stage: &Stage) -> (Worker, Box<dyn Signals>) {
    let worker = stage.worker();
    let signals = worker.signals().await;
    assert!(worker.claim(10).await.is_empty());
    (worker, signals)
}

/// Waits to be woken, until there is something to claim.
async fn woken(worker: &Worker, signals: &mut Box<dyn Signals>) {
    loop {
        work(signals).await;
        if !worker.claim(1).await.is_empty() {
            return;
        }
    }
}

pub async fn a_push_wakes(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    let (worker, mut signals) = waiting(&stage).await;
    other.push(job()).await;
    woken(&worker, &mut signals).await;
}

pub async fn a_push_wakes_who_waits_already(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    let (worker, mut signals) = waiting(&stage).await;
    let waiting = tokio::spawn(async move {
        woken(&worker, &mut signals).await;
    });
    tokio::task::yield_now().await;
    other.push(job()).await;
    soon("the woken worker", waiting).await.expect("it does not panic");
}

pub async fn a_delayed_push_wakes_so_that_the_next_due_time_is_known(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    let (worker, mut signals) = waiting(&stage).await;
    other.push(Envelope { due: Due::After(HOUR), ..job() }).await;
    work(&mut signals).await;
    while worker.claim_as(worker.next_call(), 1).await.next_due != Some(HOUR) {
        work(&mut signals).await;
    }
}

pub async fn a_resumed_queue_wakes(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    stage.push(job()).await;
    stage.store.pause(&QUEUE).await.answered();
    let (worker, mut signals) = waiting(&stage).await;
    other.store.resume(&QUEUE).await.answered();
    woken(&worker, &mut signals).await;
}

pub async fn a_job_that_is_given_back_wakes(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for end in [Transition::Release, retry(Duration::ZERO)] {
        stage.push(job()).await;
        let other = Stage::on(fixture.other()).worker();
        let held = other.one().await;
        let (worker, mut signals) = waiting(&stage).await;
        other.settle(&held, end).await;
        woken(&worker, &mut signals).await;
    }
}

pub async fn a_rescue_and_a_deregistration_wake(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    stage.push(job()).await;
    other.worker().one().await;
    let (worker, mut signals) = waiting(&stage).await;
    fixture.advance(LEASE + SECOND).await;
    other.rescue().await;
    woken(&worker, &mut signals).await;
    let (next, mut signals) = waiting(&stage).await;
    other.store.deregister(worker.id).await.answered();
    woken(&next, &mut signals).await;
}

pub async fn a_promoted_and_a_replayed_job_wake(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    let late = stage.push(Envelope { due: Due::After(HOUR), ..job() }).await;
    let (worker, mut signals) = waiting(&stage).await;
    other.store.promote(&QUEUE, &late.id).await.answered();
    woken(&worker, &mut signals).await;
    let dead = stage.ended(job(), fail()).await;
    let (worker, mut signals) = waiting(&stage).await;
    other.store.retry(&QUEUE, &dead.id).await.answered();
    woken(&worker, &mut signals).await;
}

pub async fn a_worker_is_woken_for_each_of_its_queues(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    let queues = ["one", "two {x}", "three"].map(Name::from_stored);
    for queue in &queues {
        let worker = stage.worker_of(&queues);
        let mut signals = worker.signals().await;
        assert!(worker.claim(10).await.is_empty());
        other.push(job_of(queue)).await;
        woken(&worker, &mut signals).await;
    }
}

pub async fn every_waiting_worker_can_be_woken(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    let mut waiters = Vec::new();
    for _ in 0..5 {
        waiters.push(waiting(&stage).await);
    }
    other.push_all(jobs(5)).await;
    for (worker, mut signals) in waiters {
        woken(&worker, &mut signals).await;
    }
}

pub async fn a_signal_between_two_waits_is_not_lost(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    let (worker, mut signals) = waiting(&stage).await;
    for _ in 0..20 {
        other.push(job()).await;
        woken(&worker, &mut signals).await;
    }
}

pub async fn a_wait_that_was_given_up_loses_nothing(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    let (worker, mut signals) = waiting(&stage).await;
    for _ in 0..20 {
        let waited = futures_util::FutureExt::now_or_never(signals.next());
        assert!(matches!(waited, None | Some(Signal::Work)), "{waited:?}");
        other.push(job()).await;
        let waited = futures_util::FutureExt::now_or_never(signals.next());
        if waited.is_none() {
            woken(&worker, &mut signals).await;
        } else {
            assert_eq!(worker.claim(1).await.len(), 1);
        }
    }
}

/// Returns the tokens of the next cancellation; other signals may come before.
async fn cancellation(signals: &mut Box<dyn Signals>) -> Vec<crate::backend::Token> {
    loop {
        if let Signal::Cancel(tokens) = signal(signals).await {
            return tokens;
        }
    }
}

pub async fn a_cancellation_is_told_to_the_worker_that_runs_the_job(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    stage.push_all(jobs(2)).await;
    let (worker, bystander) = (stage.worker(), stage.worker());
    let (mut signals, mut others) = (worker.signals().await, bystander.signals().await);
    let (held, _) = (worker.one().await, bystander.one().await);
    other.store.cancel(&QUEUE, &held.envelope.id, None).await.answered();
    assert_eq!(cancellation(&mut signals).await, [held.token]);
    other.push(job()).await;
    assert_eq!(signal(&mut others).await, Signal::Work);
}

pub async fn many_cancellations_are_all_told(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    stage.push_all(jobs(20)).await;
    let worker = stage.worker();
    let mut signals = worker.signals().await;
    let mut wanted = Vec::new();
    for job in worker.claim(20).await {
        other.store.cancel(&QUEUE, &job.envelope.id, None).await.answered();
        wanted.push(job.token);
    }
    let mut told = Vec::new();
    while told.len() < wanted.len() {
        told.extend(cancellation(&mut signals).await);
    }
    told.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(told, wanted);
}

pub async fn work_is_not_lost_beside_a_cancellation(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    stage.push(job()).await;
    let worker = stage.worker();
    let mut signals = worker.signals().await;
    let held = worker.one().await;
    other.push(job()).await;
    other.store.cancel(&QUEUE, &held.envelope.id, None).await.answered();
    let (mut told, mut work) = (Vec::new(), false);
    while !(work && told == [held.token]) {
        match signal(&mut signals).await {
            Signal::Work => work = true,
            Signal::Schedules => {}
            Signal::Cancel(tokens) => told.extend(tokens),
        }
    }
    worker.settle(&held, complete()).await;
}

pub async fn a_worker_whose_job_is_taken_away_is_told(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    stage.push(job()).await;
    let worker = stage.worker();
    let mut signals = worker.signals().await;
    let held = worker.one().await;
    other.store.obliterate(&QUEUE, Force::RemoveActive, 10).await.answered().expect("it may be removed");
    assert_eq!(cancellation(&mut signals).await, [held.token]);
}
