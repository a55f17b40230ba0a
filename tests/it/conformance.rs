//! Every property of a store, tried on each store.

#[cfg(feature = "redis-cluster")]
use crate::support::in_cluster::InCluster;
use crate::support::memory::Memory;
#[cfg(feature = "redis")]
use crate::support::redis_store::Redis;
use crate::support::sqlite::Sqlite;

asyncmq::conformance!(memory, Memory::new());
asyncmq::conformance!(sqlite, Sqlite::file().await);
asyncmq::conformance!(sqlite_memory, Sqlite::memory().await);
#[cfg(feature = "redis")]
asyncmq::conformance!(redis, Redis::new().await);
#[cfg(feature = "redis-cluster")]
asyncmq::conformance!(redis_cluster, InCluster::new().await);
