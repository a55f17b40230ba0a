//! Slots where clocks change, through client, store and worker, on virtual time.

use std::collections::HashMap;
use std::time::Duration;

use asyncmq::{Misfire, Schedule, testing};

use super::{HOUR, header, info, jobs, tick};

/// Lets a schedule fire for so many days, a few hours at a time, and returns how long it is between the slots, in minutes, each
/// with its number.
async fn waits(schedule: Schedule, days: u32) -> HashMap<u64, usize> {
    let test = testing::client();
    test.schedules().upsert("s", schedule, tick::job()).await.unwrap();
    for _ in 0..days * 3 {
        test.advance(HOUR * 8);
        test.drain_due().await.unwrap();
    }
    let fired = jobs(&test, "schedules ticks").await;
    let mut slots: Vec<u64> =
        fired.iter().map(|job| header(job, "asyncmq-slot").unwrap().parse().unwrap()).collect();
    slots.sort_unstable();
    assert_eq!(info(&test, "s").await.fired as usize, slots.len());
    let mut waits = HashMap::new();
    for pair in slots.windows(2) {
        *waits.entry((pair[1] - pair[0]) / 60_000_000).or_default() += 1;
    }
    waits
}

#[tokio::test]
async fn a_time_of_day_comes_once_on_each_day_of_two_changes() {
    // Once in spring it does not exist, and comes half an hour later by the sun; once in autumn it comes twice.
    let schedule = Schedule::cron("30 2 * * *").unwrap().tz("Europe/Zurich").unwrap();
    let waits = waits(schedule, 366).await;
    assert_eq!(waits.keys().filter(|wait| ![1_410, 1_440, 1_500].contains(*wait)).count(), 0, "{waits:?}");
    assert_eq!((waits[&1_410], waits[&1_500]), (2, 1));
    assert!((361..=363).contains(&waits[&1_440]), "{waits:?}");
}

#[tokio::test]
async fn every_half_hour_is_every_half_hour_whatever_the_clocks_say() {
    let schedule = Schedule::cron("*/30 * * * *").unwrap().tz("Australia/Lord_Howe").unwrap();
    // Long enough for a change, and less than the 10,000 jobs that are kept.
    let waits = waits(schedule.misfire(Misfire::All), 200).await;
    assert_eq!(waits.keys().copied().collect::<Vec<_>>(), [30]);
    assert!(9_590 < waits[&30], "{waits:?}");
}

#[tokio::test]
async fn a_start_and_an_end_are_slots_and_nothing_fires_after() {
    let test = testing::client();
    let start = test.now() + Duration::from_secs(10);
    let schedule = Schedule::every(Duration::from_secs(7)).start(start).end(start + Duration::from_secs(28));
    test.schedules().upsert("s", schedule.misfire(Misfire::All), tick::job()).await.unwrap();
    test.advance(HOUR);
    assert_eq!(test.drain().await.unwrap().completed, 5, "both ends are slots");
    assert_eq!(info(&test, "s").await.next, None);
}
