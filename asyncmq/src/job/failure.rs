//! How an attempt went wrong, and the bounded list of such failures that a job keeps.

use std::fmt;

use crate::clock::Timestamp;

/// The longest message that is kept of one failure, in bytes.
pub const MAX_MESSAGE: usize = 4096;
/// How many of the first, and how many of the last, failures of a job are kept.
pub const KEPT_FAILURES: usize = 24;

/// What kind of end an attempt had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The handler returned an error.
    Error,
    /// The handler panicked.
    Panic,
    /// The attempt took longer than its timeout.
    Timeout,
    /// The process that ran the attempt died or fell silent.
    Crash,
    /// The arguments are not what the task takes.
    Arguments,
    /// The result cannot be written as JSON, or is too large.
    Result,
    /// A job that it waited for did not complete.
    Parent,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Error, Self::Panic, Self::Timeout, Self::Crash, Self::Arguments, Self::Result, Self::Parent];

    /// Returns the kind's name, as stores and programs spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::Arguments => "arguments",
            Self::Result => "result",
            Self::Parent => "parent",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One failed attempt.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    attempt: u32,
    kind: FailureKind,
    message: String,
    at: Timestamp,
}

impl Failure {
    /// Describes the failure of the given attempt. A message past 4 KiB is cut.
    #[must_use]
    pub fn new(attempt: u32, kind: FailureKind, message: impl Into<String>) -> Self {
        Self { attempt, kind, message: bounded(message.into()), at: Timestamp::default() }
    }

    /// Sets when it happened, in the store's time; stores do so when they take the failure in.
    #[must_use]
    pub const fn at(mut self, time: Timestamp) -> Self {
        self.at = time;
        self
    }

    /// Returns which attempt it was; the first is 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns what kind of end it was.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Returns what the error said, the whole chain of its causes included.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns when the store learnt of it.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.at
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {} ({}): {}", self.attempt, self.kind, self.message.escape_debug())
    }
}

/// Adds a failure to a job's list, which keeps the first and the last ones.
pub fn remember(failures: &mut Vec<Failure>, failure: Failure) {
    if failures.len() == 2 * KEPT_FAILURES {
        failures.remove(KEPT_FAILURES);
    }
    failures.push(failure);
}

/// Cuts at a character's border and says so.
fn bounded(mut message: String) -> String {
    const MARK: &str = " …";
    if MAX_MESSAGE < message.len() {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE - MARK.len()));
        message.push_str(MARK);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let kept = Failure::new(1, FailureKind::Error, "ü".repeat(MAX_MESSAGE));
        assert!(kept.message().len() <= MAX_MESSAGE);
        assert!(kept.message().ends_with("ü …"));
        let exact = "x".repeat(MAX_MESSAGE);
        assert_eq!(Failure::new(1, FailureKind::Error, exact.clone()).message(), exact);
    }

    #[test]
    fn the_first_and_the_last_failures_are_kept() {
        let mut failures = Vec::new();
        for attempt in 1..=100 {
            remember(&mut failures, Failure::new(attempt, FailureKind::Panic, ""));
        }
        let attempts: Vec<u32> = failures.iter().map(Failure::attempt).collect();
        let expected: Vec<u32> = (1..=24).chain(77..=100).collect();
        assert_eq!(attempts, expected);
    }
}
