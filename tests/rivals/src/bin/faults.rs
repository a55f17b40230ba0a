//! Job systems under the same faults: `cargo build && cargo run --bin faults` in this folder (the first builds the other
//! programs), with `redis-server` there. BullMQ itself takes part if there are `node` and `npm`.
//!
//! Each system, in its documented configuration, gets 2,000 jobs of 10 ms and a worker that runs ten at once, on a server
//! of its own (`appendonly yes`) behind a proxy. After 300 jobs one fault happens. What counts is which jobs never run within
//! `PATIENCE` seconds (100) after it, how many run more than once, how long after its end the first job runs, and when the last.
//! `ONLY=bullmq,restart` leaves the others out.

#[path = "../../../src/servers/proxy.rs"]
#[allow(dead_code)]
mod proxy;
#[path = "../../../src/servers/redis_server.rs"]
#[allow(dead_code)]
mod redis_server;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proxy::{Mode, Proxy};
use redis_server::RedisServer;

const JOBS: usize = 2_000;
const BEFORE: usize = 300;
const SYSTEMS: &[&str] = &["asyncmq", "bullmq", "apalis", "oxana", "sidekiq", BULLMQ_JS];
/// The one that is no program of this workspace.
const BULLMQ_JS: &str = "bullmq-js";

/// What happens to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing.
    None,
    /// The server closes every connection.
    Closed,
    /// Every connection is reset on its way.
    Reset,
    /// The server is killed, and is back after a second.
    Restart,
    /// What is on its way on the connections that there are gets lost for good; new ones are sound.
    HalfOpen,
    /// For 300 ms no reply arrives, then every connection is reset.
    LostReplies,
    /// The server answers nobody for three seconds.
    Pause,
    /// The server forgets its scripts.
    Flush,
    /// The worker is killed, and another one starts at once.
    Killed,
    /// The worker is stopped for 45 s while another one runs, then goes on.
    Frozen,
}

impl Fault {
    const ALL: [Self; 10] = [
        Self::None,
        Self::Closed,
        Self::Reset,
        Self::Restart,
        Self::HalfOpen,
        Self::LostReplies,
        Self::Pause,
        Self::Flush,
        Self::Killed,
        Self::Frozen,
    ];
}

/// One system under one fault.
struct Scene {
    system: &'static str,
    server: RedisServer,
    proxy: Proxy,
    effects: PathBuf,
    workers: Vec<Child>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

impl Scene {
    async fn new(system: &'static str, folder: &Path) -> Self {
        let server = RedisServer::start(&["--appendonly", "yes"]);
        let proxy = Proxy::start(server.port()).await;
        Self { system, server, proxy, effects: folder.join("effects"), workers: Vec::new() }
    }

    fn program(&self, words: &[&str], url: &str) -> Child {
        let own = std::env::current_exe().unwrap();
        let output = if std::env::var_os("LOUD").is_some() { Stdio::inherit } else { Stdio::null };
        let mut program = match self.system {
            BULLMQ_JS => {
                let mut node = Command::new("node");
                node.arg(bullmq_js().join("rival.js"));
                node
            }
            system => Command::new(own.with_file_name(system)),
        };
        program
            .args(words)
            .env("REDIS_URL", url)
            .env("EFFECTS", &self.effects)
            .stdout(output())
            .stderr(output())
            .spawn()
            .unwrap()
    }

    async fn produce(&self) {
        let mut producer = self.program(&["produce", &JOBS.to_string()], &self.server.url());
        let ended = tokio::task::spawn_blocking(move || producer.wait().unwrap()).await.unwrap();
        assert!(ended.success(), "{}: the jobs could not be enqueued", self.system);
    }

    fn work(&mut self) {
        let worker = self.program(&["work"], &self.proxy.url());
        self.workers.push(worker);
    }

    /// How often each job ran so far.
    fn ran(&self) -> HashMap<u64, usize> {
        let mut ran = HashMap::new();
        for line in std::fs::read_to_string(&self.effects).unwrap_or_default().lines() {
            *ran.entry(line.parse().unwrap()).or_default() += 1;
        }
        ran
    }

    fn effects(&self) -> usize {
        self.ran().values().sum()
    }

    /// Waits until something holds; tells whether it did in time.
    async fn until(&self, limit: Duration, mut holds: impl FnMut(&Self) -> bool) -> Option<Duration> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if holds(self) {
                return Some(start.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }

    async fn suffer(&mut self, fault: Fault) {
        let pause = tokio::time::sleep;
        match fault {
            Fault::None => {}
            Fault::Closed => {
                for kind in ["normal", "pubsub"] {
                    let _: i64 = self.server.order(&["CLIENT", "KILL", "TYPE", kind]);
                }
            }
            Fault::Reset => self.proxy.cut(),
            Fault::Restart => {
                self.server.kill();
                pause(Duration::from_secs(1)).await;
                self.server.revive();
            }
            Fault::HalfOpen => {
                // Connections that are opened from now on have a rule of their own.
                self.proxy.set_new(Mode::Pass);
                self.proxy.set(Mode::Swallow);
            }
            Fault::LostReplies => {
                self.proxy.set(Mode::SwallowReplies);
                pause(Duration::from_millis(300)).await;
                self.proxy.heal();
            }
            Fault::Pause => {
                let () = self.server.order(&["CLIENT", "PAUSE", "3000", "ALL"]);
                pause(Duration::from_secs(3)).await;
            }
            Fault::Flush => {
                let () = self.server.order(&["SCRIPT", "FLUSH"]);
            }
            Fault::Killed => {
                let worker = &mut self.workers[0];
                worker.kill().unwrap();
                worker.wait().unwrap();
                self.work();
            }
            Fault::Frozen => {
                let pid = Pid::from_raw(i32::try_from(self.workers[0].id()).unwrap());
                kill(pid, Signal::SIGSTOP).unwrap();
                self.work();
                pause(Duration::from_secs(45)).await;
                kill(pid, Signal::SIGCONT).unwrap();
            }
        }
    }
}

/// Lets one system suffer one fault, and says what became of its jobs.
async fn try_out(system: &'static str, fault: Fault, patience: Duration) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = Scene::new(system, folder.path()).await;
    scene.produce().await;
    scene.work();
    if scene.until(Duration::from_secs(60), |scene| BEFORE <= scene.effects()).await.is_none() {
        return format!("{system:9} {fault:12?} did not begin: {} jobs in 60 s", scene.effects());
    }
    scene.suffer(fault).await;
    let (over, before) = (Instant::now(), scene.effects());
    // Where all have run already nothing more need come.
    let again = scene.until(patience, |scene| before == JOBS || before < scene.effects()).await;
    let left = patience.saturating_sub(over.elapsed());
    let whole = scene.until(left, |scene| scene.ran().len() == JOBS).await;
    let done = whole.map(|_| over.elapsed());
    // Whoever has a job in hand still might run it once more.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let ran = scene.ran();
    let mut alive = 0;
    for worker in &mut scene.workers {
        alive += usize::from(worker.try_wait().unwrap().is_none());
    }
    let seconds =
        |time: Option<Duration>| time.map_or("never".into(), |time| format!("{:.2} s", time.as_secs_f64()));
    format!(
        "{system:9} {fault:12?} not run {:5}  run again {:5}  goes on after {:>8}  all done after {:>8}  workers alive {alive}/{}",
        JOBS - ran.len(),
        ran.values().filter(|times| 1 < **times).count(),
        seconds(again),
        seconds(done),
        scene.workers.len() - usize::from(fault == Fault::Killed),
    )
}

fn bullmq_js() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(BULLMQ_JS)
}

/// Installs what BullMQ needs; says why it cannot take part, if that fails.
fn install_bullmq_js() -> Result<(), String> {
    for program in ["node", "npm"] {
        let version = Command::new(program).arg("--version").stdout(Stdio::null()).status();
        version.map_err(|error| format!("{program} cannot be run: {error}"))?;
    }
    let npm = Command::new("npm")
        .args(["ci", "--silent", "--no-audit", "--no-fund"])
        .current_dir(bullmq_js())
        .status();
    match npm {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!("`npm ci` failed: {other:?}")),
    }
}

#[tokio::main]
async fn main() {
    let only = std::env::var("ONLY").unwrap_or_default().to_lowercase();
    let words: Vec<&str> = only.split(',').filter(|word| !word.is_empty()).collect();
    let wanted = |name: &str, names: &[String]| {
        let name = name.to_lowercase();
        words.iter().all(|word| !names.iter().any(|other| other == word)) || words.contains(&name.as_str())
    };
    let patience =
        std::env::var("PATIENCE").map_or(100, |text| text.parse().expect("PATIENCE is a number of seconds"));
    let systems: Vec<String> = SYSTEMS.iter().map(ToString::to_string).collect();
    let faults: Vec<String> = Fault::ALL.iter().map(|fault| format!("{fault:?}").to_lowercase()).collect();
    let mut taking_part: Vec<&str> =
        SYSTEMS.iter().filter(|system| wanted(system, &systems)).copied().collect();
    if taking_part.contains(&BULLMQ_JS)
        && let Err(reason) = install_bullmq_js()
    {
        println!("{BULLMQ_JS} does not take part: {reason}");
        taking_part.retain(|system| *system != BULLMQ_JS);
    }
    for fault in Fault::ALL.into_iter().filter(|fault| wanted(&format!("{fault:?}"), &faults)) {
        let patience = Duration::from_secs(patience);
        let tries: Vec<_> =
            taking_part.iter().map(|system| tokio::spawn(try_out(system, fault, patience))).collect();
        for line in tries {
            println!("{}", line.await.unwrap_or_else(|error| format!("{fault:?}: {error}")));
        }
    }
}
