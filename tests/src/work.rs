//! What the worker processes of `redis_worker` do, and the stubs with which tests enqueue it.
//!
//! In their folder they note in `starts` each attempt (id, attempt, process, microseconds since 1970) and in `effects`
//! each that ran to its end, a line with one write; the file `go.PROCESS` lets the held jobs of a process go on.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use asyncmq::{Context, TaskError, task};

/// The folder that is shared with the test.
static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Sets the folder of this process.
pub fn note_in(folder: impl Into<PathBuf>) {
    let _ = FOLDER.set(folder.into());
}

fn folder() -> &'static PathBuf {
    FOLDER.get().expect("`note_in` comes first")
}

fn note(file: &str, ctx: &Context) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_micros();
    let line = format!("{} {} {} {now}\n", ctx.job_id(), ctx.attempt(), std::process::id());
    let file = OpenOptions::new().append(true).create(true).open(folder().join(file));
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("a file can be written");
}

fn may_go() -> bool {
    folder().join(format!("go.{}", std::process::id())).exists()
}

fn starts() -> usize {
    std::fs::read_to_string(folder().join("starts")).unwrap_or_default().lines().count()
}

/// Takes a while.
#[task(name = "work.wait", queue = "work")]
pub async fn wait(ctx: &Context, millis: u64) -> u32 {
    note("starts", ctx);
    tokio::time::sleep(Duration::from_millis(millis)).await;
    note("effects", ctx);
    std::process::id()
}

/// Fails at its first attempt.
#[task(name = "work.fail_once", queue = "work", retries = 5, backoff = "fixed(20ms)")]
pub async fn fail_once(ctx: &Context) -> Result<u32, TaskError> {
    note("starts", ctx);
    if ctx.attempt() == 1 {
        return Err(std::io::Error::other("the first attempt").into());
    }
    note("effects", ctx);
    Ok(std::process::id())
}

/// Runs until the test lets this process's jobs go.
#[task(name = "work.hold", queue = "work")]
pub async fn hold(ctx: &Context) -> u32 {
    note("starts", ctx);
    while !may_go() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    note("effects", ctx);
    std::process::id()
}

/// Blocks the thread that it is called on, which it should not.
#[task(name = "work.block", queue = "work")]
pub async fn block(ctx: &Context, millis: u64) -> u32 {
    note("starts", ctx);
    std::thread::sleep(Duration::from_millis(millis));
    note("effects", ctx);
    std::process::id()
}

/// Blocks a thread of its own.
#[task(name = "work.block_aside", queue = "work")]
pub fn block_aside(ctx: &Context, millis: u64) -> u32 {
    note("starts", ctx);
    std::thread::sleep(Duration::from_millis(millis));
    note("effects", ctx);
    std::process::id()
}

/// Takes the process with it, once so many attempts have started.
#[task(name = "work.abort", queue = "work")]
pub async fn abort(ctx: &Context, starts: usize) {
    note("starts", ctx);
    while self::starts() < starts {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    std::process::abort();
}

/// Shows that this process consumes.
#[task(name = "canary", queue = "canary")]
pub async fn canary() -> u32 {
    std::process::id()
}
