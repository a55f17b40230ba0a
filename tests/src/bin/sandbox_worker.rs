//! A worker whose handlers run in child processes, for tests that look at processes from outside.
//!
//! The first argument says what it does: `hold`, `replace`, `open`, `crowd` or `start`.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use asyncmq::{Client, Context, JobHandle, Registry, Sandbox, Worker, task};
use nix::sys::signal::{Signal, raise};

fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    // A program that was written without a thought of the sandbox: what its child does then.
    match (mode.as_str(), std::env::var("FORGETS").as_deref()) {
        ("asyncmq_sandbox_child", Ok("and ends")) => return,
        ("asyncmq_sandbox_child", Ok("and stays")) => loop {
            std::thread::park();
        },
        (_, Ok(_)) => {}
        (_, Err(_)) => asyncmq::sandbox::init(),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        match mode.as_str() {
            "hold" => held().await,
            "replace" => replaced().await,
            "open" => opened().await,
            "crowd" => crowd().await,
            _ => started().await,
        }
    });
}

fn say(line: impl std::fmt::Display) {
    println!("{line}");
    std::io::stdout().flush().expect("somebody listens");
}

/// Starts a worker, and says what that gave.
async fn started() {
    let sandbox = Sandbox::new().env("FORGETS").start(Duration::from_millis(500));
    let worker = Worker::new(&Client::memory()).registry(Registry::new().with::<inode>()).sandbox(sandbox);
    match worker.start().await {
        Ok(worker) => {
            say("started");
            worker.stop().await.expect("it stops");
        }
        Err(error) => say(format!("{error:?}")),
    }
}

/// Starts a process of its own, says who both are, and does not end.
#[task(queue = "hold", sandbox)]
fn hold(ctx: Context) {
    let mut sleep = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().expect("it starts");
    ctx.log(format!("{} {}", std::process::id(), sleep.id()));
    drop(sleep.wait());
}

/// Says the ids of the processes of two jobs that never end.
async fn held() {
    let client = Client::memory();
    let worker = Worker::new(&client).registry(Registry::new().with::<hold>()).start().await;
    let _worker = worker.expect("the worker starts");
    for _ in 0..2 {
        let job = hold::job().enqueue_on(&client).await.expect("it is taken in");
        let line = loop {
            let job = client.queue("hold").get_job(job.id()).await.expect("it answers").expect("it is there");
            if let Some(line) = job.logs().first() {
                break line.message.clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        say(line);
    }
    std::future::pending().await
}

/// Says which file its process runs.
#[task(queue = "inode", sandbox)]
async fn inode() -> (u64, u32) {
    (std::fs::metadata("/proc/self/exe").expect("it is there").ino(), std::process::id())
}

/// Says which file a child runs: at once, and for each line that it is told.
async fn replaced() {
    let client = Client::memory();
    let worker =
        Worker::new(&client).registry(Registry::new().with::<inode>()).sandbox(Sandbox::new().jobs(1));
    let worker = worker.start().await.expect("the worker starts");
    for line in std::iter::once(Ok(String::new())).chain(std::io::stdin().lock().lines()) {
        line.expect("it can be read");
        let job = inode::job().enqueue_on(&client).await.expect("it is taken in");
        let (inode, process) = job.result().await.expect("it ends");
        say(format!("{inode} {process}"));
    }
    worker.stop().await.expect("it stops");
}

/// Says what is open in its process, and what it sees of the environment.
#[task(queue = "open", sandbox)]
async fn open() -> (Vec<String>, Vec<String>) {
    let files = std::fs::read_dir("/proc/self/fd").expect("it is there").flatten();
    let files = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    let variables = std::env::vars().map(|(name, _)| name).collect();
    (files.map(|file| file.display().to_string()).collect(), variables)
}

/// Says what is open in a child of a worker that has connections to stores.
async fn opened() {
    let client = Client::from_env().await.expect("the store is there");
    let _listening = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let worker =
        Worker::new(&client).registry(Registry::new().with::<open>()).sandbox(Sandbox::new().env("PASSED"));
    let worker = worker.start().await.expect("the worker starts");
    let job = open::job().enqueue_on(&client).await.expect("it is taken in");
    let (files, variables) = job.result().await.expect("it ends");
    files.iter().for_each(|file| say(format!("file {file}")));
    variables.iter().for_each(|variable| say(format!("variable {variable}")));
    worker.stop().await.expect("it stops");
}

#[task(queue = "crowd", sandbox)]
async fn good(number: u64) -> u64 {
    2 * number
}

#[task(queue = "crowd", sandbox, memory = "128MiB")]
fn ends(how: &str) -> u64 {
    match how {
        "abort" => std::process::abort(),
        "overflow" => deeper(&[0; 256]),
        "exit" => std::process::exit(3),
        "segv" => loop {
            raise(Signal::SIGSEGV).expect("it can");
        },
        "kill" => u64::from(raise(Signal::SIGKILL).is_ok()),
        "hoard" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(std::hint::black_box(vec![1_u8; 8 << 20]));
            }
        }
        _ => panic!("on purpose"),
    }
}

#[expect(unconditional_recursion, reason = "it is one of the ways")]
fn deeper(stack: &[u64; 256]) -> u64 {
    let mut more = *stack;
    more[0] += more[1] + 1;
    deeper(std::hint::black_box(&more)) + more[0]
}

#[task(queue = "crowd", sandbox, timeout = "200ms")]
async fn stays(how: &str) {
    match how {
        "loop" => while std::hint::black_box(true) {},
        // It doubles every 20 ms.
        "bomb" => drop(
            Command::new("sh").args(["-c", "f() { sleep 0.02; f & f & }; f"]).stdin(Stdio::null()).spawn(),
        ),
        _ => {}
    }
    loop {
        std::thread::park();
    }
}

/// How jobs misbehave, and what is to be said about it.
const BAD: [(&str, &str); 10] = [
    ("abort", "signal 6 (SIGABRT)"),
    ("overflow", "stack of the handler overflowed"),
    ("exit", "ended by itself with code 3"),
    ("segv", "signal 11 (SIGSEGV)"),
    ("kill", "signal 9 (SIGKILL) from outside"),
    ("hoard", "exceeded 128 MiB of memory"),
    ("panic", "on purpose"),
    ("loop", "timed out after 200ms; the handler's process was killed"),
    ("bomb", "timed out after 200ms; the handler's process was killed"),
    ("park", "timed out after 200ms; the handler's process was killed"),
];

/// Runs good and bad jobs in one worker, in two halves, and says what came of it.
async fn crowd() {
    let argument = |place| std::env::args().nth(place).and_then(|text| text.parse::<usize>().ok());
    let (of_each, goods) = (argument(2).unwrap_or(100), argument(3).unwrap_or(5_000));
    let client = Client::memory();
    let registry = Registry::new().with::<good>().with::<ends>().with::<stays>();
    let sandbox = Sandbox::new().grace(Duration::from_millis(50));
    let worker = Worker::new(&client).registry(registry).concurrency(8).sandbox(sandbox);
    let worker = worker.start().await.expect("the worker starts");
    let mut figures = BTreeMap::new();
    let begun = Instant::now();
    for half in 1..=2 {
        half_of_the_crowd(&client, of_each.div_ceil(2), goods.div_ceil(2), &mut figures).await;
        figures.insert(format!("resident KiB after half {half}"), resident());
        figures.insert(format!("open files after half {half}"), open_files());
    }
    figures.insert("milliseconds".into(), begun.elapsed().as_millis() as u64);
    worker.stop().await.expect("it stops");
    figures.insert("open files at the end".into(), open_files());
    figures.insert("orphans".into(), marked());
    for (name, figure) in figures {
        say(format!("{name}: {figure}"));
    }
}

async fn half_of_the_crowd(
    client: &Client,
    of_each: usize,
    goods: usize,
    figures: &mut BTreeMap<String, u64>,
) {
    let mut bad = Vec::new();
    let mut good_jobs: Vec<JobHandle<good>> = Vec::new();
    let good_behind_each = goods / (of_each * BAD.len());
    for _ in 0..of_each {
        for (how, reason) in BAD {
            let id = match reason.starts_with("timed out") {
                true => stays::job(how).enqueue_on(client).await.expect("it is taken in").id().clone(),
                false => ends::job(how).enqueue_on(client).await.expect("it is taken in").id().clone(),
            };
            bad.push((how, reason, id));
            for number in 0..good_behind_each as u64 {
                good_jobs.push(good::job(number).enqueue_on(client).await.expect("it is taken in"));
            }
        }
    }
    for (place, job) in good_jobs.iter().enumerate() {
        let expected = 2 * (place % good_behind_each) as u64;
        let is_right = job.result().await.is_ok_and(|result| result == expected);
        *figures.entry(format!("good jobs {}", if is_right { "done" } else { "harmed" })).or_default() += 1;
    }
    for (how, reason, id) in bad {
        let said = loop {
            let job = client.queue("crowd").get_job(&id).await.expect("it answers").expect("it is kept");
            if let Some(error) = job.errors().last() {
                break error.message().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let is_right = said.contains(reason);
        if !is_right {
            say(format!("{how} ended otherwise: {said}"));
        }
        *figures
            .entry(format!("bad jobs {}: {how}", if is_right { "as expected" } else { "otherwise" }))
            .or_default() += 1;
    }
}

fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("it is there");
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| 4 * pages)
}

fn open_files() -> u64 {
    std::fs::read_dir("/proc/self/fd").expect("it is there").count() as u64
}

/// Counts the processes that bear the mark of this one's children, be they whose they may.
fn marked() -> u64 {
    let mark = format!("ASYNCMQ_SANDBOX_OF={}\0", std::process::id());
    let processes = std::fs::read_dir("/proc").expect("it is there").flatten();
    let is_marked = |process: &Path| {
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&mark)
    };
    processes.filter(|process| is_marked(&process.path())).count() as u64
}
