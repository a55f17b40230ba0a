//! What jobs, queues, tasks and workers are called, and the one place where names are checked.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

use crate::chance::uuid;
use crate::error::{Error, Result};

/// The length of a UUID as text.
const UUID_TEXT: usize = 36;
/// The longest custom job id, in bytes.
pub const MAX_JOB_ID: usize = 255;
/// The longest name of a queue or task, in bytes.
pub const MAX_NAME: usize = 128;

/// The id of a job: a UUIDv7 made by the client, or the custom id that the producer gave.
///
/// It reads as a `str`. A custom id has 1 to 255 bytes and no control characters.
#[derive(Clone)]
pub struct JobId(Repr);

#[derive(Clone)]
enum Repr {
    /// Kept in place: a job with an id of ours costs no allocation for it.
    Uuid([u8; UUID_TEXT]),
    Custom(Arc<str>),
}

impl JobId {
    /// Makes a new id that sorts after those made before it.
    #[must_use]
    pub fn generate() -> Self {
        let mut text = [0; UUID_TEXT];
        uuid().hyphenated().encode_lower(&mut text);
        Self(Repr::Uuid(text))
    }

    /// Takes the id that a producer gave.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] when it is empty, longer than 255 bytes, or has a control character.
    pub fn custom(id: &str) -> Result<Self> {
        check("job id", id, MAX_JOB_ID)?;
        Ok(Self::from_stored(id))
    }

    /// Takes an id that a store gave back; it was checked when it went in.
    #[must_use]
    pub fn from_stored(id: &str) -> Self {
        match <[u8; UUID_TEXT]>::try_from(id.as_bytes()) {
            Ok(text) => Self(Repr::Uuid(text)),
            Err(_) => Self(Repr::Custom(id.into())),
        }
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Uuid(text) => std::str::from_utf8(text).expect("it was made from a str"),
            Repr::Custom(text) => text,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Uuid(text) => text,
            Repr::Custom(text) => text.as_bytes(),
        }
    }
}

impl Deref for JobId {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for JobId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for JobId {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for JobId {}

impl PartialEq<str> for JobId {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for JobId {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl PartialOrd for JobId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for JobId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for JobId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<&JobId> for JobId {
    fn from(id: &JobId) -> Self {
        id.clone()
    }
}

impl FromStr for JobId {
    type Err = Error;

    fn from_str(id: &str) -> Result<Self> {
        Self::custom(id)
    }
}

/// The name of a queue or a task: 1 to 128 bytes without control characters.
///
/// A name from a constant is not copied.
#[derive(Clone)]
pub struct Name(NameRepr);

#[derive(Clone)]
enum NameRepr {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Name {
    /// Takes a name from a constant that the macro has checked.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        Self(NameRepr::Static(name))
    }

    /// Takes the name of a queue.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] when it is empty, longer than 128 bytes, or has a control character.
    pub fn queue(name: &str) -> Result<Self> {
        check("queue name", name, MAX_NAME)?;
        Ok(Self::from_stored(name))
    }

    /// Takes the name of a task.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] when it is empty, longer than 128 bytes, or has a control character.
    pub fn task(name: &str) -> Result<Self> {
        check("task name", name, MAX_NAME)?;
        Ok(Self::from_stored(name))
    }

    /// Takes a name that a store gave back; it was checked when it went in.
    #[must_use]
    pub fn from_stored(name: &str) -> Self {
        Self(NameRepr::Shared(name.into()))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            NameRepr::Static(name) => name,
            NameRepr::Shared(name) => name,
        }
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.as_str(), other.as_str());
        // Names that are compared often have one place, as a rule.
        std::ptr::eq(one, other) || one == other
    }
}

impl Eq for Name {}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The id of one run of a worker; no two runs ever share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(Uuid);

impl WorkerId {
    /// Makes a new id.
    #[must_use]
    pub fn generate() -> Self {
        Self(uuid())
    }

    /// Returns the UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for WorkerId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Refuses what no store could keep or no terminal could show.
pub(super) fn check(what: &'static str, text: &str, most: usize) -> Result<()> {
    let reason = if text.is_empty() {
        "it is empty".to_owned()
    } else if most < text.len() {
        format!("it has {} bytes, {most} are allowed", text.len())
    } else if let Some(control) = text.chars().find(|c| c.is_control()) {
        format!("it has the control character {control:?}")
    } else {
        return Ok(());
    };
    Err(Error::InvalidName { what, name: text.chars().take(80).collect(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_ours_sort_by_time_and_read_as_text() {
        let (first, second) = (JobId::generate(), JobId::generate());
        assert!(first < second);
        assert_eq!(first.len(), UUID_TEXT);
        assert_eq!(JobId::from_stored(&first), first);
        assert_eq!(first.as_str().parse::<JobId>().unwrap(), first);
    }

    #[test]
    fn a_custom_id_has_a_length_and_no_control_characters() {
        assert_eq!(JobId::custom("order-17").unwrap(), "order-17");
        assert!(JobId::custom(&"x".repeat(MAX_JOB_ID)).is_ok());
        for bad in ["", "a\nb", "\u{7f}", &"x".repeat(MAX_JOB_ID + 1)] {
            assert!(JobId::custom(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_may_have_any_other_character() {
        assert_eq!(Name::queue("tenant:a{b} ü").unwrap(), "tenant:a{b} ü");
        assert!(Name::task(&"x".repeat(MAX_NAME)).is_ok());
        for bad in ["", "\0", "a\tb", &"x".repeat(MAX_NAME + 1)] {
            assert!(Name::queue(bad).is_err() && Name::task(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_equal_wherever_they_come_from() {
        assert_eq!(Name::from_static("email"), Name::from_stored("email"));
    }
}
