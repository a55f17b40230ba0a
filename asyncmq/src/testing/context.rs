//! A context without a worker, and a job that runs without a store.

use std::any::Any;
use std::sync::Arc;

use crate::backend::memory::MemoryStore;
use crate::backend::{ClaimedJob, Token};
use crate::client::{Client, NewJob};
use crate::error::Result;
use crate::job::{Envelope, JobId, Name};
use crate::lifecycle::Outcome;
use crate::task::{Attempt, Context, Site, States, Task};
use crate::testing::client::handle_of;

/// Makes a context, so that a test can call a task as the function that it is.
///
/// # Examples
///
/// ```standalone_crate
/// use asyncmq::{Context, State, task, testing};
///
/// #[task]
/// async fn greet(ctx: Context, greeting: State<&'static str>, name: String) -> String {
///     format!("{} {name}, attempt {}", *greeting, ctx.attempt())
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let said = greet(testing::context(), State::new("hello"), "Ann".into()).await;
/// assert_eq!(said, "hello Ann, attempt 1");
/// # }
/// ```
#[must_use]
pub fn context() -> Context {
    ContextBuilder::new().build()
}

/// Describes a context.
#[derive(Debug, Clone)]
#[must_use = "a context is not made before `.build()`"]
pub struct ContextBuilder {
    client: Client,
    envelope: Envelope,
    attempt: u32,
    states: States,
}

impl Default for ContextBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ContextBuilder {
    /// Begins to describe a context: first attempt, task `test`, queue `default`, a store of its own.
    pub fn new() -> Self {
        let (queue, task) = (Name::from_static("default"), Name::from_static("test"));
        let envelope = Envelope::new(JobId::generate(), queue, task, "{}".into());
        Self {
            client: Client::with_backend(MemoryStore::new()),
            envelope,
            attempt: 1,
            states: States::default(),
        }
    }

    /// Sets the client to which the handler's own jobs go.
    pub fn client(mut self, client: &Client) -> Self {
        self.client = client.clone();
        self
    }

    /// Sets the task and its queue.
    pub fn task<T: Task>(mut self) -> Self {
        (self.envelope.task, self.envelope.queue) = (Name::from_static(T::NAME), Name::from_static(T::QUEUE));
        self
    }

    /// Sets the number of the attempt, and of attempts in all if it is more.
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self.envelope.max_attempts = self.envelope.max_attempts.max(attempt);
        self
    }

    /// Sets the time that the attempt may take.
    pub const fn timeout(mut self, timeout: std::time::Duration) -> Self {
        self.envelope.timeout = Some(timeout);
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.envelope.extras_mut().tags.push(tag.into());
        self
    }

    /// Adds a header.
    pub fn header(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.envelope.extras_mut().headers.push((key.into(), value.into()));
        self
    }

    /// Gives the handler a value, which it takes as [`State<T>`](crate::State).
    pub fn state<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Makes the context.
    #[must_use]
    pub fn build(self) -> Context {
        Context(Arc::new(self.into_attempt()))
    }

    fn into_attempt(self) -> Attempt {
        let job = ClaimedJob {
            envelope: Arc::new(self.envelope),
            token: Token(0),
            attempt: self.attempt,
            crashes: 0,
            inputs: Vec::new(),
            withheld: 0,
        };
        let site =
            Site { backend: handle_of(&self.client), states: self.states, reporter: None, elsewhere: None };
        Attempt::new(job, Arc::new(site))
    }

    /// Runs a job as a worker would: its arguments are decoded, panics caught, its timeout watched; in this context and
    /// without a store. Returns how the attempt ended.
    ///
    /// # Errors
    ///
    /// What [`Client::enqueue`] says about a job that cannot be sent.
    pub async fn perform<T: Task>(mut self, job: NewJob<T>) -> Result<Outcome> {
        let sealed = self.client.seal(job, None).await?;
        let extras = self.envelope.extras.take().or_else(|| sealed.extras.clone());
        let timeout = self.envelope.timeout.or(sealed.timeout);
        self.envelope = Envelope { extras, timeout, ..(*sealed).clone() };
        let attempt = Arc::new(self.into_attempt());
        Ok(crate::worker::observe_alone(&attempt, T::__DEFINITION).await)
    }
}

/// Runs a job as a worker would, without a store. Returns how the attempt ended.
///
/// # Errors
///
/// What [`Client::enqueue`] says about a job that cannot be sent.
pub async fn perform<T: Task>(job: NewJob<T>) -> Result<Outcome> {
    ContextBuilder::new().perform(job).await
}
