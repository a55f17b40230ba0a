//! What becomes of slots where clocks change, against what walking the moments of a zone minute by minute says.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};

use crate::clock::Timestamp;
use crate::schedule::Schedule;
use crate::schedule::times::Times;

/// Zones, each with the days between which its changes lie.
const ZONES: [(&str, &str, &str, usize); 10] = [
    // A change of half an hour.
    ("Australia/Lord_Howe", "2025-01-01", "2025-12-31", 2),
    // From 10 hours behind to 14 ahead: a day that never was.
    ("Pacific/Kiritimati", "1979-01-01", "1995-12-31", 2),
    ("Pacific/Apia", "2010-06-01", "2012-12-31", 6),
    // Behind in the month of fasting.
    ("Africa/Casablanca", "2025-01-01", "2025-12-31", 2),
    ("America/New_York", "2025-01-01", "2025-12-31", 2),
    ("Europe/Zurich", "2025-01-01", "2025-12-31", 2),
    // A change of a quarter of an hour.
    ("Asia/Kathmandu", "1985-06-01", "1986-06-01", 1),
    // Changes at one minute past midnight.
    ("America/St_Johns", "2010-01-01", "2010-12-31", 2),
    // Days that begin at one o'clock.
    ("America/Sao_Paulo", "2018-01-01", "2018-12-31", 2),
    // A zone on the other half of the earth, with its summer in winter.
    ("Pacific/Auckland", "2025-01-01", "2025-12-31", 2),
];

/// One change of a zone's clocks.
struct Change {
    zone: TimeZone,
    at: jiff::Timestamp,
    /// A time on the wall in its midst, to the minute.
    inside: Time,
}

fn changes(name: &str, from: &str, to: &str) -> Vec<Change> {
    let zone = TimeZone::get(name).unwrap();
    let start = |day: &str| day.parse::<Date>().unwrap().to_zoned(TimeZone::UTC).unwrap().timestamp();
    let within = zone.following(start(from)).take_while(|change| change.timestamp() < start(to));
    let changes = within.filter_map(|change| {
        let at = change.timestamp();
        let before = zone.to_offset(at - SignedDuration::from_secs(1));
        let shift = i64::from(change.offset().seconds() - before.seconds());
        // Some are changes of a name alone.
        (shift != 0).then(|| {
            let middle = before.to_datetime(at) + SignedDuration::from_secs(shift / 2);
            let inside = Time::constant(middle.hour(), middle.minute(), 0, 0);
            Change { zone: zone.clone(), at, inside }
        })
    });
    changes.collect()
}

impl Change {
    /// Lists the moments around the change, minute by minute, each with its time on the wall.
    fn minutes(&self) -> impl Iterator<Item = (jiff::Timestamp, jiff::civil::DateTime)> {
        let start = self.at - SignedDuration::from_hours(60);
        let zone = self.zone.clone();
        (0..120 * 60).map(move |minute| {
            let moment = start + SignedDuration::from_mins(minute);
            let civil = zone.to_datetime(moment);
            (moment, civil)
        })
    }

    /// Lists the slots that the schedule has in that time.
    fn slots(&self, expression: &str, name: &str) -> Vec<jiff::Timestamp> {
        let schedule = Schedule::cron(expression).unwrap().tz(name).unwrap();
        let times = Times::of(&schedule, Timestamp::default()).unwrap();
        let (first, last) = (self.minutes().next().unwrap().0, self.minutes().last().unwrap().0);
        let micros =
            |time: jiff::Timestamp| Timestamp::from_micros(u64::try_from(time.as_microsecond()).unwrap());
        let slots = std::iter::successors(times.next_after(micros(first - 1.second())), |slot| {
            times.next_after(*slot)
        });
        let slots = slots.take_while(|slot| *slot <= micros(last));
        slots
            .map(|slot| jiff::Timestamp::from_microsecond(i64::try_from(slot.as_micros()).unwrap()).unwrap())
            .collect()
    }

    /// Lists, for each day on the wall, the first moment that is not before a time of it.
    fn once_a_day(&self, time: Time) -> Vec<jiff::Timestamp> {
        let mut slots: Vec<jiff::Timestamp> = Vec::new();
        let (start, first) = self.minutes().next().unwrap();
        let days = (0..8).map(|day| first.date() + day.days());
        for wanted in days.map(|day| day.to_datetime(time)) {
            // What is reached before the first minute belongs to the time before.
            let reached = self.minutes().find(|(_, civil)| wanted <= *civil);
            if let Some((moment, _)) = reached.filter(|(moment, _)| *moment != start || first == wanted) {
                slots.push(moment);
            }
        }
        slots.dedup();
        slots
    }
}

#[test]
fn no_slot_is_missing_or_doubled_where_clocks_change() {
    for (name, from, to, count) in ZONES {
        let changes = changes(name, from, to);
        assert_eq!(changes.len(), count, "{name}");
        for change in changes {
            let told = format!("{name} at {}", change.at);
            let named = |minutes: i8, offset: i8| {
                let minutes = change.minutes().filter(move |(_, civil)| civil.minute() % minutes == offset);
                minutes.map(|(moment, _)| moment).collect::<Vec<_>>()
            };
            assert_eq!(change.slots("*/30 * * * *", name), named(30, 0), "{told}");
            assert_eq!(change.slots("0 * * * *", name), named(60, 0), "{told}");
            assert_eq!(change.slots("17 * * * *", name), named(60, 17), "{told}");
            let time = change.inside;
            let fixed = format!("{} {} * * *", time.minute(), time.hour());
            let slots = change.slots(&fixed, name);
            assert_eq!(slots, change.once_a_day(time), "{fixed} {told}");
            assert!(slots.windows(2).all(|pair| pair[0] < pair[1]), "{fixed} {told}");
        }
    }
}

#[test]
fn a_list_of_hours_loses_none_of_them() {
    let spring = "2025-03-29T12:00:00Z".parse::<jiff::Timestamp>().unwrap();
    let run = |expression: &str, from: jiff::Timestamp| {
        let schedule = Schedule::cron(expression).unwrap().tz("Europe/Zurich").unwrap();
        let upcoming = schedule.upcoming(from.into(), 4).into_iter();
        upcoming.map(|time| jiff::Timestamp::try_from(time).unwrap().to_string()).collect::<Vec<_>>()
    };
    // 02:00 does not exist on the 30th: three o'clock summer time is the first moment after it.
    assert_eq!(
        run("0 2,14 * * *", spring),
        ["2025-03-29T13:00:00Z", "2025-03-30T01:00:00Z", "2025-03-30T12:00:00Z", "2025-03-31T00:00:00Z"]
    );
    // Both of 02:00 and 02:30 come at that moment: one slot.
    assert_eq!(
        run("*/30 2 * * *", spring),
        ["2025-03-30T01:00:00Z", "2025-03-31T00:00:00Z", "2025-03-31T00:30:00Z", "2025-04-01T00:00:00Z"]
    );
    let autumn = "2025-10-25T12:00:00Z".parse().unwrap();
    // 02:30 comes twice on the 26th: at 00:30 and 01:30 UTC.
    assert_eq!(
        run("30 2 * * *", autumn),
        ["2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z", "2025-10-28T01:30:00Z", "2025-10-29T01:30:00Z"]
    );
}
