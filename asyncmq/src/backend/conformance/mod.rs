//! The properties that every store keeps, for those who bring a store of their own.
//!
//! A property is an `async fn` whose name is the promise. [`conformance!`](crate::conformance) makes one test of each;
//! what it needs of a store is a [`Fixture`]. Nothing here names a store, and nothing waits for time to pass by itself.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use asyncmq::backend::{Backend, conformance::Fixture, memory::MemoryStore};
//! use asyncmq::Clock;
//!
//! struct Memory(Clock, Arc<MemoryStore>);
//!
//! #[async_trait::async_trait]
//! impl Fixture for Memory {
//!     fn store(&self) -> Arc<dyn Backend> {
//!         self.1.clone()
//!     }
//!
//!     async fn advance(&self, by: Duration) {
//!         self.0.advance(by);
//!     }
//! }
//!
//! fn fixture() -> Memory {
//!     let clock = Clock::manual();
//!     Memory(clock.clone(), MemoryStore::with_clock(clock))
//! }
//!
//! asyncmq::conformance!(memory, fixture());
//! ```

pub mod audit;
pub mod awaiting;
pub mod blocked;
pub mod claim;
pub mod control;
pub mod dedup;
pub mod dedup_window;
pub mod due;
pub mod events;
pub mod expire;
pub mod fence;
pub mod fire;
pub mod inspect;
pub mod keys;
pub mod lease;
pub mod limits;
mod list_jobs;
mod list_rest;
#[cfg(test)]
mod listed;
pub mod obliterate;
pub mod on_limit;
pub mod outputs;
pub mod parents;
pub mod pins;
pub mod prune;
pub mod push;
pub mod race;
pub mod report;
pub mod rescue;
pub mod scan;
pub mod schedules;
pub mod settle;
mod stage;
mod stamp;
pub mod suspect;
pub mod unpinned;
pub mod wake;
pub mod weights;
pub mod workers;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;

use crate::backend::Backend;

/// A store for one test.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Returns the store. It is empty at first, and the same one at every call.
    fn store(&self) -> Arc<dyn Backend>;

    /// Returns the same store as another process would have it, with connections of its own if it has any.
    fn other(&self) -> Arc<dyn Backend> {
        self.store()
    }

    /// Lets time pass for the store, which otherwise stands still.
    async fn advance(&self, by: Duration);

    /// Waits until what the store's queues say to each other has arrived. For stores in which a settle may be answered before
    /// the jobs of other queues know of it; elsewhere there is nothing to wait for.
    async fn arrived(&self) {}

    /// Lists the properties that the store is known not to keep (`push::…`), each with the reason.
    ///
    /// They are tried all the same: one that is kept after all fails until it is struck from the list.
    fn gaps(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
}

/// Tries one property; what [`conformance!`](crate::conformance) makes tests of.
///
/// # Panics
///
/// If the store does not keep it, or keeps one that is listed among its gaps.
pub async fn check(fixture: impl Fixture, name: &str, property: impl AsyncFnOnce(&dyn Fixture)) {
    let gap = fixture.gaps().iter().find(|(property, _)| *property == name);
    let Some((_, reason)) = gap else { return property(&fixture).await };
    let kept = AssertUnwindSafe(property(&fixture)).catch_unwind().await;
    assert!(kept.is_err(), "{name} is kept, although it is listed as a gap: {reason}");
}
