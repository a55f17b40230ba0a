//! Redis stores in a cluster, on a clock that tests move.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use asyncmq::Clock;
use asyncmq::backend::Backend;
use asyncmq::backend::conformance::Fixture;
use asyncmq::backend::redis::RedisStore;

use crate::support::redis_cluster::Cluster;

pub(crate) struct InCluster {
    clock: Clock,
    store: Arc<RedisStore>,
    other: Arc<RedisStore>,
    cluster: Arc<Cluster>,
    prefix: String,
}

impl InCluster {
    pub(crate) async fn new() -> Self {
        let cluster = tokio::task::spawn_blocking(Cluster::shared).await.unwrap();
        let prefix = uuid::Uuid::new_v4().to_string();
        let url = format!("{}?prefix={prefix}", cluster.url());
        let clock = Clock::manual();
        let store = RedisStore::connect_with_clock(&url, clock.clone()).await.unwrap();
        let other = RedisStore::connect_with_clock(&url, clock.clone()).await.unwrap();
        Self { clock, store, other, cluster, prefix }
    }
}

#[async_trait]
impl Fixture for InCluster {
    fn store(&self) -> Arc<dyn Backend> {
        self.store.clone()
    }

    fn other(&self) -> Arc<dyn Backend> {
        self.other.clone()
    }

    async fn arrived(&self) {
        let (cluster, prefix) = (self.cluster.clone(), self.prefix.clone());
        tokio::task::spawn_blocking(move || cluster.arrived(&prefix)).await.unwrap();
    }

    fn gaps(&self) -> &'static [(&'static str, &'static str)] {
        &[("suspect::one_suspect_is_allowed_over_all_queues", "in a cluster each queue counts for itself")]
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}
