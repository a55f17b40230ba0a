//! The store of a run, and what can be done to it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::lab::chaos::Plan;
use crate::servers::redis_server::RedisServer;

/// Which store a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are called as they are called")]
pub enum StoreKind {
    Redis,
    Sqlite,
}

impl std::str::FromStr for StoreKind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "redis" => Ok(Self::Redis),
            "sqlite" => Ok(Self::Sqlite),
            other => bail!("there is no store {other:?} to try: redis and sqlite are there"),
        }
    }
}

/// The store of a run.
pub(super) enum Arena {
    Redis(Arc<RedisServer>),
    Sqlite(PathBuf),
}

/// With `everysec` a server that is killed while its disk is busy forgets what it has answered; that is storage loss,
/// which is another promise.
const OPTIONS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

impl Arena {
    pub(super) async fn start(plan: &Plan) -> anyhow::Result<Self> {
        match plan.store {
            StoreKind::Redis => {
                let server = tokio::task::spawn_blocking(|| RedisServer::start(&OPTIONS)).await?;
                Ok(Self::Redis(Arc::new(server)))
            }
            StoreKind::Sqlite => Ok(Self::Sqlite(plan.folder.join("jobs.db"))),
        }
    }

    /// The way that no fault disturbs, other than those of the store itself.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Redis(server) => server.url(),
            Self::Sqlite(file) => format!("sqlite:{}", file.display()),
        }
    }

    pub(super) fn server(&self) -> anyhow::Result<&Arc<RedisServer>> {
        match self {
            Self::Redis(server) => Ok(server),
            Self::Sqlite(_) => bail!("there is no server"),
        }
    }

    /// How many bytes and keys (of a file: pages) the store uses; nothing while it cannot be asked.
    pub(super) fn size(&self) -> Option<(u64, u64)> {
        match self {
            Self::Redis(server) => {
                let mut connection = redis::Client::open(server.url()).ok()?.get_connection().ok()?;
                let info: String = redis::cmd("INFO").arg("memory").query(&mut connection).ok()?;
                let memory =
                    info.lines().find_map(|line| line.strip_prefix("used_memory:"))?.trim().parse().ok()?;
                Some((memory, redis::cmd("DBSIZE").query(&mut connection).ok()?))
            }
            Self::Sqlite(file) => {
                let bytes = std::fs::metadata(file).ok()?.len();
                Some((bytes, bytes / 4_096))
            }
        }
    }

    /// Holds the file's lock for a while, as another program might that writes into it.
    pub(super) fn hold_lock(&self, time: std::time::Duration) -> anyhow::Result<()> {
        let Self::Sqlite(file) = self else { bail!("there is no file") };
        let mut connection = rusqlite::Connection::open(file)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        let lock = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .context("the file cannot be locked")?;
        std::thread::sleep(time);
        Ok(lock.rollback()?)
    }
}
