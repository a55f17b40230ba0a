//! What the library does, seen from outside.

mod conformance;
mod macros;
mod model;
mod process;
mod support;
mod worker;
