//! What the library does, seen from outside.

mod conformance;
mod macros;
#[cfg(feature = "redis")]
mod redis;
mod support;
