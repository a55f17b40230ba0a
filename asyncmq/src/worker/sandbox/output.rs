//! What a child prints: passed on to the worker's standard error, and the end of it kept for the error of an attempt that dies.

use std::collections::VecDeque;
use std::io::{self, PipeReader, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinHandle;

/// How much of it is kept, in bytes: the reason of a death may be followed by the trace of its calls.
const KEPT: usize = 65_536;
/// How much is read at once, in bytes.
const PIECE: usize = 8_192;
/// How long the last of it is waited for once a child is dead: what it started and lost may hold the pipe open.
const LAST: Duration = Duration::from_millis(200);

/// What a child prints.
#[derive(Debug)]
pub(super) struct Output {
    tail: Arc<Mutex<Tail>>,
    reading: JoinHandle<()>,
}

/// The end of what a child printed.
#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
    /// Whether others see it too: not before the child is ready, as until then it is the program's beginning once more.
    is_shown: bool,
}

impl Output {
    /// Begins to read.
    pub(super) fn of(pipe: PipeReader) -> io::Result<Self> {
        let pipe = Receiver::from_owned_fd(OwnedFd::from(pipe))?;
        let tail = Arc::default();
        let reading = tokio::spawn(pass_on(pipe, Arc::clone(&tail)));
        Ok(Self { tail, reading })
    }

    /// Forgets what was printed: what comes now is the next attempt's.
    pub(super) fn begin_anew(&self) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.bytes.clear();
        tail.is_shown = true;
    }

    /// Returns the end of what a dead child printed.
    pub(super) async fn last(&mut self) -> String {
        let _ = tokio::time::timeout(LAST, &mut self.reading).await;
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(tail.bytes.make_contiguous()).trim().to_owned()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

async fn pass_on(mut pipe: Receiver, tail: Arc<Mutex<Tail>>) {
    let mut piece = Vec::with_capacity(PIECE);
    while let Ok(1..) = pipe.read_buf(&mut piece).await {
        let is_shown = {
            let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.bytes.extend(&piece);
            let surplus = tail.bytes.len().saturating_sub(KEPT);
            tail.bytes.drain(..surplus);
            tail.is_shown
        };
        if is_shown {
            // Nobody may be there to read it.
            let _ = io::stderr().write_all(&piece);
        }
        piece.clear();
    }
}
