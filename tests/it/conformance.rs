//! Every property of a store, tried on each store.

use crate::support::memory::Memory;
use crate::support::sqlite::Sqlite;

asyncmq::conformance!(memory, Memory::new());
asyncmq::conformance!(sqlite, Sqlite::file().await);
asyncmq::conformance!(sqlite_memory, Sqlite::memory().await);
