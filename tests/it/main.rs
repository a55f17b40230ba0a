//! What the library does, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conformance;
mod macros;
mod model;
#[cfg(feature = "redis")]
mod redis;
mod sqlite;
mod support;
mod sweep;
mod worker;
