//! The Redis store where it can hurt: servers that die, lines that break, names that leave.
//!
//! Every test starts the servers that it needs; without `redis-server` on the machine there are no such tests.

mod caller;
mod crew;
mod cuts;
mod failover;
mod faults;
mod field;
mod held;
mod keyed;
mod keys;
mod large;
mod long;
mod processes;
mod recall;
mod rescued;
mod scene;
mod server;
mod shapes;
mod slots;
mod steps;
mod strays;
mod voids;
mod ways;
