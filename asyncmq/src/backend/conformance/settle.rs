//! What becomes of a job once an attempt at it has ended.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::time::Duration;

use bytes::Bytes;

use super::Fixture;
use super::stage::{
    Answered, HOUR, QUEUE, SECOND, Stage, cancelled, complete, fail, failure, ids_of, job, jobs, retry,
    settlement,
};
use crate::backend::{Fenced, Ordered};
use crate::job::{Envelope, JobState, KEPT_FAILURES, Retention};
use crate::lifecycle::Transition;

pub async fn a_completed_job_keeps_its_result(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let done = stage.push(job()).await;
    fixture.advance(SECOND).await;
    let result = Bytes::from_static(b"\0not json\xff");
    stage.run(Transition::Complete { result: result.clone(), retention: Retention::Standard }).await;
    let kept = stage.job(&done).await;
    assert_eq!((kept.state(), kept.attempt()), (JobState::Completed, 1));
    assert_eq!(kept.status().result.as_ref(), Some(&result));
    assert_eq!(kept.status().finished_at, Some(stage.now().await));
    assert_eq!(stage.recount().await.completed, 1);
}

pub async fn a_mebibyte_of_result_comes_back_as_it_went_in(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let result = Bytes::from(vec![0x1f; 1 << 20]);
    let end = Transition::Complete { result: result.clone(), retention: Retention::Standard };
    let done = stage.ended(job(), end).await;
    assert_eq!(stage.job(&done).await.status().result.as_ref(), Some(&result));
}

pub async fn a_retry_spends_the_attempt_and_keeps_the_failure(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let again = stage.ended(job(), retry(SECOND)).await;
    let kept = stage.job(&again).await;
    assert_eq!((kept.state(), kept.attempt(), kept.crashes()), (JobState::Delayed, 1, 0));
    let now = stage.now().await;
    assert_eq!(kept.status().run_at, now.after(SECOND));
    assert_eq!((kept.errors(), kept.finished_at()), ([failure(1).at(now)].as_slice(), None));
    assert_eq!(stage.recount().await.delayed, 1);
}

pub async fn a_large_job_keeps_its_history_as_a_small_one_does(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let worker = stage.worker();
    for size in [10, 4_000, 5_000, 1 << 20] {
        let args = Bytes::from(vec![b'x'; size]);
        stage.push(Envelope { args: args.clone(), ..job() }).await;
        let held = worker.one().await;
        worker.settle(&held, retry(Duration::ZERO)).await;
        let held = worker.one().await;
        assert_eq!((held.attempt, &held.envelope.args), (2, &args), "{size}");
        worker.settle(&held, complete()).await;
    }
}

pub async fn a_retry_without_delay_waits_behind_the_others(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let again = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    let other = stage.push(job()).await;
    worker.settle(&held, retry(Duration::ZERO)).await;
    assert_eq!(stage.list(JobState::Waiting).await, [other.id.clone(), again.id.clone()]);
    assert_eq!(ids_of(&worker.claim(10).await), [other.id.clone(), again.id.clone()]);
}

pub async fn a_failed_job_is_a_dead_letter_with_its_errors(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let dead = stage.ended(job(), fail()).await;
    let kept = stage.job(&dead).await;
    let now = stage.now().await;
    assert_eq!((kept.state(), kept.attempt()), (JobState::Failed, 1));
    assert_eq!((kept.errors(), kept.status().finished_at), ([failure(1).at(now)].as_slice(), Some(now)));
    assert_eq!(stage.recount().await.failed, 1);
}

pub async fn the_first_and_the_last_failures_are_kept(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let again = stage.push(job()).await;
    let worker = stage.worker();
    let count = 2 * u32::try_from(KEPT_FAILURES).expect("it is small") + 5;
    for attempt in 1..=count {
        let held = worker.one().await;
        worker.settle(&held, Transition::Retry { failure: failure(attempt), after: Duration::ZERO }).await;
    }
    let kept: Vec<u32> = stage.job(&again).await.errors().iter().map(crate::job::Failure::attempt).collect();
    assert_eq!(kept, (1..=24).chain(count - 23..=count).collect::<Vec<_>>());
}

pub async fn a_failure_is_kept_word_for_word(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let message = "\"no\"\n\0 ü {\"a\": [1]} \u{1b}[31m".to_owned() + &"x".repeat(4_000);
    let failure = crate::job::Failure::new(1, crate::job::FailureKind::Panic, message);
    let dead = stage.ended(job(), Transition::Fail { failure: failure.clone() }).await;
    assert_eq!(stage.job(&dead).await.errors(), [failure.at(stage.now().await)]);
}

pub async fn a_snooze_spends_no_attempt(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let later = stage.ended(job(), Transition::Snooze { after: SECOND }).await;
    let kept = stage.job(&later).await;
    assert_eq!((kept.state(), kept.attempt(), kept.errors().len()), (JobState::Delayed, 0, 0));
    assert!(stage.worker().claim(1).await.is_empty());
    fixture.advance(SECOND).await;
    assert_eq!(stage.worker().one().await.attempt, 1);
}

pub async fn a_released_job_takes_its_old_place(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(4)).await;
    let worker = stage.worker();
    let held = worker.claim(3).await;
    for job in [&held[2], &held[0], &held[1]] {
        assert_eq!(worker.settle(job, Transition::Release).await, Fenced::Applied);
    }
    assert_eq!(stage.list(JobState::Waiting).await, super::stage::ids(&pushed));
    let again = worker.claim(10).await;
    assert_eq!(ids_of(&again), super::stage::ids(&pushed));
    assert!(again.iter().all(|job| job.attempt == 1), "no attempt was spent");
}

pub async fn a_cancelled_job_keeps_the_reason(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let one = stage.ended(job(), cancelled("over: \"budget\"")).await;
    let other = stage.ended(job(), Transition::Cancel { reason: None }).await;
    assert_eq!(stage.job(&one).await.cancel_reason(), Some("over: \"budget\""));
    assert_eq!(stage.job(&other).await.cancel_reason(), None);
    assert_eq!(stage.recount().await.cancelled, 2);
}

pub async fn who_was_to_be_cancelled_is_cancelled_whatever_its_handler_returned(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let ends = [complete(), retry(SECOND), Transition::Snooze { after: SECOND }, Transition::Release];
    for end in ends {
        let job = stage.push(job()).await;
        let worker = stage.worker();
        let held = worker.one().await;
        let order = stage.store.cancel(&QUEUE, &job.id, Some("enough")).await.answered();
        assert_eq!(order, Ordered::Requested);
        assert_eq!(worker.settle(&held, end).await, Fenced::Applied);
        let kept = stage.job(&job).await;
        assert_eq!((kept.state(), kept.cancel_reason()), (JobState::Cancelled, Some("enough")));
    }
}

pub async fn who_was_to_be_cancelled_and_failed_has_failed(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    stage.store.cancel(&QUEUE, &pushed.id, Some("enough")).await.answered();
    worker.settle(&held, fail()).await;
    assert_eq!(stage.state(&pushed).await, JobState::Failed);
}

pub async fn a_cancelled_handlers_own_reason_goes_first(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let held = worker.one().await;
    stage.store.cancel(&QUEUE, &pushed.id, Some("enough")).await.answered();
    worker.settle(&held, cancelled("my own")).await;
    assert_eq!(stage.job(&pushed).await.cancel_reason(), Some("my own"));
}

pub async fn a_batch_may_settle_in_every_way_at_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(6)).await;
    let worker = stage.worker();
    let ends = [complete(), retry(SECOND), fail(), Transition::Snooze { after: SECOND }, cancelled("no")];
    let ends = ends.into_iter().chain([Transition::Release]);
    let batch: Vec<_> =
        worker.claim(6).await.iter().zip(ends).map(|(job, end)| settlement(job, end)).collect();
    assert_eq!(worker.settle_all(&batch).await, [Fenced::Applied; 6]);
    let counts = stage.recount().await;
    assert_eq!((counts.completed, counts.delayed, counts.failed), (1, 2, 1));
    assert_eq!((counts.cancelled, counts.waiting, counts.active), (1, 1, 0));
}

pub async fn the_largest_batch_settles_at_once(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(1_000)).await;
    let worker = stage.worker();
    let batch: Vec<_> = worker.claim(1_000).await.iter().map(|job| settlement(job, complete())).collect();
    assert_eq!(worker.settle_all(&batch).await, vec![Fenced::Applied; 1_000]);
    assert_eq!(stage.recount().await.completed, 1_000);
}

pub async fn a_settle_of_nothing_changes_nothing(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    assert_eq!(stage.worker().settle_all(&[]).await, []);
}

pub async fn a_job_that_came_back_starts_its_time_anew(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(Envelope { max_attempts: 3, ..job() }).await;
    let worker = stage.worker();
    for attempt in 1..=3 {
        let held = worker.one().await;
        let kept = stage.job(&held.envelope).await;
        assert_eq!((held.attempt, kept.status().started_at), (attempt, Some(stage.now().await)));
        worker.settle(&held, retry(HOUR)).await;
        fixture.advance(HOUR).await;
    }
}
