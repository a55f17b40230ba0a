//! What handlers return, on its way into the store.

use std::cell::Cell;

use bytes::Bytes;
use serde::Serialize;

use crate::error::BoxError;
use crate::task::TaskError;
use crate::task::finite;

/// Any `Result`, under whichever name and with however many arguments it was written.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is called `Result` but is none",
    label = "return `Result<T, E>`, or a type of another name"
)]
pub trait ReturnsResult {
    /// What is returned when all went well.
    type Ok;
    /// What is returned when not.
    type Err;

    /// Returns it as what it is.
    ///
    /// # Errors
    ///
    /// Its own.
    fn result(self) -> Result<Self::Ok, Self::Err>;
}

impl<T, E> ReturnsResult for Result<T, E> {
    type Ok = T;
    type Err = E;

    fn result(self) -> Self {
        self
    }
}

/// Finds out whether a type that is not called `Result` is one all the same: the inherent constant of a `Result` goes before
/// the trait's.
pub struct Probe<T>(std::marker::PhantomData<T>);

/// What every type says of itself that is no `Result`.
pub trait NoResult {
    /// Whether it is one.
    const IS_RESULT: bool = false;
}

impl<T> NoResult for Probe<T> {}

impl<T, E> Probe<Result<T, E>> {
    /// Whether it is one.
    pub const IS_RESULT: bool = true;
}

/// Writes what a handler returned.
///
/// # Errors
///
/// That it cannot be written as JSON.
pub fn encode<T: Serialize>(value: &T) -> Result<Bytes, TaskError> {
    let unserialisable =
        |error| TaskError::unserialisable(format!("the result cannot be written as JSON: {error}"));
    let mut json = SCRATCH.take();
    json.clear();
    let written = serde_json::to_writer(&mut json, value).and_then(|()| finite::check(value, &json));
    let result = written
        .map(|()| if json == b"null" { Bytes::from_static(b"null") } else { Bytes::copy_from_slice(&json) });
    if json.capacity() <= KEPT_SCRATCH {
        SCRATCH.set(json);
    }
    result.map_err(unserialisable)
}

/// How much of its scratch paper a thread keeps, in bytes.
const KEPT_SCRATCH: usize = 65_536;

thread_local! {
    /// Where a result is written before its size is known.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Turns an error that is `Into<Box<dyn Error + Send + Sync>>` into one of ours.
pub struct ByInto;

/// Chosen for the errors that most handlers return.
pub trait FailsByInto {
    /// Chooses.
    fn failure(&self) -> ByInto {
        ByInto
    }
}

impl<E: Into<BoxError>> FailsByInto for E {}

impl ByInto {
    /// Converts.
    pub fn convert(self, error: impl Into<BoxError>) -> TaskError {
        TaskError::from_handler(error.into())
    }
}

/// Turns a `Box<dyn Error>`, which must not leave its thread, into one of ours.
pub struct ByText;

/// Chosen for `Box<dyn Error>`.
pub trait FailsByText {
    /// Chooses.
    fn failure(&self) -> ByText {
        ByText
    }
}

impl FailsByText for Box<dyn std::error::Error> {}

impl ByText {
    /// Converts.
    pub fn convert(self, error: Box<dyn std::error::Error>) -> TaskError {
        let mut said = vec![error.to_string()];
        let mut next = error.source();
        while let Some(cause) = next {
            said.push(cause.to_string());
            next = cause.source();
        }
        TaskError::from_handler(said.join(": ").into())
    }
}

/// Chosen last: for an error that is neither, so that there is a message about it.
pub trait FailsNohow {
    /// Chooses.
    fn failure(&self) -> Nohow {
        Nohow
    }
}

impl<E> FailsNohow for &E {}

/// Stands for a way that there is not.
pub struct Nohow;

impl Nohow {
    /// Asks for what the type does not have.
    pub fn convert<E: Fails>(self, error: E) -> TaskError {
        error.into_task_error()
    }
}

/// What the error of a task must be; nothing implements it, as the other ways go first.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a task",
    label = "an error is kept as text: it needs `std::error::Error`, `Send`, `Sync` and no borrowed data",
    note = "`String`, `anyhow::Error`, `Box<dyn Error>` and `asyncmq::TaskError` will do as well"
)]
pub trait Fails {
    /// Converts.
    fn into_task_error(self) -> TaskError;
}
