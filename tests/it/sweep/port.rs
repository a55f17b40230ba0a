//! Programs that call the store as clients and workers do, with every call lost once on either side.

use std::collections::HashSet;
use std::time::Duration;

use asyncmq::backend::{Control, Fenced, Fired, Ordered, Pushed, StoredSchedule, Upkeep};
use asyncmq::job::{Envelope, Failure, FailureKind};
use asyncmq::lifecycle::{Allowance, Transition};
use asyncmq::schedule::ScheduleId;
use asyncmq::{Counts, Dedup, JobState, Limit, LimitScope, RateLimit};

use super::kin::waits_for_others;
use super::party::{Died, LEASE, OnLoss, Party, QUEUE, SECOND, TASK, complete};
use crate::support::Make;
use crate::support::faulty::{Fault, FaultyBackend, Side};
use crate::support::memory::Memory;
#[cfg(feature = "redis")]
use crate::support::redis_store::Redis;
use crate::support::sqlite::Sqlite;

/// So long that nothing is gained meanwhile.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Sweeps over a program: first without a fault, then with each call lost in turn.
async fn sweep<F: Make>(program: impl AsyncFn(&mut Party<'_>) -> Result<(), Died>) {
    let calls = run::<F>(&program, None, OnLoss::Repeat).await;
    assert!(2 < calls, "the program makes calls");
    for call in 0..calls {
        for side in [Side::Request, Side::Reply] {
            for on_loss in [OnLoss::Repeat, OnLoss::Die] {
                run::<F>(&program, Some(Fault { call, side }), on_loss).await;
            }
        }
    }
}

/// Runs a program to its end, lets others finish what it left, and checks what came of it. Returns the number of its calls.
async fn run<F: Make>(
    program: &impl AsyncFn(&mut Party<'_>) -> Result<(), Died>,
    fault: Option<Fault>,
    on_loss: OnLoss,
) -> usize {
    let fixture = F::make().await;
    let store = FaultyBackend::new(fixture.store(), fault);
    let mut party = Party::new(&fixture, &store, on_loss);
    let ended = program(&mut party).await;
    assert_eq!(ended.is_err(), on_loss == OnLoss::Die && fault.is_some(), "{fault:?}");
    let calls = store.calls();
    let successor = finish(&party).await;
    let mut effects = std::mem::take(&mut party.effects);
    effects.extend(successor.effects);
    check(&party, &effects, &ended).await;
    calls
}

/// Lets a new process do what is left.
async fn finish<'a>(party: &Party<'a>) -> Party<'a> {
    let mut successor = party.other();
    for _ in 0..20 {
        successor.advance(LEASE + SECOND).await;
        successor.rescue().await.expect("the fault is over");
        while successor.work(10, complete()).await.expect("the fault is over") != 0 {}
        if counts(party).await.unfinished() == 0 {
            return successor;
        }
    }
    panic!("jobs are left: {:?}", counts(party).await);
}

async fn counts(party: &Party<'_>) -> Counts {
    let mut sum = Counts::default();
    for queue in &party.queues {
        let counts = party.store.inner().queue(queue).await.expect("the store answers").counts;
        JobState::ALL.into_iter().for_each(|state| *sum.of_mut(state) += counts.of(state));
    }
    sum
}

type Effect = (asyncmq::JobId, asyncmq::backend::Token);

/// Checks that no job was lost or run without reason, and that the counts are right.
async fn check(party: &Party<'_>, effects: &[Effect], ended: &Result<(), Died>) {
    let died = ended.is_err();
    let (history, store) = (party.store.history().await, party.store.inner().clone());
    history.check();
    let (taken_in, settled) = (history.taken_in(), history.settled_tokens());
    drop(history);
    for id in &party.acknowledged {
        assert!(taken_in.contains(id), "{id} was acknowledged and never taken in");
    }
    for id in &taken_in {
        let found = store.find_everywhere(id).await.expect("the store answers");
        let [job] = found.as_slice() else { panic!("{id} is kept once: {found:?}") };
        let ran = effects.iter().any(|(of, _)| of == id);
        assert!(job.state().is_terminal(), "{job:?}");
        assert!(ran || job.state() != JobState::Completed, "{id} completed without a run");
        assert!(died || job.crashes() as usize <= party.excused, "nobody died: {job:?}");
    }
    let tokens: HashSet<_> = effects.iter().map(|(_, token)| *token).collect();
    assert_eq!(tokens.len(), effects.len(), "a claim ran twice");
    let wasted = effects.len() - settled.iter().filter(|token| tokens.contains(token)).count();
    assert!(wasted <= if died { 3 } else { party.excused }, "{wasted} runs came to nothing");
    recount(party, taken_in.len()).await;
    for key in ["here", "there"] {
        let standings = store.held_by(&QUEUE, &TASK, Some(key)).await.expect("the store answers");
        assert!(standings.iter().all(|standing| standing.running == 0), "permits are left: {standings:?}");
    }
}

/// Checks that each job is in one list, that of its state, and that the counts say so.
async fn recount(party: &Party<'_>, jobs: usize) {
    let (store, counts) = (party.store.inner(), counts(party).await);
    let mut recount = Counts::default();
    for state in JobState::ALL {
        for queue in &party.queues {
            let list = store.list(queue, state, (0..1_000).into()).await.expect("the store answers");
            *recount.of_mut(state) += list.len() as u64;
        }
    }
    assert_eq!(counts, recount);
    assert_eq!(counts.total(), jobs as u64);
}

fn retry() -> Transition {
    Transition::Retry { failure: Failure::new(1, FailureKind::Error, "no"), after: SECOND }
}

async fn completes_in_batches(party: &mut Party<'_>) -> Result<(), Died> {
    party.push(3).await?;
    party.push(2).await?;
    while party.work(2, complete()).await? != 0 {}
    Ok(())
}

async fn retries(party: &mut Party<'_>) -> Result<(), Died> {
    party.push(2).await?;
    for _ in 0..2 {
        party.work(2, retry()).await?;
        party.advance(SECOND).await;
    }
    party.work(2, complete()).await?;
    Ok(())
}

async fn snoozes(party: &mut Party<'_>) -> Result<(), Died> {
    let jobs = party.push(2).await?;
    party.work(2, Transition::Snooze { after: SECOND }).await?;
    assert_eq!(party.state(&jobs[0]).await, JobState::Delayed);
    party.advance(SECOND).await;
    party.work(2, complete()).await?;
    Ok(())
}

async fn cancels(party: &mut Party<'_>) -> Result<(), Died> {
    let jobs = party.push(3).await?;
    let held = party.claim(2).await?;
    party.run(&held);
    party.cancel(&jobs[2].id).await?;
    assert_eq!(party.state(&jobs[2]).await, JobState::Cancelled);
    assert_eq!(party.cancel(&jobs[0].id).await?, Ordered::Requested);
    assert_eq!(party.extend(&held).await?.cancelled, [held[0].token]);
    assert_eq!(party.settle(&held, complete()).await?, [Fenced::Applied; 2]);
    assert_eq!(party.state(&jobs[0]).await, JobState::Cancelled);
    assert_eq!(party.state(&jobs[1]).await, JobState::Completed);
    Ok(())
}

async fn drains_and_goes(party: &mut Party<'_>) -> Result<(), Died> {
    party.register().await?;
    party.push(3).await?;
    let held = party.claim(3).await?;
    party.drain().await?;
    assert_eq!(party.settle(&held[..1], Transition::Release).await?, [Fenced::Applied]);
    party.run(&held[1..2]);
    assert_eq!(party.settle(&held[1..2], complete()).await?, [Fenced::Applied]);
    party.ask(async || party.store.deregister(party.id).await).await?;
    Ok(())
}

async fn loses_its_lease(party: &mut Party<'_>) -> Result<(), Died> {
    party.push(2).await?;
    let held = party.claim(2).await?;
    party.run(&held);
    party.advance(LEASE + SECOND).await;
    party.rescue().await?;
    let mut other = party.other();
    let again = other.claim(1).await?;
    assert_eq!(party.extend(&held).await?.lost.len(), 2);
    assert_eq!(party.settle(&held, complete()).await?, [Fenced::Stale, Fenced::Applied]);
    other.run(&again);
    assert_eq!(other.settle(&again, complete()).await?, [Fenced::Applied]);
    party.excused = 1;
    party.effects.append(&mut other.effects);
    Ok(())
}

async fn replays_a_dead_letter(party: &mut Party<'_>) -> Result<(), Died> {
    let jobs = party.push(1).await?;
    party.work(1, Transition::Fail { failure: Failure::new(1, FailureKind::Error, "no") }).await?;
    party.ask(async || party.store.retry(&QUEUE, &jobs[0].id).await).await?;
    assert_eq!(party.work(1, complete()).await?, 1);
    Ok(())
}

/// Whatever is lost on the way, each job meets what it met the first time.
async fn deduplicates(party: &mut Party<'_>) -> Result<(), Died> {
    let left_out = |owner: &Envelope| Pushed::Deduplicated { id: owner.id.clone(), task: owner.task.clone() };
    let in_place_of = |gone: &Envelope| Pushed::Debounced { id: gone.id.clone() };
    let (one, met) = party.offer(Dedup::Simple).await?;
    assert_eq!(met, Pushed::Added);
    assert_eq!(party.offer(Dedup::Simple).await?.1, left_out(&one));
    let (two, met) = party.offer(Dedup::Replace).await?;
    assert_eq!(met, in_place_of(&one));
    let held = party.claim(2).await?;
    assert_eq!(held.iter().map(|job| &job.envelope.id).collect::<Vec<_>>(), [&two.id]);
    party.run(&held);
    let (three, met) = party.offer(Dedup::KeepLast).await?;
    assert_eq!(met, Pushed::Added);
    let (four, met) = party.offer(Dedup::KeepLast).await?;
    assert_eq!(met, in_place_of(&three));
    assert_eq!(party.state(&four).await, JobState::Blocked);
    assert_eq!(party.settle(&held, complete()).await?, [Fenced::Applied]);
    assert_eq!(party.offer(Dedup::Simple).await?.1, left_out(&four));
    assert_eq!(party.work(2, complete()).await?, 1);
    let (five, met) = party.offer(Dedup::Throttle(SECOND)).await?;
    assert_eq!(met, Pushed::Added);
    assert_eq!(party.work(2, complete()).await?, 1);
    assert_eq!(party.offer(Dedup::Simple).await?.1, left_out(&five));
    Ok(())
}

async fn fires_a_schedule(party: &mut Party<'_>) -> Result<(), Died> {
    let state = |revision| StoredSchedule {
        queue: QUEUE,
        id: ScheduleId::from_stored("swept"),
        revision,
        next: None,
        record: bytes::Bytes::new(),
    };
    party.put(&state(1), None).await?;
    for revision in 1..4 {
        let fired = party.fire(&state(revision + 1), revision, 2).await?;
        assert_eq!(fired, Fired::Fired(vec![Pushed::Added; 2]));
        assert_eq!(party.other().fire(&state(9), revision, 2).await?, Fired::Stale);
    }
    while party.work(2, complete()).await? != 0 {}
    let kept = party.store.inner().schedule(&QUEUE, &state(4).id).await.expect("the store answers");
    assert_eq!(kept, Some(state(4)), "each firing moved it on once");
    assert_eq!(counts(party).await.completed, 6);
    Ok(())
}

/// How many jobs of a key run, as its limit counts them, and what may start of all.
async fn permits(party: &Party<'_>, key: &str) -> (u32, Allowance) {
    let store = party.store.inner();
    let standings = store.held_by(&QUEUE, &TASK, Some(key)).await.expect("the store answers");
    let [of_queue, of_key] = standings.as_slice() else { panic!("both limits hold: {standings:?}") };
    (of_key.running, of_queue.allowance)
}

async fn holds_each_key_to_one(party: &mut Party<'_>) -> Result<(), Died> {
    // More than are ever used, so that each start can be told from the others.
    party.hold(LimitScope::Queue, Limit::NONE.rate(RateLimit::per(1_000, YEAR))).await?;
    party.hold(LimitScope::Task(TASK), Limit::NONE.concurrency(1)).await?;
    party.push_at("here", 3).await?;
    party.push_at("there", 2).await?;
    let held = party.claim(10).await?;
    assert_eq!(held.len(), 2, "one of each key");
    assert_eq!(permits(party, "here").await, (1, Allowance::May(998)));
    let mut other = party.other();
    assert_eq!(other.claim(10).await?.len(), 0, "no permit is doubled");
    party.run(&held);
    assert_eq!(party.settle(&held[..1], complete()).await?, [Fenced::Applied]);
    let again = party.claim(10).await?;
    assert_eq!(again.len(), 1, "the permit is there again, once");
    assert_eq!(party.settle(&held[1..], retry()).await?, [Fenced::Applied]);
    assert_eq!(permits(party, "there").await.0, 0);
    assert_eq!(party.settle(&again, Transition::Release).await?, [Fenced::Applied]);
    party.advance(SECOND).await;
    while party.work(2, complete()).await? != 0 {
        assert_eq!((permits(party, "here").await.0, permits(party, "there").await.0), (0, 0));
    }
    // Five jobs, one tried again, one given back.
    assert_eq!(permits(party, "here").await, (0, Allowance::May(993)));
    Ok(())
}

async fn loses_its_permits_with_its_lease(party: &mut Party<'_>) -> Result<(), Died> {
    party.hold(LimitScope::Queue, Limit::NONE.rate(RateLimit::per(1_000, YEAR))).await?;
    party.hold(LimitScope::Task(TASK), Limit::NONE.concurrency(1)).await?;
    party.push_at("here", 2).await?;
    let held = party.claim(2).await?;
    party.run(&held);
    party.advance(LEASE + SECOND).await;
    party.rescue().await?;
    party.excused += 1;
    let mut other = party.other();
    let again = other.claim(2).await?;
    assert_eq!(again.len(), 1);
    assert_eq!(party.settle(&held, complete()).await?, [Fenced::Stale]);
    assert_eq!(permits(party, "here").await, (1, Allowance::May(998)), "who is late gives nothing back");
    assert_eq!(other.claim(2).await?.len(), 0);
    other.run(&again);
    assert_eq!(other.settle(&again, complete()).await?, [Fenced::Applied]);
    party.effects.append(&mut other.effects);
    while party.work(2, complete()).await? != 0 {}
    assert_eq!(permits(party, "here").await, (0, Allowance::May(997)));
    Ok(())
}

/// Makes a test of each program for a store.
macro_rules! sweeps {
    ($store:ident, $fixture:ty: $($program:ident)*) => {
        mod $store {
            use super::*;

            $(
                #[tokio::test]
                async fn $program() {
                    sweep::<$fixture>(super::$program).await;
                }
            )*
        }
    };
}

sweeps!(memory, Memory: completes_in_batches retries snoozes cancels drains_and_goes loses_its_lease replays_a_dead_letter deduplicates fires_a_schedule holds_each_key_to_one loses_its_permits_with_its_lease waits_for_others);
#[cfg(feature = "redis")]
sweeps!(redis, Redis: completes_in_batches retries snoozes cancels drains_and_goes loses_its_lease replays_a_dead_letter deduplicates fires_a_schedule holds_each_key_to_one loses_its_permits_with_its_lease waits_for_others);
sweeps!(sqlite, Sqlite: completes_in_batches retries snoozes cancels drains_and_goes loses_its_lease replays_a_dead_letter deduplicates fires_a_schedule holds_each_key_to_one loses_its_permits_with_its_lease waits_for_others);
