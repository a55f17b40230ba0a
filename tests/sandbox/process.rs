//! Children of real worker processes: what they inherit, and that none outlives its worker.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::until;

const WORKER: &str = env!("CARGO_BIN_EXE_sandbox_worker");

/// A worker's process, which is killed with the test.
struct Running {
    process: Child,
    input: Option<ChildStdin>,
    said: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { input: process.stdin.take(), said, process }
    }

    fn next_line(&mut self) -> String {
        self.said.next().unwrap().unwrap()
    }

    /// Waits for its end and returns all that it says until then.
    fn all_lines(mut self) -> Vec<String> {
        drop(self.input.take());
        let lines = self.said.by_ref().map_while(Result::ok).collect();
        assert!(self.process.wait().unwrap().success());
        lines
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn no_child_outlives_a_worker_that_is_killed_nor_does_what_it_started() {
    let mut worker = Running::start(Command::new(WORKER).arg("hold"));
    let mut processes: Vec<String> = Vec::new();
    for _ in 0..2 {
        processes.extend(worker.next_line().split(' ').map(ToOwned::to_owned));
    }
    let state = |process: &String| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
    };
    assert_eq!(processes.len(), 4);
    let second = Pid::from_raw(processes[2].parse().unwrap());
    kill(second, Signal::SIGSTOP).unwrap();
    until("the second child to be stopped: it cannot notice anything", || state(&processes[2]) == Some('T'))
        .await;
    worker.process.kill().unwrap();
    worker.process.wait().unwrap();
    // Whoever inherits them may take its time to wait for the dead.
    let is_over = |process: &String| state(process).is_none_or(|state| state == 'Z');
    until("the end of all of them", || processes.iter().all(is_over)).await;
}

#[test]
fn a_child_is_the_same_file_also_when_another_has_taken_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (program, deployed) = (folder.path().join("worker"), folder.path().join("next"));
    std::fs::copy(WORKER, &program).unwrap();
    std::fs::copy("/bin/true", &deployed).unwrap();
    let inode = std::fs::metadata(&program).unwrap().ino().to_string();
    let mut worker = Running::start(Command::new(&program).arg("replace"));
    let before = worker.next_line();
    std::fs::rename(&deployed, &program).unwrap();
    worker.input.as_mut().unwrap().write_all(b"again\n").unwrap();
    let after = worker.next_line();
    let [before, after] = [&before, &after].map(|line| line.split_once(' ').unwrap());
    assert_eq!((before.0, after.0), (&*inode, &*inode));
    assert_ne!(before.1, after.1, "each job had a child of its own");
    assert!(worker.all_lines().is_empty());
}

/// Asserts that a child of a worker on this store has nothing open that is the worker's.
fn assert_nothing_is_inherited(url: &str) {
    // The shell leaves a file open for the worker.
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec 7</etc/passwd; exec \"$0\" open", WORKER])
        .env("ASYNCMQ_URL", url)
        .env("SECRET", "x")
        .env("PASSED", "y")
        .env("LC_TIME", "de_CH");
    let lines = Running::start(&mut command).all_lines();
    let files: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("file ")).collect();
    let kinds = |kind: &str| files.iter().filter(|file| file.starts_with(kind)).collect::<HashSet<_>>().len();
    // Orders and control, and what the runtime hears of signals through.
    assert_eq!(kinds("socket:"), 4, "{files:?}");
    assert_eq!(kinds("pipe:"), 1, "output, twice: {files:?}");
    let known = ["socket:", "pipe:", "anon_inode:", "/dev/null", "/proc"];
    let strange: Vec<_> =
        files.iter().filter(|file| !known.iter().any(|known| file.starts_with(known))).collect();
    assert!(strange.is_empty(), "{strange:?}");
    let sees = |name: &str| lines.contains(&format!("variable {name}"));
    assert!(sees("PATH") && sees("PASSED") && sees("LC_TIME"), "{lines:?}");
    assert!(!sees("SECRET") && !sees("ASYNCMQ_URL"), "{lines:?}");
}

#[test]
fn a_child_inherits_no_open_file_and_little_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    assert_nothing_is_inherited("memory:");
    assert_nothing_is_inherited(&format!("sqlite:{}", folder.path().join("jobs.db").display()));
}

#[test]
fn a_program_without_the_line_is_told_which_and_where() {
    let line = "asyncmq::sandbox::init()` before it does anything else: make that the first line of `main`";
    for (forgets, what_happened) in [
        ("and ends", "ended by itself with code 0 before it was ready"),
        ("and stays", "was not ready within 500ms (`sandbox_start`), and was killed"),
        ("and starts a worker", "came to the start of a worker before it came to"),
    ] {
        let lines = Running::start(Command::new(WORKER).arg("start").env("FORGETS", forgets)).all_lines();
        let said = lines.join("\n");
        assert!(said.contains(line) && said.contains(what_happened), "{forgets}: {said}");
    }
    assert_eq!(Running::start(Command::new(WORKER).arg("start")).all_lines(), ["started"]);
}

#[test]
fn a_crowd_of_bad_jobs_harms_no_good_one_and_leaves_nothing_behind() {
    let lines = Running::start(Command::new(WORKER).args(["crowd", "10", "500"])).all_lines();
    assert_crowd(&lines, 10, 500);
}

/// Asserts what is said of a crowd.
fn assert_crowd(lines: &[String], of_each: u64, goods: u64) {
    println!("{}", lines.join("\n"));
    let figure = |name: &str| {
        let line = lines.iter().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.and_then(|figure| figure.parse::<u64>().ok())
    };
    assert_eq!((figure("good jobs done"), figure("good jobs harmed")), (Some(goods), None));
    for how in ["abort", "overflow", "exit", "segv", "kill", "hoard", "panic", "loop", "bomb", "park"] {
        assert_eq!(figure(&format!("bad jobs as expected: {how}")), Some(of_each), "{how}");
    }
    assert_eq!(figure("orphans"), Some(0));
    let open = |when: &str| figure(&format!("open files {when}")).unwrap();
    assert!(open("after half 2") <= open("after half 1") + 8 * 3, "one child more a place, at most");
    assert!(open("at the end") <= open("after half 1"));
    let [before, after] = [1, 2].map(|half| figure(&format!("resident KiB after half {half}")).unwrap());
    assert!(after <= before + (16 << 10), "{before} KiB, then {after} KiB");
}
