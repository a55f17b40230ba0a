//! A cluster of three servers on this machine.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use asyncmq_tests::servers::redis_server::{PORTS_TRIED, RedisServer, free_port};

/// Starts a server that may be one of a cluster. Returns also on which port it hears the others.
fn node(more: &[&str]) -> (RedisServer, u16) {
    let started = (0..PORTS_TRIED).find_map(|_| {
        let bus = free_port();
        let port = bus.to_string();
        let own = ["--cluster-enabled", "yes", "--cluster-port", &port, "--cluster-node-timeout", "2000"];
        Some((RedisServer::try_start(&[&own, more].concat())?, bus))
    });
    started.expect("a server of a cluster stays")
}

/// Three servers that share the slots.
pub(crate) struct Cluster(Vec<RedisServer>);

impl Cluster {
    pub(crate) fn start() -> Self {
        let (servers, buses): (Vec<_>, Vec<_>) = (0..3).map(|_| node(&[])).unzip();
        for (number, (server, slots)) in
            servers.iter().zip([(0, 5_460), (5_461, 10_922), (10_923, 16_383)]).enumerate()
        {
            let (first, last) = (slots.0.to_string(), slots.1.to_string());
            server.order::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
            server.order::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        }
        for (server, bus) in servers.iter().zip(&buses).skip(1) {
            let (port, bus) = (server.port().to_string(), bus.to_string());
            servers[0].order::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        wait_until("the cluster comes together", || servers.iter().all(is_whole));
        Self(servers)
    }

    /// Starts a cluster of which the first server has a replica; waits until it has everything.
    pub(crate) fn with_replica() -> Self {
        let mut cluster = Self::start();
        let (replica, bus) = node(&["--repl-diskless-sync-delay", "0"]);
        let (port, bus) = (replica.port().to_string(), bus.to_string());
        cluster.0[0].order::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        let master: String = cluster.0[0].order(&["CLUSTER", "MYID"]);
        wait_until("the replica knows its master", || {
            replica.order::<String>(&["CLUSTER", "NODES"]).contains(&master)
        });
        replica.order::<()>(&["CLUSTER", "REPLICATE", &master]);
        wait_until("the replica is up to date", || {
            replica.order::<String>(&["INFO", "replication"]).contains("master_link_status:up")
        });
        cluster.0.push(replica);
        let known = |server: &RedisServer| server.order::<String>(&["CLUSTER", "NODES"]).contains("slave");
        wait_until("all know the replica", || cluster.0.iter().all(known));
        cluster
    }

    /// Kills the first server, of whose last steps `forgotten` nothing has got to its replica.
    pub(crate) async fn kill_first_after(&self, forgotten: impl Future<Output = ()>) {
        let replica = &self.0[3];
        let info: String = replica.order(&["INFO", "server"]);
        let process = info.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap();
        let process = Pid::from_raw(process.trim().parse().unwrap());
        wait_until("the replica has everything", || self.0[0].is_confirmed_by(1, &self.key_of_first()));
        signal::kill(process, Signal::SIGSTOP).unwrap();
        self.0[0].order::<()>(&["CLIENT", "KILL", "TYPE", "replica"]);
        forgotten.await;
        self.0[0].kill();
        signal::kill(process, Signal::SIGCONT).unwrap();
    }

    /// Returns a key of the first server's.
    fn key_of_first(&self) -> String {
        let mut keys = (0..).map(|number: u32| format!("mark{number}"));
        keys.find(|key| self.is_of_first(key)).expect("every third key is the first server's")
    }

    /// Tells whether a key lies on the first server.
    pub(crate) fn is_of_first(&self, key: &str) -> bool {
        self.0[1].order::<u16>(&["CLUSTER", "KEYSLOT", key]) <= 5_460
    }

    /// Kills the first server, once its replica has everything.
    pub(crate) fn kill_first(&self) {
        wait_until("the replica has everything", || self.0[0].is_confirmed_by(1, &self.key_of_first()));
        self.0[0].kill();
    }

    /// Waits until the replica stands in for the first server.
    pub(crate) fn replaced(&self) {
        wait_until("the replica takes over", || {
            self.0[3].order::<String>(&["INFO", "replication"]).contains("role:master")
                && self.0[1..].iter().all(is_whole)
        });
    }

    /// Returns the cluster that tests share; it ends with the last of those that run together.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return cluster;
        }
        let cluster = Arc::new(Self::start());
        *shared = Arc::downgrade(&cluster);
        cluster
    }

    /// Waits until no queue under a prefix has a message for another one that was not taken in.
    pub(crate) fn arrived(&self, prefix: &str) {
        let has_mail = |server: &RedisServer| {
            !server.order::<Vec<String>>(&["KEYS", &format!("{prefix}:*:outs")]).is_empty()
        };
        let mut quiet = 0;
        // The end of a message's way may lie behind a look and its begin before it: looks that see nothing outnumber the ways that
        // one message can bring about in a test.
        wait_until("all messages have arrived", || {
            quiet = if self.0.iter().any(has_mail) { 0 } else { quiet + 1 };
            quiet == 4
        });
    }

    /// Connects to whichever server has the key.
    pub(crate) fn connection(&self) -> redis::cluster::ClusterConnection {
        let nodes = self.0.iter().map(|server| format!("redis://127.0.0.1:{}", server.port()));
        redis::cluster::ClusterClient::new(nodes).unwrap().get_connection().unwrap()
    }

    /// Lists the keys that begin so and that stay.
    pub(crate) fn keys_that_stay(&self, base: &str) -> Vec<String> {
        let pattern = format!("{base}*");
        let keys = self.0.iter().flat_map(|server| server.order::<Vec<Vec<u8>>>(&["KEYS", &pattern]));
        let mut connection = self.connection();
        let mut ttl = |key: &Vec<u8>| redis::cmd("PTTL").arg(key).query::<i64>(&mut connection).unwrap();
        keys.filter(|key| ttl(key) == -1).map(|key| String::from_utf8_lossy(&key).into_owned()).collect()
    }

    /// Returns how many scripts the servers have run.
    pub(crate) fn scripts_run(&self) -> u64 {
        let of = |server: &RedisServer| {
            let stats: String = server.order(&["INFO", "commandstats"]);
            let calls =
                stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")?.split(',').next());
            calls.map_or(0, |calls| calls.parse().unwrap())
        };
        self.0.iter().map(of).sum()
    }

    pub(crate) fn url(&self) -> String {
        let nodes: Vec<_> = self.0.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }
}

fn is_whole(server: &RedisServer) -> bool {
    server.order::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
