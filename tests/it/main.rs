//! What the library does, seen from outside.

mod conformance;
mod macros;
mod model;
mod sqlite;
mod support;
mod sweep;
