//! What is said when a child does not get as far as its first job.

use std::time::Duration;

use super::lost::{Lost, shown};

/// The line that a program needs, and where.
const THE_LINE: &str = "a child is this very program, which has to come to `asyncmq::sandbox::init()` before it does anything else: make that \
    the first line of `main` (with `State<T>` in sandboxed tasks: `asyncmq::sandbox::child().state(…).init()`)\n  \
    in a binary of tests add, at its root, `#[test] fn asyncmq_sandbox_child() { asyncmq::sandbox::init() }`";

/// Says that a child was not ready in time.
pub(super) fn silent(within: Duration, last_words: &str) -> String {
    let printed = if last_words.is_empty() {
        String::new()
    } else {
        format!("\n  the last it printed:\n{}", shown(last_words))
    };
    format!(
        "the sandbox's child process was not ready within {within:?} (`sandbox_start`), and was killed\n  {THE_LINE}{printed}"
    )
}

/// Says that a child ended before it was ready.
pub(super) fn ended_early(lost: &Lost) -> String {
    let ended = lost.message(None).replacen("the handler's process", "the sandbox's child process", 1);
    let (ended, printed) = ended.split_once('\n').unwrap_or((&ended, ""));
    let printed = if printed.is_empty() { String::new() } else { format!("\n  {printed}") };
    format!("{ended} before it was ready\n  {THE_LINE}{printed}")
}
