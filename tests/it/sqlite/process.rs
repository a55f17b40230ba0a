//! Other processes on a file.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use asyncmq::backend::sql::sqlite::Synchronous;

/// A process that ends with the test.
pub(crate) struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(file: &Path, role: &str, numbers: &[usize]) -> Self {
        Self::start_with(file, role, numbers, Synchronous::Full)
    }

    pub(crate) fn start_with(file: &Path, role: &str, numbers: &[usize], synchronous: Synchronous) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sqlite_process"))
            .arg(file)
            .arg(role)
            .args(numbers.iter().map(ToString::to_string))
            .args((synchronous == Synchronous::Normal).then_some("normal"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Waits for the next line; `None` when the process has ended.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.lines.read_line(&mut line).unwrap();
        // A process that was killed may have left half a line.
        (length != 0 && line.ends_with('\n')).then(|| line.trim_end().to_owned())
    }

    /// Kills the process, whatever it is doing, and returns what it said that was not yet read.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        let rest: Vec<String> = std::iter::from_fn(|| self.line()).collect();
        self.child.wait().unwrap();
        rest
    }

    /// Waits for the end, and returns what the process said.
    pub(crate) fn end(mut self) -> Vec<String> {
        let rest: Vec<String> = std::iter::from_fn(|| self.line()).collect();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
