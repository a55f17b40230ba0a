//! A master and a replica, worker processes each behind a proxy of its own, and what can be done to all of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use asyncmq::Client;
use nix::sys::signal::Signal;

use crate::redis::crew::{Crew, Member, canary};
use crate::support::names::{NOWHERE, Names};
use crate::support::until;
use asyncmq_tests::servers::dice::Dice;
use asyncmq_tests::servers::proxy::{Mode, Proxy};
use asyncmq_tests::servers::redis_server::RedisServer;

/// How many worker processes there are.
const MEMBERS: usize = 4;
/// How long they may be silent.
const LEASE: Duration = Duration::from_secs(10);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The server is killed and started again after so many seconds.
    Restart(u64),
    /// It takes its time to load its files.
    Loading,
    KillOneConnection,
    KillAllConnections,
    Reset,
    HalfOpen,
    SlowReplies,
    LostReplies,
    ScriptFlush,
    ClientPause,
    /// The replica takes over, in order.
    Failover,
    /// The master is a replica for a second.
    ReadOnly,
    NoMemory,
    NoSuchName,
    KillWorker,
    StopWorker,
}

impl Kind {
    /// How soon a worker must consume again.
    pub(super) const fn bound(self) -> Duration {
        Duration::from_millis(match self {
            Self::HalfOpen => 5_000,
            _ => 1_000,
        })
    }
}

pub(super) struct Field {
    servers: [Arc<RedisServer>; 2],
    master: usize,
    names: Names,
    /// One for each worker, and the client's, which does no harm.
    proxies: Vec<Proxy>,
    members: Vec<Member>,
    pub(super) crew: Crew,
    pub(super) client: Client,
    /// Processes that were killed or stopped: what they ran may run again.
    pub(super) excused: Vec<u32>,
}

fn direct() -> String {
    "direct".to_owned()
}

async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

impl Field {
    pub(super) async fn new() -> Self {
        let options = [
            "--appendonly",
            "yes",
            // With `everysec` a server that is killed while its disk is busy forgets what it has answered.
            "--appendfsync",
            "always",
            "--repl-diskless-sync-delay",
            "0",
            "--loading-process-events-interval-bytes",
            "1024",
        ];
        let first = Arc::new(RedisServer::start(&options));
        let second = Arc::new(RedisServer::start(&options));
        second.order::<()>(&["REPLICAOF", "127.0.0.1", &first.port().to_string()]);
        let (names, mut proxies) = (Names::start().await, Vec::new());
        for number in 0..=MEMBERS {
            let proxy = Proxy::start(first.port()).await;
            let name = if number == MEMBERS { direct() } else { number.to_string() };
            names.set(&name, "localhost", proxy.port());
            proxies.push(proxy);
        }
        let crew = Crew::new(LEASE);
        let members = (0..MEMBERS).map(|number| number.to_string());
        let members = members.map(|name| crew.start(&names.url(&name), &name, 10)).collect();
        let client = Client::connect(&names.url(&direct())).await.unwrap();
        let servers = [first, second];
        let field = Self { servers, master: 0, names, proxies, members, crew, client, excused: Vec::new() };
        field.recoveries(Instant::now()).await;
        field
    }

    fn master(&self) -> &Arc<RedisServer> {
        &self.servers[self.master]
    }

    /// Waits until each worker has run a new canary, and returns how long each took since then.
    pub(super) async fn recoveries(&self, since: Instant) -> Vec<Duration> {
        let each = self.members.iter().map(|member| async move {
            let ran =
                tokio::time::timeout(Duration::from_secs(60), canary(&self.client, member.name())).await;
            assert!(ran.is_ok(), "worker {} does not consume any more", member.name());
            since.elapsed()
        });
        futures::future::join_all(each).await
    }

    /// Does something bad, and returns when it was over.
    pub(super) async fn suffer(&mut self, kind: Kind, dice: &mut Dice) -> Instant {
        let victim = usize::try_from(dice.below(MEMBERS as u64)).unwrap();
        let time = Duration::from_millis(50 + dice.below(750));
        match kind {
            Kind::Restart(seconds) => self.restart(Duration::from_secs(seconds)).await,
            Kind::Loading => self.restart_slowly().await,
            Kind::Failover => self.fail_over().await,
            Kind::NoMemory => self.fill().await,
            Kind::HalfOpen => self.half_open(victim, time).await,
            Kind::KillOneConnection => self.kill_one_connection(dice),
            Kind::KillWorker => self.replace(victim).await,
            Kind::StopWorker => self.stop(victim).await,
            Kind::Reset | Kind::SlowReplies | Kind::LostReplies | Kind::NoSuchName => {
                self.disturb_line(kind, victim, time).await;
            }
            _ => self.disturb_server(kind, time).await,
        }
        match kind {
            Kind::HalfOpen => self.noticed(victim).await,
            _ => Instant::now(),
        }
    }

    async fn disturb_line(&self, kind: Kind, victim: usize, time: Duration) {
        let proxy = &self.proxies[victim];
        match kind {
            Kind::SlowReplies => {
                proxy.delay(time);
                tokio::time::sleep(time * 3).await;
                proxy.delay(Duration::ZERO);
            }
            Kind::LostReplies => {
                proxy.set(Mode::SwallowReplies);
                tokio::time::sleep(time / 2).await;
                proxy.heal();
            }
            Kind::NoSuchName => {
                self.names.set(&victim.to_string(), NOWHERE, 6379);
                proxy.cut();
                tokio::time::sleep(time).await;
                self.names.set(&victim.to_string(), "localhost", proxy.port());
            }
            _ => proxy.cut(),
        }
    }

    async fn disturb_server(&self, kind: Kind, time: Duration) {
        let master = self.master();
        match kind {
            Kind::ClientPause => {
                master.order::<()>(&["CLIENT", "PAUSE", &(time * 3).as_millis().to_string(), "ALL"]);
                tokio::time::sleep(time * 3).await;
            }
            Kind::ReadOnly => {
                master.order::<()>(&["REPLICAOF", "127.0.0.1", "1"]);
                tokio::time::sleep(Duration::from_secs(1)).await;
                master.order::<()>(&["REPLICAOF", "NO", "ONE"]);
            }
            Kind::ScriptFlush => master.order::<()>(&["SCRIPT", "FLUSH"]),
            _ => {
                for kind in ["normal", "pubsub"] {
                    master.order::<i64>(&["CLIENT", "KILL", "TYPE", kind]);
                }
            }
        }
    }

    /// Lets a worker's connections fall silent; new ones are passed on.
    async fn half_open(&self, victim: usize, time: Duration) {
        self.proxies[victim].set(Mode::Swallow);
        tokio::time::sleep(time).await;
        self.proxies[victim].set_new(Mode::Pass);
    }

    /// Waits until a worker has noticed by its deadlines; returns since when it could.
    async fn noticed(&self, victim: usize) -> Instant {
        let since = Instant::now();
        self.members[victim].consumes(&self.client).await;
        let noticed = since.elapsed();
        self.proxies[victim].heal();
        Instant::now().checked_sub(noticed).unwrap()
    }

    /// Kills a worker, and starts another in its place; the start of the process does not count.
    async fn replace(&mut self, victim: usize) {
        self.excused.push(self.members[victim].process());
        self.members[victim].die();
        let name = victim.to_string();
        self.members[victim] = self.crew.start(&self.names.url(&name), &name, 10);
        self.members[victim].consumes(&self.client).await;
    }

    /// Stops a worker for longer than its lease.
    async fn stop(&mut self, victim: usize) {
        self.excused.push(self.members[victim].process());
        self.members[victim].send(Signal::SIGSTOP);
        tokio::time::sleep(LEASE * 5 / 4).await;
        self.members[victim].send(Signal::SIGCONT);
    }

    async fn restart(&self, down: Duration) {
        self.master().kill();
        tokio::time::sleep(down).await;
        let server = self.master().clone();
        aside(move || server.revive()).await;
    }

    /// Restarts the server with a snapshot that it takes a second to read.
    async fn restart_slowly(&self) {
        let server = self.master().clone();
        let script = "for key = 1, 800 do redis.call('SET', 'ballast:' .. key, 1) end";
        server.order::<()>(&["EVAL", script, "0"]);
        server.order::<()>(&["BGREWRITEAOF"]);
        until("the snapshot", async || {
            let info: String = server.order(&["INFO", "persistence"]);
            info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0")
        })
        .await;
        server.kill();
        let said = aside(move || server.revive_with(&["--key-load-delay", "500"])).await;
        assert!(said.iter().any(|said| said.contains("BusyLoading")), "it was not slow: {said:?}");
    }

    /// Kills one of the connections of workers.
    fn kill_one_connection(&self, dice: &mut Dice) {
        let list: String = self.master().order(&["CLIENT", "LIST", "TYPE", "normal"]);
        let ids: Vec<_> =
            list.lines().filter_map(|line| line.strip_prefix("id=")?.split(' ').next()).collect();
        let id = ids[usize::try_from(dice.below(ids.len() as u64)).unwrap()];
        let mut kill = redis::cmd("CLIENT");
        let _: Result<i64, _> = kill.arg("KILL").arg("ID").arg(id).query(&mut self.master().admin());
    }

    async fn fail_over(&mut self) {
        let (old, new) = (self.master().clone(), self.servers[1 - self.master].clone());
        until("the replica is up to date", async || {
            old.order::<String>(&["INFO", "replication"]).contains("state=online")
        })
        .await;
        let port = new.port().to_string();
        old.order::<()>(&["FAILOVER", "TO", "127.0.0.1", &port, "TIMEOUT", "5000"]);
        until("the replica takes over", async || {
            new.order::<String>(&["INFO", "replication"]).contains("role:master")
        })
        .await;
        self.master = 1 - self.master;
        self.proxies.iter().for_each(|proxy| proxy.lead_to(new.port()));
    }

    /// Lets the server have no memory left, and looks whether what it has gets done all the same.
    async fn fill(&self) {
        let queue = self.client.queue("work");
        self.master().order::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
        let refused = queue.add(asyncmq::NewJob::new("work.wait").args((0,))).await.unwrap_err();
        assert!(format!("{refused:?}").contains("memory limit"), "{refused:?}");
        self.drained().await;
        self.master().order::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    }

    /// Waits until all jobs have ended; should they not, shows what is known.
    pub(super) async fn drained(&self) {
        let queue = self.client.queue("work");
        let ended = async {
            while queue.counts().await.map_or(1, |counts| counts.unfinished()) != 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(30), ended).await.is_ok() {
            return;
        }
        println!("{:?}", queue.counts().await);
        for state in [asyncmq::JobState::Waiting, asyncmq::JobState::Active] {
            println!("{state}: {:?}", queue.list_jobs(state, 0..3).await);
        }
        println!("{:?}", self.client.workers().await);
        println!("{}", self.master().order::<String>(&["CLIENT", "LIST"]));
        for member in &self.members {
            println!(
                "worker {} is process {}: {}",
                member.name(),
                member.process(),
                self.crew.log(member.name())
            );
        }
        panic!("the jobs do not end");
    }
}
