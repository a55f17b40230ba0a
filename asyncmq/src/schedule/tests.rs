//! What holds for plans and texts, whatever makes the slots.

use std::time::{Duration, SystemTime};

use super::{GRACE, MOST_AT_ONCE, Misfire, Overlap, Plan, Schedule, Standing, Timing, pass_over, plan};
use crate::clock::Timestamp;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// Makes a schedule that runs each minute from 1000 s on, at 1000 s.
fn minutely(of: impl FnOnce(Schedule) -> Schedule) -> (Schedule, Standing) {
    let schedule = of(Schedule::every(MINUTE));
    let standing = Standing::begin(&schedule, at(1_000)).unwrap();
    (schedule, standing)
}

fn step(schedule: &Schedule, standing: &mut Standing, now: u64) -> Vec<u64> {
    let Plan { slots, standing: after } = plan(schedule, *standing, at(now)).unwrap();
    *standing = after;
    slots.iter().map(|slot| slot.as_micros() / 1_000_000).collect()
}

#[test]
fn an_interval_counts_from_its_beginning_and_never_drifts() {
    let (schedule, mut standing) = minutely(|schedule| schedule);
    assert!(step(&schedule, &mut standing, 1_059).is_empty());
    assert_eq!(step(&schedule, &mut standing, 1_060), [1_060]);
    // Late by half a minute: the next slot is where it was.
    assert_eq!(step(&schedule, &mut standing, 1_150), [1_120]);
    assert_eq!((standing.next, standing.last, standing.fired), (Some(at(1_180)), Some(at(1_120)), 2));
}

#[test]
fn the_start_is_the_first_slot_of_an_interval() {
    let (schedule, mut standing) = minutely(|schedule| schedule.start(at(5_000).into()));
    assert_eq!(standing.next, Some(at(5_000)));
    assert_eq!(step(&schedule, &mut standing, 5_000), [5_000]);
    let (_, past) = minutely(|schedule| schedule.start(at(10).into()));
    assert_eq!(past.next, Some(at(1_030)), "a start in the past only says what is counted from");
}

#[test]
fn nothing_fires_after_the_end_or_beyond_the_limit() {
    let (schedule, mut standing) = minutely(|schedule| schedule.end(at(1_125).into()).misfire(Misfire::All));
    assert_eq!(step(&schedule, &mut standing, 9_000), [1_060, 1_120]);
    assert_eq!(standing.next, None);
    let (schedule, mut standing) = minutely(|schedule| schedule.limit(3).misfire(Misfire::All));
    assert_eq!(step(&schedule, &mut standing, 9_000), [1_060, 1_120, 1_180]);
    assert_eq!((standing.next, step(&schedule, &mut standing, 10_000).len()), (None, 0));
    let (schedule, mut standing) = minutely(|schedule| schedule.end(at(1_125).into()));
    assert_eq!(step(&schedule, &mut standing, 9_000), [1_120], "the latest before the end stands for all");
}

#[test]
fn what_was_missed_is_skipped_made_up_for_once_or_altogether() {
    let missed = |misfire| {
        let (schedule, mut standing) = minutely(|schedule| schedule.misfire(misfire));
        let slots = step(&schedule, &mut standing, 1_650);
        (slots, standing.fired, standing.skipped, standing.next)
    };
    let next = Some(at(1_660));
    assert_eq!(missed(Misfire::Once), (vec![1_600], 1, 9, next));
    assert_eq!(missed(Misfire::Skip), (vec![1_600], 1, 9, next), "the latest is no more than a minute late");
    let all: Vec<u64> = (0..10).map(|slot| 1_060 + 60 * slot).collect();
    assert_eq!(missed(Misfire::All), (all, 10, 0, next));
    let (schedule, mut standing) =
        minutely(|schedule| Schedule { timing: Timing::Every(MINUTE * 5), ..schedule });
    let schedule = schedule.misfire(Misfire::Skip);
    standing.next = Some(at(1_300));
    let late = 1_300 + GRACE.as_secs() + 1;
    assert_eq!(step(&schedule, &mut standing, late), [0; 0]);
    assert_eq!((standing.fired, standing.skipped, standing.last), (0, 1, None));
}

#[test]
fn a_step_is_bounded_and_the_next_one_goes_on() {
    let (schedule, mut standing) = minutely(|schedule| schedule.misfire(Misfire::All));
    let now = 1_000 + 60 * 250;
    let mut all = Vec::new();
    for count in [MOST_AT_ONCE, MOST_AT_ONCE, 50, 0] {
        let slots = step(&schedule, &mut standing, now);
        assert_eq!(slots.len(), count);
        all.extend(slots);
    }
    assert!(all.windows(2).all(|pair| pair[0] + 60 == pair[1]));
}

#[test]
fn what_must_not_overlap_fires_one_slot_a_step_and_is_passed_over_altogether() {
    let (schedule, mut standing) = minutely(|schedule| schedule.misfire(Misfire::All).overlap(Overlap::Skip));
    assert_eq!(step(&schedule, &mut standing, 1_300), [1_060]);
    let passed = pass_over(&schedule, standing, at(1_300)).unwrap();
    assert_eq!((passed.fired, passed.skipped, passed.next), (1, 4, Some(at(1_360))));
    assert_eq!(passed.last, Some(at(1_060)), "whose job has not ended");
}

#[test]
fn a_change_keeps_the_next_slot_unless_it_makes_other_slots() {
    let (old, mut standing) = minutely(|schedule| schedule);
    step(&old, &mut standing, 1_060);
    let now = at(1_100);
    let same = standing.changed(&old, &old.clone().limit(5), now).unwrap();
    assert_eq!(same, standing);
    let slower = Schedule::every(MINUTE * 2);
    let changed = standing.changed(&old, &slower, now).unwrap();
    assert_eq!((changed.next, changed.last, changed.fired), (Some(at(1_220)), Some(at(1_060)), 1));
    let over = standing.changed(&old, &old.clone().limit(1), now).unwrap();
    assert_eq!(over.next, None);
    let again = over.changed(&old.clone().limit(1), &old, now).unwrap();
    assert_eq!(again.next, Some(at(1_120)), "a limit that is lifted lets it go on");
}

#[test]
fn a_stop_passes_its_slots_over() {
    let (schedule, mut standing) = minutely(|schedule| schedule.misfire(Misfire::All));
    step(&schedule, &mut standing, 1_060);
    let resumed = standing.resumed(&schedule, at(2_000)).unwrap();
    assert_eq!((resumed.next, resumed.fired, resumed.skipped), (Some(at(2_020)), 1, 0));
}

#[test]
fn what_could_never_run_is_refused() {
    let moment = |seconds| SystemTime::from(at(seconds));
    for bad in [
        Schedule::every(Duration::ZERO),
        Schedule::every(Duration::from_micros(999)),
        Schedule::every(Duration::MAX),
        Schedule::every(SECOND).limit(0),
        Schedule::every(SECOND).start(moment(9)).end(moment(8)),
        Schedule::every(SECOND).jitter(Duration::MAX),
    ] {
        assert!(bad.check().is_err() && Standing::begin(&bad, at(1)).is_err(), "{bad:?}");
        let _ = (bad.describe(), bad.to_string(), bad.upcoming(moment(1), 3));
    }
    assert!(Schedule::every(SECOND).tz("Europe/Zurich").is_err());
}

#[test]
fn intervals_read_as_they_are_written() {
    for (text, shown, words) in [
        ("1h", "every 1h", "Every hour"),
        ("90", "every 1m30s", "Every minute and 30 seconds"),
        ("every 2w", "every 2w", "Every 2 weeks"),
        ("@every 36h", "every 1d12h", "Every day and 12 hours"),
        (" 250ms ", "every 250ms", "Every 250 milliseconds"),
    ] {
        let schedule: Schedule = text.parse().unwrap();
        assert_eq!((schedule.to_string().as_str(), schedule.describe().as_str()), (shown, words));
        assert_eq!(shown.parse::<Schedule>().unwrap(), schedule);
    }
    let schedule = Schedule::every(MINUTE).start(at(86_400).into()).limit(1).jitter(SECOND);
    assert_eq!(schedule.describe(), "Every minute, from 1970-01-02T00:00:00Z, once, up to 1s later");
    for bad in ["", "0", "often", "1ns", "every", "every day"] {
        assert!(bad.parse::<Schedule>().is_err(), "{bad:?}");
    }
}

#[test]
fn the_next_runs_are_told() {
    let schedule = Schedule::every(MINUTE).limit(3);
    let upcoming = schedule.upcoming(at(1_000).into(), 10);
    assert_eq!(upcoming, [1_060, 1_120, 1_180].map(|time| SystemTime::from(at(time))));
    assert_eq!(Schedule::every(SECOND).upcoming(at(0).into(), usize::MAX).len(), 1_000);
}

#[cfg(feature = "cron")]
mod cron {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;
    use crate::schedule::times::Times;

    fn cron(expression: &str) -> Schedule {
        Schedule::cron(expression).unwrap_or_else(|error| panic!("{error:?}"))
    }

    #[test]
    fn a_long_row_of_missed_slots_ends_at_the_latest() {
        for expression in ["* * * * * *", "*/7 * * * *", "0 9 * * *", "* * 1 1 1 *"] {
            let schedule = cron(expression);
            let times = Times::of(&schedule, at(0)).unwrap();
            let (now, first) = (at(1_790_000_000), times.next_after(at(1_700_000_000)).unwrap());
            let began = Instant::now();
            let (last, before) = times.last_until(first, now);
            assert!(began.elapsed() < SECOND, "{expression}: {:?}", began.elapsed());
            assert!(last <= now && now < times.next_after(last).unwrap(), "{expression}");
            assert!(1_000 <= before, "{expression}: {before}");
        }
    }

    #[test]
    fn expressions_that_can_never_run_are_refused_at_once() {
        for expression in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 0 32 * *", "0 0 31 4 +MON", ", * * * *"]
        {
            let began = Instant::now();
            let error = Schedule::cron(expression).unwrap_err();
            let most = if cfg!(debug_assertions) { 250 } else { 25 };
            assert!(began.elapsed() < Duration::from_millis(most), "{expression}: {:?}", began.elapsed());
            assert!(error.to_string().contains(expression), "{error}");
        }
        for expression in
            ["0 0 29 2 *", "0 0 29 2 +MON", "0 0 L * *", "0 0 * * 5#3", "0 12 15W * *", "0 0 * * 5L"]
        {
            assert!(Schedule::cron(expression).is_ok(), "{expression}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (expression, reason) in [
            ("* * *", "3 fields"),
            ("0 0 0 1 1 * 2030", "7 fields"),
            ("@dayly", "did you mean \"@daily\""),
            ("60 * * * *", "no cron expression"),
            ("0 9 * * 1;2", "';'"),
            ("ü * * * *", "'ü'"),
        ] {
            let error = Schedule::cron(expression).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let error = cron("@daily").tz("Europe/Zürich").unwrap_err().to_string();
        assert!(error.contains("no time zone"), "{error}");
        let error = cron("@daily").tz("Europe/Zurch").unwrap_err().to_string();
        assert!(error.contains("\"Europe/Zurich\""), "{error}");
    }

    #[test]
    fn a_time_is_shown_as_the_clocks_of_the_zone_show_it() {
        let noon = Timestamp::from_micros(1_781_000_000_000_000).into();
        let zurich = cron("0 9 * * *").tz("Europe/Zurich").unwrap();
        assert_eq!(zurich.wall(noon), "Tue 2026-06-09 12:13:20 +02:00");
        assert_eq!(cron("@daily").wall(noon), "Tue 2026-06-09 10:13:20 +00:00");
        assert_eq!(Schedule::every(Duration::from_secs(60)).wall(noon), "2026-06-09 10:13:20 UTC");
    }

    #[test]
    fn words_and_text() {
        let schedule = cron("0  9 * * 1-5").tz("Europe/Zurich").unwrap();
        assert_eq!(schedule.to_string(), "0 9 * * 1-5 Europe/Zurich");
        assert_eq!(
            schedule.describe(),
            "At 09:00, on Monday, Tuesday, Wednesday, Thursday, and Friday (Europe/Zurich)"
        );
        assert_eq!("@daily".parse::<Schedule>().unwrap(), cron("@daily"));
        let kept = serde_json::to_string(&schedule).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&kept).unwrap(), schedule, "{kept}");
    }

    proptest! {
        #[test]
        fn garbage_is_refused_without_a_panic(text in "\\PC{0,40}") {
            let _ = text.parse::<Schedule>().map(|schedule| schedule.describe());
            let _ = Schedule::every(SECOND).tz(&text);
        }

        #[test]
        fn whatever_is_taken_has_times_that_only_grow(text in "[0-9*/,LW#?+ -]{5,30}", from in 0_u64..4_000_000_000) {
            grows(&text, from);
        }

        #[test]
        fn fields_of_every_kind_have_times_that_only_grow(
            fields in proptest::collection::vec("([0-9]{1,2}|\\*|\\*/[0-9]{1,2}|[0-9]-[0-9]{1,2}|[1-7]#[1-5]|L|[0-9]{1,2}W|MON|FEB|[0-9],[0-9]{2})", 5..7),
            zone in prop::sample::select(vec!["Europe/Zurich", "Australia/Lord_Howe", "America/St_Johns"]),
            from in 0_u64..4_000_000_000,
        ) {
            if let Some(schedule) = grows(&fields.join(" "), from) {
                grows_in(&schedule.tz(zone).unwrap(), from);
            }
        }
    }

    /// Checks the next times of a text, if it is an expression.
    fn grows(text: &str, from: u64) -> Option<Schedule> {
        let schedule = Schedule::cron(text).ok()?;
        grows_in(&schedule, from);
        Some(schedule)
    }

    fn grows_in(schedule: &Schedule, from: u64) {
        let upcoming = schedule.upcoming(at(from).into(), 50);
        assert_eq!(upcoming.len(), 50, "{schedule}");
        assert!(SystemTime::from(at(from)) < upcoming[0], "{schedule}");
        assert!(upcoming.windows(2).all(|pair| pair[0] < pair[1]), "{schedule}: {upcoming:?}");
        assert!(!schedule.describe().is_empty());
    }
}
