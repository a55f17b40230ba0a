//! The crash sweep: every call of a program is lost once, on its way there and on its way back, and nothing else is.
//!
//! `port` does so with programs that call the store as clients and workers do; `whole` with clients and workers.

mod kin;
mod party;
mod port;
mod whole;
