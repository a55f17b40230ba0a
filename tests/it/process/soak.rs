//! Many jobs, one after the other: memory stays what retention keeps.

use std::time::Duration;

use super::{command, end_of};

#[test]
fn jobs_that_have_passed_leave_no_memory_behind_beyond_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let child = command(env!("CARGO_BIN_EXE_soak"), folder.path()).arg("100000").spawn().unwrap();
    let output = end_of(child, Duration::from_secs(120));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.ends_with("kept 10000 unfinished 0\n"), "{said}");
    let kibibytes: Vec<u64> = said
        .lines()
        .filter_map(|line| line.split_once(' ').filter(|(jobs, _)| jobs.parse::<u64>().is_ok()))
        .map(|(_, kibibytes)| kibibytes.parse().unwrap())
        .collect();
    assert_eq!(kibibytes.len(), 10);
    // The first rounds fill what is kept; from then on each ten thousand jobs replace others.
    let grown = kibibytes[9].saturating_sub(kibibytes[4]);
    // The allocator has its own ways, but one small record left behind for each of them would be more than this.
    assert!(grown < 5_120, "the last 50,000 jobs left {grown} KiB: {kibibytes:?}");
}
