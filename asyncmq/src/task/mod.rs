//! What to run: the half of `#[task]` that is not generated.

mod absent;
mod argument;
mod attempt;
mod bind;
mod context;
mod definition;
mod error;
mod finite;
#[cfg(feature = "conformance")]
pub(crate) mod fuzz;
mod given;
mod handler;
mod lend;
mod output;
mod registry;
mod state;
mod stored;

use bytes::Bytes;

pub use argument::{Argument, DedupKeyFn, Key, Slot, dedup_key, finish, keyed};
pub(crate) use attempt::{Attempt, Elsewhere, Reporter, Site, Stop};
pub(crate) use bind::{Unbound, bound};
pub use context::Context;
pub(crate) use definition::OWN;
pub use definition::{ArgumentDefinition, BackoffFn, StateDefinition, TaskDefinition, TaskOptions, package};
pub(crate) use error::Decision;
pub use error::TaskError;
pub use given::{Gift, Given, Shared};
pub use handler::{Handler, HandlerFuture, Invocation, backoff, blocking, future, handler};
pub use lend::{Keep, Lend, keep, keep_option, lend, lend_option};
pub use output::{
    ByInto, ByText, Fails, FailsByInto, FailsByText, FailsNohow, NoResult, Nohow, Probe, ReturnsResult,
    encode,
};
pub(crate) use registry::linked;
pub use registry::{Registered, Registry, tasks};
pub use state::State;
pub(crate) use state::States;
pub use stored::Stored;

/// A task: what `#[task]` makes of a function. The type is the record of its arguments.
pub trait Task: Sized + 'static {
    /// The task's name.
    const NAME: &'static str;
    /// The queue that its jobs go to unless they name another.
    const QUEUE: &'static str;
    /// What a completed job gives.
    type Output;

    #[doc(hidden)]
    const __DEFINITION: &'static TaskDefinition;

    #[doc(hidden)]
    fn __encode(&self) -> Result<Bytes, String>;

    #[doc(hidden)]
    fn __decode(json: &[u8]) -> Result<Self, TaskError>;

    #[doc(hidden)]
    fn __run(invocation: Invocation) -> HandlerFuture;

    #[doc(hidden)]
    fn __key(&self) -> Option<String> {
        None
    }

    #[doc(hidden)]
    fn __dedup_key(&self) -> Option<String> {
        None
    }
}
