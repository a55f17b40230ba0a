//! Worker processes on one server, and what they note.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use asyncmq::Client;
use asyncmq_tests::work;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support::{soon, until};

/// One attempt, as its process noted it.
#[derive(Debug, Clone)]
pub(super) struct Noted {
    pub(super) id: String,
    pub(super) attempt: u32,
    pub(super) process: u32,
    /// Since 1970.
    pub(super) at: Duration,
}

/// What worker processes share.
pub(super) struct Crew {
    pub(super) folder: TempDir,
    pub(super) lease: Duration,
}

impl Crew {
    pub(super) fn new(lease: Duration) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), lease }
    }

    /// Starts a process that takes up to so many jobs at once.
    pub(super) fn start(&self, url: &str, name: &str, concurrency: usize) -> Member {
        let log = self.folder.path().join(format!("log.{name}"));
        let log = std::fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_redis_worker"))
            .arg(url)
            .arg(self.folder.path())
            .arg(name)
            .arg(self.lease.as_millis().to_string())
            .arg(concurrency.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Member { child, name: name.to_owned() }
    }

    /// Returns the last that a worker had to say.
    pub(super) fn log(&self, name: &str) -> String {
        let log = std::fs::read_to_string(self.folder.path().join(format!("log.{name}"))).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    pub(super) fn starts(&self) -> Vec<Noted> {
        noted(&self.folder.path().join("starts"))
    }

    pub(super) fn effects(&self) -> Vec<Noted> {
        noted(&self.folder.path().join("effects"))
    }

    /// Returns how many attempts of each job began.
    pub(super) fn runs(&self) -> HashMap<String, usize> {
        let mut runs = HashMap::new();
        self.starts().into_iter().for_each(|start| *runs.entry(start.id).or_default() += 1);
        runs
    }

    /// Lets the held jobs of a process go on.
    pub(super) fn let_go(&self, process: u32) {
        std::fs::write(self.folder.path().join(format!("go.{process}")), "").unwrap();
    }

    /// Waits until a process has begun so many attempts, and returns them.
    pub(super) async fn started(&self, process: u32, count: usize) -> Vec<Noted> {
        let of = || self.starts().into_iter().filter(|start| start.process == process).collect::<Vec<_>>();
        until("attempts of a process", async || count <= of().len()).await;
        of()
    }
}

/// Reads whole lines; the last may still be missing its end.
fn noted(path: &Path) -> Vec<Noted> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let number = |place: usize| words[place].parse::<u32>().unwrap();
            let at = Duration::from_micros(words[3].parse().unwrap());
            Noted { id: words[0].to_owned(), attempt: number(1), process: number(2), at }
        })
        .collect()
}

/// The time as processes note it.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// A worker process, which ends with the test.
pub(super) struct Member {
    child: Child,
    name: String,
}

impl Member {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn send(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Kills the process, and waits until it is dead.
    pub(super) fn die(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells how the process ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until the process has run a job of its own queue.
    pub(super) async fn consumes(&self, client: &Client) {
        soon("a canary", canary(client, &self.name)).await;
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Enqueues a canary for a worker until one has run.
pub(super) async fn canary(client: &Client, name: &str) {
    loop {
        let job = work::canary::job().queue(format!("canary.{name}"));
        if let Ok(handle) = job.enqueue_on(client).await
            && handle.result().await.is_ok()
        {
            return;
        }
    }
}

/// Starts a process again whenever it has ended, as the supervisor of a server would.
pub(super) struct Supervisor {
    deaths: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Supervisor {
    pub(super) fn start(crew: &Arc<Crew>, url: &str, members: usize, concurrency: usize) -> Self {
        let (deaths, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let threads = (0..members).map(|number| {
            let (crew, url, deaths, over) = (crew.clone(), url.to_owned(), deaths.clone(), over.clone());
            std::thread::spawn(move || {
                let mut member = crew.start(&url, &number.to_string(), concurrency);
                while !over.load(Ordering::SeqCst) {
                    if member.ended().is_some() {
                        deaths.fetch_add(1, Ordering::SeqCst);
                        member = crew.start(&url, &number.to_string(), concurrency);
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            })
        });
        let threads = threads.collect();
        Self { deaths, over, threads }
    }

    /// Returns how often a process ended.
    pub(super) fn deaths(&self) -> usize {
        self.deaths.load(Ordering::SeqCst)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}
