//! A walk through the jobs of a state in bounded steps, each from where the last one ended.

use std::fmt;
use std::str::FromStr;

use crate::backend::StoreError;
use crate::job::Job;

/// Where a walk goes on. Each store writes its own; callers hand it back as it came.
///
/// It names a place by what stood there, not by how many came before: jobs that come and go meanwhile shift nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// Takes a cursor that a store wrote before; only that store can tell whether it is one.
    #[must_use]
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Writes a cursor of parts, none of which has a `-` in it.
    #[must_use]
    pub fn of(parts: &[&dyn fmt::Display]) -> Self {
        Self(parts.iter().map(ToString::to_string).collect::<Vec<_>>().join("-"))
    }

    /// Returns the cursor as it can be kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the part at this place, from 0.
    ///
    /// # Errors
    ///
    /// A refusal, if there is none or it is of another type.
    pub fn part<T: FromStr>(&self, place: usize) -> Result<T, StoreError> {
        let part = self.0.split('-').nth(place).and_then(|part| part.parse().ok());
        part.ok_or_else(|| StoreError::refused("the cursor is none of this store: begin again without one"))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One step of a walk.
#[derive(Debug)]
pub struct Scanned {
    /// The jobs that were met; there may be fewer than asked for although more follow.
    pub jobs: Vec<Job>,
    /// Where the walk goes on; nothing behind its end.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_cursor_come_back() {
        let cursor = Cursor::of(&[&5, &u64::MAX, &"6a"]);
        assert_eq!(cursor.part::<u8>(0).unwrap(), 5);
        assert_eq!(cursor.part::<u64>(1).unwrap(), u64::MAX);
        assert_eq!(cursor.part::<String>(2).unwrap(), "6a");
        assert!(cursor.part::<u8>(1).is_err() && cursor.part::<u8>(3).is_err());
    }
}
