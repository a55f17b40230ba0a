//! The arguments of a task on their way into the store and out of it.

use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserializer as _, Serialize};
use serde_json::value::RawValue;
use std::borrow::{Borrow, Cow};
use std::fmt::{self, Display};

use crate::task::TaskError;
use crate::task::absent::absent;
use crate::task::finite;

/// What a stored argument must be: something that can be written, read back, and sent to another thread.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a task",
    label = "an argument is stored as JSON: it needs `serde::Serialize`, `serde::Deserialize`, `Send` and no borrowed data",
    note = "derive both on the type; what the worker gives is known by its name: `Context`, `State<…>`, under no alias"
)]
pub trait Argument: Serialize + DeserializeOwned + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Send + 'static> Argument for T {}

/// One stored argument: the only place where its type is asked for anything.
pub struct Slot<T> {
    name: &'static str,
    aliases: &'static [&'static str],
    default: Option<fn() -> T>,
    write: fn(&T, &mut Vec<u8>) -> serde_json::Result<()>,
    read: fn(&RawValue) -> serde_json::Result<T>,
    /// What an absent argument reads as, for types such as `Option` that have such a value.
    absent: fn() -> Option<T>,
}

impl<T: Argument> Slot<T> {
    /// Describes the argument of this name.
    pub const fn new(name: &'static str) -> Self {
        Self { name, aliases: &[], default: None, write: write::<T>, read: read::<T>, absent: absent::<T> }
    }
}

fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let start = out.len();
    serde_json::to_writer(&mut *out, value)?;
    finite::check(value, &out[start..])
}

fn read<T: DeserializeOwned>(json: &RawValue) -> serde_json::Result<T> {
    serde_json::from_str(json.get())
}

impl<T> Slot<T> {
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
        out.push(if out.is_empty() { b'{' } else { b',' });
        let unwritable = |error| format!("cannot be written as JSON: argument `{}`: {error}", self.name);
        serde_json::to_writer(&mut *out, self.name).map_err(unwritable)?;
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

/// Keeps what a parameter borrows.
pub fn own<T: ToOwned + ?Sized>(lent: &T) -> T::Owned {
    lent.to_owned()
}

/// Keeps what a parameter may borrow.
pub fn own_option<T: ToOwned + ?Sized>(lent: Option<&T>) -> Option<T::Owned> {
    lent.map(T::to_owned)
}

/// Lends what was kept to a parameter that borrows.
pub fn lend<T: ToOwned + ?Sized>(owned: &T::Owned) -> &T {
    owned.borrow()
}

/// Lends what may have been kept to a parameter that may borrow.
pub fn lend_option<T: ToOwned + ?Sized>(owned: &Option<T::Owned>) -> Option<&T> {
    owned.as_ref().map(Borrow::borrow)
}

/// Returns the text of what `key` and `dedup_key` say.
pub fn keyed(key: &(impl Key + ?Sized)) -> Option<String> {
    Some(key.to_string())
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
    out.into()
}

/// The arguments as they were stored, each still unread.
pub struct Stored<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Stored<'a> {
    /// Finds the arguments in a stored object.
    ///
    /// # Errors
    ///
    /// That it is no object.
    pub fn of(json: &'a [u8]) -> Result<Self, TaskError> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let stored = reader.deserialize_map(Fields).and_then(|stored| reader.end().map(|()| stored));
        stored.map_err(|error| {
            TaskError::undecodable(format!("the arguments are not an object by parameter name: {error}"))
        })
    }

    fn take(&mut self, name: &str, aliases: &[&str], place: usize) -> Result<Option<&'a RawValue>, String> {
        let is_this = |key: &str| key == name || aliases.contains(&key) || is_place(key, place);
        let Some(at) = self.0.iter().position(|(key, _)| is_this(key)) else { return Ok(None) };
        let (_, json) = self.0.swap_remove(at);
        match self.0.iter().find(|(key, _)| is_this(key)) {
            Some((again, _)) if **again != *name || is_place(again, place) => {
                Err("is given twice, by name and by place".into())
            }
            Some(_) => Err("is given twice".into()),
            None => Ok(Some(json)),
        }
    }

    /// Refuses arguments by place that the task does not have. Unknown names are left alone: an older sender may know them.
    ///
    /// # Errors
    ///
    /// That there are too many.
    pub fn end(self, count: usize) -> Result<(), TaskError> {
        let surplus = self.0.iter().filter_map(|(key, _)| key.parse::<usize>().ok()).max();
        surplus.map_or(Ok(()), |place| {
            Err(TaskError::undecodable(format!(
                "too many arguments: {} by place, the task takes {count}",
                place + 1
            )))
        })
    }
}

/// Parameters' names never begin with a digit, so a number is a place.
fn is_place(key: &str, place: usize) -> bool {
    key.as_bytes().first().is_some_and(u8::is_ascii_digit) && key.parse() == Ok(place)
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Stored<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Stored<'de>, A::Error> {
        let mut stored = Vec::with_capacity(4);
        while let Some(key) = map.next_key::<FieldName<'de>>()? {
            if stored.len() == 1_000 {
                return Err(A::Error::custom("it has more than 1000 fields"));
            }
            stored.push((key.0, map.next_value()?));
        }
        Ok(Stored(stored))
    }
}

/// A key that borrows from the stored bytes where it can.
#[derive(serde::Deserialize)]
struct FieldName<'a>(#[serde(borrow)] Cow<'a, str>);
