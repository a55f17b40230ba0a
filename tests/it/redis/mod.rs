//! The Redis store where it can hurt: servers that die, lines that break, names that leave.
//!
//! Every test starts the servers that it needs; without `redis-server` on the machine there are no such tests.

mod faults;
mod large;
mod scene;
mod server;
mod ways;
