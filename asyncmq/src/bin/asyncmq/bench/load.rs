//! The job that is measured: it decodes its arguments and does nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use asyncmq::task;
use tokio::sync::Notify;

pub(super) const QUEUE: &str = "asyncmq-bench";

static DONE: AtomicUsize = AtomicUsize::new(0);
static TARGET: AtomicUsize = AtomicUsize::new(usize::MAX);
static REACHED: Notify = Notify::const_new();
static STARTS: Mutex<Vec<Duration>> = Mutex::new(Vec::new());
static BEGAN: Mutex<Option<Instant>> = Mutex::new(None);

/// The no-op.
#[task(name = "asyncmq.bench.noop", queue = "asyncmq-bench", crate = ::asyncmq)]
pub(super) async fn noop(id: u64, to: String, subject: String, at: u64) {
    std::hint::black_box((id, to, subject, at));
    if DONE.fetch_add(1, Ordering::Relaxed) + 1 == TARGET.load(Ordering::Relaxed) {
        REACHED.notify_one();
    }
}

/// The same, alone: takes note of how long it is since it was enqueued.
#[task(name = "asyncmq.bench.probe", queue = "asyncmq-bench", crate = ::asyncmq)]
pub(super) async fn probe(at: u64) {
    let since = clock().saturating_sub(at);
    STARTS.lock().unwrap_or_else(PoisonError::into_inner).push(Duration::from_nanos(since));
    REACHED.notify_one();
}

/// Nanoseconds since this process began to measure.
pub(super) fn clock() -> u64 {
    let mut began = BEGAN.lock().unwrap_or_else(PoisonError::into_inner);
    let began = *began.get_or_insert_with(Instant::now);
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Describes job number `id`.
pub(super) fn job(id: usize) -> asyncmq::JobBuilder<noop> {
    noop::job(
        id as u64,
        format!("user{id:06}@example.com"),
        "Welcome to the new service",
        1_764_000_000_000_000_000,
    )
}

/// Begins to count to `target`.
pub(super) fn expect(target: usize) {
    DONE.store(0, Ordering::SeqCst);
    TARGET.store(target, Ordering::SeqCst);
}

/// Waits until as many jobs ran as were expected.
pub(super) async fn reached() {
    REACHED.notified().await;
}

/// Returns how long each probe took to start.
pub(super) fn take_starts() -> Vec<Duration> {
    std::mem::take(&mut STARTS.lock().unwrap_or_else(PoisonError::into_inner))
}
