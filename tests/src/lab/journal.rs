//! Where lines are written: a file that several processes may share, or memory.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::lab::event::{Event, Line};

/// Takes lines down. A line in a file is one `write(2)`: it is there, whole, even if the process is killed right after.
pub struct Journal {
    out: Out,
    pid: u32,
    is_closed: AtomicBool,
    clock: Arc<dyn Fn() -> u64 + Send + Sync>,
}

enum Out {
    File(File),
    Memory(Arc<Mutex<Vec<Line>>>),
}

impl Journal {
    /// Writes into this process's own file of a folder.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn in_folder(folder: &Path) -> std::io::Result<Self> {
        let name = format!("journal.{}", std::process::id());
        let file = OpenOptions::new().append(true).create(true).open(folder.join(name))?;
        Ok(Self::of(Out::File(file), std::process::id(), Arc::new(now)))
    }

    /// Writes into memory, under a clock of the caller's.
    pub fn in_memory(clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self::of(Out::Memory(Arc::default()), std::process::id(), Arc::new(clock))
    }

    fn of(out: Out, pid: u32, clock: Arc<dyn Fn() -> u64 + Send + Sync>) -> Self {
        Self { out, pid, is_closed: AtomicBool::new(false), clock }
    }

    /// Returns the journal of another process, real or not, that writes into the same memory. One in a file has its own.
    #[must_use]
    pub fn of_process(&self, pid: u32) -> Option<Self> {
        match &self.out {
            Out::File(_) => None,
            Out::Memory(lines) => Some(Self::of(Out::Memory(lines.clone()), pid, self.clock.clone())),
        }
    }

    /// Writes nothing any more: the process is dead.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Writes a line.
    ///
    /// # Panics
    ///
    /// If it cannot be written: without its history a run shows nothing.
    pub fn note(&self, event: Event) {
        if self.is_closed.load(Ordering::SeqCst) {
            return;
        }
        match &self.out {
            Out::File(file) => {
                let line = Line { at: self.now(), pid: self.pid, event };
                let mut text = serde_json::to_vec(&line).expect("it is plain data");
                text.push(b'\n');
                let mut file = file;
                file.write_all(&text).expect("the journal can be written");
            }
            Out::Memory(lines) => {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push(Line { at: self.now(), pid: self.pid, event });
            }
        }
    }

    /// Returns what was written into memory; nothing of a file.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        match &self.out {
            Out::File(_) => Vec::new(),
            Out::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// Returns the microseconds of the monotonic clock, which is the same for all processes of a machine.
///
/// # Panics
///
/// If the system has no such clock.
#[must_use]
pub fn now() -> u64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).expect("there is such a clock");
    u64::try_from(time.tv_sec()).unwrap_or_default() * 1_000_000
        + u64::try_from(time.tv_nsec()).unwrap_or_default() / 1_000
}
