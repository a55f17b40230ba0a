//! The handler with its types erased, and what the generated code does around the user's function.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::task::{Context, State, TaskError};

/// One call of a handler: the stored arguments, and what the worker gives.
#[derive(Debug)]
pub struct Invocation {
    /// The arguments as they are stored.
    pub args: Bytes,
    /// What the handler is told about its job.
    pub context: Context,
}

/// A running handler: gives its result as JSON.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<Bytes, TaskError>> + Send>>;

/// A handler with its types erased.
pub type Handler = fn(Invocation) -> HandlerFuture;

/// What the future of a handler must be. The name of this function is where rustc points when it is not.
pub fn future<F: Future + Send>(future: F) -> impl Future<Output = F::Output> + Send {
    future
}

/// Returns the state of this type.
///
/// # Errors
///
/// That the worker has none: workers check this when they start, so it happens only to those that run a single job by hand.
pub fn state<T: Any + Send + Sync>(context: &Context) -> Result<State<T>, TaskError> {
    let missing =
        || TaskError::permanent(format!("the worker has no state of type {}", std::any::type_name::<T>()));
    context.__state().map(State).ok_or_else(missing)
}

/// Lends a state to a handler that takes `&State<T>` or `State<T>`; asked for by name so that the message names the type.
#[must_use]
pub fn shared<T>(value: &Arc<T>) -> State<T> {
    State(value.clone())
}

/// Runs a plain function where it may block. A panic in it goes on here.
///
/// # Errors
///
/// What the function returned.
pub async fn blocking(
    context: Context,
    run: impl FnOnce() -> Result<Bytes, TaskError> + Send + 'static,
) -> Result<Bytes, TaskError> {
    let run = move || context.run_blocking(run);
    match tokio::task::spawn_blocking(run).await {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(TaskError::from_handler("the runtime is shutting down".into())),
    }
}
