//! A gate that handlers stop at, so that a test decides when they go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::sync::Semaphore;

use crate::support::soon;

/// Handlers arrive and wait; the test sees them arrive and lets them go. It counts how many are inside at once.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    arrivals: Semaphore,
    passes: Semaphore,
    inside: AtomicUsize,
    most: AtomicUsize,
    total: AtomicUsize,
}

/// Somebody who is inside until this is dropped.
pub(crate) struct Inside(Gate);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            arrivals: Semaphore::new(0),
            passes: Semaphore::new(0),
            inside: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            total: AtomicUsize::new(0),
        }))
    }

    /// Goes in, for as long as what is returned lives.
    pub(crate) fn enter(&self) -> Inside {
        self.0.most.fetch_max(self.0.inside.fetch_add(1, SeqCst) + 1, SeqCst);
        self.0.total.fetch_add(1, SeqCst);
        self.0.arrivals.add_permits(1);
        Inside(self.clone())
    }

    /// Goes in and waits to be let through.
    pub(crate) async fn pass(&self) {
        let _inside = self.enter();
        self.0.passes.acquire().await.expect("a gate is never closed for good").forget();
    }

    /// The same for a handler that blocks its thread.
    pub(crate) fn pass_blocking(&self) {
        futures::executor::block_on(self.pass());
    }

    /// Waits until so many more have come.
    pub(crate) async fn arrived(&self, count: u32) {
        soon("handlers at the gate", self.0.arrivals.acquire_many(count)).await.unwrap().forget();
    }

    /// Lets so many through.
    pub(crate) fn open(&self, count: usize) {
        self.0.passes.add_permits(count);
    }

    /// Lets everybody through when the test is over: a blocked thread would keep the runtime from ending.
    pub(crate) fn opens_at_the_end(&self) -> impl Drop + use<> {
        OpensAtTheEnd(self.clone())
    }

    pub(crate) fn inside(&self) -> usize {
        self.0.inside.load(SeqCst)
    }

    /// How many were inside at once, since the last time this was asked.
    pub(crate) fn most(&self) -> usize {
        self.0.most.swap(self.inside(), SeqCst)
    }

    pub(crate) fn total(&self) -> usize {
        self.0.total.load(SeqCst)
    }
}

struct OpensAtTheEnd(Gate);

impl Drop for OpensAtTheEnd {
    fn drop(&mut self) {
        self.0.open(1_000_000);
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.inside.fetch_sub(1, SeqCst);
    }
}
