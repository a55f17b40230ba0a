//! What the library does, seen from outside.

mod architecture;
mod client;
mod conformance;
mod events;
mod macros;
mod model;
mod process;
mod support;
mod testing;
mod worker;
