//! Every property of a store, tried on each store.

use crate::support::memory::Memory;
#[cfg(feature = "redis")]
use crate::support::redis_store::Redis;

asyncmq::conformance!(memory, Memory::new());
#[cfg(feature = "redis")]
asyncmq::conformance!(redis, Redis::new().await);
