//! Servers that tests and the laboratory start for themselves, and what stands between them and their clients.

pub mod dice;
pub mod proxy;
#[cfg(feature = "redis")]
pub mod redis_check;
#[cfg(feature = "redis")]
pub mod redis_kin;
#[cfg(feature = "redis")]
pub mod redis_permits;
#[cfg(feature = "redis")]
pub mod redis_server;
pub mod sqlite_check;
