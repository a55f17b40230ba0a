//! The laboratory is shown to find what it looks for: each known bug is found by the invariant that is about it, and the same
//! run without the bug is clean.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod scenarios;
mod stage;

use asyncmq_tests::lab::check::Report;

use crate::stage::Stage;

async fn play(bug: Option<&'static str>, scenario: impl AsyncFnOnce(&mut Stage)) -> Report {
    let mut stage = Stage::new(bug).await;
    scenario(&mut stage).await;
    stage.judge().await
}

/// Plays a scenario with and without a bug.
async fn is_found(bug: &'static str, by: &str, scenario: impl AsyncFn(&mut Stage)) {
    let (clean, buggy) = tokio::join!(play(None, &scenario), play(Some(bug), &scenario));
    println!("{bug}: {:?}", buggy.violations);
    assert!(clean.violations.is_empty(), "without a bug: {:#?}", clean.told);
    assert!(buggy.violations.contains_key(by), "{bug} is not found by {by}: {:#?}", buggy.told);
}

macro_rules! bugs {
    ($($test:ident: $bug:literal by $invariant:literal in $scenario:ident;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            is_found($bug, $invariant, scenarios::$scenario).await;
        })*
    };
}

bugs! {
    a_claim_that_nobody_holds_is_found: "unheld-claim" by "I1" in killed;
    a_settle_that_does_not_compare_claims_is_found: "blind-settle" by "I5" in slept;
    a_token_that_comes_again_is_found: "token-restarts" by "I4" in killed;
    a_lease_by_a_slow_clock_is_found: "client-clock" by "I4" in slow_clock;
    a_lease_by_a_fast_clock_is_found: "client-clock" by "I1" in fast_clock;
    a_completion_in_two_steps_is_found: "split-completion" by "I1" in killed_amid_many;
    a_lease_that_handlers_can_starve_is_found: "lease-on-runtime" by "I3" in blocked;
    a_line_that_stays_deaf_is_found: "deaf-after-cut" by "I9" in cut;
    a_push_that_is_repeated_anew_is_found: "pushed-anew" by "I2" in lost_reply;
    arguments_that_a_script_has_changed_are_found: "arguments-through-json" by "I2" in delicate;
    crashes_without_end_are_found: "endless-crashes" by "I18" in poisoned;
    a_permit_that_leaks_is_found: "leaked-permit" by "I10" in removed;
    a_permit_that_outlives_its_lease_is_found: "untied-permit" by "I13" in killed_with_permits;
    starts_that_are_not_counted_are_found: "uncounted-start" by "I13" in crowded;
    a_slot_that_fires_twice_is_found: "double-fire" by "I12" in scheduled;
    an_end_that_hides_another_is_found: "lone-end" by "I15" in related;
    a_job_that_waits_for_what_has_ended_is_found: "late-child" by "I15" in related;
    a_job_that_comes_before_another_is_found: "early-child" by "I15" in related;
    a_failure_that_nobody_hears_of_is_found: "unheard-failure" by "I15" in related;
    a_promotion_of_all_that_is_due_is_found: "unpack-all-due" by "I10" in due_at_once;
}
