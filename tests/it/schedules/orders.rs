//! What code and people order: make, change, pause, remove, run.

use std::time::{Duration, SystemTime};

use asyncmq::schedule::PausedBy;
use asyncmq::{Error, JobId, NewJob, Overlap, Schedule, testing};
use serde_json::json;

use super::{HOUR, header, info, jobs, tick};

#[tokio::test]
async fn a_schedule_is_changed_in_its_place() {
    let test = testing::client();
    let schedules = test.schedules();
    let made = schedules.upsert("nightly", Schedule::every(HOUR), tick::job()).await.unwrap();
    assert_eq!(made.next, Some(test.now() + HOUR));
    test.advance(HOUR);
    assert_eq!(test.drain().await.unwrap().completed, 1);
    test.advance(HOUR / 2);
    let job = tick::job().priority(1).tag("new");
    let changed = schedules.upsert("nightly", Schedule::every(HOUR).limit(5), job).await.unwrap();
    assert_eq!((changed.next, changed.fired), (Some(test.now() + HOUR / 2), 1), "its next slot stays");
    assert_eq!(schedules.list().await.unwrap(), std::slice::from_ref(&changed));
    test.advance(HOUR / 2);
    test.drain().await.unwrap();
    let fired = jobs(&test, "schedules ticks").await;
    assert!(fired.iter().any(|job| job.envelope().priority == 1 && job.envelope().extras().tags == ["new"]));
    let faster = schedules.upsert("nightly", Schedule::every(HOUR / 4), tick::job()).await.unwrap();
    assert_eq!((faster.next, faster.fired), (Some(test.now() + HOUR / 4), 2));
    assert_eq!(faster.upcoming(2), [test.now() + HOUR / 4, test.now() + HOUR / 2]);
}

#[tokio::test]
async fn a_pause_holds_it_up_and_what_lay_within_is_left_out() {
    let test = testing::client();
    let schedules = test.schedules();
    schedules.upsert("s", Schedule::every(HOUR), tick::job()).await.unwrap();
    assert!(schedules.pause("s").await.unwrap() && !schedules.pause("s").await.unwrap());
    let paused = info(&test, "s").await;
    assert!(matches!(paused.paused.unwrap().by, PausedBy::Operator(_)));
    assert_eq!(paused.next, None);
    test.advance(HOUR * 10);
    assert_eq!(test.drain().await.unwrap().total(), 0);
    schedules.upsert("s", Schedule::every(HOUR), tick::job()).await.unwrap();
    assert!(info(&test, "s").await.paused.is_some(), "a change is no order to go on");
    assert!(schedules.resume("s").await.unwrap() && !schedules.resume("s").await.unwrap());
    assert_eq!(test.drain().await.unwrap().total(), 0, "nothing is made up for");
    test.advance(HOUR);
    assert_eq!(test.drain().await.unwrap().completed, 1);
    assert_eq!(info(&test, "s").await.skipped, 0);
}

#[tokio::test]
async fn a_removed_schedule_is_gone_and_its_jobs_stay() {
    let test = testing::client();
    let schedules = test.schedules();
    schedules.upsert("s", Schedule::every(HOUR), tick::job()).await.unwrap();
    test.advance(HOUR);
    test.drain().await.unwrap();
    assert!(schedules.remove("s").await.unwrap() && !schedules.remove("s").await.unwrap());
    test.advance(HOUR * 3);
    assert_eq!(test.drain().await.unwrap().total(), 0);
    assert_eq!((schedules.get("s").await.unwrap(), jobs(&test, "schedules ticks").await.len()), (None, 1));
    for missing in [schedules.pause("s").await, schedules.resume("s").await] {
        assert!(matches!(missing, Err(Error::ScheduleNotFound { .. })));
    }
    assert!(matches!(schedules.run_now("s").await, Err(Error::ScheduleNotFound { .. })));
    assert!(matches!(schedules.upcoming("s", 1).await, Err(Error::ScheduleNotFound { .. })));
}

#[tokio::test]
async fn one_that_is_run_now_keeps_its_slots() {
    let test = testing::client();
    let schedules = test.schedules();
    let made = schedules.upsert("s", Schedule::every(HOUR), tick::job()).await.unwrap();
    schedules.pause("s").await.unwrap();
    let handle = schedules.run_now("s").await.unwrap();
    assert_eq!(test.drain().await.unwrap().completed, 1);
    let job = handle.job().await.unwrap();
    assert_eq!((header(&job, "asyncmq-schedule"), header(&job, "asyncmq-slot")), (Some("s"), None));
    schedules.resume("s").await.unwrap();
    let after = info(&test, "s").await;
    assert_eq!((after.next, after.fired, after.last), (made.next, 0, None));
}

#[tokio::test]
async fn the_job_of_a_slot_says_where_it_comes_from() {
    let test = testing::client();
    let made =
        test.schedules().upsert("s", Schedule::every(HOUR), tick::job().header("k", "v")).await.unwrap();
    test.advance(HOUR);
    test.drain().await.unwrap();
    let fired = jobs(&test, "schedules ticks").await.remove(0);
    let slot = asyncmq::Timestamp::from(made.next.unwrap());
    assert_eq!(header(&fired, "asyncmq-schedule"), Some("s"));
    assert_eq!(header(&fired, "asyncmq-slot"), Some(slot.as_micros().to_string().as_str()));
    assert_eq!(header(&fired, "k"), Some("v"));
    assert_eq!(info(&test, "s").await.last, made.next);
    assert_ne!(fired.id(), &JobId::from_stored("s"));
}

#[tokio::test]
async fn a_slot_whose_forerunner_has_not_ended_is_left_out() {
    let test = testing::client();
    let schedule = Schedule::every(HOUR).overlap(Overlap::Skip);
    let job = NewJob::new("schedules.tick").delay(HOUR * 3);
    test.queue("schedules ticks").upsert_schedule("s", schedule, job).await.unwrap();
    for _ in 0..4 {
        test.advance(HOUR);
        test.drain_due().await.unwrap();
    }
    // The first job, of the slot at one o'clock, is due at four: in the slots of two, three and four it had not ended.
    let after = info(&test, "s").await;
    assert_eq!((after.fired, after.skipped), (1, 3));
    test.advance(HOUR);
    test.drain_due().await.unwrap();
    assert_eq!(info(&test, "s").await.fired, 2);
}

#[tokio::test]
async fn jitter_delays_the_job_and_not_the_slot() {
    let test = testing::client();
    let schedule = Schedule::every(HOUR).jitter(HOUR / 2);
    let made = test.schedules().upsert("s", schedule, tick::job()).await.unwrap();
    test.advance(HOUR);
    assert_eq!(test.drain_due().await.unwrap().total(), 0);
    let delayed = test.queue("schedules ticks").list_delayed(0..10).await.unwrap();
    let wait = SystemTime::from(delayed[0].status().run_at).duration_since(made.next.unwrap());
    assert!(Duration::ZERO < wait.clone().unwrap() && wait.unwrap() <= HOUR / 2);
    assert_eq!(info(&test, "s").await.next, Some(made.next.unwrap() + HOUR));
}

#[tokio::test]
async fn one_whose_jobs_go_elsewhere_moves_and_fires_in_one_queue() {
    let test = testing::client();
    let schedules = test.schedules();
    let made = schedules.upsert("s", Schedule::every(HOUR), tick::job()).await.unwrap();
    let moved = schedules.upsert("s", Schedule::every(HOUR), tick::job().queue("another")).await.unwrap();
    assert_eq!((moved.queue.as_str(), moved.next), ("another", made.next));
    assert_eq!(schedules.list().await.unwrap().len(), 1);
    test.advance(HOUR);
    assert_eq!(test.drain().await.unwrap().completed, 1);
    assert_eq!((jobs(&test, "another").await.len(), jobs(&test, "schedules ticks").await.len()), (1, 0));
}

#[tokio::test]
async fn what_could_not_run_is_refused_where_it_is_made() {
    let test = testing::client();
    let schedules = test.schedules();
    let every = || Schedule::every(HOUR);
    let never = Schedule::every(Duration::ZERO);
    assert!(matches!(schedules.upsert("s", never, tick::job()).await, Err(Error::Invalid(_))));
    for id in ["", "a\nb", &"x".repeat(256)] {
        let refused = schedules.upsert(id, every(), tick::job()).await;
        assert!(matches!(refused, Err(Error::InvalidName { what: "schedule id", .. })));
    }
    for job in [tick::job().id("one"), tick::job().at(test.now())] {
        let refused = schedules.upsert("s", every(), job).await.unwrap_err();
        assert!(refused.to_string().contains("schedule \"s\""), "{refused}");
    }
    let large = NewJob::new("t").args(json!({"x": "y".repeat(2_000_000)}));
    assert!(matches!(schedules.upsert("s", every(), large).await, Err(Error::Payload { .. })));
    assert!(schedules.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_queue_knows_its_repeatables() {
    let test = testing::client();
    let queue = test.queue("schedules ticks");
    let added = queue.add_repeatable("schedules.tick", "1h").await.unwrap();
    assert_eq!((added.id.as_str(), added.next), ("schedules ticks:schedules.tick", Some(test.now() + HOUR)));
    queue.add_repeatable("schedules.tick", HOUR * 2).await.unwrap();
    queue.add_repeatable("schedules.other", "*/5 * * * *").await.unwrap();
    for wrong in ["", "often", "0 0 30 2 *"] {
        assert!(queue.add_repeatable("schedules.tick", wrong).await.is_err(), "{wrong:?}");
    }
    let listed = queue.list_repeatables().await.unwrap();
    let shown: Vec<_> = listed.iter().map(|info| info.schedule.to_string()).collect();
    assert_eq!(shown, ["*/5 * * * *", "every 2h"]);
    assert!(test.queue("another").list_repeatables().await.unwrap().is_empty());
    assert!(queue.pause_repeatable(&added.id).await.unwrap());
    assert!(queue.resume_repeatable(&added.id).await.unwrap());
    test.advance(HOUR * 2);
    test.drain_due().await.unwrap_err(); // the other task is not linked here
    assert!(queue.remove_repeatable(&added.id).await.unwrap());
    assert_eq!(queue.list_repeatables().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_latest_slots_are_told_the_latest_first() {
    let test = testing::client();
    // Many in one hour of the day, none in the others; and one that has an anchor of its own.
    let bursts = Schedule::cron("* 9 * * *").unwrap();
    test.schedules().upsert("bursts", bursts, tick::job()).await.unwrap();
    test.schedules().upsert("hourly", Schedule::every(HOUR), tick::job()).await.unwrap();
    assert_eq!(info(&test, "hourly").await.recent(5), [], "it has not fired");
    for _ in 0..80 {
        test.advance(HOUR);
        test.drain_due().await.unwrap();
    }
    let minute = Duration::from_secs(60);
    for (id, waits) in [("bursts", &[minute, HOUR * 23 + minute][..]), ("hourly", &[HOUR])] {
        let info = info(&test, id).await;
        let recent = info.recent(100);
        assert_eq!(
            recent.len(),
            if id == "bursts" { 100 } else { 80 },
            "{id}: not the moment in which it was made"
        );
        assert_eq!(Some(recent[0]), info.last);
        let wait = |pair: &[SystemTime]| pair[0].duration_since(pair[1]).unwrap();
        assert!(recent.windows(2).all(|pair| waits.contains(&wait(pair))), "{id}: {recent:?}");
        assert_eq!(info.recent(3), recent[..3]);
    }
}
