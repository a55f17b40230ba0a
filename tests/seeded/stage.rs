//! A small run of the laboratory: a server, a few worker processes, and the history of all of them.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use asyncmq::{Client, Force, JobState};
use asyncmq_tests::lab::check::{Report, check};
use asyncmq_tests::lab::event::{Event, Line};
use asyncmq_tests::lab::history;
use asyncmq_tests::lab::journal::Journal;
use asyncmq_tests::lab::load::{Drawn, canary_for};
use asyncmq_tests::lab::send::Sender;
use asyncmq_tests::lab::turns::holds;
use asyncmq_tests::servers::proxy::Proxy;
use asyncmq_tests::servers::redis_check;
use asyncmq_tests::servers::redis_permits::broken_permits;
use asyncmq_tests::servers::redis_server::RedisServer;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long is waited for what a bug may prevent for ever.
const PATIENCE: Duration = Duration::from_secs(10);
/// What lets a process believe that it is another time.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
/// More jobs than any scenario leaves in a state.
const ALL: u64 = 100_000;

struct Member {
    child: Child,
    url: String,
    clock: Option<&'static str>,
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a scenario plays on.
pub(crate) struct Stage {
    bug: Option<&'static str>,
    folder: TempDir,
    pub(crate) server: RedisServer,
    pub(crate) sender: Sender,
    pub(crate) proxies: Vec<Proxy>,
    members: BTreeMap<&'static str, Member>,
    canaries: u64,
    faults: usize,
}

impl Stage {
    /// Sets a stage up on which every process but this one has the bug.
    pub(crate) async fn new(bug: Option<&'static str>) -> Self {
        let (folder, server) = (tempfile::tempdir().unwrap(), RedisServer::start(&[]));
        let journal = Arc::new(Journal::in_folder(folder.path()).unwrap());
        let sender = Sender { client: Client::connect(&server.url()).await.unwrap(), journal };
        let (proxies, members) = (Vec::new(), BTreeMap::new());
        Self { bug, folder, server, sender, proxies, members, canaries: 0, faults: 0 }
    }

    pub(crate) fn phase(&self, name: &str) {
        self.sender.journal.note(Event::Phase { name: name.to_owned() });
    }

    pub(crate) fn audit(&self, invariant: &str, name: &str, wrong: Option<String>) {
        let (invariant, name) = (invariant.to_owned(), name.to_owned());
        self.sender.journal.note(Event::Audit { invariant, name, wrong });
    }

    /// Writes down what jobs are held to.
    pub(crate) fn hold(&self) {
        holds().into_iter().for_each(|hold| self.sender.journal.note(Event::Held(hold)));
    }

    fn program(&self, program: &str, url: &str) -> Command {
        let mut command = Command::new(program);
        command.arg(url).arg(self.folder.path()).stdin(Stdio::null());
        let log =
            std::fs::File::options().append(true).create(true).open(self.folder.path().join("log")).unwrap();
        command.stdout(Stdio::null()).stderr(log);
        if let Some(bug) = self.bug {
            command.env("ASYNCMQ_SEEDED_BUG", bug);
        }
        command
    }

    fn begin(&mut self, name: &'static str, url: String, clock: Option<&'static str>) {
        let mut command = self.program(env!("CARGO_BIN_EXE_lab_worker"), &url);
        command.arg(name);
        if let Some(clock) = clock {
            assert!(Path::new(FAKETIME).exists(), "{FAKETIME} is missing: install `faketime`");
            let dont = ("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            command.envs([("LD_PRELOAD", FAKETIME), ("FAKETIME", clock), dont]);
        }
        let child = command.spawn().unwrap();
        self.members.insert(name, Member { child, url, clock });
    }

    /// Starts a worker and waits until it consumes.
    pub(crate) async fn join(&mut self, name: &'static str) {
        let url = self.server.url();
        self.join_by(name, url, None).await;
    }

    /// Starts a worker that reaches the server by this URL, and whose clock is wrong by so much.
    pub(crate) async fn join_by(&mut self, name: &'static str, url: String, clock: Option<&'static str>) {
        self.begin(name, url, clock);
        self.canary(name).await;
    }

    /// Puts a proxy in front of the server.
    pub(crate) async fn proxy(&mut self) -> &Proxy {
        self.proxies.push(Proxy::start(self.server.port()).await);
        &self.proxies[self.proxies.len() - 1]
    }

    /// Starts a worker in place of one that has died.
    pub(crate) fn restart(&mut self, name: &'static str) {
        let (url, clock) =
            self.members.remove(name).map(|member| (member.url.clone(), member.clock)).unwrap();
        self.begin(name, url, clock);
    }

    fn signal(&self, name: &str, signal: Signal) {
        let process = self.members[name].child.id();
        self.sender.journal.note(Event::Signal { process, signal: signal.as_str().to_owned() });
        kill(Pid::from_raw(process.try_into().unwrap()), signal).unwrap();
    }

    pub(crate) fn fault(&mut self, kind: &str, target: &str) {
        let (kind, target) = (kind.to_owned(), target.to_owned());
        self.sender.journal.note(Event::FaultBegins { fault: self.faults, kind, target });
    }

    pub(crate) fn is_over(&mut self) {
        self.sender.journal.note(Event::FaultEnds { fault: self.faults });
        self.faults += 1;
    }

    /// Kills a worker, which is then started again.
    pub(crate) async fn kill(&mut self, name: &'static str) {
        self.fault("kill", name);
        self.signal(name, Signal::SIGKILL);
        while !self.has_died(name) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.restart(name);
        self.is_over();
    }

    /// Tells whether a worker's process has ended.
    fn has_died(&mut self, name: &str) -> bool {
        let member = self.members.get_mut(name).unwrap();
        let Some(status) = member.child.try_wait().unwrap() else { return false };
        let (process, code) = (member.child.id(), status.code());
        self.sender.journal.note(Event::Exit { process, code });
        true
    }

    /// Waits until a worker's process or every job has ended; tells whether it is the process.
    pub(crate) async fn died_or_drained(&mut self, name: &str) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.has_died(name) {
                return true;
            }
            if self.is_drained().await {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Removes all jobs of the queue, running ones too.
    pub(crate) async fn remove_all(&self) {
        let jobs: Vec<_> = self
            .lines()
            .iter()
            .filter_map(|line| match &line.event {
                Event::Send(sent) if sent.queue == "work" => Some(sent.job.clone()),
                _ => None,
            })
            .collect();
        let order = |job: &String| ("remove".to_owned(), "work".to_owned(), job.clone());
        for (order, queue, job) in jobs.iter().map(order) {
            self.sender.journal.note(Event::Ordering { order, queue, job });
        }
        self.sender.client.queue("work").obliterate(Force::RemoveActive).await.unwrap();
        for (order, queue, job) in jobs.iter().map(order) {
            self.sender.journal.note(Event::Ordered { order, queue, job, done: true });
        }
    }

    async fn is_drained(&self) -> bool {
        self.sender.client.queue("work").counts().await.unwrap().unfinished() == 0
    }

    /// Lets a worker's process stand still.
    pub(crate) fn stop(&mut self, name: &'static str) {
        self.fault("stop", name);
        self.signal(name, Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub(crate) fn go_on(&mut self, name: &'static str) {
        self.signal(name, Signal::SIGCONT);
        self.is_over();
    }

    /// Starts a process that sends jobs through this URL.
    pub(crate) fn send_by(&self, url: &str, jobs: &[(&str, &str)]) -> Child {
        let mut command = self.program(env!("CARGO_BIN_EXE_seeded_sender"), url);
        command.args(jobs.iter().flat_map(|(id, payload)| [*id, *payload]));
        command.spawn().unwrap()
    }

    /// Lets that process send its other jobs.
    pub(crate) fn let_go(&self) {
        std::fs::write(self.folder.path().join("go"), "").unwrap();
    }

    pub(crate) async fn send(&self, jobs: Vec<Drawn>) {
        assert!(self.sender.send(jobs).await, "the store takes jobs in");
    }

    /// Sends a canary for a worker. Returns how long it took to run, if it did.
    pub(crate) async fn canary(&mut self, name: &'static str) -> Option<Duration> {
        self.canaries += 1;
        self.send(vec![canary_for(name, self.canaries)]).await;
        let (start, queue) = (Instant::now(), self.sender.client.queue(&format!("canary.{name}")));
        while start.elapsed() < PATIENCE {
            if queue.counts().await.unwrap().unfinished() == 0 {
                return Some(start.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        None
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        history::read(self.folder.path()).unwrap()
    }

    /// Waits until the history has so many lines of a kind; tells whether it has.
    pub(crate) async fn saw(&self, count: usize, is: impl Fn(&Event) -> bool) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if count <= self.lines().iter().filter(|line| is(&line.event)).count() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// Waits until so many attempts of jobs, canaries aside, have begun.
    pub(crate) async fn began(&self, count: usize) -> bool {
        self.saw(count, |event| matches!(event, Event::Began { queue, .. } if queue == "work")).await
    }

    /// Waits until every job has ended; tells whether it has.
    pub(crate) async fn drained(&self) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.is_drained().await {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// Waits for what is left, looks at everything, and lets the checker judge.
    pub(crate) async fn judge(mut self) -> Report {
        self.drained().await;
        for name in self.members.keys().copied().collect::<Vec<_>>() {
            self.canary(name).await;
        }
        self.phase("end");
        self.members.clear();
        for queue in self.sender.client.queues().await.unwrap() {
            for state in JobState::ALL {
                let queue = self.sender.client.queue(queue.as_str());
                for job in queue.list_jobs(state, 0..ALL).await.unwrap() {
                    let (queue, job, crashes) = (job.queue().to_owned(), job.id().to_string(), job.crashes());
                    self.sender.journal.note(Event::Final { queue, job, state: state.to_string(), crashes });
                }
            }
        }
        let look = AssertUnwindSafe(|| redis_check::check(&mut self.server.admin(), "asyncmq", true));
        let wrong = std::panic::catch_unwind(look).err().map(|payload| {
            payload.downcast_ref::<String>().cloned().unwrap_or_else(|| "its keys do not agree".into())
        });
        let permits = broken_permits(&mut self.server.admin(), "asyncmq").unwrap();
        self.audit("I13", "permits when all has ended", permits);
        self.audit("I7", "the store agrees with itself", wrong);
        check(&self.lines())
    }
}
