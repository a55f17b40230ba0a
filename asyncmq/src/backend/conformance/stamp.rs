//! The list of the properties, and the macro that makes a test of each.
//!
//! A property that is not in the list would never be tried; the test at the end of this file counts them.

/// Makes one test of each property of [`conformance`](crate::backend::conformance), in a module of the given name.
///
/// The expression makes a new [`Fixture`](crate::backend::conformance::Fixture) with an empty store; it is evaluated in
/// each test, in an `async` context. The crate that calls the macro needs `tokio` with `macros` and `rt-multi-thread`.
///
/// # Examples
///
/// See [`conformance`](crate::backend::conformance).
#[macro_export]
macro_rules! conformance {
    ($store:ident, $fixture:expr) => {
        mod $store {
            #[allow(unused_imports, reason = "the fixture may be named by a path")]
            use super::*;

            $crate::__conformance_list!($fixture);
        }
    };
}

/// The list; it is handed what each module of tests is made of.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_list {
    ($fixture:expr) => {
        $crate::__conformance_module!($fixture, push:
            a_repeated_push_is_answered_as_the_first_one
            the_latest_calls_of_a_sender_are_recalled
            a_repeated_push_does_not_bring_back_what_has_ended
            calls_of_one_number_from_two_senders_are_two_calls
            a_job_whose_id_is_kept_is_left_as_it_is
            the_id_of_an_ended_job_is_kept_too
            the_task_of_the_kept_job_is_told
            two_jobs_of_one_id_in_one_push_are_one
            one_id_in_two_queues_is_two_jobs
            a_push_is_taken_in_wholly_or_not_at_all
            a_push_of_nothing_changes_nothing
            the_largest_batch_goes_in_and_comes_out_in_its_order
            a_batch_may_be_of_many_queues
            arguments_are_opaque_bytes
            a_mebibyte_of_arguments_comes_back_as_it_went_in
            names_may_have_any_character
            every_option_comes_back
            the_sent_bytes_are_not_shared_between_jobs
            a_queue_is_used_once_something_was_pushed
        );
        $crate::__conformance_module!($fixture, claim:
            first_in_first_out
            lower_priorities_run_first
            a_later_job_of_a_lower_priority_overtakes
            no_more_than_the_limit_is_given
            a_claim_gives_no_more_than_a_batch_however_many_are_asked_for
            the_limit_is_over_all_queues
            queues_are_taken_from_in_the_order_named
            other_queues_are_left_alone
            a_claimed_job_is_in_its_workers_hand
            a_repeated_claim_gives_the_same_jobs
            a_repeated_claim_that_gave_nothing_is_nothing_lost
            a_claim_that_was_held_up_behind_a_later_one_takes_nothing
            a_claim_that_was_held_up_behind_its_workers_end_takes_nothing
            a_repeated_claim_tells_when_to_come_back
            tokens_never_repeat
            jobs_of_unknown_tasks_stay_and_are_in_nobodys_way
            a_thousand_unknown_jobs_in_front_are_in_nobodys_way
            who_knows_the_task_gets_the_jobs_in_their_order
            unknown_tasks_are_reported_with_their_queues
            an_unknown_task_is_reported_once_for_each_queue
            a_version_too_new_is_left_to_newer_workers
            versions_run_in_the_order_in_which_they_came
            a_paused_queue_gives_nothing_until_it_is_resumed
            a_paused_queue_holds_no_other_up
        );
        $crate::__conformance_module!($fixture, due:
            a_delayed_job_runs_when_it_is_due_and_not_before
            a_job_may_be_due_at_a_time_of_the_stores_clock
            a_due_time_in_the_past_is_now
            delayed_jobs_run_in_the_order_in_which_they_are_due
            jobs_due_at_one_time_run_in_the_order_in_which_they_came
            a_job_that_becomes_due_keeps_its_priority
            a_claim_tells_when_the_next_job_is_due
            what_is_due_but_beyond_the_limit_is_not_forgotten
            thousands_due_at_once_all_run
            a_retry_waits_for_its_delay
            a_promoted_job_is_due_now
            only_a_delayed_job_can_be_promoted
        );
        $crate::__conformance_module!($fixture, settle:
            a_completed_job_keeps_its_result
            a_mebibyte_of_result_comes_back_as_it_went_in
            a_retry_spends_the_attempt_and_keeps_the_failure
            a_large_job_keeps_its_history_as_a_small_one_does
            a_retry_without_delay_waits_behind_the_others
            a_failed_job_is_a_dead_letter_with_its_errors
            the_first_and_the_last_failures_are_kept
            a_failure_is_kept_word_for_word
            a_snooze_spends_no_attempt
            a_released_job_takes_its_old_place
            a_cancelled_job_keeps_the_reason
            who_was_to_be_cancelled_is_cancelled_whatever_its_handler_returned
            who_was_to_be_cancelled_and_failed_has_failed
            a_cancelled_handlers_own_reason_goes_first
            a_batch_may_settle_in_every_way_at_once
            the_largest_batch_settles_at_once
            a_settle_of_nothing_changes_nothing
            a_job_that_came_back_starts_its_time_anew
        );
        $crate::__conformance_module!($fixture, fence:
            a_claim_settles_once
            a_token_that_was_never_given_changes_nothing
            a_token_settles_its_own_job_alone
            a_repeated_settle_is_answered_as_the_first_one
            a_repeated_settle_is_recognised_when_nothing_is_kept
            to_settle_and_claim_at_once_is_to_do_both
            the_latest_settles_of_a_worker_are_recalled
            one_stale_claim_does_not_spoil_a_batch
            a_removed_job_cannot_be_settled
            a_lapsed_lease_still_settles
            a_rescued_job_that_nobody_claimed_still_settles
            a_rescued_job_that_its_worker_releases_takes_its_old_place
            a_rescued_job_that_somebody_claimed_is_not_the_old_workers_any_more
            a_draining_workers_late_settle_counts_too
            a_replayed_job_cannot_be_settled_by_its_former_claim
        );
        $crate::__conformance_module!($fixture, report:
            the_latest_progress_and_every_line_are_kept
            lines_without_progress_leave_the_progress
            the_last_two_hundred_lines_are_kept
            what_comes_with_the_settle_is_kept_too
            a_report_that_comes_too_late_changes_nothing
            a_rescued_jobs_worker_has_nothing_more_to_say
            reports_of_many_jobs_are_answered_in_their_order
        );
        $crate::__conformance_module!($fixture, lease:
            a_worker_that_extends_keeps_its_jobs
            a_worker_that_claims_keeps_its_jobs
            a_worker_that_registers_keeps_its_jobs
            a_lease_ends_when_it_was_to_end
            who_claims_all_the_time_has_nearly_a_whole_lease_left
            leases_are_each_workers_own
            an_extension_tells_what_was_lost
            a_settled_claim_is_no_longer_the_workers
            a_removed_job_is_told_as_lost
            every_extension_tells_who_is_to_be_cancelled
            a_lease_that_had_run_out_is_made_anew
            a_worker_that_holds_nothing_extends_nothing
            many_claims_are_extended_at_once
        );
        $crate::__conformance_module!($fixture, rescue:
            a_dead_workers_jobs_wait_again_with_one_crash_more
            rescued_jobs_keep_their_priority_and_age
            a_second_rescue_finds_nothing
            a_rescue_does_no_more_than_its_limit
            jobs_of_every_queue_are_rescued
            attempts_before_the_crash_stay_spent
            a_job_that_crashed_too_often_is_a_dead_letter
            a_given_up_job_cannot_be_settled
            a_draining_workers_jobs_are_released_without_a_crash
            a_job_to_be_cancelled_is_cancelled_when_its_worker_dies
            a_rescued_job_can_be_cancelled_like_any_that_waits
            who_has_settled_leaves_nothing_to_rescue
            the_rescued_worker_may_claim_again
        );
        $crate::__conformance_module!($fixture, suspect:
            who_has_lives_left_runs_again_beside_others
            a_suspect_stays_one_however_it_comes_back
            who_was_alive_after_all_is_no_suspect
            a_worker_holds_one_suspect_at_a_time
            each_worker_may_hold_a_suspect
            one_suspect_is_allowed_over_all_queues
            suspects_do_not_hold_others_up
            a_suspect_keeps_its_place_by_priority
            who_died_beside_a_suspect_is_charged_and_not_given_up
            a_rescue_that_takes_several_calls_judges_as_one_that_takes_one
            nobody_is_given_up_before_a_life_alone
            where_one_death_is_too_many_all_are_given_up
            new_poison_costs_no_more_for_the_suspects_beside_it
            who_was_replayed_holds_no_other_suspect_up
            poison_ends_and_the_others_complete
            a_replay_clears_a_suspect
        );
        $crate::__conformance_module!($fixture, expire:
            an_expired_job_is_thrown_out_at_the_claim
            a_job_may_start_until_its_last_moment
            many_expired_jobs_in_front_are_in_nobodys_way
            the_duty_expires_what_nobody_claims
            the_duty_expires_in_paused_queues_too
            the_duty_does_no_more_than_its_limit
            the_time_to_live_counts_from_the_due_time
            a_delayed_job_that_nobody_served_expires
            a_running_job_does_not_expire
            a_retry_does_not_expire
            a_promoted_retry_does_not_expire
            a_snoozed_job_does_not_expire
            a_released_job_expires_as_if_it_had_never_been_claimed
            a_job_that_died_with_a_process_does_not_expire
            a_job_of_a_worker_that_died_while_it_drained_expires
            a_job_that_was_cancelled_does_not_expire
            what_was_removed_does_not_expire
            a_replay_restarts_the_time_to_live
        );
        $crate::__conformance_module!($fixture, prune:
            what_has_ended_is_kept_for_its_time
            dead_letters_are_kept_for_theirs
            the_newest_are_kept_up_to_a_number
            each_queue_keeps_its_own_number
            a_job_may_be_kept_exactly_as_long_as_it_asks
            a_job_may_ask_that_nothing_is_kept
            who_failed_is_kept_whatever_it_asked_for
            a_prune_does_no_more_than_its_limit
            the_limit_of_a_prune_holds_for_all_queues_and_rules_together
            what_has_not_ended_is_never_dropped
            a_replayed_job_is_no_longer_among_the_dead
            a_dropped_dead_letter_is_told
        );
        $crate::__conformance_module!($fixture, inspect:
            a_job_is_found_in_its_queue
            a_job_is_found_in_whichever_queue_it_is
            what_waits_is_listed_as_it_will_run
            what_is_delayed_is_listed_as_it_will_be_due
            what_has_ended_is_listed_newest_first
            jobs_that_are_kept_as_long_as_they_ask_are_listed_among_the_others
            expired_and_failed_jobs_are_listed_apart
            a_list_comes_in_pages
            ended_and_running_jobs_come_in_pages_too
            the_counts_are_what_a_recount_gives
            a_queue_that_nobody_used_is_empty
            claiming_from_a_queue_is_not_to_use_it
            a_queue_tells_what_went_through_it
            a_queue_tells_how_long_its_oldest_job_has_waited
            queues_are_listed_by_name
            looking_changes_nothing
            the_other_side_sees_the_same
        );
        $crate::__conformance_module!($fixture, control:
            only_what_has_not_ended_can_be_cancelled
            only_the_dead_and_the_cancelled_can_be_replayed
            whatever_does_not_run_can_be_removed
            only_what_is_delayed_can_be_promoted
            a_cancelled_job_does_not_run
            a_running_job_is_told_and_runs_on
            a_cancellation_is_forgotten_once_it_was_heeded
            a_replayed_job_starts_afresh_behind_the_others
            a_replayed_job_can_end_again
            a_removed_job_is_gone
            the_id_of_a_removed_job_is_free
            many_removals_leave_the_rest_in_order
            a_drain_removes_what_waits
            a_drain_does_no_more_than_its_limit
            old_jobs_of_a_state_are_cleaned_away
            waiting_and_delayed_jobs_are_cleaned_by_their_due_time
            a_clean_does_no_more_than_its_limit
            running_jobs_are_not_cleaned_away
            pausing_tells_whether_it_changed_anything
            a_queue_can_be_paused_before_it_is_used
        );
        $crate::__conformance_module!($fixture, obliterate:
            nothing_is_left_of_an_obliterated_queue
            running_jobs_are_refused_unless_it_is_forced
            it_is_done_in_bounded_calls
            other_queues_are_left_alone
            a_queue_that_nobody_used_is_nothing_to_obliterate
            the_queue_can_be_used_again
        );
        $crate::__conformance_module!($fixture, events:
            a_jobs_life_is_told_in_its_order
            an_event_tells_whose_it_is_and_when
            ends_are_told_with_what_there_is_to_say
            a_result_of_any_bytes_is_told_as_it_is
            progress_is_told
            a_duplicate_is_told
            a_repeated_call_is_told_once
            a_stale_settle_is_not_told
            crashes_are_told
            expiries_and_cancellations_are_told
            queues_and_workers_are_told_of
            a_worker_that_was_never_listed_ends_without_a_word
            a_listener_hears_what_it_asked_for
            who_listens_to_one_job_hears_all_of_it_and_nothing_else
            the_job_of_the_same_id_in_another_queue_is_another
            a_listener_that_has_gone_is_in_nobodys_way
            a_listener_that_does_not_listen_holds_nothing_up
            the_other_side_hears_the_same
            a_draining_workers_released_jobs_are_told
        );
        $crate::__conformance_module!($fixture, wake:
            a_push_wakes
            a_push_wakes_who_waits_already
            a_delayed_push_wakes_so_that_the_next_due_time_is_known
            a_resumed_queue_wakes
            a_job_that_is_given_back_wakes
            a_rescue_and_a_deregistration_wake
            a_promoted_and_a_replayed_job_wake
            a_worker_is_woken_for_each_of_its_queues
            every_waiting_worker_can_be_woken
            a_signal_between_two_waits_is_not_lost
            a_wait_that_was_given_up_loses_nothing
            a_cancellation_is_told_to_the_worker_that_runs_the_job
            many_cancellations_are_all_told
            work_is_not_lost_beside_a_cancellation
            a_worker_whose_job_is_taken_away_is_told
        );
        $crate::__conformance_module!($fixture, workers:
            a_worker_is_listed_as_it_describes_itself
            a_heartbeat_brings_the_entry_up_to_date
            a_silent_worker_is_shown_dead
            who_was_silent_for_long_is_struck_from_the_list
            workers_are_listed_by_id
            a_worker_that_ends_is_no_longer_listed
            a_worker_that_ends_gives_back_what_it_holds
            a_worker_that_ends_with_a_job_to_be_cancelled_leaves_it_cancelled
            a_worker_need_not_register_to_claim
        );
        $crate::__conformance_module!($fixture, scan:
            a_walk_meets_what_waits_as_it_will_run
            a_walk_meets_what_is_delayed_as_it_will_be_due
            a_walk_meets_what_has_ended_the_latest_first
            a_walk_meets_each_running_job_once
            what_leaves_meanwhile_shifts_nothing
            what_ends_meanwhile_is_not_met_twice
            what_waits_anew_is_met_where_it_stands_now
            a_walk_goes_through_thousands_with_voids_between
            a_walk_through_an_unused_queue_ends_at_once
            a_cursor_that_is_none_is_refused
            a_walk_while_jobs_are_taken_meets_the_others
        );
        $crate::__conformance_module!($fixture, audit:
            what_people_ordered_is_listed_the_latest_first
            what_is_recorded_of_an_order_later_takes_the_place_of_what_was
            an_order_that_never_ended_shows_it
            an_order_that_made_way_is_recorded_anew
            orders_are_listed_in_pages
            the_oldest_orders_make_way
            to_record_an_order_is_not_to_use_a_queue
            a_store_says_something_of_itself
        );
        $crate::__conformance_module!($fixture, schedules:
            a_schedule_is_kept_as_it_was_put
            only_who_knows_how_a_schedule_stands_changes_it
            one_of_many_changes_of_a_schedule_is_made
            schedules_are_listed_by_queue_and_id
            schedules_and_jobs_may_share_an_id
            ids_of_schedules_may_have_any_character
            what_is_due_is_found_in_the_order_of_its_times_and_bounded
            schedules_of_other_queues_are_not_found
            one_without_a_next_time_is_never_due
            to_fire_is_to_change_and_to_push_in_one_step
            a_stale_firing_changes_nothing
            a_removed_schedule_fires_no_more
            a_slot_that_has_fired_already_is_met
            a_repeated_firing_is_answered_as_the_first_one
            a_firing_that_is_refused_is_refused_again
            nothing_fires_while_the_last_job_has_not_ended
            a_job_that_waits_for_its_time_has_not_ended
            a_delayed_slot_waits_for_its_time
            a_paused_queue_fires_all_the_same
            a_firing_tells_who_listens
            one_of_many_firings_of_a_slot_is_carried_out
            a_schedule_makes_its_queue_used
            nothing_is_left_of_the_schedules_of_an_obliterated_queue
            a_schedule_that_is_put_wakes_who_serves_its_queue
            jobs_that_fire_wake_who_waits
        );
        $crate::__conformance_module!($fixture, race:
            many_claimers_get_each_job_once
            producers_and_workers_meet_without_loss
            one_of_many_pushes_of_an_id_adds_it
            one_of_many_settles_of_a_claim_is_applied
            many_rescuers_rescue_each_job_once
            a_cancellation_and_the_end_of_a_job_leave_it_in_one_state
            a_job_is_claimed_or_removed_never_both
        );
    };
}

/// One module of tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_module {
    ($fixture:expr, $module:ident: $($property:ident)*) => {
        mod $module {
            #[allow(unused_imports, reason = "the fixture may be named by a path")]
            use super::*;

            $(
                #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $property() {
                    $crate::backend::conformance::check(
                        $fixture,
                        concat!(stringify!($module), "::", stringify!($property)),
                        $crate::backend::conformance::$module::$property,
                    )
                    .await;
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    const LIST: &str = include_str!("stamp.rs");
    const MODULES: [(&str, &str); 21] = [
        ("push", include_str!("push.rs")),
        ("claim", include_str!("claim.rs")),
        ("due", include_str!("due.rs")),
        ("settle", include_str!("settle.rs")),
        ("fence", include_str!("fence.rs")),
        ("report", include_str!("report.rs")),
        ("lease", include_str!("lease.rs")),
        ("rescue", include_str!("rescue.rs")),
        ("suspect", include_str!("suspect.rs")),
        ("expire", include_str!("expire.rs")),
        ("prune", include_str!("prune.rs")),
        ("inspect", include_str!("inspect.rs")),
        ("scan", include_str!("scan.rs")),
        ("schedules", include_str!("schedules.rs")),
        ("audit", include_str!("audit.rs")),
        ("control", include_str!("control.rs")),
        ("obliterate", include_str!("obliterate.rs")),
        ("events", include_str!("events.rs")),
        ("wake", include_str!("wake.rs")),
        ("workers", include_str!("workers.rs")),
        ("race", include_str!("race.rs")),
    ];

    #[test]
    fn every_property_is_in_the_list() {
        let mut count = 0;
        for (module, source) in MODULES {
            for line in source.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
                let property = line.split('(').next().unwrap_or_default();
                assert!(LIST.contains(&format!("\n            {property}\n")), "{module}::{property}");
                count += 1;
            }
        }
        assert!(80 < count, "there are {count} properties");
    }
}
