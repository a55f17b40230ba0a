//! Runs handlers in child processes of the same binary, so that whatever a handler does to its process harms no other job.
//!
//! A task that says `#[task(sandbox)]` is run so, with [`Sandbox::all`](crate::Sandbox::all) every task of a worker. The guide is `docs/sandbox.md`.
//! Aborts, overflowed stacks, endless loops, leaks and `process::exit` become failed attempts. It keeps faults apart. It is
//! **no barrier against malice**: a child runs as the same user, and may read and write whatever the worker may.
//!
//! ```text
//!  worker                                             child: the same binary, at `sandbox::init()`
//!  pool ── takes a warm child, or starts one
//!    │     child ── order: arguments, context ──────▶ serve ─▶ the handler, on a runtime
//!    │       │  ◀── progress, log, jobs to enqueue ── voice
//!    │       │  ◀── end: result or error ──────────────┘
//!    │       └──── stop (a channel of its own) ─────▶ heard also while the handler blocks
//!    └─ one that dies, does not stop, or has served long enough is replaced
//! ```
//!
//! # What a child has
//!
//! A child is this very program: it has to come to [`init`] before it does anything else. [`worker::run`](crate::worker::run),
//! [`Worker::from_args`](crate::Worker::from_args) and the command line of a binary do so by themselves; another program makes it the
//! first line of its `main`. A binary of tests has `#[test] fn asyncmq_sandbox_child() { asyncmq::sandbox::init() }` at its root.
//!
//! Of the environment it sees `PATH`, `HOME`, `USER`, `LANG`, `LC_…`, `TZ`, `TMPDIR`, `RUST_LOG`, `RUST_BACKTRACE` and their like, and what
//! [`Sandbox::env`](crate::Sandbox::env) names. It has no connection to the store: its handlers can enqueue, which their worker does for them,
//! and nothing else. [`State<T>`](crate::State) is made in it, by [`child`].

mod child;
mod door;
mod frames;
mod heard;
mod limits;
mod lost;
mod output;
mod pool;
mod process;
mod pushed;
mod serve;
mod spawn;
mod startup;
mod states;
mod store;
mod voice;

pub(crate) use pool::Pool;
pub use states::{ChildBuilder, child};

/// Begins the child's work if this process is a child of a worker of the same program, and never returns then. In all other
/// processes it does nothing.
///
/// # Examples
///
/// ```
/// // Before everything else in `main`:
/// asyncmq::sandbox::init();
/// ```
pub fn init() {
    begin(states::Makers::default());
}

fn begin(makers: states::Makers) {
    match door::open() {
        Ok(None) => {}
        Ok(Some(door)) => serve::serve(door, makers),
        Err(error) => {
            eprintln!("asyncmq: the sandbox's child process cannot begin: {error}");
            std::process::exit(1);
        }
    }
}

/// Ends a child whose program has got as far as to start a worker: it would be a second one.
pub(super) fn refuse_to_be_a_worker() {
    if door::is_child() {
        eprintln!(
            "asyncmq: the program came to the start of a worker before it came to `asyncmq::sandbox::init()`"
        );
        std::process::exit(1);
    }
}
