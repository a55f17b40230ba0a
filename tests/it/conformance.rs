//! Every property of a store, tried on each store.

use crate::support::memory::Memory;

asyncmq::conformance!(memory, Memory::new());
