//! Looking: jobs, lists, counts and queues, as they are.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use bytes::Bytes;

use super::Fixture;
use super::stage::{
    Answered, QUEUE, SECOND, Stage, cancelled, complete, fail, ids, job, job_of, jobs, only, retry,
    settlement,
};
use crate::backend::Counts;
use crate::job::{Due, Envelope, JobId, JobState, Name, Retention};
use crate::lifecycle::Transition;

pub async fn a_job_is_found_in_its_queue(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let sent = stage.push(job()).await;
    let kept = stage.job(&sent).await;
    assert_eq!((kept.id(), kept.queue(), kept.task()), (&sent.id, sent.queue.as_str(), sent.task.as_str()));
    assert_eq!((kept.state(), kept.attempt(), kept.crashes()), (JobState::Waiting, 0, 0));
    let now = stage.now().await;
    assert_eq!((kept.status().created_at, kept.status().run_at), (now, now));
    assert!(kept.errors().is_empty() && kept.logs().is_empty() && kept.worker().is_none());
    let elsewhere = stage.store.find(&Name::from_static("other"), &sent.id).await.answered();
    assert!(elsewhere.is_none());
    assert!(stage.store.find(&QUEUE, &JobId::generate()).await.answered().is_none());
}

pub async fn a_job_is_found_in_whichever_queue_it_is(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let queues = ["c", "a", "b:{x}"].map(Name::from_stored);
    let id = JobId::custom("order-17").expect("it is a good id");
    stage.push_all(queues.iter().map(|queue| Envelope { id: id.clone(), ..job_of(queue) }).collect()).await;
    stage.push(job()).await;
    let found = stage.store.find_everywhere(&id).await.answered();
    assert_eq!(found.iter().map(crate::job::Job::queue).collect::<Vec<_>>(), ["a", "b:{x}", "c"]);
    assert!(stage.store.find_everywhere(&JobId::generate()).await.answered().is_empty());
}

pub async fn what_waits_is_listed_as_it_will_run(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let priorities = [5, 0, 255, 5];
    let pushed = stage.push_all(priorities.map(|priority| Envelope { priority, ..job() }).into()).await;
    let order = [1, 0, 3, 2].map(|place: usize| pushed[place].id.clone());
    assert_eq!(stage.list(JobState::Waiting).await, order);
}

pub async fn what_is_delayed_is_listed_as_it_will_be_due(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let delays = [3, 1, 2];
    let delayed = |delay| Envelope { due: Due::After(SECOND * delay), ..job() };
    let pushed = stage.push_all(delays.map(delayed).into()).await;
    let order = [1, 2, 0].map(|place: usize| pushed[place].id.clone());
    assert_eq!(stage.list(JobState::Delayed).await, order);
}

pub async fn what_has_ended_is_listed_newest_first(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for (end, state) in [
        (complete(), JobState::Completed),
        (fail(), JobState::Failed),
        (cancelled("no"), JobState::Cancelled),
    ] {
        let mut order = Vec::new();
        for _ in 0..4 {
            order.insert(0, stage.ended(job(), end.clone()).await.id.clone());
            fixture.advance(SECOND).await;
        }
        assert_eq!(stage.list(state).await, order);
    }
}

pub async fn jobs_that_are_kept_as_long_as_they_ask_are_listed_among_the_others(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let hour = SECOND * 3_600;
    let mut order = Vec::new();
    for time in [None, Some(3), None, Some(1), Some(2), None] {
        let retention = time.map_or(Retention::Standard, |hours| Retention::For(hour * hours));
        let end = Transition::Complete { result: Bytes::from_static(b"1"), retention };
        order.insert(0, stage.ended(Envelope { retention, ..job() }, end).await.id.clone());
        fixture.advance(SECOND).await;
    }
    assert_eq!(stage.list(JobState::Completed).await, order);
}

pub async fn expired_and_failed_jobs_are_listed_apart(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let failed = stage.ended(job(), fail()).await;
    let expired = stage.push(Envelope { ttl: Some(SECOND), ..job() }).await;
    fixture.advance(SECOND).await;
    stage.store.expire(10).await.answered();
    assert_eq!(stage.list(JobState::Failed).await, only(&failed));
    assert_eq!(stage.list(JobState::Expired).await, only(&expired));
}

pub async fn a_list_comes_in_pages(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = ids(&stage.push_all(jobs(10)).await);
    for (start, end) in [(0, 3), (3, 6), (8, 12), (10, 12), (4, 4), (0, u64::MAX)] {
        let page = stage.store.list(&QUEUE, JobState::Waiting, (start..end).into()).await.answered();
        let page: Vec<JobId> = page.iter().map(|job| job.id().clone()).collect();
        let (start, end) = (start.min(10) as usize, end.min(10) as usize);
        assert_eq!(page, pushed[start..end], "{start}..{end}");
    }
}

pub async fn ended_and_running_jobs_come_in_pages_too(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(10)).await;
    let worker = stage.worker();
    let held = worker.claim(10).await;
    let batch: Vec<_> = held[..6].iter().map(|job| settlement(job, complete())).collect();
    worker.settle_all(&batch).await;
    for (state, count) in [(JobState::Completed, 6), (JobState::Active, 4)] {
        let all = stage.list(state).await;
        let mut paged = Vec::new();
        for start in (0..10).step_by(2) {
            let page = stage.store.list(&QUEUE, state, (start..start + 2).into()).await.answered();
            paged.extend(page.iter().map(|job| job.id().clone()));
        }
        assert_eq!((paged.len(), paged), (count, all));
    }
}

pub async fn the_counts_are_what_a_recount_gives(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for end in [complete(), fail(), cancelled("no"), retry(SECOND)] {
        stage.ended(job(), end).await;
    }
    stage.push_all(jobs(4)).await;
    stage.worker().claim(2).await;
    let wanted = Counts {
        waiting: 2,
        active: 2,
        delayed: 1,
        blocked: 0,
        completed: 1,
        failed: 1,
        expired: 0,
        cancelled: 1,
    };
    assert_eq!(stage.recount().await, wanted);
}

pub async fn a_queue_that_nobody_used_is_empty(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let unused = Name::from_static("unused");
    let info = stage.store.queue(&unused).await.answered();
    assert_eq!((info.name, info.paused, info.counts), (unused.clone(), false, Counts::default()));
    assert_eq!((info.oldest_waiting, info.enqueued, info.ended), (None, 0, 0));
    assert!(stage.store.list(&unused, JobState::Waiting, (0..10).into()).await.answered().is_empty());
    assert!(stage.store.queues().await.answered().is_empty(), "to look at a queue is not to use it");
}

pub async fn claiming_from_a_queue_is_not_to_use_it(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let worker = stage.worker();
    worker.claim(1).await;
    let _signals = worker.signals().await;
    assert!(stage.store.queues().await.answered().is_empty());
}

pub async fn a_queue_tells_what_went_through_it(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for end in [complete(), fail(), cancelled("no"), retry(SECOND)] {
        stage.ended(job(), end).await;
    }
    let kept = stage.push(job()).await;
    stage.push_again(&[kept]).await;
    let info = stage.store.queue(&QUEUE).await.answered();
    assert_eq!((info.enqueued, info.ended), (5, 3));
}

pub async fn a_queue_tells_how_long_its_oldest_job_has_waited(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let oldest = |info: crate::backend::QueueInfo| info.oldest_waiting;
    stage.push(Envelope { priority: 9, ..job() }).await;
    fixture.advance(SECOND * 2).await;
    stage.push(job()).await;
    fixture.advance(SECOND).await;
    assert_eq!(oldest(stage.store.queue(&QUEUE).await.answered()), Some(SECOND * 3));
    stage.worker().claim(2).await;
    assert_eq!(oldest(stage.store.queue(&QUEUE).await.answered()), None);
}

pub async fn queues_are_listed_by_name(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let names = ["b", "a", "ä", "a:b", "a{"].map(Name::from_stored);
    stage.push_all(names.iter().map(job_of).collect()).await;
    let mut sorted = names.to_vec();
    sorted.sort();
    assert_eq!(stage.store.queues().await.answered(), sorted);
}

pub async fn looking_changes_nothing(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let late = stage.push(Envelope { due: Due::After(SECOND), ttl: Some(SECOND), ..job() }).await;
    fixture.advance(SECOND * 3).await;
    let before = stage.job(&late).await.status().clone();
    stage.recount().await;
    stage.store.find_everywhere(&late.id).await.answered();
    assert_eq!(*stage.job(&late).await.status(), before);
}

pub async fn the_other_side_sees_the_same(fixture: &dyn Fixture) {
    let (stage, other) = (Stage::of(fixture), Stage::on(fixture.other()));
    let sent = stage.push(job()).await;
    assert_eq!(other.state(&sent).await, JobState::Waiting);
    other.run(complete()).await;
    assert_eq!(stage.state(&sent).await, JobState::Completed);
    assert_eq!(stage.recount().await, other.recount().await);
}
