//! What is not said of jobs: neither shown, nor found by those who search for it.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::admin::redact::is_secret;
#[cfg(feature = "dashboard")]
use crate::admin::view::{EventView, JobDetailView, JobView, Secrets};
use crate::admin::{Pattern, REDACTED, redact_text, redact_with};

/// What is hidden beyond what always is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hidden {
    /// Words that make a name a secret's, in small letters.
    pub(crate) keys: Vec<String>,
    /// Tasks of whose jobs nothing is said.
    pub(crate) tasks: Vec<Pattern>,
}

impl Hidden {
    fn hides(&self, task: &str) -> bool {
        self.tasks.iter().any(|pattern| pattern.matches(task))
    }

    /// Takes secrets out of a text of a task's job.
    pub(crate) fn text<'a>(&self, task: &str, text: &'a str) -> Cow<'a, str> {
        if self.hides(task) { REDACTED.into() } else { redact_text(text, &self.keys) }
    }

    /// Takes secrets out of JSON of a task's job.
    pub(super) fn json(&self, task: &str, json: &RawValue) -> Box<RawValue> {
        if self.hides(task) {
            let hidden = RawValue::from_string(format!("\"{REDACTED}\""));
            return hidden.unwrap_or_else(|_| RawValue::NULL.to_owned());
        }
        redact_with(json, &self.keys)
    }

    /// Tells whether the value of a header of a task's job is hidden.
    pub(super) fn hides_header(&self, task: &str, key: &str) -> bool {
        self.hides(task) || is_secret(key, &self.keys)
    }
}

#[cfg(feature = "dashboard")]
impl Hidden {
    /// Describes a job for a list.
    pub(crate) fn job(&self, job: &crate::job::Job) -> JobView {
        JobView::of(job, Some(self))
    }

    /// Describes all about a job.
    pub(crate) fn detail(&self, job: &crate::job::Job, secrets: Secrets) -> JobDetailView {
        JobDetailView::hiding(job, Some(self).filter(|_| secrets == Secrets::Hidden))
    }

    /// Describes an event.
    pub(crate) fn event(&self, event: &crate::event::Event) -> EventView {
        EventView::hiding(event, self)
    }
}
