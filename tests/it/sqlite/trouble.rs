//! A file that cannot be written for a while: nothing that was confirmed is lost, and the worker comes back by itself.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::is_sound;

/// Runs the program through a shell, so that it can be prepared for what will happen to it.
fn run(shell: &str, file: &Path, trouble: &str) {
    let kept = TempDir::new().unwrap();
    let copy = kept.path().join("copy.db");
    let ran = Command::new("sh")
        .args(["-ec", shell, env!("CARGO_BIN_EXE_sqlite_trouble")])
        .args([file.as_os_str(), trouble.as_ref(), copy.as_os_str()])
        .output()
        .unwrap();
    let (said, errors) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && said.ends_with("confirmed\n"), "{}\n{said}\n{errors}", ran.status);
    is_sound(&copy);
}

#[test]
fn a_file_that_may_not_be_written_is_waited_for() {
    let dir = TempDir::new().unwrap();
    // The signal that goes with the limit would end the process.
    run("trap '' XFSZ; exec \"$0\" \"$@\"", &dir.path().join("jobs.db"), "limit");
}

/// Ways to have mounts of one's own: where user namespaces are allowed, and as root.
#[cfg(target_os = "linux")]
const OWN_MOUNTS: [&str; 2] = ["unshare --user --map-root-user --mount", "unshare --mount"];

/// Returns a way in which a small disk can be mounted here.
#[cfg(target_os = "linux")]
fn way_to_mount() -> Option<&'static str> {
    let dir = TempDir::new().unwrap();
    let can = |way: &&str| {
        let mount = format!("{way} mount -t tmpfs -o size=4m tmpfs \"$0\"");
        Command::new("sh").args(["-ec", &mount]).arg(dir.path()).output().unwrap().status.success()
    };
    OWN_MOUNTS.into_iter().find(can)
}

/// Needs a mount of its own; where none can be had, it says so, and `a_file_that_may_not_be_written` is all there is.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_waited_for() {
    let Some(way) = way_to_mount() else {
        eprintln!(
            "NOT TESTED: no small disk can be mounted here; run this as root, or allow user namespaces"
        );
        return;
    };
    let dir = TempDir::new().unwrap();
    let inner = "mount -t tmpfs -o size=4m tmpfs \"$(dirname \"$1\")\"; exec \"$0\" \"$@\"";
    let outer = format!("exec {way} sh -ec '{}' \"$0\" \"$@\"", inner.replace('\'', "'\\''"));
    run(&outer, &dir.path().join("jobs.db"), "full");
}

/// Needs root and a file system that knows immutable files.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs root: `cargo test -p asyncmq-tests --test it a_file_that_is_frozen -- --ignored`"]
fn a_file_that_is_frozen_is_waited_for() {
    let dir = TempDir::new().unwrap();
    run("exec \"$0\" \"$@\"", &dir.path().join("jobs.db"), "frozen");
}
