//! The arguments of a task on their way into the store and out of it.

use std::fmt::Display;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::task::absent::absent;
use crate::task::{Stored, Task, TaskError, finite};

/// How many bytes most jobs' arguments fit in.
const USUAL_SIZE: usize = 128;
/// Up to how many bytes arguments are copied to where they are kept.
const COPIED: usize = 1_024;

/// What a stored argument must be: something that can be written and read back.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a task",
    label = "an argument is stored as JSON: it needs `serde::Serialize`, `serde::Deserialize` and no borrowed data",
    note = "derive both on the type; what the worker gives is known by its name: `Context`, `State<…>`, under no alias"
)]
pub trait Argument: Serialize + DeserializeOwned + 'static {}

impl<T: Serialize + DeserializeOwned + 'static> Argument for T {}

/// One stored argument: the only place where its type is asked for anything.
pub struct Slot<T> {
    name: &'static str,
    plain: bool,
    aliases: &'static [&'static str],
    default: Option<fn() -> T>,
    write: fn(&T, &mut Vec<u8>) -> serde_json::Result<()>,
    read: fn(&[u8]) -> serde_json::Result<T>,
    /// What an absent argument reads as, for types such as `Option` that have such a value.
    absent: fn() -> Option<T>,
}

impl<T> Slot<T> {
    /// Describes the argument of this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self
    where
        T: Argument,
    {
        Self {
            name,
            plain: is_plain(name),
            aliases: &[],
            default: None,
            write: write::<T>,
            read: read::<T>,
            absent: absent::<T>,
        }
    }
}

fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let start = out.len();
    serde_json::to_writer(&mut *out, value)?;
    finite::check(value, &out[start..])
}

fn read<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(json)
}

/// Tells whether a name stands in JSON as it is.
const fn is_plain(name: &str) -> bool {
    let (bytes, mut place) = (name.as_bytes(), 0);
    while place < bytes.len() {
        if bytes[place] < b' ' || matches!(bytes[place], b'"' | b'\\') {
            return false;
        }
        place += 1;
    }
    true
}

impl<T> Slot<T> {
    /// Returns the argument's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Sets other names under which the argument is found.
    #[must_use]
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Sets what an absent argument is.
    #[must_use]
    pub const fn default(self, default: fn() -> T) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Writes the argument behind the others.
    ///
    /// # Errors
    ///
    /// Why it cannot be written.
    pub fn write(&self, value: &T, out: &mut Vec<u8>) -> Result<(), String> {
        if out.is_empty() {
            out.reserve(USUAL_SIZE);
        }
        out.push(if out.is_empty() { b'{' } else { b',' });
        let unwritable = |error| format!("cannot be written as JSON: argument `{}`: {error}", self.name);
        if self.plain {
            out.push(b'"');
            out.extend_from_slice(self.name.as_bytes());
            out.push(b'"');
        } else {
            serde_json::to_writer(&mut *out, self.name).map_err(unwritable)?;
        }
        out.push(b':');
        (self.write)(value, out).map_err(unwritable)
    }

    /// Takes the argument from those that were stored, by its name or its place.
    ///
    /// # Errors
    ///
    /// Why there is none to be had.
    pub fn take(&self, stored: &mut Stored<'_>, place: usize) -> Result<T, TaskError> {
        let undecodable =
            |reason: String| TaskError::undecodable(format!("argument `{}`: {reason}", self.name));
        match stored.take(self.name, self.aliases, place).map_err(undecodable)? {
            Some(json) => (self.read)(json).map_err(|error| undecodable(error.to_string())),
            None => match self.default {
                Some(default) => Ok(default()),
                None => (self.absent)().ok_or_else(|| undecodable("is missing".into())),
            },
        }
    }
}

/// Returns the text of what `key` and `dedup_key` say.
pub fn keyed(key: &(impl Key + ?Sized)) -> Option<String> {
    Some(key.to_string())
}

/// Reads the deduplication key out of the stored arguments.
pub type DedupKeyFn = fn(&[u8]) -> Result<Option<String>, TaskError>;

/// Takes the task's own deduplication key, for jobs that are described by name.
#[must_use]
pub const fn dedup_key<T: Task>() -> Option<DedupKeyFn> {
    Some(|args| Ok(T::__decode(args)?.__dedup_key()))
}

/// What the value of `key` and `dedup_key` must be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a job",
    label = "a key is kept as text: it needs `std::fmt::Display`",
    note = "name one argument or a field of it, or put several together: `format!(\"{{a}}:{{b}}\")`"
)]
pub trait Key: Display {}

impl<T: Display + ?Sized> Key for T {}

/// Closes the object that [`Slot::write`] began.
#[must_use]
pub fn finish(mut out: Vec<u8>) -> Bytes {
    out.extend_from_slice(if out.is_empty() { b"{}" } else { b"}" });
    // Short ones are copied, so that they are kept in the space that they need, and in one piece.
    if out.len() <= COPIED { Bytes::copy_from_slice(&out) } else { out.into_boxed_slice().into() }
}
