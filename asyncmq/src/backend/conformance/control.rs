//! Orders about single jobs and whole queues: carried out, or refused with nothing changed.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::sync::Arc;

use super::Fixture;
use super::stage::{Answered, HOUR, QUEUE, SECOND, Stage, cancelled, complete, fail, ids, job, jobs, retry};
use crate::backend::{Drain, Fenced, Ordered};
use crate::job::{Due, Envelope, JobId, JobState};

/// Makes one job of each state that there can be.
async fn one_of_each(fixture: &dyn Fixture, stage: &Stage) -> Vec<(JobState, Arc<Envelope>)> {
    let mut made = Vec::new();
    let mortal = stage.push(Envelope { ttl: Some(SECOND), ..job() }).await;
    fixture.advance(SECOND).await;
    assert_eq!(stage.store.expire(10).await.answered(), 1);
    made.push((JobState::Expired, mortal));
    made.push((JobState::Completed, stage.ended(job(), complete()).await));
    made.push((JobState::Failed, stage.ended(job(), fail()).await));
    made.push((JobState::Cancelled, stage.ended(job(), cancelled("no")).await));
    let active = stage.push(job()).await;
    stage.worker().one().await;
    made.push((JobState::Active, active));
    made.push((JobState::Delayed, stage.push(Envelope { due: Due::After(HOUR), ..job() }).await));
    made.push((JobState::Waiting, stage.push(job()).await));
    made
}

/// Checks that an order is refused for these states and changes nothing, and is carried out for all others.
async fn refuses<O>(fixture: &dyn Fixture, refused: &[JobState], order: impl Fn(Stage, JobId) -> O)
where
    O: Future<Output = Ordered>,
{
    let stage = Stage::of(fixture);
    assert_eq!(order(Stage::of(fixture), JobId::generate()).await, Ordered::Missing);
    for (state, job) in one_of_each(fixture, &stage).await {
        let before = stage.job(&job).await.status().clone();
        let outcome = order(Stage::of(fixture), job.id.clone()).await;
        if refused.contains(&state) {
            assert_eq!(outcome, Ordered::Refused(state));
            assert_eq!(*stage.job(&job).await.status(), before);
        } else {
            let wanted = if state == JobState::Active { Ordered::Requested } else { Ordered::Done };
            assert_eq!(outcome, wanted, "a job that is {state}");
        }
        stage.recount().await;
    }
}

const ENDED: [JobState; 4] = [JobState::Completed, JobState::Failed, JobState::Expired, JobState::Cancelled];

pub async fn only_what_has_not_ended_can_be_cancelled(fixture: &dyn Fixture) {
    refuses(fixture, &ENDED, async |stage: Stage, id: JobId| {
        stage.store.cancel(&QUEUE, &id, None).await.answered()
    })
    .await;
}

pub async fn only_the_dead_and_the_cancelled_can_be_replayed(fixture: &dyn Fixture) {
    let refused = [JobState::Completed, JobState::Active, JobState::Delayed, JobState::Waiting];
    refuses(fixture, &refused, async |stage: Stage, id: JobId| {
        stage.store.retry(&QUEUE, &id).await.answered()
    })
    .await;
}

pub async fn whatever_does_not_run_can_be_removed(fixture: &dyn Fixture) {
    refuses(fixture, &[JobState::Active], async |stage: Stage, id: JobId| {
        stage.store.remove(&QUEUE, &id).await.answered()
    })
    .await;
}

pub async fn only_what_is_delayed_can_be_promoted(fixture: &dyn Fixture) {
    let refused: Vec<_> = JobState::ALL.into_iter().filter(|state| *state != JobState::Delayed).collect();
    refuses(fixture, &refused, async |stage: Stage, id: JobId| {
        stage.store.promote(&QUEUE, &id).await.answered()
    })
    .await;
}

pub async fn a_cancelled_job_does_not_run(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(vec![job(), Envelope { due: Due::After(SECOND), ..job() }]).await;
    for job in &pushed {
        let order = stage.store.cancel(&QUEUE, &job.id, Some("not wanted")).await.answered();
        assert_eq!(order, Ordered::Done);
        let kept = stage.job(job).await;
        assert_eq!((kept.state(), kept.cancel_reason()), (JobState::Cancelled, Some("not wanted")));
        assert_eq!(kept.status().finished_at, Some(stage.now().await));
    }
    fixture.advance(HOUR / 2).await;
    assert!(stage.worker().claim(10).await.is_empty());
    assert_eq!(stage.recount().await.cancelled, 2);
}

pub async fn a_running_job_is_told_and_runs_on(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    let order = stage.store.cancel(&QUEUE, &pushed.id, Some("enough")).await.answered();
    assert_eq!((order, stage.state(&pushed).await), (Ordered::Requested, JobState::Active));
    assert_eq!(worker.settle(&held, cancelled("stopped")).await, Fenced::Applied);
    assert_eq!(stage.state(&pushed).await, JobState::Cancelled);
}

pub async fn a_cancellation_is_forgotten_once_it_was_heeded(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    stage.store.cancel(&QUEUE, &pushed.id, None).await.answered();
    worker.settle(&held, complete()).await;
    stage.store.retry(&QUEUE, &pushed.id).await.answered();
    let again = worker.one().await;
    assert!(worker.extend(&[&again]).await.cancelled.is_empty());
    worker.settle(&again, complete()).await;
    assert_eq!(stage.state(&pushed).await, JobState::Completed);
}

pub async fn a_replayed_job_starts_afresh_behind_the_others(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let dead = stage.push(job()).await;
    stage.run(retry(std::time::Duration::ZERO)).await;
    stage.run(fail()).await;
    let other = stage.push(job()).await;
    fixture.advance(SECOND).await;
    assert_eq!(stage.store.retry(&QUEUE, &dead.id).await.answered(), Ordered::Done);
    let kept = stage.job(&dead).await;
    assert_eq!((kept.state(), kept.attempt(), kept.crashes()), (JobState::Waiting, 0, 0));
    assert_eq!((kept.finished_at(), kept.status().run_at), (None, stage.now().await));
    assert_eq!(stage.list(JobState::Waiting).await, [other.id.clone(), dead.id.clone()]);
    let held = stage.worker().claim(10).await;
    assert_eq!(held[1].attempt, 1);
}

pub async fn a_replayed_job_can_end_again(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.ended(job(), cancelled("no")).await;
    for _ in 0..3 {
        assert_eq!(stage.store.retry(&QUEUE, &pushed.id).await.answered(), Ordered::Done);
        assert_eq!(stage.job(&pushed).await.cancel_reason(), None);
        stage.run(fail()).await;
        assert_eq!(stage.recount().await.failed, 1);
    }
}

pub async fn a_removed_job_is_gone(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(3)).await;
    assert_eq!(stage.store.remove(&QUEUE, &pushed[1].id).await.answered(), Ordered::Done);
    assert!(stage.find(&pushed[1]).await.is_none());
    assert_eq!(stage.store.remove(&QUEUE, &pushed[1].id).await.answered(), Ordered::Missing);
    let claimed = stage.worker().claim(10).await;
    assert_eq!(super::stage::ids_of(&claimed), [pushed[0].id.clone(), pushed[2].id.clone()]);
}

pub async fn the_id_of_a_removed_job_is_free(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = stage.push(job()).await;
    stage.store.remove(&QUEUE, &first.id).await.answered();
    let next = stage.push(Envelope { id: first.id.clone(), priority: 1, ..job() }).await;
    assert_eq!(stage.worker().claim(10).await.len(), 1, "the removed one does not come back");
    assert_eq!(stage.job(&next).await.priority(), 1);
}

pub async fn many_removals_leave_the_rest_in_order(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(500)).await;
    for (place, job) in pushed.iter().enumerate() {
        if !place.is_multiple_of(7) {
            stage.store.remove(&QUEUE, &job.id).await.answered();
        }
    }
    let left: Vec<_> = pushed.iter().step_by(7).cloned().collect();
    assert_eq!(stage.list(JobState::Waiting).await, ids(&left));
    assert_eq!(super::stage::ids_of(&stage.worker().claim(500).await), ids(&left));
}

pub async fn a_drain_removes_what_waits(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    one_of_each(fixture, &stage).await;
    stage.push_all(jobs(2)).await;
    let mut wanted = stage.counts().await;
    assert_eq!(stage.store.drain(&QUEUE, Drain::Waiting, 100).await.answered(), 3);
    wanted.waiting = 0;
    assert_eq!(stage.recount().await, wanted);
    assert_eq!(stage.store.drain(&QUEUE, Drain::WaitingAndDelayed, 100).await.answered(), 1);
    wanted.delayed = 0;
    assert_eq!(stage.recount().await, wanted);
}

pub async fn a_drain_does_no_more_than_its_limit(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(3)).await;
    stage.push_all((0..2).map(|_| Envelope { due: Due::After(HOUR), ..job() }).collect()).await;
    let mut drained = Vec::new();
    for _ in 0..4 {
        drained.push(stage.store.drain(&QUEUE, Drain::WaitingAndDelayed, 2).await.answered());
    }
    assert_eq!(drained.iter().sum::<usize>(), 5);
    assert!(drained.iter().all(|count| *count <= 2) && drained[3] == 0, "{drained:?}");
}

pub async fn old_jobs_of_a_state_are_cleaned_away(fixture: &dyn Fixture) {
    for (state, end) in [
        (JobState::Completed, complete()),
        (JobState::Failed, fail()),
        (JobState::Cancelled, cancelled("no")),
    ] {
        let stage = Stage::of(fixture);
        let old = stage.ended(job(), end.clone()).await;
        fixture.advance(SECOND).await;
        let (border, young) = (stage.now().await, stage.ended(job(), end).await);
        let other = stage.push(job()).await;
        assert_eq!(stage.store.clean(&QUEUE, state, border, 10).await.answered(), 1);
        assert!(stage.find(&old).await.is_none());
        assert_eq!(stage.state(&young).await, state);
        assert_eq!(stage.state(&other).await, JobState::Waiting);
        stage.store.remove(&QUEUE, &other.id).await.answered();
    }
}

pub async fn waiting_and_delayed_jobs_are_cleaned_by_their_due_time(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(vec![job(), Envelope { due: Due::After(SECOND), ..job() }]).await;
    fixture.advance(SECOND * 2).await;
    let border = stage.now().await;
    let delayed = Envelope { due: Due::After(HOUR), ..job() };
    stage.push_all(vec![job(), delayed]).await;
    assert_eq!(stage.store.clean(&QUEUE, JobState::Waiting, border, 10).await.answered(), 1);
    assert_eq!(stage.store.clean(&QUEUE, JobState::Delayed, border, 10).await.answered(), 1);
    let counts = stage.recount().await;
    assert_eq!((counts.waiting, counts.delayed), (1, 1));
}

pub async fn a_clean_does_no_more_than_its_limit(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for _ in 0..3 {
        stage.ended(job(), complete()).await;
    }
    fixture.advance(SECOND).await;
    let before = stage.now().await;
    let mut cleaned = Vec::new();
    for _ in 0..3 {
        cleaned.push(stage.store.clean(&QUEUE, JobState::Completed, before, 2).await.answered());
    }
    assert_eq!(cleaned, [2, 1, 0]);
}

pub async fn running_jobs_are_not_cleaned_away(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(job()).await;
    stage.worker().one().await;
    fixture.advance(SECOND).await;
    let before = stage.now().await;
    assert_eq!(stage.store.clean(&QUEUE, JobState::Active, before, 10).await.answered(), 0);
    assert_eq!(stage.recount().await.active, 1);
}

pub async fn pausing_tells_whether_it_changed_anything(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let paused = async || stage.store.queue(&QUEUE).await.answered().paused;
    assert!(!stage.store.resume(&QUEUE).await.answered());
    assert!(stage.store.pause(&QUEUE).await.answered());
    assert!(!stage.store.pause(&QUEUE).await.answered());
    assert!(paused().await);
    assert!(stage.store.resume(&QUEUE).await.answered());
    assert!(!stage.store.resume(&QUEUE).await.answered());
    assert!(!paused().await);
}

pub async fn a_queue_can_be_paused_before_it_is_used(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.store.pause(&QUEUE).await.answered();
    stage.push(job()).await;
    assert!(stage.worker().claim(1).await.is_empty());
    assert_eq!(stage.store.queues().await.answered(), [QUEUE]);
}
