//! Targets for garbage: what people write as a schedule, and what stores keep of one.

use std::time::SystemTime;

use super::{Schedule, ScheduleId, ScheduleRecord, Timing, pass_over, plan};
use crate::clock::Timestamp;
use crate::fuzz::{Target, text};

/// In the year 2026.
const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

pub(crate) fn texts() -> Target {
    let samples = [
        "1h30m",
        "every 250ms",
        "@daily",
        "*/5 9-17 * * 1-5",
        "0 0 0 L 2 *",
        "30 2 15W * MON#2",
        "0 0 29 2 *",
    ];
    let samples = samples.iter().map(|text| text.as_bytes().to_vec()).collect();
    Target { name: "schedule_text", read: read_text, samples }
}

fn read_text(bytes: &[u8]) {
    let text = &*text(bytes);
    let Ok(schedule) = text.parse::<Schedule>() else { return };
    assert!(!schedule.describe().is_empty(), "{text:?}");
    let is_exact = match schedule.timing() {
        Timing::Every(interval) => interval.subsec_nanos() % 1_000 == 0,
        Timing::Cron { .. } => true,
    };
    if is_exact {
        assert_eq!(schedule.to_string().parse::<Schedule>().expect("it was one"), schedule, "{text:?}");
    }
    let upcoming = schedule.upcoming(NOW.into(), 20);
    assert!(upcoming.first().is_some_and(|first| SystemTime::from(NOW) < *first), "{text:?}");
    assert!(upcoming.windows(2).all(|pair| pair[0] < pair[1]), "{text:?}");
}

pub(crate) fn records() -> Target {
    let every = r#"{"schedule":{"timing":{"every":{"secs":60,"nanos":0}},"limit":9,"jitter":{"secs":1,"nanos":0}},"standing":{"anchor":1,"next":60000001,"last":1,"fired":1,"skipped":0},"job":{"queue":"q","task":"t","version":1,"args":"{}","priority":5,"max_attempts":1}}"#;
    let cron = r#"{"schedule":{"timing":{"cron":{"expression":"30 2 * * *","zone":"Europe/Zurich"}},"misfire":"all","overlap":"skip"},"standing":{"anchor":1,"next":1780000000000000,"fired":0,"skipped":0},"job":{"queue":"q","task":"t","version":1,"args":[1,2],"priority":5,"max_attempts":1,"headers":[["k","v"]]},"paused":{"by":{"operator":"ann"},"at":7},"declared":"x","removed":8}"#;
    let samples = [every, cron].iter().map(|text| text.as_bytes().to_vec()).collect();
    Target { name: "schedule_record", read: read_record, samples }
}

fn read_record(bytes: &[u8]) {
    let Ok(record) = ScheduleRecord::read(bytes) else { return };
    let Ok(written) = record.write() else { return };
    let again = ScheduleRecord::read(&written).expect("it was written");
    assert_eq!(again.write().ok(), Some(written));
    let id = ScheduleId::from_stored("s");
    if let Ok(plan) = plan(&record.schedule, record.standing, NOW) {
        for slot in &plan.slots {
            assert!(*slot <= NOW);
            let _ = record.job_in(&id, *slot);
        }
        assert!(plan.slots.windows(2).all(|pair| pair[0] < pair[1]));
    }
    let _ = (pass_over(&record.schedule, record.standing, NOW), record.schedule.describe(), record.next());
    let _ = record.standing.resumed(&record.schedule, NOW);
}
