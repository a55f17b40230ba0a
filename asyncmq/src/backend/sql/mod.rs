//! The stores that speak SQL, and what they have in common: how records read in columns.
//!
//! The statements lie in `statements`, one a file; each store brings its own migrations.

mod bytes;
mod options;
mod people;
pub mod sqlite;
mod statements;
mod tale;
mod words;
