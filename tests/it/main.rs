//! What the library does, seen from outside.

mod conformance;
mod macros;
mod model;
#[cfg(feature = "redis")]
mod redis;
mod sqlite;
mod support;
mod sweep;
