//! The protocol between workers and a store, as a model of which every state within bounds is visited.
//!
//! Two workers share one or two jobs. Requests and replies are lost, held up, and arrive twice; leases run out; one worker
//! crashes, or drains and goes. The model follows what `backend/store.rs` promises and uses the rules of
//! `asyncmq::lifecycle` themselves. Each guard of the protocol is also taken away once, and the checker has to find out what
//! that breaks: a guard that could go unnoticed would be none.

mod guards;
mod model;
mod steps;
mod store;
mod witness;
mod worker;

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model};

use guards::Guard;
use model::{Budget, Protocol};

/// How many threads look for counter-examples.
const THREADS: usize = 2;

const NONE: Budget = Budget { losses: 0, repeats: 0, expiries: 0, extensions: 0, departures: 0 };
const LOSS: Budget = Budget { losses: 1, ..NONE };
const REPEAT: Budget = Budget { repeats: 1, ..NONE };
const EXPIRY: Budget = Budget { expiries: 1, ..NONE };
const DEPARTURE: Budget = Budget { departures: 1, ..NONE };

/// What must hold.
const EXCLUSIVE: &str = "a job has one holder at a time";
const FENCED: &str = "a claim settles at most once, and only the latest";
const FINAL: &str = "an end is final";
const LEARNT: &str = "a worker learns what became of its settle";
const GONE: &str = "a worker that has gone is given nothing";
const STUCK: &str = "no job is stuck";

/// What must be possible.
const ENDS: &str = "every job ends";
const REFUSED: &str = "a late settle is refused";
const ACCEPTED: &str = "a settle after the rescue is accepted";
const RECALLED: &str = "a repeated claim is answered as before";
const GIVEN_BACK: &str = "who goes gives back what it holds";

/// Visits every state within the budget: what must hold has to, and this has to be reached.
fn holds(jobs: usize, budget: Budget, reached: &[&'static str]) {
    let checker = Protocol { jobs, budget, removed: None }.checker().threads(THREADS).spawn_bfs().join();
    println!("{budget:?}: {} states, {} steps deep", checker.unique_state_count(), checker.max_depth());
    for name in [EXCLUSIVE, FENCED, FINAL, LEARNT, GONE, STUCK] {
        if let Some(path) = checker.discovery(name) {
            panic!("not {name:?}: {:#?}", path.into_actions());
        }
    }
    for name in reached {
        assert!(checker.discovery(name).is_some(), "{name:?} is never seen");
    }
}

/// Takes a guard away: one of these properties must be seen to break.
fn breaks(guard: Guard, jobs: usize, budget: Budget, expected: &'static str) {
    let until = HasDiscoveries::AnyOf(BTreeSet::from([expected]));
    let model = Protocol { jobs, budget, removed: Some(guard) };
    let checker = model.checker().threads(THREADS).finish_when(until).spawn_bfs().join();
    let states = checker.unique_state_count();
    let Some(path) = checker.discovery(expected) else {
        panic!("without {guard:?}, {expected:?} holds in all {states} states");
    };
    println!("without {guard:?}, after {states} states: not {expected:?} any more by");
    path.into_actions().iter().for_each(|action| println!("    {action:?}"));
}

#[test]
fn two_jobs_end_once_without_faults() {
    holds(2, NONE, &[ENDS]);
}

#[test]
fn it_holds_when_calls_are_lost() {
    holds(2, LOSS, &[ENDS, RECALLED]);
}

#[test]
fn it_holds_when_calls_are_lost_and_others_come_twice() {
    holds(1, Budget { losses: 1, repeats: 1, ..NONE }, &[ENDS, RECALLED]);
}

#[test]
fn it_holds_when_a_lease_runs_out() {
    holds(2, EXPIRY, &[ENDS, REFUSED, ACCEPTED]);
}

#[test]
fn it_holds_when_a_lease_runs_out_and_calls_are_lost() {
    holds(1, Budget { losses: 1, expiries: 1, ..NONE }, &[ENDS, REFUSED, ACCEPTED, RECALLED]);
}

#[test]
fn it_holds_when_a_lease_runs_out_and_is_extended_too_late() {
    holds(1, Budget { expiries: 1, extensions: 1, ..NONE }, &[ENDS, REFUSED, ACCEPTED]);
}

#[test]
fn it_holds_when_a_worker_dies_or_drains() {
    holds(1, DEPARTURE, &[ENDS, REFUSED, ACCEPTED, GIVEN_BACK]);
}

#[test]
#[ignore = "millions of states: some minutes in release"]
fn it_holds_when_everything_happens_at_once() {
    let budget =
        |losses, repeats, expiries, departures| Budget { losses, repeats, expiries, departures, ..NONE };
    let all = [ENDS, REFUSED, ACCEPTED, RECALLED];
    holds(1, budget(1, 1, 1, 0), &all);
    holds(1, budget(0, 1, 0, 1), &all);
    holds(1, budget(1, 0, 1, 1), &all);
    holds(2, budget(0, 1, 1, 0), &all);
    holds(2, budget(1, 0, 0, 1), &all);
}

macro_rules! guards {
    ($($name:ident: $guard:ident, $jobs:expr, $budget:expr, $property:expr;)*) => {
        $(
            #[test]
            fn $name() {
                breaks(Guard::$guard, $jobs, $budget, $property);
            }
        )*
    };
}

mod without {
    use super::*;

    guards! {
        the_fence_a_late_settle_counts: Fence, 1, EXPIRY, FENCED;
        the_fence_a_drain_takes_a_job_from_another: ReleaseIsFenced, 1, Budget { expiries: 1, departures: 1, ..NONE }, FENCED;
        fresh_tokens_a_claim_comes_again: FreshTokens, 1, EXPIRY, EXCLUSIVE;
        a_look_at_the_lease_a_rescue_takes_from_the_living: LeaseBeforeRescue, 1, NONE, EXCLUSIVE;
        the_recalled_claim_a_job_is_in_nobodys_hand: RecalledClaim, 1, LOSS, STUCK;
        a_look_at_who_holds_it_a_recalled_claim_gives_what_is_anothers:
            RecallOnlyWhatIsHeld, 1, Budget { losses: 1, expiries: 1, ..NONE }, FENCED;
        a_look_at_its_number_a_claim_that_was_held_up_takes_a_job_along: LatestClaimOnly, 2, REPEAT, STUCK;
        the_recalled_settle_a_worker_is_misled: RecalledSettle, 1, LOSS, LEARNT;
        the_same_id_a_repeated_settle_misleads_its_worker: SameCallId, 1, LOSS, LEARNT;
        an_end_of_the_claim_before_two_of_them_settle: NewClaimRevokes, 1, EXPIRY, FENCED;
        an_end_of_its_claims_whoever_went_settles: DeregisterRevokes, 1, DEPARTURE, FENCED;
        giving_back_whoever_goes_takes_jobs_along: DeregisterGivesBack, 1, DEPARTURE, STUCK;
        its_end_a_claim_that_was_held_up_takes_a_job_along:
            StruckOffClaimsNothing, 1, Budget { repeats: 1, departures: 1, ..NONE }, GONE;
        letting_go_a_rescue_revives_what_has_ended: SettleLetsGo, 1, EXPIRY, FINAL;
        telling_of_losses_a_worker_goes_on_in_vain: LossIsTold, 1, Budget { expiries: 1, extensions: 1, ..NONE }, FENCED;
    }
}
