//! A cluster of three servers on this machine.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::support::redis_server::{RedisServer, free_port};

/// Three servers that share the slots.
pub(crate) struct Cluster(Vec<RedisServer>);

impl Cluster {
    pub(crate) fn start() -> Self {
        let buses: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let servers: Vec<_> = buses
            .iter()
            .map(|bus| {
                let bus = bus.to_string();
                RedisServer::start(&[
                    "--cluster-enabled",
                    "yes",
                    "--cluster-port",
                    &bus,
                    "--cluster-node-timeout",
                    "2000",
                ])
            })
            .collect();
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
        let start = Instant::now();
        while !servers
            .iter()
            .all(|server| server.order::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
        {
            assert!(start.elapsed() < Duration::from_secs(30), "the cluster does not come together");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(servers)
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

    pub(crate) fn url(&self) -> String {
        let nodes: Vec<_> = self.0.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }
}
