//! The in-memory store on a clock that tests move.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use asyncmq::Clock;
use asyncmq::backend::Backend;
use asyncmq::backend::conformance::Fixture;
use asyncmq::backend::memory::MemoryStore;

pub(crate) struct Memory {
    clock: Clock,
    store: Arc<MemoryStore>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let clock = Clock::manual();
        Self { store: MemoryStore::with_clock(clock.clone()), clock }
    }
}

impl super::Make for Memory {
    async fn make() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Fixture for Memory {
    fn store(&self) -> Arc<dyn Backend> {
        self.store.clone()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}
