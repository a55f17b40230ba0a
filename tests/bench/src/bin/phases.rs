//! One phase of a measurement in a process of its own, for drivers that compare job systems on one server.
//!
//! `phases single|concurrent|bulk|drain|latency|hold N`: enqueues N jobs one awaited after the other, from `CONC` tasks at
//! once or in batches of `BATCH`; runs N jobs that wait; starts N lone jobs on an idle worker; or holds N jobs that do not
//! end until it is killed. Each prints one line, `RESULT {"phase":…,"n":…,"secs":…,"rate":…}`. `REDIS_URL` names the store,
//! `CONC` how many jobs run at once (100), `KEEP=1` keeps ended jobs as by default.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use asyncmq::{Client, JobBuilder, Retention, Worker, task};
use tokio::sync::Notify;

const QUEUE: &str = "bench";

static DONE: AtomicU64 = AtomicU64::new(0);
static TARGET: AtomicU64 = AtomicU64::new(u64::MAX);
static REACHED: Notify = Notify::const_new();
static FIRST: Mutex<Option<Instant>> = Mutex::new(None);
static STARTS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

#[task(queue = "bench")]
async fn send(id: u64, to: String, subject: String, ts: u64) {
    std::hint::black_box((id, to, subject));
    if ts & 1 == 1 {
        STARTS.lock().unwrap_or_else(PoisonError::into_inner).push(nanos().saturating_sub(ts));
    }
    count();
}

/// Lasts longer than what is measured.
#[task(queue = "bench")]
async fn lasts() {
    count();
    std::future::pending::<()>().await;
}

fn count() {
    let done = DONE.fetch_add(1, SeqCst) + 1;
    if done == 1 {
        *FIRST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
    if done == TARGET.load(SeqCst) {
        REACHED.notify_one();
    }
}

fn nanos() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// A number from the environment.
fn number(name: &str, default: usize) -> anyhow::Result<usize> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is no number")),
        Err(_) => Ok(default),
    }
}

/// Job number `id`; odd times are those of jobs whose start is timed.
fn job(id: u64, timed: bool) -> JobBuilder<send> {
    let ts = if timed { nanos() | 1 } else { nanos() & !1 };
    let job = send::job(id, format!("user{id:06}@example.com"), "Welcome to the new service", ts);
    if std::env::var_os("KEEP").is_some_and(|keep| keep == "1") {
        job
    } else {
        job.retain(Retention::Nothing)
    }
}

fn expect(target: u64) {
    DONE.store(0, SeqCst);
    TARGET.store(target, SeqCst);
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no exact count")]
fn print(phase: &str, jobs: u64, took: Duration, more: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|line| line.split_whitespace().next()).unwrap_or("0");
    let (secs, rate) = (took.as_secs_f64(), jobs as f64 / took.as_secs_f64());
    println!(
        "RESULT {{\"phase\":\"{phase}\",\"n\":{jobs},\"secs\":{secs:.6},\"rate\":{rate:.1},\"rss_kb\":{peak}{more}}}"
    );
}

async fn single(client: &Client, jobs: u64) -> anyhow::Result<()> {
    let start = Instant::now();
    for id in 0..jobs {
        job(id, false).enqueue_on(client).await?;
    }
    print("single", jobs, start.elapsed(), "");
    Ok(())
}

async fn concurrent(client: &Client, jobs: u64) -> anyhow::Result<()> {
    let producers = number("CONC", 100)? as u64;
    let start = Instant::now();
    let producers: Vec<_> = (0..producers)
        .map(|first| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut id = first;
                while id < jobs {
                    job(id, false).enqueue_on(&client).await?;
                    id += producers;
                }
                Ok::<(), asyncmq::Error>(())
            })
        })
        .collect();
    for producer in producers {
        producer.await??;
    }
    print("concurrent", jobs, start.elapsed(), "");
    Ok(())
}

async fn bulk(client: &Client, jobs: u64) -> anyhow::Result<()> {
    let batch = number("BATCH", 1_000)? as u64;
    let start = Instant::now();
    let mut first = 0;
    while first < jobs {
        let end = (first + batch).min(jobs);
        client.enqueue_all((first..end).map(|id| job(id, false))).await?;
        first = end;
    }
    print("bulk", jobs, start.elapsed(), "");
    Ok(())
}

/// Holds as many jobs as there are, none of which ends, until the process is killed.
async fn hold(client: &Client, jobs: u64) -> anyhow::Result<()> {
    let start = Instant::now();
    expect(jobs);
    let worker = Worker::new(client).queues([QUEUE]).concurrency(usize::try_from(jobs)?).start().await?;
    let mut left = jobs;
    while left > 0 {
        let batch = left.min(1_000);
        client.enqueue_all((0..batch).map(|_| lasts::job())).await?;
        left -= batch;
    }
    REACHED.notified().await;
    print("hold", jobs, start.elapsed(), "");
    worker.idle().await;
    Ok(())
}

async fn drain(client: &Client, jobs: u64) -> anyhow::Result<()> {
    expect(jobs);
    let worker = Worker::new(client).queues([QUEUE]).concurrency(number("CONC", 100)?).start().await?;
    REACHED.notified().await;
    let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner).take();
    let took = first.context("no job ran")?.elapsed();
    print("drain", jobs, took, "");
    worker.stop().await?;
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a percentile"
)]
async fn latency(client: &Client, jobs: u64) -> anyhow::Result<()> {
    let worker = Worker::new(client).queues([QUEUE]).concurrency(number("CONC", 100)?).start().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    for id in 0..jobs {
        expect(1);
        job(id, true).enqueue_on(client).await?;
        REACHED.notified().await;
        tokio::time::sleep(Duration::from_micros(5_000 + id * 7_919 % 20_000)).await;
    }
    let mut starts = std::mem::take(&mut *STARTS.lock().unwrap_or_else(PoisonError::into_inner));
    starts.sort_unstable();
    let at = |share: f64| {
        let place = ((starts.len() as f64 * share) as usize).min(starts.len().saturating_sub(1));
        starts.get(place).map_or(0.0, |nanos| *nanos as f64 / 1e6)
    };
    let more = format!(",\"p50_ms\":{:.3},\"p99_ms\":{:.3},\"max_ms\":{:.3}", at(0.5), at(0.99), at(1.0));
    print("latency", jobs, start.elapsed(), &more);
    worker.stop().await?;
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let (Some(phase), Some(jobs)) = (words.next(), words.next()) else {
        bail!("usage: phases single|concurrent|bulk|drain|latency|hold N");
    };
    let jobs: u64 = jobs.parse().context("N is no number")?;
    let url = std::env::var("REDIS_URL").context("REDIS_URL names no store")?;
    let client = Client::connect(&url).await?;
    match phase.as_str() {
        "single" => single(&client, jobs).await?,
        "concurrent" => concurrent(&client, jobs).await?,
        "bulk" => bulk(&client, jobs).await?,
        "drain" => drain(&client, jobs).await?,
        "latency" => latency(&client, jobs).await?,
        "hold" => hold(&client, jobs).await?,
        other => bail!("there is no phase `{other}`: single, concurrent, bulk, drain, latency or hold"),
    }
    Ok(())
}
