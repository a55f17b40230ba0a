//! The handler with its types erased, and what the generated code does around the user's function.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

use crate::task::{BackoffFn, Context, TaskError};

/// One call of a handler: the stored arguments, and what the worker gives.
#[derive(Debug)]
pub struct Invocation {
    /// What the handler is told about its job.
    pub context: Context,
}

impl Invocation {
    /// Returns the arguments as they are stored.
    #[must_use]
    pub fn args(&self) -> &[u8] {
        &self.context.0.job.envelope.args
    }
}

/// A running handler: gives its result as JSON.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<Bytes, TaskError>> + Send>>;

/// A handler with its types erased.
pub type Handler = fn(Invocation) -> HandlerFuture;

/// What the future of a handler must be. The name of this function is where rustc points when it is not.
pub fn future<F: Future + Send>(future: F) -> impl Future<Output = F::Output> + Send {
    future
}

/// Erases the type of a handler's future.
pub fn handler(future: impl Future<Output = Result<Bytes, TaskError>> + Send + 'static) -> HandlerFuture {
    Box::pin(future)
}

/// Runs a plain function where it may block. A panic in it goes on here.
///
/// # Errors
///
/// What the function returned.
pub fn blocking(invocation: Invocation, run: fn(&Invocation) -> Result<Bytes, TaskError>) -> HandlerFuture {
    Box::pin(async move {
        let (context, span) = (invocation.context.clone(), tracing::Span::current());
        let run = move || span.in_scope(|| context.run_blocking(|| run(&invocation)));
        match tokio::task::spawn_blocking(run).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(TaskError::from_handler("the runtime is shutting down".into())),
        }
    })
}

/// Takes the function that a task names as its backoff.
#[must_use]
pub const fn backoff(function: BackoffFn) -> Option<BackoffFn> {
    Some(function)
}
