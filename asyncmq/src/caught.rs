//! Runs code of the program's own that may panic, and keeps the panic where it was.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs something. Returns what it said if it panicked.
pub(crate) fn caught<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(panic_message)
}

/// Drops something. Returns what it said if it panicked over that.
pub(crate) fn drop_caught<T>(value: T) -> Option<String> {
    caught(|| drop(value)).err()
}

/// Returns what a panic said. Its payload may panic in turn when it is dropped.
pub(crate) fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let message = match payload.downcast_ref::<&'static str>() {
        Some(text) => (*text).to_owned(),
        None => {
            payload.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic without a message".into())
        }
    };
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // It may go on like this for ever; a leak is the lesser evil.
        std::mem::forget(another);
    }
    message
}
