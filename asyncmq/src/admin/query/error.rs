//! What is wrong with a query, and where.

use std::fmt;

/// Why a text is no query: the place and what is possible there.
///
/// Its `Display` is several lines: the message, the query, and a mark below the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    query: String,
    place: usize,
    message: String,
}

impl QueryError {
    /// Describes what is wrong at the byte `place` of `query`.
    pub(super) fn at(query: &str, place: usize, message: impl Into<String>) -> Self {
        Self { query: query.to_owned(), place, message: message.into() }
    }

    /// Returns where it is: how many bytes stand before it.
    #[must_use]
    pub const fn place(&self) -> usize {
        self.place
    }

    /// Returns what is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A control character would move the mark, or the terminal.
        let shown = |text: &str| {
            text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>()
        };
        let before = self.query.get(..self.place).unwrap_or(&self.query);
        let indent = " ".repeat(before.chars().count());
        write!(f, "{}\n  {}\n  {indent}^", self.message, shown(&self.query))
    }
}

impl std::error::Error for QueryError {}

impl From<QueryError> for crate::Error {
    fn from(error: QueryError) -> Self {
        Self::Invalid(format!("the query cannot be read: {error}"))
    }
}
