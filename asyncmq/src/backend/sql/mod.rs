//! The stores that speak SQL, and what they have in common: how records read in columns.
//!
//! The statements lie in `statements`, one a file; each store brings its own migrations.

mod bytes;
mod event_record;
#[cfg(feature = "conformance")]
pub(crate) mod fuzz;
mod note_record;
mod options;
pub mod sqlite;
mod statements;
mod worker_record;
