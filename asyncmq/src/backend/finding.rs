//! What a store finds when it looks at itself: the words of `asyncmq doctor`.

use std::fmt;

/// How much a finding matters, from nothing to everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is as it should be.
    Good,
    /// It is not known, or worth knowing.
    Note,
    /// It works now and can go wrong.
    Warning,
    /// It does not work, or jobs will be lost.
    Problem,
}

impl Severity {
    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: `persistence`, `eviction`, ….
    pub check: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is the case.
    pub says: String,
    /// What to do about it, if anything is to be done.
    pub advice: Option<String>,
}

impl Finding {
    /// Says that something is as it should be.
    #[must_use]
    pub fn good(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, severity: Severity::Good, says: says.into(), advice: None }
    }

    /// Says something worth knowing.
    #[must_use]
    pub fn note(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, severity: Severity::Note, says: says.into(), advice: None }
    }

    /// Says what can go wrong, and what to do.
    #[must_use]
    pub fn warning(check: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, severity: Severity::Warning, says: says.into(), advice: Some(advice.into()) }
    }

    /// Says what is wrong, and what to do.
    #[must_use]
    pub fn problem(check: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, severity: Severity::Problem, says: says.into(), advice: Some(advice.into()) }
    }
}
