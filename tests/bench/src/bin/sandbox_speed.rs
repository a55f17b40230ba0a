//! What a sandboxed job costs: one at a time and many at once, beside the same job run directly and a bare round trip through
//! a pipe to another process, as the machine is shared.
//!
//! `cargo run --release -p asyncmq-bench --bin sandbox_speed`

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use asyncmq::{Client, Registry, Sandbox, Worker, task};
use nix::sys::resource::{UsageWho, getrusage};

#[task(name = "bench.sandboxed", queue = "sandboxed", sandbox)]
async fn sandboxed() {}

#[task(name = "bench.direct", queue = "direct")]
async fn direct() {}

const ALONE: usize = 10_000;
const MANY: usize = 200_000;

fn main() {
    asyncmq::sandbox::init();
    if std::env::args().any(|argument| argument == "--echo") {
        return echo();
    }
    let bare = bare_round_trip();
    println!("bare round trip to another process: p50 {bare:?}");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(measure(bare));
}

/// Answers each byte with a byte.
fn echo() {
    let mut byte = [0];
    let (mut input, mut output) = (std::io::stdin(), std::io::stdout());
    while input.read_exact(&mut byte).is_ok() {
        output.write_all(&byte).and_then(|()| output.flush()).expect("somebody listens");
    }
}

/// Measures what no queue could be faster than.
fn bare_round_trip() -> Duration {
    let (mut here, there) = UnixStream::pair().expect("a pair of sockets");
    let (input, output) = (there.try_clone().expect("a copy"), there);
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .arg("--echo")
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(input)))
        .stdout(Stdio::from(std::os::fd::OwnedFd::from(output)))
        .spawn()
        .expect("a process starts");
    let mut byte = [1];
    let mut times: Vec<Duration> = (0..ALONE)
        .map(|_| {
            let begun = Instant::now();
            here.write_all(&byte).and_then(|()| here.read_exact(&mut byte)).expect("it answers");
            begun.elapsed()
        })
        .collect();
    drop(here);
    child.wait().expect("it ends");
    median(&mut times)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn measure(bare: Duration) {
    let client = Client::memory();
    let registry = Registry::new().with::<sandboxed>().with::<direct>();
    let worker = Worker::new(&client).registry(registry).concurrency(4).sandbox(Sandbox::new());
    let worker = worker.start().await.expect("the worker starts");
    // One of each in turn, so that what else the machine does falls on both.
    let (mut there, mut here) = (Vec::with_capacity(ALONE), Vec::with_capacity(ALONE));
    for _ in 0..ALONE {
        let begun = Instant::now();
        let job = direct::job().enqueue_on(&client).await.expect("it is taken in");
        job.result().await.expect("it ends");
        here.push(begun.elapsed());
        let begun = Instant::now();
        let job = sandboxed::job().enqueue_on(&client).await.expect("it is taken in");
        job.result().await.expect("it ends");
        there.push(begun.elapsed());
    }
    let (there, here) = (median(&mut there), median(&mut here));
    let more = there.saturating_sub(here);
    println!(
        "one at a time: direct p50 {here:?}, sandboxed p50 {there:?}: {more:?} more ({:.1} bare round trips)",
        ratio(more, bare)
    );
    let before = cpu(UsageWho::RUSAGE_SELF);
    for round in 1..=3 {
        let directly = flood(&client, direct::job).await;
        let rate = flood(&client, sandboxed::job).await;
        println!(
            "round {round}: {MANY} jobs, concurrency 4: direct {directly:.0} jobs/s, sandboxed {rate:.0} jobs/s ({:.2} of a bare round trip each)",
            bare.as_secs_f64() * rate
        );
    }
    worker.stop().await.expect("the worker stops");
    // Unlike the rates, it says little of what else the machine does.
    let (own, theirs) = (cpu(UsageWho::RUSAGE_SELF) - before, cpu(UsageWho::RUSAGE_CHILDREN));
    println!(
        "processor time of a sandboxed job: {:.1?} in the worker (with the direct ones), {:.1?} in children",
        own / u32::try_from(3 * MANY).unwrap_or(1),
        theirs / u32::try_from(3 * MANY + ALONE).unwrap_or(1)
    );
}

/// Returns the processor time that processes have used.
fn cpu(whose: UsageWho) -> Duration {
    let usage = getrusage(whose).expect("the system tells");
    let micros = |time: nix::sys::time::TimeVal| {
        u64::try_from(1_000_000 * time.tv_sec() + time.tv_usec()).unwrap_or(0)
    };
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64().max(1e-9)
}

/// Lets the worker run many jobs, and returns how many it ran in a second.
async fn flood<T: asyncmq::Task>(client: &Client, job: impl Fn() -> asyncmq::NewJob<T>) -> f64 {
    let queue = client.queue(T::QUEUE);
    queue.pause().await.expect("it is paused");
    client.enqueue_all((0..MANY).map(|_| job())).await.expect("they are taken in");
    let begun = Instant::now();
    queue.resume().await.expect("it is resumed");
    while queue.counts().await.expect("it answers").unfinished() != 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    MANY as f64 / begun.elapsed().as_secs_f64()
}
