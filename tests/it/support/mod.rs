//! What several tests need.

pub(crate) mod memory;
pub(crate) mod sqlite;
