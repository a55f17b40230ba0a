//! What a worker gives to its handlers beside the stored arguments.

use std::any::{Any, TypeId};

use crate::task::{Context, State, StateDefinition, TaskError};

/// A parameter that the worker gives. The macro knows these by the names `Context` and `State<…>` only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is named like what a worker gives to its tasks, and is something else",
    label = "`Context` and `State<…>` as a parameter of a task are asyncmq's",
    note = "write `asyncmq::Context` or `asyncmq::State<…>` in full, or give your own type another name"
)]
pub trait Given: Sized {
    /// Takes it from the running job.
    ///
    /// # Errors
    ///
    /// That the worker has none.
    fn given(context: &Context) -> Result<Self, TaskError>;

    /// Returns the type that a state is found by.
    fn type_id() -> TypeId;
}

/// What a state must be, as handlers on several threads share it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the state of a worker",
    label = "a state is shared by handlers on several threads: it needs `Send`, `Sync` and no borrowed data",
    note = "put what is not `Sync` into a `Mutex`, and use `Arc` in place of `Rc`"
)]
pub trait Shared: Any + Send + Sync {}

impl<T: Any + Send + Sync> Shared for T {}

impl Given for Context {
    fn given(context: &Context) -> Result<Self, TaskError> {
        Ok(context.clone())
    }

    fn type_id() -> TypeId {
        TypeId::of::<Self>()
    }
}

impl<T: Shared> Given for State<T> {
    fn given(context: &Context) -> Result<Self, TaskError> {
        let missing = || {
            TaskError::permanent(format!("the worker has no state of type {}", std::any::type_name::<T>()))
        };
        context.__state().map(State).ok_or_else(missing)
    }

    fn type_id() -> TypeId {
        TypeId::of::<T>()
    }
}

/// One given parameter: the only place where its type is asked for anything.
pub struct Gift<P> {
    give: fn(&Context) -> Result<P, TaskError>,
    id: fn() -> TypeId,
}

impl<P> Gift<P> {
    /// Describes the parameter of this type.
    #[must_use]
    pub const fn of() -> Self
    where
        P: Given,
    {
        Self { give: P::given, id: P::type_id }
    }

    /// Takes it from the running job.
    ///
    /// # Errors
    ///
    /// That the worker has none: workers look when they start, so it happens only to those that run a job by hand.
    pub fn take(&self, context: &Context) -> Result<P, TaskError> {
        (self.give)(context)
    }

    /// Returns what the worker is asked for when it starts; the name is the type as it stands in the source.
    #[must_use]
    pub const fn state(&self, type_name: &'static str) -> StateDefinition {
        StateDefinition { id: self.id, type_name }
    }
}
