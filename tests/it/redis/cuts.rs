//! The append-only file, cut anywhere: what is left of it is a store between two steps, with all that was acknowledged
//! before.
//!
//! `ASYNCMQ_CUTS` sets at how many offsets, `ASYNCMQ_SEED` which ones and under which load.

use std::path::{Path, PathBuf};
use std::time::Duration;

use asyncmq::{Client, Clock, Context, JobId, JobState, NewJob, Registry, TaskError, Worker, task};

use crate::redis::steps::Steps;
use crate::support::{soon, until};
use asyncmq_tests::servers::dice::Dice;
use asyncmq_tests::servers::redis_check::check;
use asyncmq_tests::servers::redis_server::{RedisServer, free_port};

/// Every answer comes after the file is on the disk, and the file is never written anew.
const OPTIONS: [&str; 8] = [
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--auto-aof-rewrite-percentage",
    "0",
    "--enable-debug-command",
    "local",
];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// The part of the append-only file that grows.
fn log_of(directory: &Path) -> PathBuf {
    let folder = std::fs::read_dir(directory.join("appendonlydir")).unwrap();
    let mut logs = folder.map(|entry| entry.unwrap().path());
    logs.find(|path| path.to_str().unwrap().ends_with(".incr.aof")).unwrap()
}

fn length(log: &Path) -> u64 {
    std::fs::metadata(log).unwrap().len()
}

/// Starts a server on a copy of the files, of which the log is cut behind so many bytes.
fn cut(of: &Path, at: u64) -> RedisServer {
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("appendonlydir")).unwrap();
    for entry in std::fs::read_dir(of.join("appendonlydir")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join("appendonlydir").join(entry.file_name())).unwrap();
    }
    let log = std::fs::OpenOptions::new().write(true).open(log_of(copy.path())).unwrap();
    log.set_len(at).unwrap();
    drop(log);
    RedisServer::start_in(free_port(), copy, &[&OPTIONS[..], &["--aof-load-truncated", "yes"]].concat())
}

fn digest(server: &RedisServer) -> String {
    server.order(&["DEBUG", "DIGEST"])
}

/// Every cut leaves what the store was after some step, and after the last one that was acknowledged before the cut.
async fn every_prefix_is_a_state_between_two_steps(cuts: u64, steps: u64) {
    let seed = setting("ASYNCMQ_SEED", 7);
    println!("ASYNCMQ_SEED={seed}, {steps} steps, {cuts} cuts");
    let mut dice = Dice::new(seed);
    let server = RedisServer::start(&OPTIONS);
    let log = log_of(server.directory());
    let mut load = Steps::new(&server.url(), Clock::manual()).await;
    // A store that meets a lane for the first time claims twice: the others are met before.
    for _ in 0..300 {
        load.step(&mut dice).await;
    }
    // What the log's length and the store's content were after each step.
    let begin = length(&log);
    let mut states = vec![(begin, digest(&server), load.places())];
    for number in 0..steps {
        load.step(&mut dice).await;
        let places = check(&mut server.admin(), "asyncmq", true);
        assert_eq!(places, load.places(), "step {number}");
        states.push((length(&log), digest(&server), places));
    }
    let whole = length(&log);
    server.kill();
    let mut seen = [false; 4];
    for number in 0..cuts {
        let at = begin + dice.below(whole + 1 - begin);
        let copy = cut(server.directory(), at);
        let places = check(&mut copy.admin(), "asyncmq", true);
        let (_, content, expected) = states.iter().rfind(|(length, ..)| *length <= at).unwrap();
        assert_eq!(&digest(&copy), content, "cut {number} at {at} of {whole}");
        assert_eq!(&places, expected, "cut {number} at {at} of {whole}");
        let counts = [places.waiting, places.delayed, places.active, places.ended];
        seen.iter_mut().zip(counts).for_each(|(seen, count)| *seen |= count != 0);
    }
    assert_eq!(seen, [true; 4], "no job was ever cut short there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_cut_at_20_places_is_a_state_between_two_steps() {
    every_prefix_is_a_state_between_two_steps(setting("ASYNCMQ_CUTS", 20), 250).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "half a minute: the same, with more steps and cuts"]
async fn a_log_cut_at_200_places_is_a_state_between_two_steps() {
    every_prefix_is_a_state_between_two_steps(setting("ASYNCMQ_CUTS", 200), 1_500).await;
}

/// Does one of several things, as its job wants.
#[task(name = "cuts.act", queue = "cuts", retries = 3, backoff = "fixed(10ms)")]
async fn act(ctx: &Context, number: u64) -> Result<u64, TaskError> {
    match number % 10 {
        0 if ctx.attempt() == 1 => Err(std::io::Error::other("the first attempt").into()),
        1 if ctx.attempt() == 1 => Err(TaskError::retry_in(Duration::from_millis(5), "again")),
        2 => {
            tokio::time::sleep(Duration::from_millis(3)).await;
            Ok(number)
        }
        _ => Ok(number),
    }
}

async fn worker(client: &Client) -> asyncmq::WorkerHandle {
    let worker = Worker::new(client).queues(["cuts"]).registry(Registry::new().with::<act>());
    let worker = worker.concurrency(20).lease(Duration::from_millis(500));
    worker.heartbeat_interval(Duration::from_millis(100)).start().await.unwrap()
}

/// What was acknowledged, and how long the log was by then.
#[derive(Default)]
struct Acknowledged {
    taken_in: Vec<(u64, JobId)>,
    ended: Vec<(u64, JobId)>,
}

/// Lets clients and a worker loose on a server, all at once.
async fn load(server: &RedisServer, log: &Path, batches: u64) -> Acknowledged {
    let client = Client::connect(&server.url()).await.unwrap();
    let worker = worker(&client).await;
    let producers = (0..3).map(|producer| {
        let (client, log) = (client.clone(), log.to_owned());
        tokio::spawn(async move {
            let mut acknowledged = Acknowledged::default();
            for batch in 0..batches {
                let jobs = (0..1 + batch % 7).map(|job| options(producer * 1_000_000 + batch * 100 + job));
                let handles = client.enqueue_all(jobs).await.unwrap();
                let by = length(&log);
                acknowledged.taken_in.extend(handles.iter().map(|handle| (by, handle.id().clone())));
                if batch % 3 == 0 {
                    soon("a result", handles[0].result()).await.unwrap();
                    acknowledged.ended.push((length(&log), handles[0].id().clone()));
                }
            }
            acknowledged
        })
    });
    let mut all = Acknowledged::default();
    for acknowledged in futures::future::join_all(producers).await {
        let acknowledged = acknowledged.unwrap();
        all.taken_in.extend(acknowledged.taken_in);
        all.ended.extend(acknowledged.ended);
    }
    until("all jobs end", async || client.queue("cuts").counts().await.unwrap().unfinished() == 0).await;
    worker.stop().await.unwrap();
    all
}

fn options(number: u64) -> NewJob<act> {
    let job = act::job(number);
    match number % 13 {
        3 => job.delay(Duration::from_millis(number % 50)),
        5 => job.priority(7),
        7 => job.ttl(Duration::from_secs(600)),
        _ => job,
    }
}

/// Whatever is left of the log of a server under load, nothing that was acknowledged is missing, and a worker goes on.
async fn a_cut_log_loses_nothing_acknowledged(cuts: u64, batches: u64) {
    let seed = setting("ASYNCMQ_SEED", 7);
    let mut dice = Dice::new(seed);
    let server = RedisServer::start(&OPTIONS);
    let log = log_of(server.directory());
    let acknowledged = load(&server, &log, batches).await;
    let whole = length(&log);
    server.kill();
    println!("ASYNCMQ_SEED={seed}, {} jobs, {cuts} cuts of {whole} bytes", acknowledged.taken_in.len());
    let (mut cut_short, mut lost) = (0, 0);
    for number in 0..cuts {
        let at = dice.below(whole + 1);
        let copy = cut(server.directory(), at);
        let places = check(&mut copy.admin(), "asyncmq", true);
        cut_short += places.waiting + places.delayed + places.active;
        let client = Client::connect(&copy.url()).await.unwrap();
        let queue = client.queue("cuts");
        for (_, id) in acknowledged.ended.iter().filter(|(by, _)| *by <= at) {
            let job = queue.job(id).await.unwrap();
            assert_eq!(job.map(|job| job.state()), Some(JobState::Completed), "cut {number} at {at}: {id}");
        }
        let worker = worker(&client).await;
        until("the rest ends", async || queue.counts().await.unwrap().unfinished() == 0).await;
        worker.stop().await.unwrap();
        let kept = check(&mut copy.admin(), "asyncmq", true);
        assert_eq!(kept.ended, places.waiting + places.delayed + places.active + places.ended);
        let jobs = queue.list_jobs(JobState::Completed, 0..u64::MAX).await.unwrap();
        assert_eq!(jobs.len(), kept.ended, "every job completes in the end");
        let ids: std::collections::HashSet<_> = jobs.iter().map(|job| job.id().clone()).collect();
        lost += acknowledged.taken_in.iter().filter(|(by, id)| *by <= at && !ids.contains(id)).count();
    }
    println!("{cut_short} jobs were cut short and ended afterwards; {lost} acknowledged ones were lost");
    assert_eq!(lost, 0);
    assert!(0 < cut_short, "no job was ever cut short");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_cut_at_a_few_places_has_what_was_acknowledged() {
    a_cut_log_loses_nothing_acknowledged(setting("ASYNCMQ_CUTS", 4), 60).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: the same at 200 places"]
async fn a_log_cut_at_200_places_has_what_was_acknowledged() {
    a_cut_log_loses_nothing_acknowledged(setting("ASYNCMQ_CUTS", 200), 400).await;
}
