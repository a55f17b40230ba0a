//! Several processes at full speed on one file: each gets its share, and nobody is told that the file is locked.

use std::path::Path;

use tempfile::TempDir;

use super::is_sound;
use super::process::Process;

const PROCESSES: usize = 4;

/// Lets processes push, claim and settle for some seconds. Returns how many jobs each did, and its longest wait for a
/// call in microseconds.
fn load(path: &Path, seconds: usize) -> Vec<(u64, u64)> {
    let processes: Vec<Process> =
        (0..PROCESSES).map(|_| Process::start(path, "load", &[20, seconds])).collect();
    let lines = processes.into_iter().map(|process| process.end().pop().unwrap());
    let numbers = lines.map(|line| {
        let (done, longest) = line.split_once(' ').unwrap();
        (done.parse().unwrap(), longest.parse().unwrap())
    });
    numbers.collect()
}

fn least_share(loads: &[(u64, u64)]) -> f64 {
    let all: u64 = loads.iter().map(|(done, _)| done).sum();
    let least = loads.iter().map(|(done, _)| *done).min().unwrap();
    least as f64 * PROCESSES as f64 / all as f64
}

#[test]
fn processes_on_one_file_all_get_on() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let loads = load(&path, 2);
    // A share is a matter of the scheduler too, and this one is a short time on a busy machine.
    assert!(0.2 < least_share(&loads), "{loads:?}");
    is_sound(&path);
}

#[test]
#[ignore = "takes a minute and a quiet machine: `cargo test --release -p asyncmq-tests --test it half_of_its_share -- --ignored`"]
fn each_of_four_processes_gets_half_of_its_share_and_none_stalls() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let loads = load(&path, 60);
    println!("(jobs, longest wait in µs) of each process: {loads:?}");
    assert!(0.5 < least_share(&loads), "{loads:?}");
    assert!(loads.iter().all(|(_, longest)| *longest < 500_000), "{loads:?}");
    is_sound(&path);
}
