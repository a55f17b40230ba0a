//! What the library does, seen from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod architecture;
mod cli;
mod client;
mod conformance;
mod dashboard;
mod dedup;
mod events;
mod fuzz;
mod macros;
mod model;
mod process;
mod protocol;
#[cfg(feature = "redis")]
mod redis;
mod schedules;
mod simulation;
mod sqlite;
mod supply_chain;
mod support;
mod sweep;
mod testing;
mod worker;
