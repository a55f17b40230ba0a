//! The macro needs no exception from lints that a crate forbids.
#![forbid(
    unsafe_code,
    non_camel_case_types,
    missing_docs,
    dead_code,
    missing_debug_implementations,
    missing_copy_implementations,
    non_snake_case,
    unused_variables,
    unused_mut,
    unused_must_use,
    unused_qualifications,
    unused_imports,
    unused_lifetimes,
    unreachable_pub,
    unreachable_code,
    private_interfaces,
    trivial_casts,
    trivial_numeric_casts,
    elided_lifetimes_in_paths,
    single_use_lifetimes,
    let_underscore_drop,
    explicit_outlives_requirements,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_errors_doc,
    clippy::wildcard_imports,
    clippy::shadow_unrelated
)]

use asyncmq::{Context, State, TaskError, task};

/// A value of the standard library: what serde derives has exceptions of its own.
pub type Value = std::ops::Range<u64>;

/// Does one thing.
#[task(queue = "forbidden", key = value.start, concurrency = 3, dedup = "simple", dedup_key = text)]
pub async fn everything(
    ctx: Context,
    State(limit): State<u32>,
    value: Value,
    text: &str,
    list: Vec<u8>,
    maybe: Option<&[u8]>,
    #[serde(default)] name: String,
) -> Result<Value, TaskError> {
    ctx.log(format!("{limit} {text} {name} {list:?} {maybe:?}"));
    Ok(value)
}

/// Does it in a thread.
#[task(backoff = later)]
pub fn in_a_thread(value: &Value, text: Option<&str>) -> usize {
    usize::from(value.start == 0) + text.map_or(0, str::len)
}

fn later(attempt: u32, _: &TaskError) -> Option<std::time::Duration> {
    (attempt < 3).then_some(std::time::Duration::from_secs(1))
}

/// Does nothing.
#[task]
pub async fn nothing() {}

fn main() {
    drop(everything::job(0..1, "a", vec![], None, "b"));
}
