//! How soon the commands of an operator answer beside many jobs, and how much memory they take.
//!
//! `lists N URL` fills an empty store with N jobs, most of them waiting, others delayed, failed or completed, and runs each
//! list as a process of its own (in memory: in this one), five times; the median counts. It ends with 1 if one took longer
//! than 300 ms. What looks at every job, or changes it, is measured once.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use asyncmq::admin::{Order, Query};
use asyncmq::{Client, NewJob, Registry, Worker, task};
use nix::sys::resource::{UsageWho, getrusage};

/// How soon a list has to answer.
const MOMENT: Duration = Duration::from_millis(300);
/// How often each is asked for.
const TIMES: usize = 5;

/// Fails at once, for good.
#[task(name = "many.fail", queue = "mail")]
async fn fail() -> Result<(), String> {
    Err("no such user".into())
}

/// Ends well.
#[task(name = "many.pass", queue = "mail")]
async fn pass() -> u32 {
    7
}

/// Fills a store: most jobs wait, in two priorities, others are delayed; a tenth has failed or is completed.
async fn fill(client: &Client, jobs: usize) -> Result<()> {
    let queue = client.queue("mail");
    for _ in 0..jobs / 10 / 5_000 {
        let ended =
            (0..5_000).map(|place| NewJob::new(if place < 4_500 { "many.fail" } else { "many.pass" }));
        queue.add_bulk(ended).await?;
        let registry = Registry::new().with::<fail>().with::<pass>();
        let worker = Worker::new(client).registry(registry).queues(["mail"]).concurrency(200);
        worker.run_until_idle().await?;
    }
    for _ in 0..jobs / 10_000 {
        let waiting = (0..7_000).map(|place: u32| {
            let priority = if place.is_multiple_of(10) { 3 } else { 5 };
            NewJob::new("app.send").priority(priority).args(serde_json::json!({ "to": place }))
        });
        queue.add_bulk(waiting).await?;
        let delayed = (0..2_000).map(|_| NewJob::new("app.send").delay(Duration::from_secs(3_600)));
        queue.add_bulk(delayed).await?;
    }
    for number in 0..50 {
        client.queue(format!("small {number}")).add(NewJob::new("app.send")).await?;
    }
    Ok(())
}

/// Walks far into what waits, and returns where the next page begins.
async fn far_in(client: &Client, jobs: usize) -> Result<Option<String>> {
    let (mut after, query) = (None, "state:waiting queue:mail".parse::<Query>()?);
    for _ in 0..jobs / 4 / 250 {
        after = client.admin().jobs(&query, after.as_deref(), 250).await?.next;
    }
    Ok(after)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn shown(time: Duration, what: &str) {
    println!("{:>10}  {what}", format!("{time:.1?}"));
}

/// Returns the most memory that a process which this one started ever had, in MiB.
fn memory_of_commands() -> Result<i64> {
    Ok(getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() / 1_024)
}

/// Runs a command beside the store, and returns how long it took.
fn run(url: &str, words: &[&str]) -> Result<Duration> {
    let operator: PathBuf = std::env::current_exe()?.with_file_name("operator");
    let start = Instant::now();
    let mut command = Command::new(operator);
    command
        .args(words)
        .env("ASYNCMQ_URL", url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let code = command.status().context("build the binary `operator` too")?.code();
    // `doctor` and a look for what there is not say no.
    ensure!(matches!(code, Some(0 | 1)), "{words:?} ended with {code:?}");
    Ok(start.elapsed())
}

fn lists(url: &str, last: &str) -> Result<bool> {
    let mut are_soon = true;
    for words in [
        &["queue", "list"][..],
        &["queue", "info", "mail"],
        &["job", "list"],
        &["job", "list", "state:delayed"],
        &["job", "list", "state:completed"],
        &["job", "list", "state:waiting", "--after", last],
        &["job", "list", "task:app.*"],
        &["job", "list", "error:none"],
        &["job", "list", "task:none", "--json"],
        &["dead", "list"],
        &["dead", "list", "error:user"],
        &["dead", "list", "error:none"],
        &["job", "inspect", "no-such-id"],
        &["worker", "list"],
        &["tasks"],
        &["audit"],
        &["info"],
        &["doctor"],
        &["job", "remove", "--dry-run", "--query", "state:waiting"],
        &["queue", "drain", "mail", "--dry-run"],
    ] {
        let times: Result<Vec<_>> = (0..TIMES).map(|_| run(url, words)).collect();
        let time = median(times?);
        shown(time, &words.join(" "));
        are_soon &= time < MOMENT;
    }
    Ok(are_soon)
}

async fn beside(client: &Client, url: &str, jobs: usize) -> Result<bool> {
    let last = far_in(client, jobs).await?.unwrap_or_default();
    let are_soon = lists(url, &last)?;
    println!("{:>6} MiB  at most, of any of these", memory_of_commands()?);
    for words in [
        &["job", "list", "error:none", "--all"][..],
        &["job", "remove", "--dry-run", "--query", "error:none"],
        &["job", "cancel", "--yes", "--query", "task:app.* queue:mail"],
    ] {
        shown(run(url, words)?, &words.join(" "));
    }
    println!("{:>6} MiB  at most, of these too", memory_of_commands()?);
    Ok(are_soon)
}

async fn in_memory(client: &Client, jobs: usize) -> Result<bool> {
    let (admin, last) = (client.admin(), far_in(client, jobs).await?);
    let mut are_soon = true;
    for (query, after) in [
        ("", None),
        ("state:delayed", None),
        ("state:waiting", last.as_deref()),
        ("error:none", None),
        ("state:dead", None),
        ("state:completed", None),
    ] {
        let (query, start) = (query.parse::<Query>()?, Instant::now());
        admin.jobs(&query, after, 50).await?;
        shown(start.elapsed(), &format!("a page of {query}"));
        are_soon &= start.elapsed() < MOMENT;
    }
    let start = Instant::now();
    admin.queues().await?;
    shown(start.elapsed(), "queues");
    let start = Instant::now();
    admin.preview(&Order::Remove, &"error:none".parse()?, 5).await?;
    shown(start.elapsed(), "a look at each");
    let start = Instant::now();
    admin.carry_out(&Order::Cancel { reason: None }, &"task:app.* queue:mail".parse()?).await?;
    shown(start.elapsed(), "cancelled all that waited or were delayed");
    Ok(are_soon)
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [jobs, url] = &words[..] else {
        println!("lists N URL, with the URL of an empty store");
        return Ok(ExitCode::from(2));
    };
    let (jobs, client) = (jobs.parse()?, Client::connect(url).await?);
    let start = Instant::now();
    fill(&client, jobs).await?;
    shown(start.elapsed(), &format!("{jobs} jobs taken in"));
    let are_soon = if url.starts_with("memory:") {
        in_memory(&client, jobs).await?
    } else {
        beside(&client, url, jobs).await?
    };
    Ok(if are_soon { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
