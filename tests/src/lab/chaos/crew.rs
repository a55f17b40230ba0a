//! The processes of a run: they are started again whenever they end.

use std::fs::OpenOptions;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::chaos::arena::Arena;
use crate::lab::chaos::{Plan, StoreKind};
use crate::lab::event::Event;
use crate::lab::journal::Journal;
use crate::servers::proxy::Proxy;

/// The places that workers fill.
pub(super) const PLACES: [&str; 5] = ["a", "b", "c", "d", "e"];
/// How far from the others' the clocks of the last two are.
const OFFSETS: [(&str, &str); 2] = [("d", "+45s"), ("e", "-45s")];
/// What lets a process believe in another time. The monotonic clock stays as it is: no machine's is wrong.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
const PRODUCERS: usize = 2;
/// How long a process may take to end once it was told to.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that is kept running.
struct Kept {
    child: Arc<Mutex<Child>>,
    over: Arc<AtomicBool>,
    watcher: std::thread::JoinHandle<()>,
}

/// All processes.
pub(super) struct Crew {
    workers: Vec<Kept>,
    producers: Mutex<Vec<Child>>,
    /// One for each worker, then one for each producer; none where there is no connection.
    proxies: Vec<Proxy>,
    arena: Arc<Arena>,
    journal: Arc<Journal>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Crew {
    pub(super) async fn start(plan: &Plan, arena: Arc<Arena>, journal: Arc<Journal>) -> anyhow::Result<Self> {
        let mut proxies = Vec::new();
        if let Arena::Redis(server) = &*arena {
            for _ in 0..PLACES.len() + PRODUCERS {
                proxies.push(Proxy::start(server.port()).await);
            }
        }
        let mut crew = Self { workers: Vec::new(), producers: Mutex::default(), proxies, arena, journal };
        for place in 0..PLACES.len() {
            let command = crew.worker(plan, place)?;
            crew.workers.push(Kept::start(command, crew.journal.clone())?);
        }
        Ok(crew)
    }

    /// The way of a process to the store. A call that is not answered is given up soon enough for the lease, which is
    /// shorter here than anybody's.
    fn url(&self, number: usize) -> String {
        let proxy = self.proxies.get(number);
        proxy.map_or_else(|| self.arena.url(), |proxy| format!("{}?timeout=1s", proxy.url()))
    }

    fn worker(&self, plan: &Plan, place: usize) -> anyhow::Result<Command> {
        let name = PLACES[place];
        let mut command = Command::new(plan.programs.join("lab_worker"));
        command.arg(self.url(place)).arg(&plan.folder).arg(name);
        command.envs(plan.variables.iter().map(|(name, value)| (name, value)));
        let offset = OFFSETS
            .iter()
            .find(|(known, _)| *known == name)
            .filter(|_| plan.offsets && plan.store == StoreKind::Redis);
        if let Some((_, offset)) = offset {
            if !std::path::Path::new(FAKETIME).exists() {
                bail!(
                    "workers whose clocks are wrong need {FAKETIME}: install `faketime`, or say --no-offsets"
                );
            }
            command
                .env("LD_PRELOAD", FAKETIME)
                .env("FAKETIME", offset)
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        log_into(&mut command, plan, &format!("worker.{name}"))?;
        Ok(command)
    }

    /// Starts the producers.
    pub(super) fn produce(&self, plan: &Plan) -> anyhow::Result<()> {
        for number in 0..PRODUCERS {
            let mut command = Command::new(plan.programs.join("lab_producer"));
            let seed = plan.seed.wrapping_mul(1_000).wrapping_add(number as u64);
            command.arg(self.url(PLACES.len() + number)).arg(&plan.folder);
            command.arg(seed.to_string()).arg((plan.rate / PRODUCERS as u64).to_string());
            command.envs(plan.variables.iter().map(|(name, value)| (name, value)));
            log_into(&mut command, plan, &format!("producer.{number}"))?;
            locked(&self.producers).push(command.spawn().context("lab_producer cannot be started")?);
        }
        Ok(())
    }

    /// Lets the producers end, with an answer to each of their calls.
    pub(super) async fn stop_producing(&self) -> anyhow::Result<()> {
        let mut producers = std::mem::take(&mut *locked(&self.producers));
        for producer in &mut producers {
            kill(Pid::from_raw(i32::try_from(producer.id())?), Signal::SIGTERM)?;
            let deadline = std::time::Instant::now() + PATIENCE;
            while producer.try_wait()?.is_none() {
                if deadline < std::time::Instant::now() {
                    bail!("a producer does not end");
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(())
    }

    /// The proxies of a worker or producer.
    pub(super) fn proxies(&self) -> &[Proxy] {
        &self.proxies
    }

    /// The process that fills a place now.
    pub(super) fn process(&self, place: usize) -> u32 {
        locked(&self.workers[place].child).id()
    }

    pub(super) fn send(&self, place: usize, signal: Signal) -> anyhow::Result<()> {
        let child = locked(&self.workers[place].child);
        // Written down first: what the process still does comes after it.
        self.journal.note(Event::Signal { process: child.id(), signal: signal.to_string() });
        Ok(kill(Pid::from_raw(i32::try_from(child.id())?), signal)?)
    }

    /// Waits until another process fills a place.
    pub(super) async fn replaced(&self, place: usize, process: u32) -> anyhow::Result<()> {
        let deadline = std::time::Instant::now() + PATIENCE;
        while self.process(place) == process {
            if deadline < std::time::Instant::now() {
                bail!("process {process} does not end");
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Lets every worker end in order.
    pub(super) async fn stop(&self) -> anyhow::Result<()> {
        self.workers.iter().for_each(|worker| worker.over.store(true, Ordering::SeqCst));
        for place in 0..self.workers.len() {
            // One that has just ended anyway needs no signal.
            let _ = self.send(place, Signal::SIGTERM);
        }
        let deadline = std::time::Instant::now() + PATIENCE;
        while self.workers.iter().any(|worker| !worker.watcher.is_finished()) {
            if deadline < std::time::Instant::now() {
                bail!("a worker does not end");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.over.store(true, Ordering::SeqCst);
            let _ = locked(&worker.child).kill();
        }
        for producer in &mut *locked(&self.producers) {
            let _ = producer.kill();
            let _ = producer.wait();
        }
    }
}

impl Kept {
    /// Starts a process, and again whenever it has ended, as the supervisor of a server would.
    fn start(mut command: Command, journal: Arc<Journal>) -> anyhow::Result<Self> {
        let spawned = command.spawn().context("lab_worker cannot be started: build the programs first")?;
        let (child, over) = (Arc::new(Mutex::new(spawned)), Arc::new(AtomicBool::new(false)));
        let (watched, is_over) = (child.clone(), over.clone());
        let watcher = std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(2));
                let mut child = locked(&watched);
                let Ok(Some(status)) = child.try_wait() else { continue };
                journal.note(Event::Exit { process: child.id(), code: status.code() });
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                match command.spawn() {
                    Ok(next) => *child = next,
                    Err(error) => return eprintln!("a worker cannot be started again: {error}"),
                }
            }
        });
        Ok(Self { child, over, watcher })
    }
}

fn log_into(command: &mut Command, plan: &Plan, name: &str) -> anyhow::Result<()> {
    let log = OpenOptions::new().append(true).create(true).open(plan.folder.join(format!("log.{name}")))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    Ok(())
}
