//! `cargo run --example schedules` — jobs that recur: every so often, at the times of a cron expression, from an attribute.

use std::time::{Duration, SystemTime};

use asyncmq::{Client, EventData, EventKind, Misfire, Overlap, Schedule, Worker, task};
use futures::StreamExt;

/// A worker that starts makes this schedule; its id is the task's name.
#[task(queue = "reports", cron = "0 9 * * 1-5", tz = "Europe/Zurich")]
async fn morning_report() {}

#[task(queue = "reports")]
async fn heartbeat(service: String) -> String {
    format!("{service} is well")
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    let client = Client::memory();
    let schedules = client.schedules();

    // Each has an id. Asked for again, it is changed in its place.
    let often = Schedule::every(Duration::from_millis(200)).limit(3).misfire(Misfire::All);
    schedules.upsert("pulse", often, heartbeat::job("billing")).await?;
    let nightly = Schedule::cron("30 2 * * *")?.tz("Europe/Zurich")?.overlap(Overlap::Skip);
    schedules.upsert("nightly", nightly, heartbeat::job("archive").retries(3)).await?;

    let worker = Worker::new(&client).start().await?;
    let mut fired = client.events_where(EventKind::ScheduleFired).await?;
    for _ in 0..3 {
        let Some(event) = fired.next().await else { break };
        if let EventData::Slot { schedule, slot } = event.data() {
            let late = SystemTime::now().duration_since(*slot).unwrap_or_default();
            println!("{schedule} fired, {late:?} after its slot");
        }
    }

    // Outside of its slots, also while it is paused.
    schedules.pause("nightly").await?;
    let handle = schedules.run_now("nightly").await?;
    println!("{}", handle.result::<String>().await?);
    schedules.resume("nightly").await?;

    for info in schedules.list().await? {
        println!("{}: {}; fired {}", info.id, info.schedule.describe(), info.fired);
        for next in info.upcoming(2) {
            println!("  in {:?}", next.duration_since(SystemTime::now()).unwrap_or_default());
        }
    }
    worker.stop().await?;
    Ok(())
}
