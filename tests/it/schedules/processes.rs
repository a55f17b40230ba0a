//! Worker processes that are killed and frozen, on stores that go away: every slot fires once.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use asyncmq::{Client, Misfire, NewJob, Retention, Schedule, ScheduleInfo};
use asyncmq_tests::servers::dice::Dice;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{header, info, jobs};
use crate::support::sqlite_url;

/// How many schedules there are; each has a slot a second.
const SCHEDULES: usize = 20;
const WORKERS: usize = 4;
const SECOND: Duration = Duration::from_secs(1);

/// A worker process, which ends with the test.
struct Process(Child);

impl Process {
    /// Starts one; with a clock that is wrong by so many seconds, if there is one to have.
    fn start(url: &str, wrong_by: i32) -> Self {
        let program = env!("CARGO_BIN_EXE_schedule_worker");
        let mut command = Command::new(if wrong_by == 0 { program } else { "faketime" });
        if wrong_by != 0 {
            command.args(["-m", "-f", &format!("{wrong_by:+}s"), program]);
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        let child = command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.expect("a worker can be started"))
    }

    fn send(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What was done to the workers.
#[derive(Debug, Default)]
struct Faults {
    killed: usize,
    frozen: usize,
}

/// Runs schedules on this store for a while, and kills and freezes the workers; `meanwhile` is done to the store.
async fn every_slot_fires_once(
    url: &str,
    (lasts, clocks): (Duration, [i32; WORKERS]),
    mut meanwhile: impl FnMut(Duration),
) {
    let client = Client::connect(url).await.unwrap();
    let every_second = || Schedule::every(SECOND).misfire(Misfire::All);
    let mut firsts = Vec::new();
    for number in 0..SCHEDULES {
        // Kept by time and not by number, so that none is gone when they are counted.
        let job = NewJob::new("beat").queue("beats").retain(Retention::For(SECOND * 3_600));
        let made = client.schedules().upsert(format!("s{number}"), every_second(), job).await.unwrap();
        firsts.push(made.next.unwrap());
    }
    let mut workers: Vec<_> = clocks.iter().map(|wrong_by| Process::start(url, *wrong_by)).collect();
    let (start, mut faults, mut dice) = (Instant::now(), Faults::default(), Dice::new(7));
    while start.elapsed() < lasts {
        tokio::time::sleep(Duration::from_millis(200 + dice.below(300))).await;
        let victim = usize::try_from(dice.below(WORKERS as u64)).unwrap();
        if dice.below(2) == 0 {
            workers[victim] = Process::start(url, clocks[victim]);
            faults.killed += 1;
        } else {
            workers[victim].send(Signal::SIGSTOP);
            tokio::time::sleep(Duration::from_millis(dice.below(1_500))).await;
            workers[victim].send(Signal::SIGCONT);
            faults.frozen += 1;
        }
        meanwhile(start.elapsed());
    }
    // Whatever was missed is made up for before the count is taken.
    let late = start.elapsed();
    let is_through = async |number: usize| {
        // The store may be back for a moment only, and this client's connection not yet.
        let found = client.schedules().get(format!("s{number}")).await.ok().flatten();
        found.and_then(|info| info.last).is_some_and(|last| firsts[number] + late <= last + SECOND)
    };
    for number in 0..SCHEDULES {
        while !is_through(number).await {
            assert!(start.elapsed() < lasts + Duration::from_secs(40), "schedule {number} does not go on");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        client.schedules().pause(format!("s{number}")).await.unwrap();
    }
    drop(workers);
    assert!(0 < faults.killed && 0 < faults.frozen, "{faults:?}");
    count(&client, &firsts, &faults).await;
}

/// Checks that each schedule's slots follow each other by a second, none missing and none twice.
async fn count(client: &Client, firsts: &[std::time::SystemTime], faults: &Faults) {
    let (mut slots, mut late) = (HashMap::<String, Vec<u64>>::new(), Vec::new());
    for job in jobs(client, "beats").await {
        let slot: u64 = header(&job, "asyncmq-slot").unwrap().parse().unwrap();
        late.push(asyncmq::Timestamp::from(job.created_at()).as_micros().saturating_sub(slot) / 1_000);
        slots.entry(header(&job, "asyncmq-schedule").unwrap().to_owned()).or_default().push(slot);
    }
    late.sort_unstable();
    for (number, first) in firsts.iter().enumerate() {
        let info: ScheduleInfo = info(client, &format!("s{number}")).await;
        let mut slots = slots.remove(&info.id).unwrap();
        slots.sort_unstable();
        assert_eq!(slots[0], asyncmq::Timestamp::from(*first).as_micros(), "the first slot fired");
        assert!(slots.windows(2).all(|pair| pair[1] - pair[0] == 1_000_000), "{slots:?}");
        assert_eq!((info.fired, info.skipped), (slots.len() as u64, 0));
    }
    let at = |part: usize| late[(late.len() - 1) * part / 1_000];
    println!(
        "{} slots of {SCHEDULES} schedules, each once; {faults:?}; late by {} ms (p50), {} ms (p99), {} ms at most",
        late.len(),
        at(500),
        at(990),
        at(1_000)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_slot_fires_once_on_a_file_while_workers_die() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(folder.path());
    every_slot_fires_once(&url, (SECOND * 5, [0; WORKERS]), |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn every_slot_of_a_minute_fires_once_on_a_file_while_workers_die() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(folder.path());
    every_slot_fires_once(&url, (SECOND * 60, [0; WORKERS]), |_| {}).await;
}

#[cfg(feature = "redis")]
mod redis {
    use asyncmq_tests::servers::redis_server::RedisServer;

    use super::*;

    /// A server that has whatever it said it has.
    const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

    #[tokio::test(flavor = "multi_thread")]
    async fn every_slot_fires_once_while_workers_and_server_die() {
        let (server, mut killed) = (RedisServer::start(&DURABLE), false);
        let url = server.url();
        every_slot_fires_once(&url, (SECOND * 5, [0; WORKERS]), |elapsed| {
            if !killed && SECOND * 2 < elapsed {
                killed = true;
                server.kill();
                server.revive();
            }
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "takes a minute, and needs `faketime`"]
    async fn every_slot_of_a_minute_fires_once_while_workers_and_server_die() {
        let (server, mut killed) = (RedisServer::start(&DURABLE), 0);
        let url = server.url();
        every_slot_fires_once(&url, (SECOND * 60, [0, 45, 0, -45]), |elapsed| {
            if SECOND * 8 * (killed + 1) < elapsed {
                killed += 1;
                server.kill();
                if killed % 2 == 0 {
                    std::thread::sleep(SECOND * 2);
                }
                server.revive();
            }
        })
        .await;
    }
}
