//! Handing jobs out: the right ones, in the right order, to those who can run them.

#![expect(missing_docs, reason = "the name of each property is what it promises")]

use super::Fixture;
use super::stage::{
    Answered, LEASE, QUEUE, SECOND, Stage, TASK, Worker, complete, ids, ids_of, job, job_of, jobs, only,
    retry, settlement,
};
use crate::backend::{Fenced, MAX_BATCH, Token};
use crate::job::{Due, Envelope, JobState, Name};

const OTHER_TASK: Name = Name::from_static("app.other");

pub async fn first_in_first_out(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut pushed = ids(&stage.push_all(jobs(3)).await);
    pushed.extend(ids(&stage.push_all(jobs(3)).await));
    let worker = stage.worker();
    let mut claimed = ids_of(&worker.claim(2).await);
    claimed.extend(ids_of(&worker.claim(10).await));
    assert_eq!(claimed, pushed);
}

pub async fn lower_priorities_run_first(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let priorities = [5, 255, 0, 5, 1, 0, 254];
    let pushed = stage.push_all(priorities.map(|priority| Envelope { priority, ..job() }).into()).await;
    let claimed = stage.worker().claim(10).await;
    let order = [2, 5, 4, 0, 3, 6, 1].map(|place: usize| pushed[place].id.clone());
    assert_eq!(ids_of(&claimed), order);
    assert!(stage.list(JobState::Waiting).await.is_empty());
}

pub async fn a_later_job_of_a_lower_priority_overtakes(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(2)).await;
    let worker = stage.worker();
    worker.one().await;
    let urgent = stage.push(Envelope { priority: 4, ..job() }).await;
    assert_eq!(worker.one().await.envelope.id, urgent.id);
}

pub async fn no_more_than_the_limit_is_given(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(5)).await;
    let worker = stage.worker();
    assert_eq!(worker.claim(0).await.len(), 0);
    assert_eq!(worker.claim(3).await.len(), 3);
    let counts = stage.recount().await;
    assert_eq!((counts.active, counts.waiting), (3, 2));
}

pub async fn a_claim_gives_no_more_than_a_batch_however_many_are_asked_for(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    for count in [MAX_BATCH, MAX_BATCH, 2] {
        stage.push_all(jobs(count)).await;
    }
    let worker = stage.worker();
    let held = worker.claim(2 * MAX_BATCH).await;
    assert_eq!(held.len(), MAX_BATCH);
    let ended: Vec<_> = held.iter().map(|job| settlement(job, complete())).collect();
    let (settle, claim) = (worker.next_call(), worker.next_call());
    let (_, claimed) = worker.settle_and_claim_as(settle, &ended, claim, 2 * MAX_BATCH).await;
    assert_eq!(claimed.jobs.len(), MAX_BATCH);
    assert_eq!(worker.claim(2 * MAX_BATCH).await.len(), 2);
}

pub async fn the_limit_is_over_all_queues(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let other = Name::from_static("other");
    stage.push_all(vec![job(), job(), job_of(&other), job_of(&other)]).await;
    assert_eq!(stage.worker_of(&[QUEUE, other]).claim(3).await.len(), 3);
}

pub async fn queues_are_taken_from_in_the_order_named(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let second = Name::from_static("a second");
    let pushed = stage.push_all(vec![Envelope { priority: 0, ..job_of(&second) }, job(), job()]).await;
    let claimed = stage.worker_of(&[QUEUE, second]).claim(10).await;
    let order = [1, 2, 0].map(|place: usize| pushed[place].id.clone());
    assert_eq!(ids_of(&claimed), order);
}

pub async fn other_queues_are_left_alone(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let other = stage.push(job_of(&Name::from_static("other"))).await;
    assert!(stage.worker().claim(10).await.is_empty());
    assert_eq!(stage.state(&other).await, JobState::Waiting);
}

pub async fn a_claimed_job_is_in_its_workers_hand(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push(job()).await;
    let worker = stage.worker();
    let claimed = worker.one().await;
    assert_eq!((claimed.attempt, claimed.crashes), (1, 0));
    let job = stage.job(&pushed).await;
    assert_eq!((job.state(), job.attempt(), job.worker()), (JobState::Active, 1, Some(worker.id)));
    assert_eq!(job.status().started_at, Some(stage.now().await));
    assert!(stage.worker().claim(10).await.is_empty(), "nobody else gets it");
}

pub async fn a_repeated_claim_gives_the_same_jobs(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(5)).await;
    let worker = stage.worker();
    let call = worker.next_call();
    let held = |jobs: Vec<crate::backend::ClaimedJob>| -> Vec<_> {
        jobs.into_iter().map(|job| (job.envelope.id.clone(), job.token, job.attempt)).collect()
    };
    let first = held(worker.claim_as(call, 3).await.jobs);
    assert_eq!(held(worker.claim_as(call, 3).await.jobs), first);
    assert_eq!(stage.recount().await.active, 3);
    assert_eq!(worker.claim(10).await.len(), 2, "the next claim goes on");
}

pub async fn a_repeated_claim_that_gave_nothing_is_nothing_lost(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let worker = stage.worker();
    let call = worker.next_call();
    assert!(worker.claim_as(call, 3).await.jobs.is_empty());
    let pushed = stage.push(job()).await;
    let mut claimed = worker.claim_as(call, 3).await.jobs;
    claimed.extend(worker.claim(3).await);
    assert_eq!(ids_of(&claimed), only(&pushed), "it is given once");
}

pub async fn a_claim_that_was_held_up_behind_a_later_one_takes_nothing(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(3)).await;
    let worker = stage.worker();
    let (early, late) = (worker.next_call(), worker.next_call());
    assert_eq!(worker.claim_as(late, 1).await.jobs.len(), 1);
    assert_eq!(worker.claim_as(early, 1).await.jobs.len(), 0, "nobody waits for it any more");
    assert_eq!(worker.claim_as(late, 1).await.jobs.len(), 1, "the later one is recalled all the same");
    assert_eq!((stage.recount().await.active, worker.claim(5).await.len()), (1, 2));
}

pub async fn a_claim_that_was_held_up_behind_its_workers_end_takes_nothing(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push_all(jobs(3)).await;
    let worker = stage.worker();
    worker.register().await;
    let (first, second) = (worker.next_call(), worker.next_call());
    assert_eq!(worker.claim_as(first, 1).await.jobs.len(), 1);
    stage.store.deregister(worker.id).await.answered();
    worker.register().await;
    for call in [first, second] {
        assert_eq!(worker.claim_as(call, 3).await.jobs.len(), 0, "nobody is there to run them");
    }
    assert_eq!((stage.recount().await.active, stage.store.workers().await.answered().len()), (0, 0));
    fixture.advance(LEASE + SECOND).await;
    assert_eq!(stage.rescue().await, 0);
    assert_eq!(stage.worker().claim(5).await.iter().map(|job| job.crashes).sum::<u32>(), 0);
}

pub async fn a_repeated_claim_tells_when_to_come_back(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage.push(Envelope { due: Due::After(SECOND), ..job() }).await;
    let worker = stage.worker();
    let call = worker.next_call();
    assert_eq!(worker.claim_as(call, 3).await.next_due, Some(SECOND));
    assert_eq!(worker.claim_as(call, 3).await.next_due, Some(SECOND));
}

pub async fn tokens_never_repeat(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let mut tokens: Vec<Token> = Vec::new();
    for _ in 0..20 {
        stage.push_all(jobs(5)).await;
        let worker = stage.worker();
        for job in worker.claim(10).await {
            tokens.push(job.token);
            let end =
                if tokens.len().is_multiple_of(2) { complete() } else { retry(std::time::Duration::ZERO) };
            assert_eq!(worker.settle(&job, end).await, Fenced::Applied);
        }
    }
    let count = tokens.len();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), count);
}

pub async fn jobs_of_unknown_tasks_stay_and_are_in_nobodys_way(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let unknown = stage.push(Envelope { task: OTHER_TASK, priority: 0, ..job() }).await;
    let known = stage.push(job()).await;
    assert_eq!(ids_of(&stage.worker().claim(10).await), only(&known));
    let job = stage.job(&unknown).await;
    assert_eq!((job.state(), job.attempt()), (JobState::Waiting, 0));
    assert_eq!(stage.recount().await.waiting, 1);
}

pub async fn a_thousand_unknown_jobs_in_front_are_in_nobodys_way(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let unknown = |_| Envelope { task: OTHER_TASK, ..job() };
    stage.push_all((0..1_000).map(unknown).collect()).await;
    let known = stage.push_all(jobs(2)).await;
    assert_eq!(ids_of(&until_some(&stage.worker(), 10).await), ids(&known));
    assert_eq!(stage.recount().await.waiting, 1_000);
}

/// Claims again as a worker does: a store may pass over a bounded number of jobs in one call.
async fn until_some(worker: &Worker, limit: usize) -> Vec<crate::backend::ClaimedJob> {
    for _ in 0..100 {
        let jobs = worker.claim(limit).await;
        if !jobs.is_empty() {
            return jobs;
        }
    }
    Vec::new()
}

pub async fn who_knows_the_task_gets_the_jobs_in_their_order(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let tasks = [TASK, OTHER_TASK, TASK, OTHER_TASK];
    let pushed = stage.push_all(tasks.map(|task| Envelope { task, ..job() }).into()).await;
    assert_eq!(stage.worker().claim(1).await.len(), 1, "the unknown ones are met and passed over");
    assert_eq!(stage.worker().claim(10).await.len(), 1);
    let tasks = [(OTHER_TASK, 1), (TASK, 1)].into_iter().collect();
    let claimed = Worker { tasks, ..stage.worker() }.claim(10).await;
    assert_eq!(ids_of(&claimed), [pushed[1].id.clone(), pushed[3].id.clone()]);
}

pub async fn unknown_tasks_are_reported_with_their_queues(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    stage
        .push_all(vec![Envelope { task: OTHER_TASK, ..job() }, Envelope { task: OTHER_TASK, ..job() }])
        .await;
    let worker = stage.worker();
    assert_eq!(worker.claim_as(worker.next_call(), 10).await.unknown, [(QUEUE, OTHER_TASK)]);
    stage.store.drain(&QUEUE, crate::backend::Drain::Waiting, 10).await.answered();
    assert_eq!(worker.claim_as(worker.next_call(), 10).await.unknown, []);
}

pub async fn an_unknown_task_is_reported_once_for_each_queue(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let other = Name::from_static("other");
    let newer = [2, 3].map(|version| Envelope { version, ..job() });
    let unknown = [job_of(&QUEUE), job_of(&other)].map(|job| Envelope { task: OTHER_TASK, ..job });
    stage.push_all(newer.into_iter().chain(unknown).collect()).await;
    let worker = stage.worker_of(&[QUEUE, other.clone()]);
    let mut reported = worker.claim_as(worker.next_call(), 10).await.unknown;
    reported.sort();
    let mut expected = [(QUEUE, TASK), (QUEUE, OTHER_TASK), (other, OTHER_TASK)];
    expected.sort();
    assert_eq!(reported, expected);
}

pub async fn a_version_too_new_is_left_to_newer_workers(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let newer = stage.push(Envelope { version: 2, ..job() }).await;
    let older = stage.push(Envelope { version: 0, ..job() }).await;
    let worker = stage.worker();
    let claimed = worker.claim_as(worker.next_call(), 10).await;
    assert_eq!((ids_of(&claimed.jobs), claimed.unknown), (vec![older.id.clone()], vec![(QUEUE, TASK)]));
    let newest = Worker { tasks: [(TASK, 3)].into_iter().collect(), ..stage.worker() };
    assert_eq!(ids_of(&newest.claim(10).await), only(&newer));
}

pub async fn versions_run_in_the_order_in_which_they_came(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all([1, 2, 1, 3].map(|version| Envelope { version, ..job() }).into()).await;
    let newest = Worker { tasks: [(TASK, 3)].into_iter().collect(), ..stage.worker() };
    assert_eq!(ids_of(&newest.claim(10).await), ids(&pushed));
}

pub async fn a_paused_queue_gives_nothing_until_it_is_resumed(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let pushed = stage.push_all(jobs(2)).await;
    let worker = stage.worker();
    let running = worker.one().await;
    stage.store.pause(&QUEUE).await.answered();
    assert!(worker.claim(10).await.is_empty());
    assert_eq!(worker.settle(&running, complete()).await, Fenced::Applied, "running jobs go on");
    stage.store.resume(&QUEUE).await.answered();
    assert_eq!(worker.one().await.envelope.id, pushed[1].id);
}

pub async fn a_paused_queue_holds_no_other_up(fixture: &dyn Fixture) {
    let stage = Stage::of(fixture);
    let other = Name::from_static("other");
    stage.push(job()).await;
    let open = stage.push(job_of(&other)).await;
    stage.store.pause(&QUEUE).await.answered();
    assert_eq!(ids_of(&stage.worker_of(&[QUEUE, other]).claim(10).await), only(&open));
}
