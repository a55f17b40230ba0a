//! What the library does, seen from outside.

mod conformance;
mod macros;
mod model;
mod support;
mod worker;
