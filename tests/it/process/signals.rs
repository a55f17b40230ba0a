//! A worker process that is told to end.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::{command, end_of, lines, wait_for_file};

const EFFECTS: &str = env!("CARGO_BIN_EXE_effects");

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts the worker with a load of jobs that take up to so many milliseconds.
fn under_load(folder: &TempDir, longest: u64, flags: &[&str]) -> Child {
    let mut command = command(EFFECTS, folder.path());
    let child = command.env("EFFECTS_LONGEST", longest.to_string()).args(flags).spawn().unwrap();
    wait_for_file(&folder.path().join("ready"));
    child
}

/// Checks that every job that the store took in had its effect once, or waits; returns how many ran and were given back.
fn account(folder: &TempDir, output: &Output) -> (usize, usize) {
    let acks = lines(&folder.path().join("acks"));
    let effects = lines(&folder.path().join("effects"));
    let mut ran: HashMap<&str, usize> = HashMap::new();
    effects.iter().for_each(|id| *ran.entry(id).or_default() += 1);
    let states = lines(&folder.path().join("states"));
    let states: HashMap<&str, &str> = states.iter().map(|line| line.split_once(' ').unwrap()).collect();
    let given_back = given_back(output);
    assert!(!acks.is_empty());
    for id in &acks {
        let ran = ran.get(id.as_str()).copied().unwrap_or_default();
        match states.get(id.as_str()).copied() {
            Some("completed") => assert_eq!(ran, 1, "{id} had its effect {ran} times"),
            Some("waiting") => assert_eq!(ran, 0, "{id} waits, and had its effect"),
            other => panic!("{id} is {other:?}: {}", said(output)),
        }
        if given_back.contains(id) {
            assert_eq!(states[id.as_str()], "waiting");
        }
    }
    assert_eq!(effects.len(), states.values().filter(|state| **state == "completed").count());
    (effects.len(), given_back.len())
}

/// Reads the ids out of the log's report.
fn given_back(output: &Output) -> HashSet<String> {
    let records = said(output);
    let records = records.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    records
        .filter_map(|record| record["fields"]["given_back"].as_str().map(ToOwned::to_owned))
        .flat_map(|ids| ids.split(' ').filter(|id| !id.is_empty()).map(ToOwned::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Draws a time up to so many milliseconds.
fn random(most: u64) -> Duration {
    let bits = uuid::Uuid::new_v4().as_u128() as u64;
    Duration::from_millis(bits % most)
}

#[test]
fn thirty_stops_at_random_moments_lose_nothing_and_repeat_nothing() {
    let (mut effects, mut returned) = (0, 0);
    for round in 0..30 {
        let folder = tempfile::tempdir().unwrap();
        // Some have time to finish, and some have not.
        let (longest, drain) = if round % 2 == 0 { (4, "10s") } else { (600, "240ms") };
        let child =
            under_load(&folder, longest, &["--log-format", "json", "--drain-timeout", drain, "-c", "20"]);
        std::thread::sleep(random(250));
        send(&child, if round % 3 == 0 { Signal::SIGINT } else { Signal::SIGTERM });
        let output = end_of(child, Duration::from_secs(15));
        assert_eq!(output.status.code(), Some(0), "round {round}: {}", said(&output));
        let (ran, given_back) = account(&folder, &output);
        effects += ran;
        returned += given_back;
        // What was claimed in the moment of the signal goes back at once; all else had time to finish.
        assert!(round % 2 == 1 || given_back <= 20, "{given_back} jobs given back");
    }
    assert!(
        100 < effects && 20 < returned,
        "{effects} effects, {returned} jobs given back: no load to speak of"
    );
}

/// Reads a log up to the line with these words.
fn read_until(log: &mut impl BufRead, words: &str) -> Vec<u8> {
    let (mut told, mut line) = (Vec::new(), String::new());
    while !line.contains(words) {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "{words:?} was never said");
        told.extend_from_slice(line.as_bytes());
    }
    told
}

#[test]
fn a_second_signal_skips_the_wait() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = under_load(&folder, 60_000, &["--log-format", "json"]);
    wait_for_file(&folder.path().join("begun"));
    let mut log = BufReader::new(child.stderr.take().unwrap());
    send(&child, Signal::SIGTERM);
    // Two signals that come at once may be taken as one, so the first is to have had its effect.
    let mut told = read_until(&mut log, "the worker stops");
    let start = Instant::now();
    send(&child, Signal::SIGINT);
    log.read_to_end(&mut told).unwrap();
    let output = Output { stderr: told, ..end_of(child, Duration::from_secs(10)) };
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let (_, given_back) = account(&folder, &output);
    assert!(0 < given_back);
}

#[test]
fn what_fails_is_said_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(EFFECTS, folder.path());
    let mut child = command.env("EFFECTS_STUCK", "fails").args(["--log-format", "json"]).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut told = read_until(&mut log, "dead letter");
    send(&child, Signal::SIGTERM);
    log.read_to_end(&mut told).unwrap();
    assert_eq!(end_of(child, Duration::from_secs(10)).status.code(), Some(0));
    let records = String::from_utf8(told).unwrap();
    let records = records.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let failures: Vec<_> = records
        .filter(|record| record["fields"]["error"] == "no answer")
        .map(|record| {
            let fields = &record["fields"];
            assert!(
                fields["job"].is_string() && fields["task"].as_str().unwrap().ends_with("fails"),
                "{record}"
            );
            (record["level"].as_str().unwrap().to_owned(), fields["attempt"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(failures, [("INFO".to_owned(), 1), ("WARN".to_owned(), 2)]);
}

/// Starts a worker whose handlers never come back, stops it, and returns how long that took.
fn stop_stuck(kind: &str, stuck: usize) -> (Duration, Output) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(EFFECTS, folder.path());
    let child = command.env("EFFECTS_STUCK", kind).args(["--drain-timeout", "1s"]).spawn().unwrap();
    while lines(&folder.path().join("stuck")).len() < stuck {
        std::thread::sleep(Duration::from_millis(2));
    }
    let start = Instant::now();
    send(&child, Signal::SIGTERM);
    let output = end_of(child, Duration::from_secs(10));
    (start.elapsed(), output)
}

#[test]
fn a_thread_that_never_returns_does_not_keep_the_process() {
    let (took, output) = stop_stuck("thread", 1);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn handlers_that_block_every_thread_of_the_runtime_do_not_keep_the_process() {
    let (took, output) = stop_stuck("async", 2);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[test]
fn what_is_unfinished_in_memory_is_told_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let child = under_load(&folder, 60_000, &["--drain-timeout", "200ms"]);
    wait_for_file(&folder.path().join("acks"));
    send(&child, Signal::SIGTERM);
    let output = end_of(child, Duration::from_secs(10));
    assert!(said(&output).contains("unfinished jobs end with this process"), "{}", said(&output));
    assert!(said(&output).contains("no ASYNCMQ_URL is set"), "{}", said(&output));
}

/// Returns how long the threads of a process have run.
fn cpu_time(child: &Child) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let nanos = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

#[test]
fn an_idle_worker_uses_no_cpu_to_speak_of() {
    let folder = tempfile::tempdir().unwrap();
    let child = command(EFFECTS, folder.path()).spawn().unwrap();
    wait_for_file(&folder.path().join("ready"));
    // What it does to begin with may reach into the first time of watching, but it has an end.
    let watched = Duration::from_secs(2);
    let use_of = |_| {
        let before = cpu_time(&child);
        std::thread::sleep(watched);
        cpu_time(&child) - before
    };
    let used = (0..3).map(use_of).find(|used| *used < watched / 100);
    send(&child, Signal::SIGTERM);
    assert_eq!(end_of(child, Duration::from_secs(10)).status.code(), Some(0));
    assert!(used.is_some(), "it used more than a hundredth of {watched:?} three times");
}
