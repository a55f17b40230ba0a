//! What is not said of jobs: neither shown, nor found by those who search for it.

use std::borrow::Cow;

use crate::admin::{Pattern, REDACTED, redact_text};

/// What is hidden beyond what always is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hidden {
    /// Words that make a name a secret's, in small letters.
    pub(crate) keys: Vec<String>,
    /// Tasks of whose jobs nothing is said.
    pub(crate) tasks: Vec<Pattern>,
}

impl Hidden {
    /// Tells whether nothing is said of a task's jobs.
    pub(crate) fn hides(&self, task: &str) -> bool {
        self.tasks.iter().any(|pattern| pattern.matches(task))
    }

    /// Takes secrets out of a text of a task's job.
    pub(crate) fn text<'a>(&self, task: &str, text: &'a str) -> Cow<'a, str> {
        if self.hides(task) { REDACTED.into() } else { redact_text(text, &self.keys) }
    }
}
