//! Real worker binaries, ended from outside and set up through flags, variables and files.

mod settings;
mod signals;
mod soak;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A command for a binary of this package, in a folder and an environment of its own.
fn command(binary: &str, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command.current_dir(folder).env_clear().env("EFFECTS_DIR", folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for the end of a process, but not for ever.
fn end_of(mut child: Child, within: Duration) -> Output {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if within < start.elapsed() {
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            panic!("the process did not end within {within:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap()
}

/// Waits until a file is there.
fn wait_for_file(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < crate::support::PATIENCE, "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
}
