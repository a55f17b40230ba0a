//! Keys: jobs of one task take turns by key, each key is held to the task's limits for itself, and is in nobody's way.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use std::collections::HashMap;

use super::Fixture;
use super::limits::other;
use super::stage::{
    Answered, HOUR, LEASE, MAX_CRASHES, QUEUE, SECOND, Stage, complete, fail, ids, ids_of, job, only, retry,
    settlement, work,
};
use crate::backend::{ClaimedJob, Drain, Fenced, Force, Ordered};
use crate::job::{Due, Envelope, JobId, JobState, Limit, RateLimit};
use crate::lifecycle::{Allowance, Transition};

fn of(key: &str) -> Envelope {
    let mut job = job();
    job.extras_mut().key = Some(key.into());
    job
}

fn many_of(key: &str, count: usize) -> Vec<Envelope> {
    (0..count).map(|_| of(key)).collect()
}

fn keys(jobs: &[ClaimedJob]) -> Vec<&str> {
    jobs.iter().map(|job| &**job.envelope.key().expect("it has a key")).collect()
}

const ONE_AT_ONCE: Limit = Limit::NONE.concurrency(1);

pub async fn a_key_comes_back_with_its_job(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let longest = "é".repeat(127);
    for key in ["tenant:7", " {x}", longest.as_str()] {
        let pushed = stage.push(of(key)).await;
        assert_eq!(stage.job(&pushed).await.envelope().key().map(|key| &**key), Some(key));
        let held = stage.worker().one().await;
        assert_eq!(held.envelope, pushed);
    }
}

pub async fn keys_take_turns(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(many_of("large", 50)).await;
    stage.push_all(vec![of("one"), of("two"), of("two")]).await;
    let worker = stage.worker();
    let mut first = keys(&worker.claim(3).await).iter().map(ToString::to_string).collect::<Vec<_>>();
    first.sort();
    assert_eq!(first, ["large", "one", "two"]);
    let next = worker.claim(2).await;
    let mut next = keys(&next);
    next.sort_unstable();
    assert_eq!(next, ["large", "two"]);
    assert_eq!(worker.claim(100).await.len(), 48, "whoever is alone has all turns");
}

pub async fn jobs_of_one_key_run_in_their_order(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mixed: Vec<_> = (0..60).map(|n| of(["a", "b", "c"][n % 3])).collect();
    let pushed = stage.push_all(mixed).await;
    let worker = stage.worker();
    let mut ran: HashMap<String, Vec<JobId>> = HashMap::new();
    for limit in [1, 7, 2, 20, 100] {
        for job in worker.claim(limit).await {
            let key = job.envelope.key().expect("it has one").to_string();
            ran.entry(key).or_default().push(job.envelope.id.clone());
        }
    }
    for (place, key) in ["a", "b", "c"].into_iter().enumerate() {
        let sent: Vec<_> = pushed.iter().skip(place).step_by(3).map(|job| job.id.clone()).collect();
        assert_eq!(ran[key], sent);
    }
}

pub async fn one_at_once_for_each_key(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(ONE_AT_ONCE).await;
    let slow = stage.push_all(many_of("slow", 3)).await;
    let quick = stage.push_all(many_of("quick", 2)).await;
    let (one, two) = (stage.worker(), stage.worker());
    let held = one.claim(10).await;
    assert_eq!(ids_of(&held), [slow[0].id.clone(), quick[0].id.clone()]);
    assert!(two.claim(10).await.is_empty());
    one.settle(&held[1], complete()).await;
    assert_eq!(ids_of(&two.claim(10).await), [quick[1].id.clone()]);
    one.settle(&held[0], retry(HOUR)).await;
    assert_eq!(ids_of(&two.claim(10).await), [slow[1].id.clone()]);
    stage.recount().await;
}

pub async fn a_thousand_jobs_of_a_key_at_its_limit_are_in_nobodys_way(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(ONE_AT_ONCE).await;
    stage.push_all(many_of("full", 1_000)).await;
    let worker = stage.worker();
    worker.one().await;
    assert!(worker.claim(10).await.is_empty());
    let late = stage.push(of("late")).await;
    let plain = stage.push(other()).await;
    let mut claimed = ids_of(&stage.worker_of_two().claim(10).await);
    claimed.sort();
    let mut wanted = vec![late.id.clone(), plain.id.clone()];
    wanted.sort();
    assert_eq!(claimed, wanted);
}

pub async fn a_freed_key_wakes_whoever_waits(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(ONE_AT_ONCE).await;
    let pushed = stage.push_all(many_of("a", 3)).await;
    let (busy, idle) = (stage.worker(), stage.worker());
    let held = busy.one().await;
    let mut signals = idle.signals().await;
    assert!(idle.claim(1).await.is_empty());
    busy.settle(&held, complete()).await;
    work(&mut signals).await;
    assert_eq!(idle.one().await.envelope.id, pushed[1].id);
}

pub async fn a_dead_workers_keys_are_free_again(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(ONE_AT_ONCE).await;
    let pushed = stage.push_all(many_of("a", 2)).await;
    stage.worker().one().await;
    let worker = stage.worker();
    assert!(worker.claim(1).await.is_empty());
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 1);
    let again = worker.claim(10).await;
    assert_eq!(ids_of(&again), only(&pushed[0]), "in the order of the key");
    worker.settle(&again[0], complete()).await;
    assert_eq!(worker.one().await.envelope.id, pushed[1].id);
}

pub async fn each_key_has_tokens_of_its_own(fixture: &dyn Fixture) {
    for rate in [RateLimit::per(2, SECOND), RateLimit::window(2, SECOND)] {
        let stage = Stage::of(fixture);
        stage.hold_task_to(Limit::NONE.rate(rate)).await;
        stage.push_all(many_of("a", 3)).await;
        stage.push_all(many_of("b", 3)).await;
        let worker = stage.worker();
        let claimed = worker.claim(10).await;
        let mut first = keys(&claimed);
        first.sort_unstable();
        assert_eq!(first, ["a", "a", "b", "b"], "{rate}");
        let refused = worker.claim_as(worker.next_call(), 10).await;
        assert!(refused.jobs.is_empty());
        let wait = refused.next_due.expect("it says when to come back");
        fixture.advance(wait).await;
        assert_eq!(worker.claim(10).await.len(), 2, "{rate}");
        assert_eq!(stage.recount().await.waiting, 0);
        fixture.advance(HOUR).await;
        stage.store.obliterate(&QUEUE, Force::RemoveActive, 100).await.answered().ok();
    }
}

pub async fn jobs_with_and_without_keys_both_run(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(many_of("a", 100)).await;
    stage.push_all((0..100).map(|_| job()).collect()).await;
    let worker = stage.worker();
    let (mut keyed, mut plain) = (0, 0);
    for _ in 0..100 {
        match worker.one().await.envelope.key() {
            Some(_) => keyed += 1,
            None => plain += 1,
        }
    }
    assert!(20 <= keyed && 20 <= plain, "{keyed} with keys and {plain} without");
}

pub async fn priorities_go_before_turns(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let of_priority = |key, priority| Envelope { priority, ..of(key) };
    stage.push_all(vec![of_priority("a", 7), of_priority("b", 7), of_priority("c", 1)]).await;
    let urgent = stage.push_all(vec![of_priority("a", 0), Envelope { priority: 2, ..job() }]).await;
    let order = stage.worker().claim(10).await;
    let priorities: Vec<_> = order.iter().map(|job| job.envelope.priority).collect();
    assert_eq!(priorities, [0, 1, 2, 7, 7]);
    assert_eq!(order[0].envelope.id, urgent[0].id);
}

pub async fn a_key_at_its_limit_waits_in_all_priorities(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(ONE_AT_ONCE).await;
    let pushed = stage.push_all(vec![Envelope { priority: 9, ..of("a") }, of("a")]).await;
    let worker = stage.worker();
    let held = worker.claim(10).await;
    assert_eq!(ids_of(&held), only(&pushed[1]));
    assert!(worker.claim(10).await.is_empty());
    let urgent = stage.push(Envelope { priority: 0, ..of("a") }).await;
    assert!(worker.claim(10).await.is_empty());
    worker.settle(&held[0], complete()).await;
    let next = worker.claim(10).await;
    assert_eq!(ids_of(&next), only(&urgent));
    worker.settle(&next[0], complete()).await;
    assert_eq!(ids_of(&worker.claim(10).await), only(&pushed[0]));
}

pub async fn a_job_with_a_key_may_wait_be_retried_and_come_back(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(ONE_AT_ONCE).await;
    let delayed = stage.push(Envelope { due: Due::After(SECOND), ..of("a") }).await;
    let worker = stage.worker();
    assert!(worker.claim(10).await.is_empty());
    fixture.advance(SECOND).await;
    let held = worker.one().await;
    worker.settle(&held, retry(SECOND)).await;
    fixture.advance(SECOND).await;
    let again = worker.one().await;
    assert_eq!((again.envelope.id.clone(), again.attempt), (delayed.id.clone(), 2));
    worker.settle(&again, Transition::Release).await;
    assert_eq!(worker.settle(&worker.one().await, fail()).await, Fenced::Applied);
    assert_eq!(stage.store.retry(&QUEUE, &delayed.id).await.answered(), Ordered::Done);
    assert_eq!(worker.settle(&worker.one().await, complete()).await, Fenced::Applied);
    assert_eq!(stage.recount().await.completed, 1);
}

pub async fn whatever_takes_a_job_with_a_key_away_leaves_the_others(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(ONE_AT_ONCE).await;
    let pushed = stage.push_all(many_of("a", 5)).await;
    let mortal = stage.push(Envelope { ttl: Some(SECOND), ..of("a") }).await;
    let worker = stage.worker();
    let held = worker.one().await;
    assert!(worker.claim(1).await.is_empty());
    stage.store.cancel(&QUEUE, &pushed[1].id, None).await.answered();
    stage.store.remove(&QUEUE, &pushed[2].id).await.answered();
    fixture.advance(2 * SECOND).await;
    stage.store.expire(10).await.answered();
    assert_eq!(stage.state(&mortal).await, JobState::Expired);
    assert_eq!(stage.list(JobState::Waiting).await, ids(&pushed[3..]));
    worker.settle(&held, complete()).await;
    let next = worker.claim(10).await;
    assert_eq!(ids_of(&next), only(&pushed[3]));
    assert_eq!(stage.store.drain(&QUEUE, Drain::Waiting, 10).await.answered(), 1);
    worker.settle(&next[0], complete()).await;
    assert!(worker.claim(10).await.is_empty());
    stage.recount().await;
}

pub async fn jobs_with_keys_are_listed_and_walked_through_once_each(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mixed = (0..30).map(|n| match n % 3 {
        0 => job(),
        1 => of("a"),
        _ => of("b"),
    });
    let pushed = stage.push_all(mixed.collect()).await;
    let urgent = stage.push(Envelope { priority: 0, ..of("a") }).await;
    let listed = stage.list(JobState::Waiting).await;
    assert_eq!(listed[0], urgent.id, "priorities go first");
    for one_of_three in 0..3 {
        let alike: Vec<_> = pushed.iter().skip(one_of_three).step_by(3).map(|job| job.id.clone()).collect();
        let shown: Vec<_> = listed.iter().filter(|id| alike.contains(id)).cloned().collect();
        assert_eq!(shown, alike, "those of one key, or of none, stand by age");
    }
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let step = stage.store.scan(&QUEUE, JobState::Waiting, after.as_ref(), 7).await.answered();
        walked.extend(step.jobs.iter().map(|job| job.id().clone()));
        after = step.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(walked, listed);
    let part = stage.store.list(&QUEUE, JobState::Waiting, (5..20).into()).await.answered();
    assert_eq!(part.iter().map(|job| job.id().clone()).collect::<Vec<_>>(), listed[5..20]);
    assert!(stage.store.queue(&QUEUE).await.answered().oldest_waiting.is_some());
    assert_eq!(stage.recount().await.waiting, 31);
}

pub async fn a_thousand_keys_all_run(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(ONE_AT_ONCE.rate(RateLimit::window(5, SECOND))).await;
    stage.push_all((0..1_000).map(|n| of(&format!("key {n}"))).collect()).await;
    stage.push_all((0..1_000).map(|n| of(&format!("key {n}"))).collect()).await;
    let worker = stage.worker();
    let mut ran = 0;
    loop {
        let held = worker.claim(1_000).await;
        if held.is_empty() {
            break;
        }
        ran += held.len();
        let settlements: Vec<_> = held.iter().map(|job| settlement(job, complete())).collect();
        assert!(worker.settle_all(&settlements).await.iter().all(|fenced| *fenced == Fenced::Applied));
    }
    assert_eq!(ran, 2_000);
    assert_eq!(stage.recount().await.waiting, 0);
}

pub async fn a_suspect_with_a_key_runs_alone_and_holds_its_key(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(ONE_AT_ONCE).await;
    let pushed = stage.push_all(vec![of("a"), of("b")]).await;
    for _ in 1..MAX_CRASHES {
        assert_eq!(stage.worker().claim(10).await.len(), 2);
        fixture.advance(LEASE + SECOND).await;
        assert_eq!(stage.rescue().await, 2);
    }
    let late = stage.push(of("a")).await;
    let worker = stage.worker();
    let suspect = worker.claim(10).await;
    assert!(suspect.iter().any(|job| job.envelope.id == pushed[0].id || job.envelope.id == pushed[1].id));
    let suspects = suspect.iter().filter(|job| job.crashes == MAX_CRASHES - 1).count();
    assert_eq!(suspects, 1, "one suspect in a worker's hand");
    let of_a = suspect.iter().filter(|job| &**job.envelope.key().expect("it has one") == "a").count();
    assert!(of_a <= 1, "{} runs beside another of its key", late.id);
}

pub async fn how_a_key_stands_is_told(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(Limit::NONE.concurrency(2)).await;
    stage.push_all(many_of("a", 3)).await;
    let held_by = async |key| {
        let standings = stage.store.held_by(&QUEUE, &super::stage::TASK, Some(key)).await.answered();
        (
            standings.len(),
            standings[0].key.as_deref().map(str::to_owned),
            standings[0].running,
            standings[0].allowance,
        )
    };
    stage.worker().claim(10).await;
    assert_eq!(held_by("a").await, (1, Some("a".into()), 2, Allowance::Full));
    assert_eq!(held_by("b").await, (1, Some("b".into()), 0, Allowance::May(2)));
}

pub async fn the_keys_that_are_set_aside_are_counted(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let parked = async || stage.store.parked_keys(&QUEUE).await.answered();
    assert_eq!(parked().await, 0, "nobody used the queue");
    stage.hold_task_to(ONE_AT_ONCE).await;
    for key in ["a", "b", "c"] {
        stage.push_all(many_of(key, 2)).await;
    }
    let worker = stage.worker();
    assert_eq!(parked().await, 0, "nobody was at its limit yet");
    let held = worker.claim(10).await;
    assert_eq!(held.len(), 3);
    worker.claim(10).await;
    assert_eq!(parked().await, 3);
    worker.settle(&held[0], complete()).await;
    assert_eq!(parked().await, 2, "one may go on");
    stage.hold_task_to(Limit::NONE).await;
    assert_eq!(parked().await, 2, "until a claim looks at them again");
    worker.claim(100).await;
    assert_eq!(parked().await, 0);

    stage.hold_task_to(Limit::NONE.rate(RateLimit::per(1, HOUR))).await;
    stage.push_all(many_of("d", 3)).await;
    worker.claim(100).await;
    worker.claim(100).await;
    assert_eq!(parked().await, 1);
    fixture.advance(2 * HOUR).await;
    assert_eq!(parked().await, 0, "its time has come");
}

pub async fn a_limit_that_goes_sets_its_keys_free(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(ONE_AT_ONCE).await;
    stage.push_all(many_of("a", 5)).await;
    let worker = stage.worker();
    worker.one().await;
    let mut signals = worker.signals().await;
    assert!(worker.claim(10).await.is_empty());
    stage.hold_task_to(Limit::NONE.concurrency(3)).await;
    work(&mut signals).await;
    assert_eq!(worker.claim(10).await.len(), 2);
    stage.hold_task_to(Limit::NONE).await;
    work(&mut signals).await;
    assert_eq!(worker.claim(10).await.len(), 2);
}

pub async fn an_expired_job_keeps_no_key_from_its_next_job(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.hold_task_to(ONE_AT_ONCE).await;
    stage.push(Envelope { ttl: Some(SECOND), ..of("a") }).await;
    let pushed = stage.push_all(many_of("a", 2)).await;
    fixture.advance(2 * SECOND).await;
    let worker = stage.worker();
    let mut claimed = worker.claim(1).await;
    if claimed.is_empty() {
        claimed = worker.claim(1).await;
    }
    assert_eq!(ids_of(&claimed), only(&pushed[0]), "the one that expired took nothing");
    assert!(worker.claim(10).await.is_empty());
    worker.settle(&claimed[0], complete()).await;
    assert_eq!(worker.one().await.envelope.id, pushed[1].id);
}

pub async fn when_the_next_of_a_key_may_start_is_told_with_the_last_that_may(fixture: &dyn Fixture) {
    for rate in [RateLimit::per(1, SECOND), RateLimit::window(1, SECOND)] {
        let stage = Stage::of(fixture);
        stage.hold_task_to(Limit::NONE.rate(rate)).await;
        stage.push_all(many_of("a", 3)).await;
        let worker = stage.worker();
        let claimed = worker.claim_as(worker.next_call(), 10).await;
        assert_eq!(claimed.jobs.len(), 1, "{rate}");
        assert!(claimed.next_due.is_some_and(|wait| wait <= SECOND + SECOND / 32), "{:?}", claimed.next_due);
        assert!(claimed.awaits_token, "{rate}");
        fixture.advance(HOUR).await;
        stage.store.obliterate(&QUEUE, Force::RemoveActive, 100).await.answered().ok();
    }
}
