//! What is left when everything has ended.

use std::time::{Duration, Instant, SystemTime};

use asyncmq::JobState;

use crate::lab::chaos::arena::Arena;
use crate::lab::chaos::watch::Watch;
use crate::lab::event::Event;
use crate::lab::load;
use crate::lab::send::Sender;
use crate::servers::sqlite_check::is_sound;

/// How long the last jobs may take.
const PATIENCE: Duration = Duration::from_secs(90);
/// How many jobs are read at once.
const PAGE: u64 = 1_000;
/// How many keys a store may keep that has no job any more: those of queues, workers and senders.
const KEYS: u64 = 200;

/// Waits until all jobs have ended. Returns what has not, if that takes too long.
pub(super) async fn drained(sender: &Sender, watch: &Watch) -> Option<String> {
    watch.hush();
    let start = Instant::now();
    loop {
        let left = unfinished(sender).await;
        match left {
            Ok(left) if left.is_empty() => return None,
            left if PATIENCE < start.elapsed() => return Some(format!("{left:?}")),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn unfinished(sender: &Sender) -> asyncmq::Result<Vec<String>> {
    let mut left = Vec::new();
    for queue in sender.client.queues().await? {
        let counts = sender.client.queue(queue.as_str()).counts().await?;
        if counts.unfinished() != 0 {
            left.push(format!("{}: {counts:?}", queue.as_str()));
        }
    }
    Ok(left)
}

/// Writes down how every job stands, whether the store agrees with itself, and what is left when all is cleaned.
pub(super) async fn look(sender: &Sender, arena: &Arena, drained: Option<String>) -> anyhow::Result<()> {
    audit(sender, "I1", "every job has ended", drained);
    for queue in sender.client.queues().await? {
        let of = sender.client.queue(queue.as_str());
        let counts = of.counts().await?;
        for state in JobState::ALL {
            let listed = list(sender, queue.as_str(), state).await?;
            let wrong = (listed != counts.of(state))
                .then(|| format!("{listed} jobs are listed and {} counted", counts.of(state)));
            audit(sender, "I7", &format!("{state} jobs of {}", queue.as_str()), wrong);
        }
    }
    check_keys(sender).await?;
    let permits = arena.broken_permits();
    let wrong = permits.unwrap_or_else(|| Some("the store cannot be asked".to_owned()));
    audit(sender, "I13", "permits when all has ended", wrong);
    let waits = arena.broken_waits().unwrap_or_else(|| Some("the store cannot be asked".to_owned()));
    audit(sender, "I15", "jobs that wait for others when all has ended", waits);
    check_itself(sender, arena, "when all has ended").await?;
    clean(sender).await?;
    check_itself(sender, arena, "when all was cleaned").await?;
    let size = arena.size();
    if let (Arena::Redis(_), Some((_, keys))) = (arena, size) {
        let wrong = (KEYS < keys).then(|| format!("{keys} keys are left"));
        audit(sender, "I17", "what is left when every job was cleaned", wrong);
    }
    Ok(())
}

fn audit(sender: &Sender, invariant: &str, name: &str, wrong: Option<String>) {
    let (invariant, name) = (invariant.to_owned(), name.to_owned());
    sender.journal.note(Event::Audit { invariant, name, wrong });
}

/// Writes down every job of a state; returns how many there are.
async fn list(sender: &Sender, queue: &str, state: JobState) -> asyncmq::Result<u64> {
    let mut count = 0;
    loop {
        let jobs = sender.client.queue(queue).list_jobs(state, count..count + PAGE).await?;
        for job in &jobs {
            sender.journal.note(Event::Final {
                queue: queue.to_owned(),
                job: job.id().to_string(),
                state: state.to_string(),
                crashes: job.crashes(),
            });
        }
        count += jobs.len() as u64;
        if (jobs.len() as u64) < PAGE {
            return Ok(count);
        }
    }
}

/// Writes down which deduplication keys are held though every job has ended and every window is over.
async fn check_keys(sender: &Sender) -> asyncmq::Result<()> {
    let longest = load::MODES.iter().filter_map(|mode| mode.time()).max().unwrap_or_default();
    // A window may have begun a moment ago.
    tokio::time::sleep(longest).await;
    for (mode, number) in load::MODES.into_iter().flat_map(|mode| (0..load::KEYS).map(move |key| (mode, key)))
    {
        let key = load::key(mode, number);
        let owner = sender.client.queue(load::WORK).get_deduplication_job_id(&key).await?;
        let wrong = owner.map(|owner| format!("job {owner} holds it"));
        audit(sender, "I16", &format!("key {key:?} is free when all has ended"), wrong);
    }
    Ok(())
}

/// Reads the store past asyncmq, and says where it does not agree with itself.
async fn check_itself(sender: &Sender, arena: &Arena, when: &str) -> anyhow::Result<()> {
    let url = arena.url();
    let wrong = match arena {
        Arena::Redis(server) => {
            let server = server.clone();
            let look = move || crate::servers::redis_check::check(&mut server.admin(), "asyncmq", false);
            tokio::task::spawn_blocking(move || complaint(look)).await?
        }
        Arena::Sqlite(file) => {
            let file = file.clone();
            tokio::task::spawn_blocking(move || complaint(|| is_sound(&file))).await?
        }
    };
    audit(sender, "I7", &format!("{url} agrees with itself {when}"), wrong);
    Ok(())
}

/// Returns what somebody says who panics if anything is wrong.
fn complaint<T>(look: impl FnOnce() -> T) -> Option<String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(look)).err().map(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_else(|| "it does not agree with itself".to_owned())
    })
}

async fn clean(sender: &Sender) -> asyncmq::Result<()> {
    for queue in sender.client.queues().await? {
        let of = sender.client.queue(queue.as_str());
        for state in [JobState::Completed, JobState::Failed, JobState::Cancelled, JobState::Expired] {
            of.clean(state, SystemTime::now() + Duration::from_secs(3_600)).await?;
        }
        let left = of.counts().await?.total();
        let wrong = (left != 0).then(|| format!("{left} jobs are left"));
        audit(sender, "I17", &format!("{} is empty when it was cleaned", queue.as_str()), wrong);
    }
    Ok(())
}
