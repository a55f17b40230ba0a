//! Every property of a store, tried on each store.

use crate::support::memory::Memory;
use crate::support::sqlite::Sqlite;
#[cfg(feature = "redis")]
use crate::support::{redis_cluster::InCluster, redis_store::Redis};

asyncmq::conformance!(memory, Memory::new());
asyncmq::conformance!(sqlite, Sqlite::file().await);
asyncmq::conformance!(sqlite_memory, Sqlite::memory().await);
#[cfg(feature = "redis")]
asyncmq::conformance!(redis, Redis::new().await);
#[cfg(feature = "redis")]
asyncmq::conformance!(redis_cluster, InCluster::new().await);
