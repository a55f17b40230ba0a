//! Many jobs that have ended or are delayed: they are in nobody's way.

use std::path::Path;

use tempfile::TempDir;

use super::process::Process;

const JOBS: usize = 20_000;
const BATCH: usize = 100;

/// Lets a process push and drain some jobs. Returns the microseconds of processor that each took to drain.
fn cost(path: &Path) -> f64 {
    let lines = Process::start(path, "bench", &[JOBS, BATCH]).end();
    let drain = lines.iter().find_map(|line| line.strip_prefix("drain: ")).unwrap();
    drain.split(", ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

/// `ASYNCMQ_CROWD` sets how many jobs of each kind there are, a million unless set.
#[test]
#[ignore = "takes minutes: `cargo test --release -p asyncmq-tests --test it a_claim_among_millions -- --ignored`"]
fn a_claim_among_millions_costs_what_it_costs_alone() {
    let crowd = std::env::var("ASYNCMQ_CROWD").map_or(1_000_000, |crowd| crowd.parse().unwrap());
    let dir = TempDir::new().unwrap();
    let (alone, among) = (dir.path().join("alone.db"), dir.path().join("among.db"));
    Process::start(&among, "crowd", &[crowd]).end();
    // In turn, so that whatever else this machine does falls on both.
    let costs: Vec<(f64, f64)> = (0..5).map(|_| (cost(&alone), cost(&among))).collect();
    let best = |which: fn(&(f64, f64)) -> f64| costs.iter().map(which).fold(f64::INFINITY, f64::min);
    let (alone, among) = (best(|costs| costs.0), best(|costs| costs.1));
    println!("a job among {crowd} ended and {crowd} delayed ones: {among:.2} µs, alone: {alone:.2} µs");
    assert!(among <= alone * 1.2, "{costs:?}");
}
