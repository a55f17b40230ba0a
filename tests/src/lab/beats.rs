//! The schedules of the laboratory: one slot a second each, under one policy each.

use std::time::{Duration, SystemTime};

use asyncmq::{Client, Misfire, Overlap, Schedule, Timestamp};

use crate::lab::event::{Event, Plan};
use crate::lab::journal::Journal;
use crate::lab::load::{Drawn, Payload};
use crate::servers::dice::Dice;

/// How far the slots of each are apart.
const EVERY: Duration = Duration::from_secs(1);

/// A schedule, and how long each of its jobs takes.
struct Beat {
    id: &'static str,
    schedule: Schedule,
    misfire: Misfire,
    overlap: Overlap,
    micros: u64,
}

fn beats() -> asyncmq::Result<[Beat; 5]> {
    let every = || Schedule::every(EVERY);
    let by_the_clock = Schedule::cron("* * * * * *")?;
    let beat = |id, schedule, misfire, overlap, micros| Beat { id, schedule, misfire, overlap, micros };
    Ok([
        beat("each", every(), Misfire::All, Overlap::Allow, 1_000),
        beat("each by the clock", by_the_clock, Misfire::All, Overlap::Allow, 0),
        beat("once", every(), Misfire::Once, Overlap::Allow, 1_000),
        beat("in time", every(), Misfire::Skip, Overlap::Allow, 0),
        beat("alone", every(), Misfire::Once, Overlap::Skip, 1_500_000),
    ])
}

/// Makes the schedules, and writes them down.
///
/// # Errors
///
/// Those of the store.
pub async fn start(client: &Client, journal: &Journal) -> asyncmq::Result<()> {
    let mut dice = Dice::new(1);
    for Beat { id, schedule, misfire, overlap, micros } in beats()? {
        let more = serde_json::json!({ "micros": micros });
        let job = Drawn::new("lab.wait", String::new(), Payload::draw(&mut dice), more);
        let schedule = schedule.misfire(misfire).overlap(overlap);
        let made = client.schedules().upsert(id, schedule, job.job).await?;
        let (makes_up, alone) = (misfire == Misfire::All, overlap == Overlap::Skip);
        let first = made.next.map_or(0, |next| Timestamp::from(next).as_micros());
        let interval = u64::try_from(EVERY.as_micros()).unwrap_or(u64::MAX);
        let plan = Plan { schedule: id.to_owned(), interval, first, makes_up, alone };
        let clock = Timestamp::from(SystemTime::now()).as_micros();
        journal.note(Event::Scheduled { plan, clock });
    }
    Ok(())
}

/// Stops and removes the schedules, and writes down when.
///
/// # Errors
///
/// Those of the store.
pub async fn stop(client: &Client, journal: &Journal) -> asyncmq::Result<()> {
    for Beat { id, .. } in beats()? {
        client.schedules().pause(id).await?;
        journal.note(Event::Unscheduled { schedule: id.to_owned() });
        client.schedules().remove(id).await?;
    }
    Ok(())
}
