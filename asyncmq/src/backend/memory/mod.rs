//! The in-memory store: the default, for tests and for programs of one process. It lives and dies with the process.
//!
//! One lock guards all of it, held for a batch at a time and never across an await. Every verb is therefore one
//! atomic step. Time comes from a [`Clock`], which a test can move by hand.

mod claim;
mod control;
mod emitter;
mod ended;
mod ids;
mod inspect;
mod keyed;
mod keys;
mod kin;
mod lane;
mod limits;
mod pins;
mod recall;
mod room;
mod schedules;
mod session;
mod settle;
mod state;
mod store;
mod upkeep;
mod watch;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use self::state::State;
use crate::backend::Backend;
use crate::clock::Clock;

/// A store in this process's memory.
pub struct MemoryStore {
    state: Mutex<State>,
    clock: Clock,
    /// Itself, for listeners that must not keep it alive.
    this: Weak<Self>,
}

impl MemoryStore {
    /// Makes an empty store on the system's clock.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::with_clock(Clock::system())
    }

    /// Makes an empty store on this clock.
    #[must_use]
    pub fn with_clock(clock: Clock) -> Arc<Self> {
        Arc::new_cyclic(|this| Self { state: Mutex::default(), clock, this: this.clone() })
    }

    /// Returns the store's clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Begins a step. No step panics half-way with the lock held, so a poisoned state is as good as any.
    fn state(&self) -> Step<'_> {
        Step(Some(self.state.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// One step on the state. Whom it gives work to is woken, and what it forgot is dropped, when the lock is free again.
struct Step<'a>(Option<MutexGuard<'a, State>>);

impl Deref for Step<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        self.0.as_ref().expect("it is there until the step ends")
    }
}

impl DerefMut for Step<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.0.as_mut().expect("it is there until the step ends")
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        let (touched, forgotten) = (self.watchers.take_touched(), std::mem::take(&mut self.forgotten));
        self.0 = None;
        touched.iter().for_each(|watcher| watcher.wake());
        drop(forgotten);
    }
}

impl Backend for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn is_volatile(&self) -> bool {
        true
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

/// The properties are tried here too, so that changes of these files are tested by this package alone.
#[cfg(all(test, feature = "conformance"))]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;

    use super::*;
    use crate::backend::conformance::Fixture;
    use crate::backend::{CallId, Control, Inspect, Store, Upkeep, WorkerInfo};
    use crate::event::EventFilter;
    use crate::job::{Envelope, JobId, JobState, Name, WorkerId};

    struct Memory(Arc<MemoryStore>);

    #[async_trait]
    impl Fixture for Memory {
        fn store(&self) -> Arc<dyn Backend> {
            self.0.clone()
        }

        async fn advance(&self, by: Duration) {
            self.0.clock().advance(by);
        }
    }

    crate::conformance!(kept, Memory(MemoryStore::with_clock(Clock::manual())));

    #[test]
    fn it_says_what_it_is_and_that_it_forgets() {
        let store = MemoryStore::new();
        assert_eq!((store.kind(), store.is_volatile()), ("memory", true));
        assert_eq!(format!("{store:?}"), "MemoryStore { .. }");
    }

    #[tokio::test]
    async fn whoever_listened_to_a_job_is_forgotten_and_the_others_are_not() {
        let store = MemoryStore::new();
        let filter = || EventFilter::all().job(Name::from_static("q"), JobId::from_stored("1"));
        let (one, other) =
            (store.subscribe(filter()).await.unwrap(), store.subscribe(filter()).await.unwrap());
        drop(one);
        assert!(store.state().emitter.is_heard(), "one listens still");
        drop(other);
        assert!(!store.state().emitter.is_heard(), "nothing is built for nobody");
    }

    const Q: Name = Name::from_static("q");

    fn id(number: usize) -> JobId {
        JobId::from_stored(&number.to_string())
    }

    /// Returns a store in which that many jobs wait.
    async fn with_waiting(count: usize) -> Arc<MemoryStore> {
        let store = MemoryStore::with_clock(Clock::manual());
        let job = |number| Arc::new(Envelope::new(id(number), Q, Name::from_static("t"), Default::default()));
        let jobs: Vec<_> = (0..count).map(job).collect();
        let call = CallId { sender: WorkerId::generate(), sequence: 1 };
        store.push(call, &jobs).await.expect("a store in memory takes every job in");
        store
    }

    #[tokio::test]
    async fn places_of_waiting_jobs_that_were_cancelled_do_not_pile_up() {
        let store = with_waiting(200).await;
        let places =
            || store.state().queues[0].lanes.iter().map(|(_, lane)| lane.iter().count()).sum::<usize>();
        for number in 0..100 {
            store.cancel(&Q, &id(number), None).await.unwrap();
        }
        assert_eq!(places(), 200, "half of them may be void");
        store.cancel(&Q, &id(100), None).await.unwrap();
        assert_eq!(places(), 99, "more than half are swept away");
    }

    #[tokio::test]
    async fn places_of_jobs_that_were_replayed_do_not_pile_up() {
        let (store, queue) = (with_waiting(200).await, Q);
        for number in 0..200 {
            store.cancel(&queue, &id(number), None).await.unwrap();
        }
        let places = || store.state().queues[0].ended.places(JobState::Cancelled);
        assert_eq!(places(), 200);
        for number in 0..100 {
            store.retry(&queue, &id(number)).await.unwrap();
        }
        assert_eq!(places(), 200, "half of them may be void");
        store.retry(&queue, &id(100)).await.unwrap();
        assert_eq!(places(), 99, "more than half are swept away");
    }

    #[tokio::test]
    async fn a_silent_worker_is_listed_as_dead_for_minutes_and_then_struck_off() {
        let store = MemoryStore::with_clock(Clock::manual());
        store.register(&WorkerInfo::new(WorkerId::generate()), Duration::from_secs(30)).await.unwrap();
        store.clock().advance(Duration::from_secs(60));
        store.rescue(3, 10).await.unwrap();
        let listed = store.workers().await.unwrap();
        assert_eq!(listed.iter().map(|worker| worker.alive).collect::<Vec<_>>(), [false]);
        store.clock().advance(upkeep::LISTED_FOR);
        store.rescue(3, 10).await.unwrap();
        assert!(store.workers().await.unwrap().is_empty());
    }
}
