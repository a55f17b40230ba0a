//! Recurring jobs, seen from outside: what code says of them, what workers do, and that each slot fires once whatever happens.

mod declared;
mod orders;
mod processes;
mod time;
mod workers;

use std::time::Duration;

use asyncmq::{Client, Job, JobState, ScheduleInfo, task};

const HOUR: Duration = Duration::from_secs(3_600);

#[task(name = "schedules.tick", queue = "schedules ticks")]
async fn tick() {}

#[task(name = "schedules.hourly", queue = "schedules declared", every = "1h", retries = 2)]
async fn hourly(#[serde(default)] depth: u32) -> u32 {
    depth
}

#[task(name = "schedules.beside", queue = "schedules declared")]
async fn beside() {}

/// Returns the schedule of this id, which must be there.
async fn info(client: &Client, id: &str) -> ScheduleInfo {
    client.schedules().get(id).await.unwrap().unwrap_or_else(|| panic!("there is no schedule {id:?}"))
}

/// Lists the jobs of a queue, whatever has become of them.
async fn jobs(client: &Client, queue: &str) -> Vec<Job> {
    let mut jobs = Vec::new();
    for state in JobState::ALL {
        jobs.extend(client.queue(queue).list_jobs(state, 0..100_000).await.unwrap());
    }
    jobs
}

/// Returns the value of a header.
fn header<'a>(job: &'a Job, name: &str) -> Option<&'a str> {
    job.envelope().extras().headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
