//! What a program does when its worker starts and stops.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::client::{Client, Scope, scoped};
use crate::error::{BoxError, Result};
use crate::worker::handle::failed_hook;

/// What a hook or duty may return: nothing, or a `Result` with any error.
pub trait HookOutput {
    /// Turns it into a result.
    ///
    /// # Errors
    ///
    /// What the hook returned.
    fn into_result(self) -> Result<(), BoxError>;
}

impl HookOutput for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> HookOutput for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

type Boxed = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// A hook that has not been called.
pub(crate) struct Hook(Box<dyn FnOnce() -> Boxed + Send + Sync>);

impl Hook {
    pub(crate) fn new<F, R>(hook: F) -> Self
    where
        F: FnOnce() -> R + Send + Sync + 'static,
        R: Future<Output: HookOutput> + Send + 'static,
    {
        Self(Box::new(|| Box::pin(async move { hook().await.into_result() })))
    }

    /// Calls it with the worker's own client as its default.
    pub(crate) async fn call(self, name: &str, client: &Client) -> Result<()> {
        scoped(Scope::Of(client.clone()), (self.0)()).await.map_err(|error| failed_hook(name, &error))
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}
