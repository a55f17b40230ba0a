//! What a child prints: passed on to the worker's standard error, and the end of it kept for the error of an attempt that dies.

use std::collections::VecDeque;
use std::io::{self, PipeReader, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinHandle;

/// How much of it is kept, in bytes: the reason of a death may be followed by the trace of its calls.
const KEPT: usize = 65_536;
/// How much is read at once, in bytes.
const PIECE: usize = 8_192;
/// How much of what a dead child left in its pipe is read: more than a pipe holds. What it started and lost may go on printing.
const LEFT: usize = 1 << 20;

/// What a child prints.
#[derive(Debug)]
pub(super) struct Output {
    heard: Arc<Heard>,
    reading: JoinHandle<()>,
}

/// The pipe, and what came through it. Whoever reads has the tail, so that all of it is there in its order.
#[derive(Debug)]
struct Heard {
    pipe: Receiver,
    tail: Mutex<Tail>,
}

/// The end of what a child printed.
#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
    /// Whether others see it too: not before the child is ready, as until then it is the program's beginning once more.
    is_shown: bool,
}

impl Tail {
    fn add(&mut self, piece: &[u8]) {
        self.bytes.extend(piece);
        let surplus = self.bytes.len().saturating_sub(KEPT);
        self.bytes.drain(..surplus);
    }
}

impl Heard {
    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is there, into an empty buffer. Returns whether others see it too; [`None`] at the end.
    fn read(&self, piece: &mut Vec<u8>) -> io::Result<Option<bool>> {
        let mut tail = self.tail();
        if self.pipe.try_read_buf(piece)? == 0 {
            return Ok(None);
        }
        tail.add(piece);
        Ok(Some(tail.is_shown))
    }

    /// Reads what is left, without asking the runtime, which may not know yet that something came. Returns what others are to
    /// see of it.
    fn read_rest(&self) -> Vec<u8> {
        let (mut tail, mut piece, mut rest) = (self.tail(), [0; PIECE], Vec::new());
        let mut left = LEFT;
        while let Ok(count @ 1..) = rustix::io::read(&self.pipe, &mut piece) {
            tail.add(&piece[..count]);
            if tail.is_shown {
                rest.extend_from_slice(&piece[..count]);
            }
            left = left.saturating_sub(count);
            if left == 0 {
                break;
            }
        }
        rest
    }
}

impl Output {
    /// Begins to read.
    pub(super) fn of(pipe: PipeReader) -> io::Result<Self> {
        let pipe = Receiver::from_owned_fd(OwnedFd::from(pipe))?;
        let heard = Arc::new(Heard { pipe, tail: Mutex::default() });
        let reading = tokio::spawn(pass_on(heard.clone()));
        Ok(Self { heard, reading })
    }

    /// Forgets what was printed: what comes now is the next attempt's.
    pub(super) fn begin_anew(&self) {
        let mut tail = self.heard.tail();
        tail.bytes.clear();
        tail.is_shown = true;
    }

    /// Returns the end of what a dead child printed. All of it is in the pipe by then, so nothing is waited for: neither for
    /// the end of the pipe, which what the child started and lost may hold open, nor for whoever reads what is passed on.
    pub(super) fn last(&self) -> String {
        let rest = self.heard.read_rest();
        if !rest.is_empty() {
            tokio::task::spawn_blocking(move || show(&rest));
        }
        let mut tail = self.heard.tail();
        String::from_utf8_lossy(tail.bytes.make_contiguous()).trim().to_owned()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

async fn pass_on(heard: Arc<Heard>) {
    let mut piece = Vec::with_capacity(PIECE);
    while heard.pipe.readable().await.is_ok() {
        match heard.read(&mut piece) {
            Ok(Some(true)) => show(&piece),
            Ok(Some(false)) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(None) | Err(_) => return,
        }
        piece.clear();
    }
}

/// Nobody may be there to read it.
fn show(piece: &[u8]) {
    let _ = io::stderr().write_all(piece);
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn the_last_that_a_dead_child_printed_is_there_at_once_whoever_holds_its_pipe_open() {
        let (reader, mut writer) = io::pipe().unwrap();
        let output = Output::of(reader).unwrap();
        (0..5_000).for_each(|number| writeln!(writer, "line {number}").unwrap());
        let asked = Instant::now();
        let last = output.last();
        assert!(last.ends_with("line 4998\nline 4999"), "{}", &last[last.len() - 40..]);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
        drop(writer);
    }

    #[tokio::test]
    async fn only_the_end_is_kept() {
        let (reader, mut writer) = io::pipe().unwrap();
        let output = Output::of(reader).unwrap();
        for _ in 0..3 {
            writer.write_all(&[b'x'; KEPT / 2]).unwrap();
            tokio::task::yield_now().await;
        }
        assert!(output.last().len() <= KEPT);
    }
}
