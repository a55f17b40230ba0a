//! Windows of deduplication keys, and who takes whose place while they run.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use super::Fixture;
use super::dedup::{WINDOW, in_place_of, keyed, keyed_by, left_out_for, offer, offer_kept, owner, prune};
use std::sync::Arc;

use super::stage::{Answered, HOUR, QUEUE, SECOND, Stage, complete, ids, ids_of, jobs, only, retry};
use crate::backend::Pushed;
use crate::job::{Dedup, Envelope, JobState, Retention};

pub async fn a_throttle_holds_its_key_for_its_window_whatever_becomes_of_the_job(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let throttle = || keyed(Dedup::Throttle(WINDOW));
    let first = stage.ended(throttle(), complete()).await;
    fixture.advance(WINDOW - SECOND).await;
    assert_eq!(offer(&stage, throttle()).await, left_out_for(&first));
    assert_eq!(owner(&stage).await, Some(first.id.clone()));
    stage.store.remove(&QUEUE, &first.id).await.answered();
    assert_eq!(offer(&stage, throttle()).await, left_out_for(&first), "though nothing is left of it");
    fixture.advance(SECOND).await;
    assert_eq!(owner(&stage).await, None);
    let second = stage.push(throttle()).await;
    fixture.advance(WINDOW).await;
    let third = stage.push(throttle()).await;
    assert_eq!(stage.list(JobState::Waiting).await, [second.id.clone(), third.id.clone()], "both live");
    assert_eq!(stage.run(complete()).await.id, second.id);
    assert_eq!(offer(&stage, throttle()).await, left_out_for(&third));
}

pub async fn a_window_begins_anew_only_where_it_is_extended(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = stage.ended(keyed(Dedup::Throttle(WINDOW)), complete()).await;
    let (plain, extended) = (Dedup::Throttle(WINDOW), Dedup::Throttle(WINDOW).extend());
    for mode in [extended, extended, plain] {
        fixture.advance(WINDOW - SECOND).await;
        assert_eq!(offer(&stage, keyed(mode)).await, left_out_for(&first));
    }
    fixture.advance(SECOND).await;
    stage.push(keyed(plain)).await;
}

pub async fn windows_that_are_over_are_cleared_away_a_bounded_part_at_a_time(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for number in 0..5 {
        let throttle = keyed_by(&format!("key {number}"), Dedup::Throttle(WINDOW));
        stage.ended(Envelope { retention: Retention::Nothing, ..throttle }, complete()).await;
    }
    stage.ended(keyed(Dedup::Throttle(HOUR)), complete()).await;
    assert_eq!(prune(&stage, 10).await, 0);
    fixture.advance(WINDOW).await;
    assert_eq!((prune(&stage, 3).await, prune(&stage, 3).await, prune(&stage, 3).await), (3, 2, 0));
    assert!(owner(&stage).await.is_some(), "its window runs");
    let live = stage.push(keyed_by("key 0", Dedup::Throttle(WINDOW))).await;
    fixture.advance(WINDOW).await;
    assert_eq!(prune(&stage, 10).await, 1);
    assert_eq!(stage.state(&live).await, JobState::Waiting);
    assert_eq!(offer(&stage, keyed_by("key 0", Dedup::Simple)).await, Pushed::Added);
}

pub async fn the_last_of_debounced_jobs_runs_when_nothing_came_for_its_time(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let (debounced, worker) = (|| Arc::new(keyed(Dedup::Debounce(WINDOW))), stage.worker());
    let mut last = stage.push(keyed(Dedup::Debounce(WINDOW))).await;
    for _ in 0..3 {
        fixture.advance(WINDOW - SECOND).await;
        assert!(worker.claim(10).await.is_empty(), "the time begins anew");
        let next = debounced();
        assert_eq!(offer_kept(&stage, &next).await, in_place_of(&last));
        assert!(stage.find(&last).await.is_none());
        last = next;
    }
    assert_eq!((owner(&stage).await, stage.recount().await.delayed), (Some(last.id.clone()), 1));
    fixture.advance(WINDOW).await;
    assert_eq!(ids_of(&worker.claim(10).await), only(&last));
}

pub async fn a_debounced_job_that_is_due_is_replaced_no_more(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let first = stage.push(keyed(Dedup::Debounce(WINDOW))).await;
    fixture.advance(WINDOW).await;
    let worker = stage.worker();
    let running = worker.one().await;
    let second = stage.push(keyed(Dedup::Debounce(WINDOW))).await;
    assert_eq!(owner(&stage).await, Some(second.id.clone()));
    worker.settle(&running, retry(HOUR)).await;
    let third = keyed(Dedup::Debounce(WINDOW));
    assert_eq!(offer(&stage, third.clone()).await, in_place_of(&second));
    stage.store.promote(&QUEUE, &third.id).await.answered();
    let fourth = stage.push(keyed(Dedup::Debounce(WINDOW))).await;
    assert_eq!(stage.list(JobState::Waiting).await, only(&third));
    assert_eq!(stage.list(JobState::Delayed).await, [fourth.id.clone(), first.id.clone()]);
}

pub async fn a_job_that_has_not_started_is_replaced_and_one_that_has_is_not(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let delayed = Envelope { due: crate::job::Due::After(HOUR), ..keyed(Dedup::Replace) };
    let (first, second) = (stage.push(delayed).await, Arc::new(keyed(Dedup::Replace)));
    assert_eq!(offer_kept(&stage, &second).await, in_place_of(&first));
    let third = Arc::new(keyed(Dedup::Replace));
    assert_eq!(offer_kept(&stage, &third).await, in_place_of(&second));
    assert!(stage.find(&first).await.is_none() && stage.find(&second).await.is_none());
    let worker = stage.worker();
    let running = worker.one().await;
    assert_eq!(running.envelope.id, third.id);
    assert_eq!(offer(&stage, keyed(Dedup::Replace)).await, left_out_for(&third));
    worker.settle(&running, retry(SECOND)).await;
    assert_eq!(offer(&stage, keyed(Dedup::Replace)).await, left_out_for(&third), "it has started before");
    fixture.advance(SECOND).await;
    let running = worker.one().await;
    worker.settle(&running, complete()).await;
    assert_eq!(stage.recount().await.total(), 1);
    let info = stage.store.queue(&QUEUE).await.answered();
    assert_eq!((info.enqueued, info.ended), (3, 3), "who was replaced has ended");
    stage.push(keyed(Dedup::Replace)).await;
}

pub async fn one_that_is_replaced_among_many_leaves_the_others_in_their_order(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut before = Vec::new();
    for _ in 0..3 {
        before.extend(ids(&stage.push_all(jobs(600)).await));
    }
    let mut last = stage.push(keyed(Dedup::Replace)).await;
    let mut after = Vec::new();
    for _ in 0..3 {
        after.extend(ids(&stage.push_all(jobs(600)).await));
    }
    for _ in 0..3 {
        let next = Arc::new(keyed(Dedup::Replace));
        assert_eq!(offer_kept(&stage, &next).await, in_place_of(&last));
        last = next;
    }
    let wanted: Vec<_> = before.into_iter().chain(after).chain(only(&last)).collect();
    assert_eq!(stage.recount().await.waiting, wanted.len() as u64);
    let (worker, mut claimed) = (stage.worker(), Vec::new());
    while claimed.len() < wanted.len() {
        claimed.extend(ids_of(&worker.claim(1_000).await));
    }
    assert_eq!(claimed, wanted);
}
