//! The store of a run, and what can be done to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::lab::chaos::Plan;
use crate::servers::redis_server::RedisServer;
use crate::servers::{redis_kin, redis_permits, sqlite_check};

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

/// Lists the keys that nobody holds any more, and the jobs that wait for nobody.
const BROKEN_KEYS: &str = "
local broken = {}
for _, base in ipairs(redis.call('SMEMBERS', 'asyncmq:queues')) do
  local all, behind = redis.call('HGETALL', base .. 'keys'), 0
  for i = 1, #all, 2 do
    local live, ends, following, id = struct.unpack('>BI8I2c0I2c0', all[i + 1])
    local is_there = redis.call('HEXISTS', base .. 'jobs', id) == 1 and redis.call('HEXISTS', base .. 'done', id) == 0
    if live == 1 and not is_there or live == 0 and ends == 0 then broken[#broken + 1] = all[i] end
    if following ~= '' then
      behind = behind + 1
      if live == 0 or not redis.call('ZSCORE', base .. 'blocked', following) then broken[#broken + 1] = all[i] end
    end
  end
  for _, id in ipairs(redis.call('ZRANGE', base .. 'blocked', 0, -1)) do
    -- Those that wait for other jobs are looked at elsewhere.
    if redis.call('EXISTS', base .. 'f:' .. id) == 0 then behind = behind - 1 end
  end
  if behind ~= 0 then broken[#broken + 1] = base .. 'blocked' end
end
return broken";

fn read_only(file: &Path) -> Option<rusqlite::Connection> {
    rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).ok()
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

    /// Looks at all deduplication keys at one moment: `Some(None)` if each has an owner that lives, or a window; nothing while
    /// the store cannot be asked.
    pub(super) fn broken_keys(&self) -> Option<Option<String>> {
        match self {
            Self::Redis(server) => {
                let mut connection = redis::Client::open(server.url()).ok()?.get_connection().ok()?;
                let broken = redis::Script::new(BROKEN_KEYS).invoke::<Vec<String>>(&mut connection).ok()?;
                Some((!broken.is_empty()).then(|| broken.join(", ")))
            }
            Self::Sqlite(file) => sqlite_check::broken_keys(&read_only(file)?).ok(),
        }
    }

    /// Looks at all permits at one moment: `Some(None)` if they are the jobs in hands, and no more than there may be; nothing while
    /// the store cannot be asked.
    pub(super) fn broken_permits(&self) -> Option<Option<String>> {
        match self {
            Self::Redis(server) => {
                let mut connection = redis::Client::open(server.url()).ok()?.get_connection().ok()?;
                redis_permits::broken_permits(&mut connection, "asyncmq").ok()
            }
            Self::Sqlite(file) => sqlite_check::broken_permits(&read_only(file)?).ok(),
        }
    }

    /// Looks at all jobs at one moment that wait for others: `Some(None)` if each waits for one that has not ended; nothing while the
    /// store cannot be asked.
    pub(super) fn broken_waits(&self) -> Option<Option<String>> {
        match self {
            Self::Redis(server) => {
                let mut connection = redis::Client::open(server.url()).ok()?.get_connection().ok()?;
                redis_kin::broken_waits(&mut connection, "asyncmq").ok()
            }
            Self::Sqlite(file) => sqlite_check::broken_waits(&read_only(file)?).ok(),
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
