//! SQLite stores on a clock that tests move.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use asyncmq::Clock;
use asyncmq::backend::Backend;
use asyncmq::backend::conformance::Fixture;
use asyncmq::backend::sql::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

use crate::support::Make;

pub(crate) struct Sqlite {
    clock: Clock,
    store: Arc<SqliteStore>,
    other: Arc<SqliteStore>,
    /// Goes last: the file lies in it.
    _dir: Option<TempDir>,
}

impl Sqlite {
    /// A file, open twice with nothing in common, as if by two processes.
    pub(crate) async fn file() -> Self {
        let (clock, dir) = (Clock::manual(), TempDir::new().unwrap());
        let path = dir.path().join("jobs.db");
        let open = || SqliteOptions::file(&path).clock(clock.clone()).open();
        let (store, other) = (open().await.unwrap(), open().await.unwrap());
        Self { clock, store, other, _dir: Some(dir) }
    }

    pub(crate) async fn memory() -> Self {
        let clock = Clock::manual();
        let store = SqliteOptions::memory().clock(clock.clone()).open().await.unwrap();
        Self { clock, other: store.clone(), store, _dir: None }
    }
}

#[async_trait]
impl Fixture for Sqlite {
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

impl Make for Sqlite {
    async fn make() -> Self {
        Self::file().await
    }
}
