//! Every shape of function that can be a task, with no warning at all.
#![deny(warnings, clippy::all, clippy::pedantic, rust_2018_idioms, unreachable_pub, private_interfaces, missing_docs)]
#![allow(clippy::unused_async, clippy::needless_pass_by_value, clippy::missing_errors_doc)]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use asyncmq::{Context, State, TaskError, task};
use serde::{Deserialize, Serialize};

fn main() {
    assert_eq!(outer(), 3);
    assert!(!Service.method());
    generic(1_u8);
    (closure())();
    let _ = (private_values::job(Private { id: 1 }), hidden_type::job());
    let _ = runner::run::job();
    let add = 1;
    assert_eq!(add, 1);
}

/// A value of the program's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Private {
    id: u64,
}

/// A database.
struct Db {
    url: &'static str,
}

// Return types.

#[task]
async fn nothing() {}

#[task]
async fn unit_written() -> () {}

#[task]
async fn plain(a: i64, b: i64) -> i64 {
    a + b
}

#[task]
async fn boxed(n: u32) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    Ok(u32::try_from(i64::from(n))?)
}

#[task]
async fn boxed_and_kept(n: u32) -> Result<u32, Box<dyn std::error::Error>> {
    Ok(u32::try_from(i64::from(n))?)
}

#[task]
fn boxed_and_blocking(n: u32) -> Result<u32, Box<dyn std::error::Error>> {
    Ok(u32::try_from(i64::from(n))?)
}

#[task]
async fn with_anyhow(n: u32) -> anyhow::Result<u32> {
    Ok(n)
}

#[task]
async fn with_anyhow_error(n: u32) -> Result<u32, anyhow::Error> {
    Ok(n)
}

#[task]
async fn with_io() -> std::io::Result<()> {
    Ok(())
}

#[task]
async fn with_text(n: u32) -> Result<u32, String> {
    if n == 0 { Err("zero".to_owned()) } else { Ok(n) }
}

#[task]
async fn with_literal(n: u32) -> Result<u32, &'static str> {
    if n == 0 { Err("zero") } else { Ok(n) }
}

#[task]
async fn with_task_error(text: String) -> Result<u32, TaskError> {
    Ok(text.parse::<u32>()?)
}

#[task]
async fn never_fails() -> Result<u8, std::convert::Infallible> {
    Ok(1)
}

/// A result with its arguments in another order.
mod reversed {
    /// The error comes first.
    pub(crate) type Result<E, T> = std::result::Result<T, E>;
}

#[task]
async fn alias_in_another_order() -> reversed::Result<String, u8> {
    Ok(1)
}

/// An error that stays in its thread, but is told before it could leave it.
#[derive(Debug)]
struct Local(Rc<str>);

impl From<Local> for Box<dyn std::error::Error + Send + Sync> {
    fn from(local: Local) -> Self {
        local.0.to_string().into()
    }
}

#[task]
async fn with_local_error(fails: bool) -> Result<(), Local> {
    if fails { Err(Local("local".into())) } else { Ok(()) }
}

/// Its name ends in `Result`, and it is none.
#[derive(Serialize)]
struct SearchResult {
    hits: u32,
}

#[task]
async fn search() -> SearchResult {
    SearchResult { hits: 1 }
}

#[task]
async fn literal() -> Option<&'static str> {
    Some("text")
}

#[task]
async fn borrowed_output<'a>(text: &'a str) -> Cow<'a, str> {
    Cow::Borrowed(text)
}

#[task]
async fn elided_output(text: &str) -> &str {
    text
}

#[task]
async fn slice_output(parts: &[u8]) -> Result<&[u8], String> {
    Ok(parts)
}

// Parameters.

#[task]
async fn lent(text: &str, parts: &[String], path: &Path, value: &Private, list: &Vec<u8>) -> usize {
    text.len() + parts.len() + path.as_os_str().len() + usize::from(value.id == 1) + list.len()
}

#[task]
async fn maybe_lent(text: Option<&str>, parts: Option<&[u8]>, value: Option<&Private>) -> bool {
    text.is_none() && parts.is_none() && value.is_none()
}

#[task]
async fn lifetimes<'a>(one: &'a str, other: &'a str) -> &'a str
where
    'a: 'a,
{
    if one.len() < other.len() { other } else { one }
}

#[task]
fn blocking_lent(text: &str, maybe: Option<&str>) -> usize {
    text.len() + maybe.map_or(0, str::len)
}

#[task]
async fn collections(map: HashMap<String, Vec<u8>>, tree: BTreeMap<u8, (bool, char)>, path: PathBuf) -> usize {
    map.len() + tree.len() + path.as_os_str().len()
}

#[task]
async fn arrays(three: [u8; 3], pair: (u8, String), boxed: Box<Private>, shared: Option<Box<str>>) -> usize {
    three.len() + pair.1.len() + usize::from(boxed.id == 0) + shared.map_or(0, |text| text.len())
}

#[task]
async fn strings(one: String, two: std::string::String, maybe: Option<String>) -> usize {
    one.len() + two.len() + maybe.map_or(0, |text| text.len())
}

#[task]
async fn mutable(mut count: u32, mut text: String) -> String {
    count += 1;
    text.push_str(&count.to_string());
    text
}

#[task]
async fn unused(_x: u8, _text: &str) {}

#[task]
async fn raw_names(r#type: String, r#fn: u8) -> usize {
    r#type.len() + usize::from(r#fn)
}

#[task]
async fn r#match(value: u8) -> u8 {
    value
}

#[task]
async fn own_name(own_name: u8, client: u8, value: u8, job: u8, args: u8, context: u8, error: u8) -> u8 {
    own_name + client + value + job + args + context + error
}

#[task]
async fn defaults(
    #[serde(default)] count: u32,
    #[serde(default = "five")] limit: u32,
    #[serde(rename = "type", alias = "kind", alias = "sort")] kind: String,
    #[serde(default)] names: &[String],
    #[allow(unused_variables)] quiet: u8,
) -> usize {
    names.len() + kind.len() + usize::try_from(count + limit).unwrap_or(0)
}

fn five() -> u32 {
    5
}

#[task]
async fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8) -> u8 {
    a + b + c + d + e + f + g
}

// What the worker gives.

#[task]
async fn context_by_value(ctx: Context, name: String) -> String {
    format!("{name} {}", ctx.attempt())
}

#[task]
async fn context_by_reference(name: String, ctx: &Context) -> String {
    format!("{name} {}", ctx.attempt())
}

#[task]
async fn context_by_path<'a>(ctx: &'a asyncmq::Context) -> &'a str {
    ctx.task()
}

#[task]
async fn context_twice(one: Context, _: &Context) -> u32 {
    one.attempt()
}

#[task]
fn blocking_context(ctx: &Context, State(db): State<Db>, name: &str) -> usize {
    ctx.log("at work");
    db.url.len() + name.len()
}

#[task]
async fn states(
    db: State<Db>,
    by_reference: &State<Db>,
    State(taken_apart): State<Db>,
    asyncmq::State(arc): &asyncmq::State<Arc<Db>>,
    _: State<&'static str>,
) -> usize {
    db.url.len() + by_reference.url.len() + taken_apart.url.len() + arc.url.len()
}

#[task]
async fn state_with_lifetime<'a>(prefix: State<&'a str>, db: &'a State<Db>) -> usize {
    prefix.len() + db.url.len()
}

// Places.

fn outer() -> usize {
    #[derive(Serialize, Deserialize)]
    struct Inner(u8);

    #[task]
    async fn inside_a_function(inner: Inner) -> u8 {
        inner.0
    }

    #[task]
    async fn inside_a_function_too() {}

    let _ = inside_a_function_too::job();
    let _ = inside_a_function::job(Inner(1));
    asyncmq::tasks().filter(|task| task.name().starts_with("inside_a_function")).count() + 1
}

/// Has a method with a task in it.
struct Service;

impl Service {
    fn method(&self) -> bool {
        let _ = self;
        #[task]
        async fn inside_a_method(n: u8) -> u8 {
            n
        }
        std::mem::size_of_val(&inside_a_method::job(1)) == 0
    }
}

fn generic<T: Copy>(value: T) -> T {
    #[task]
    async fn inside_a_generic_function(n: u8) -> u8 {
        n
    }
    let _ = inside_a_generic_function::job(1);
    value
}

fn closure() -> impl Fn() {
    || {
        #[task]
        async fn inside_a_closure() {}
        let _ = inside_a_closure::job();
    }
}

macro_rules! make {
    ($name:ident, $argument:ident: $type:ty, $queue:literal, $retries:expr) => {
        #[task(queue = $queue, retries = $retries, key = $argument, concurrency = 1)]
        async fn $name($argument: $type, other: Option<$type>, fixed: &str) -> usize {
            let _ = ($argument, other);
            fixed.len()
        }
    };
}

make!(made, number: u64, "made", 3);
make!(made_too, text: String, "made", 4);

macro_rules! whole {
    ($($function:item)*) => {
        $(#[task(queue = "whole")] $function)*
    };
}

whole! {
    async fn passed_through(text: String, ctx: &u8) -> usize { text.len() + usize::from(*ctx) }
}

/// A module of tasks.
pub mod nested {
    /// Documented, and public.
    ///
    /// # Examples
    ///
    /// `visible::job(1)`
    #[asyncmq::task]
    pub async fn visible(n: u8) -> u8 {
        n
    }

    #[asyncmq::task]
    pub(crate) async fn in_the_crate(n: u8) -> u8 {
        n
    }

    #[asyncmq::task]
    pub(super) async fn above(n: u8) -> u8 {
        n
    }
}
use nested::{above, in_the_crate, visible};

#[allow(dead_code)]
fn uses() {
    let _ = (visible::job(1), in_the_crate::job(1), above::job(1));
    drop((visible(1), in_the_crate(1), above(1)));
}

#[task]
async fn private_values(value: Private) -> Private {
    value
}

#[task]
async fn hidden_type() -> u8 {
    struct Hidden;
    let _ = Hidden;
    1
}

// Names that the generated code might use.

#[task(backoff = run)]
async fn run_by() {}

fn run(_: u32, _: &TaskError) -> Option<std::time::Duration> {
    None
}

mod runner {
    #[asyncmq::task]
    pub(super) async fn run() {}
}

#[task]
async fn definition() {}

#[task]
async fn job() {}

#[task]
async fn enqueue() {}

// Attributes.

#[must_use]
#[task]
async fn must_be_used() -> u8 {
    1
}

#[task]
#[must_use]
fn must_be_used_too() -> u8 {
    1
}

#[task]
#[deprecated = "for a reason"]
async fn old(n: u8) -> u8 {
    n
}

#[task]
#[cfg(any())]
async fn not_there(n: DoesNotExist) {}

#[task]
#[cfg(all())]
async fn there() {}

#[task]
#[expect(unused_variables, reason = "it must be fulfilled once")]
async fn expects(n: u8) {}

#[task]
#[allow(clippy::unused_async)]
#[inline]
const fn constant(n: u8) -> u8 {
    n
}

// Recursion.

#[task]
async fn recursive(n: u32) -> Result<u32, TaskError> {
    if n == 0 {
        return Ok(0);
    }
    let handle = recursive::enqueue(n - 1).await?;
    Ok(handle.result().await? + 1)
}

#[task]
async fn ping(ctx: Context, n: u32) -> Result<(), TaskError> {
    ctx.enqueue(pong::job(n)).await?;
    Ok(())
}

#[task]
async fn pong(ctx: Context, n: u32) -> Result<(), TaskError> {
    ctx.enqueue(ping::job(n)).await?;
    tokio::spawn(ping::enqueue(n)).await??;
    Ok(())
}

#[task]
async fn boxed_recursion(n: u32) -> u32 {
    if n == 0 { 0 } else { Box::pin(boxed_recursion(n - 1)).await + 1 }
}

// Keys.

#[task(
    name = "every.key",
    queue = "all",
    retries = 3,
    backoff = "exponential(1s, factor = 2, max = 10m, jitter = 0.1)",
    ttl = 300,
    timeout = "30s",
    priority = 5,
    delay = "1500ms",
    rate_limit = "100/1s",
    concurrency = 10,
    key = value.id,
    dedup = "throttle(10s)",
    dedup_key = "format!(\"{}:{}\", value.id, name.is_some())",
    cron = "0 9 * * 1-5",
    tz = "Europe/Zurich",
    retain = "1h",
    version = 2,
    sandbox,
    memory = "512MiB",
    tags = ["a", "b"],
    crate = ::asyncmq,
)]
async fn every_key(#[serde(default = "a_value")] value: Private, name: Option<String>) {
    let _ = (value, name);
}

fn a_value() -> Private {
    Private { id: 1 }
}

#[task(every = "1h", sandbox = false, backoff = 2.0, retain = "none", ttl = 0.5)]
async fn every_hour() {}

#[task(backoff = "list(1s, 10s, 1m)", dedup = "simple", delay = 0)]
async fn listed() {}

#[task(backoff = 2, memory = 1024, sandbox = true, dedup = "debounce(1m)", rate_limit = "window(5/s)")]
async fn based() {}
