//! Many at once: whatever the order in which calls arrive, each job is everybody's and then one worker's.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::collections::HashSet;
use std::sync::Arc;

use super::Fixture;
use super::stage::{Answered, LEASE, QUEUE, SECOND, Stage, complete, fail, ids, job, jobs, settlement, soon};
use crate::backend::{Drain, Fenced, Ordered, Pushed};
use crate::job::{JobId, JobState};

const SIDES: usize = 8;

/// Makes sides that act at the same time; every other one has the store as another process would.
fn sides(fixture: &dyn Fixture) -> impl Iterator<Item = Stage> {
    let stores = [fixture.store(), fixture.other()];
    (0..SIDES).map(move |side| Stage::on(stores[side % 2].clone()))
}

/// Lets all act at once, and waits for all.
async fn all<T: Send + 'static>(
    acts: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let acts: Vec<_> = acts.map(tokio::spawn).collect();
    soon("the end of the race", async {
        let mut done = Vec::new();
        for act in acts {
            done.push(act.await.expect("it does not panic"));
        }
        done
    })
    .await
}

pub async fn many_claimers_get_each_job_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed: HashSet<JobId> = ids(&stage.push_all(jobs(1_000)).await).into_iter().collect();
    let claimed = all(sides(fixture).map(|side| async move {
        let (worker, mut claimed) = (side.worker(), Vec::new());
        loop {
            let jobs = worker.claim(7).await;
            if jobs.is_empty() {
                return claimed;
            }
            claimed.extend(jobs.into_iter().map(|job| job.envelope.id.clone()));
        }
    }))
    .await;
    let claimed: Vec<JobId> = claimed.into_iter().flatten().collect();
    assert_eq!(claimed.len(), 1_000);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), pushed);
}

pub async fn producers_and_workers_meet_without_loss(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    all(sides(fixture).map(|side| async move {
        let worker = side.worker();
        for _ in 0..20 {
            side.push_all(jobs(5)).await;
            let held = worker.claim(5).await;
            let batch: Vec<_> = held.iter().map(|job| settlement(job, complete())).collect();
            assert_eq!(worker.settle_all(&batch).await, vec![Fenced::Applied; batch.len()]);
        }
    }))
    .await;
    let counts = stage.recount().await;
    assert_eq!((counts.completed + counts.waiting, counts.active), (SIDES as u64 * 100, 0));
}

pub async fn one_of_many_pushes_of_an_id_adds_it(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let batch: Vec<_> = jobs(20).into_iter().map(Arc::new).collect();
    let replies = all(sides(fixture).map(|side| {
        let batch = batch.clone();
        async move { side.push_again(&batch).await }
    }))
    .await;
    let added = replies.iter().flatten().filter(|reply| **reply == Pushed::Added).count();
    assert_eq!((added, stage.recount().await.waiting), (20, 20));
}

pub async fn one_of_many_settles_of_a_claim_is_applied(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    let held = stage.worker().one().await;
    let fenced = all(sides(fixture).enumerate().map(|(side, stage)| {
        let held = held.clone();
        let end = if side.is_multiple_of(2) { complete() } else { fail() };
        async move { stage.worker().settle(&held, end).await }
    }))
    .await;
    assert_eq!(fenced.iter().filter(|fenced| **fenced == Fenced::Applied).count(), 1);
    let counts = stage.recount().await;
    assert_eq!((counts.completed + counts.failed, counts.total()), (1, 1));
}

pub async fn many_rescuers_rescue_each_job_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(60)).await;
    for _ in 0..3 {
        stage.worker().claim(20).await;
    }
    fixture.advance(LEASE + SECOND).await;
    let rescued = all(sides(fixture).map(|side| async move { side.rescue().await })).await;
    assert_eq!(rescued.into_iter().sum::<usize>(), 60);
    let jobs = stage.store.list(&QUEUE, JobState::Waiting, (0..100).into()).await.answered();
    assert_eq!(jobs.iter().filter(|job| job.crashes() == 1).count(), 60);
}

pub async fn a_cancellation_and_the_end_of_a_job_leave_it_in_one_state(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for _ in 0..20 {
        let pushed = stage.push(job()).await;
        let worker = stage.worker();
        let held = worker.one().await;
        let (other, id) = (fixture.other(), pushed.id.clone());
        let cancel = tokio::spawn(async move { other.cancel(&QUEUE, &id, None).await.answered() });
        assert_eq!(worker.settle(&held, complete()).await, Fenced::Applied);
        let wanted = match soon("the order", cancel).await.expect("it does not panic") {
            Ordered::Requested => JobState::Cancelled,
            order => {
                assert_eq!(order, Ordered::Refused(JobState::Completed));
                JobState::Completed
            }
        };
        assert_eq!(stage.state(&pushed).await, wanted);
    }
    stage.recount().await;
}

pub async fn a_job_is_claimed_or_removed_never_both(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(400)).await;
    let other = fixture.other();
    let drain = tokio::spawn(async move {
        let mut removed = 0;
        loop {
            match other.drain(&QUEUE, Drain::Waiting, 5).await.answered() {
                0 => return removed,
                count => removed += count,
            }
        }
    });
    let (worker, mut claimed) = (stage.worker(), 0);
    loop {
        match worker.claim(5).await.len() {
            0 => break,
            count => claimed += count,
        }
    }
    let removed = soon("the drain", drain).await.expect("it does not panic");
    assert_eq!(claimed + removed, 400);
    assert_eq!(stage.recount().await.active, claimed as u64);
}
