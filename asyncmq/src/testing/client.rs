//! A client with a store and a time of its own.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::BackendHandle;
use crate::backend::memory::MemoryStore;
use crate::client::{Client, Scope, scoped};
use crate::clock::Clock;
use crate::task::{Registry, States};
use crate::testing::Drained;
use crate::testing::drain::Runner;

/// A client with an in-memory store of its own, whose time stands still until it is moved.
///
/// It is a [`Client`] in all else.
#[derive(Clone)]
pub struct TestClient {
    client: Client,
    clock: Clock,
    states: States,
    registry: Option<Registry>,
}

/// Makes a client with an in-memory store of its own, whose time stands still until it is moved.
#[must_use]
pub fn client() -> TestClient {
    let clock = Clock::manual();
    let client = Client::with_backend(MemoryStore::with_clock(clock.clone()));
    TestClient { client, clock, states: States::default(), registry: None }
}

/// Runs a test with a client of its own, to which `enqueue()` goes within it.
pub async fn scope<R>(test: impl AsyncFnOnce(TestClient) -> R) -> R {
    let client = client();
    scoped(Scope::Of(client.client.clone()), test(client)).await
}

/// Runs a test in which every job runs at once, as part of its enqueue. Jobs that are delayed, or that a limit holds, wait for
/// [`TestClient::drain`].
pub async fn inline<R>(test: impl AsyncFnOnce(TestClient) -> R) -> R {
    let client = client().run_inline();
    scoped(Scope::Of(client.client.clone()), test(client)).await
}

impl TestClient {
    /// Gives the handlers a value, which they take as [`State<T>`](crate::State).
    #[must_use]
    pub fn state<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Replaces the linked tasks by these.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Makes every job run at once, as part of its enqueue. States are to be given before.
    ///
    /// A job that no worker could run is an error of its enqueue, as it is one of [`TestClient::drain`].
    #[must_use]
    pub fn run_inline(mut self) -> Self {
        let runner = self.runner();
        let after_push = move || {
            let runner = runner.clone();
            let run: std::pin::Pin<Box<dyn Future<Output = crate::Result<()>> + Send>> =
                Box::pin(async move { runner.run_due(&mut Drained::default()).await.map(drop) });
            run
        };
        self.client = Client { handle: self.client.handle.with_after_push(Arc::new(after_push)) };
        self
    }

    /// Runs a future within which `enqueue()` goes to this client.
    pub async fn scope<R>(&self, future: impl Future<Output = R>) -> R {
        scoped(Scope::Of(self.client.clone()), future).await
    }

    /// Moves the time on. Nothing runs by that.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> std::time::SystemTime {
        self.clock.now().into()
    }

    /// Runs every job, in the order in which they are due, and those that they enqueue. Time moves on by itself
    /// to the next delayed job or retry, until none is left.
    ///
    /// Jobs are held to what their tasks say (`rate_limit`, `concurrency`) and to what is ordered, as by a worker: time also moves on to
    /// when a rate lets the next one start. One job runs at a time, so a `concurrency` of one or more holds none. What a limit of 0
    /// holds, a paused queue or the handler of another job, is left.
    ///
    /// Schedules fire as it comes to their slots, but it does not move
    /// on for their sake, as they have no end: [`TestClient::advance`] it.
    ///
    /// # Errors
    ///
    /// [`Error::Startup`](crate::Error::Startup) for tasks that no worker could serve, for instance without their state; and
    /// [`Error::Invalid`](crate::Error::Invalid) after 10,000 attempts, as jobs that enqueue themselves would never end.
    pub async fn drain(&self) -> crate::Result<Drained> {
        let (runner, mut drained) = (self.runner(), Drained::default());
        loop {
            match runner.run_due(&mut drained).await? {
                Some(wait) => self.clock.advance(wait),
                None => return Ok(drained),
            }
        }
    }

    /// Runs the jobs that may start now, and those that they enqueue. Time stands still: what a rate holds waits, as what is delayed
    /// does.
    ///
    /// # Errors
    ///
    /// What [`TestClient::drain`] says.
    pub async fn drain_due(&self) -> crate::Result<Drained> {
        let mut drained = Drained::default();
        self.runner().run_due(&mut drained).await?;
        Ok(drained)
    }

    /// Makes the schedules that the tasks declare with `cron` and `every`, as a worker does when it starts. In tests nobody does
    /// so unasked.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) for an attribute that says no time.
    pub async fn declare_schedules(&self) -> crate::Result<()> {
        self.runner().declare().await
    }

    fn runner(&self) -> Runner {
        Runner::new(self.client.handle.clone(), self.states.clone(), self.registry.clone())
    }
}

impl Deref for TestClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// The store behind a client, for those who run jobs by hand.
pub(super) fn handle_of(client: &Client) -> BackendHandle {
    client.handle.clone()
}
