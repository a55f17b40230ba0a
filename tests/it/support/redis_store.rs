//! The Redis store on a clock that tests move.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use asyncmq::Clock;
use asyncmq::backend::Backend;
use asyncmq::backend::conformance::Fixture;
use asyncmq::backend::redis::RedisStore;

use asyncmq_tests::servers::redis_server::RedisServer;

pub(crate) struct Redis {
    clock: Clock,
    store: Arc<RedisStore>,
    other: Arc<RedisStore>,
    _server: Arc<RedisServer>,
}

impl Redis {
    /// Connects to the shared server, under a prefix of its own.
    pub(crate) async fn new() -> Self {
        let server = RedisServer::shared();
        let url = format!("{}?prefix={}", server.url(), uuid::Uuid::new_v4());
        let clock = Clock::manual();
        let store = RedisStore::connect_with_clock(&url, clock.clone()).await.unwrap();
        let other = RedisStore::connect_with_clock(&url, clock.clone()).await.unwrap();
        Self { clock, store, other, _server: server }
    }
}

impl super::Make for Redis {
    async fn make() -> Self {
        Self::new().await
    }
}

#[async_trait]
impl Fixture for Redis {
    fn store(&self) -> Arc<dyn Backend> {
        self.store.clone()
    }

    fn other(&self) -> Arc<dyn Backend> {
        self.other.clone()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}
