//! The query language: which jobs are meant, in one line that people type and programs keep.
//!
//! ```text
//! state:failed task:app.* -queue:low error:timeout age:>1h tag:"to do"
//! ```
//!
//! A query is a list of terms that must all hold. A term is `key:value`; several values with commas between them are
//! alternatives; `-` before it turns it round. In a value `*` stands for anything and `?` for one character; `\` takes
//! the next character as it is, and quotes take blanks and commas in. Nothing here touches a store.

mod error;
mod matches;
mod parse;
mod pattern;
mod show;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use error::QueryError;
pub use pattern::Pattern;

use crate::job::JobState;

/// Which jobs are meant. One without terms means every job.
///
/// # Examples
///
/// ```
/// use asyncmq::admin::Query;
///
/// let query: Query = "state:failed error:timeout age:>1h".parse()?;
/// assert_eq!(query.to_string(), "state:failed error:timeout age:>1h");
/// let error = "state:faild".parse::<Query>().unwrap_err();
/// assert!(error.to_string().contains("did you mean failed?"));
/// # Ok::<(), asyncmq::admin::QueryError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Term>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    is_not: bool,
    test: Test,
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    State(Vec<JobState>),
    Text(Key, Vec<Pattern>),
    Time(TimeKey, Order, Duration),
    Number(NumberKey, Order, u64),
}

/// What of a job is compared with texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Queue,
    Task,
    Id,
    Tag,
    Dedup,
    Worker,
    Error,
}

/// Since when a time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeKey {
    /// Since the store took the job in.
    Age,
    /// Since it ended; jobs that have not ended match neither side.
    Ended,
}

/// What of a job is compared with numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumberKey {
    Attempt,
    Priority,
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Less,
    AtMost,
    Exactly,
    AtLeast,
    More,
}

/// Every key with what it takes, as help and messages show it.
pub const KEYS: &[(&str, &str)] = &[
    (
        "state",
        "waiting, active, delayed, blocked, completed, failed, expired, cancelled, or dead for failed,expired",
    ),
    ("queue", "a queue's name"),
    ("task", "a task's name"),
    ("id", "a job's id"),
    ("tag", "a word that the job has"),
    ("dedup", "its deduplication key"),
    ("worker", "the id of the worker that holds it, or held it last"),
    ("error", "a part of what went wrong, or its kind: error, panic, timeout, crash, arguments, result"),
    ("age", "how long it has been there: >1h, <5m"),
    ("ended", "how long ago it ended: >1d, <10m"),
    ("attempt", "how many attempts it had: 0, >2"),
    ("priority", "0 runs first: <5, 255"),
];

impl Query {
    /// Returns the query that means every job.
    #[must_use]
    pub const fn all() -> Self {
        Self { terms: Vec::new() }
    }

    /// Tells whether it means every job.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.terms.is_empty()
    }

    /// Adds the terms of another query: both must hold.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.terms.extend(other.terms);
        self
    }

    /// Means only jobs of this queue, whatever characters are in its name.
    #[must_use]
    pub fn in_queue(mut self, queue: &str) -> Self {
        self.terms.push(Term { is_not: false, test: Test::Text(Key::Queue, vec![Pattern::exactly(queue)]) });
        self
    }

    /// Means only jobs in one of these states.
    #[must_use]
    pub fn in_states(mut self, states: &[JobState]) -> Self {
        self.terms.push(Term { is_not: false, test: Test::State(states.to_vec()) });
        self
    }

    /// Means only the job of this id.
    #[must_use]
    pub fn of_id(self, id: &str) -> Self {
        self.of_ids([id])
    }

    /// Means only the jobs of these ids.
    #[must_use]
    pub fn of_ids<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let ids = ids.into_iter().map(Pattern::exactly).collect();
        self.terms.push(Term { is_not: false, test: Test::Text(Key::Id, ids) });
        self
    }
}
