//! What is not shown: values whose names say that they are secret, and everything of tasks that are concealed.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::admin::view::{EventView, JobDetailView, JobView, Secrets};
use crate::admin::{Hidden, Pattern, REDACTED, is_secret, redact_text, redact_with};
use crate::job::Job;

/// What is concealed beyond what always is.
#[derive(Debug, Clone, Default)]
pub(super) struct Conceal {
    /// Words of names.
    pub(super) keys: Vec<String>,
    /// Tasks.
    pub(super) tasks: Vec<Pattern>,
}

impl Conceal {
    /// Returns the same for those who search.
    pub(super) fn hidden(&self) -> Hidden {
        Hidden { keys: self.keys.clone(), tasks: self.tasks.clone() }
    }

    /// Tells whether all that a task's jobs hold is concealed.
    pub(super) fn is_concealed(&self, task: &str) -> bool {
        self.tasks.iter().any(|pattern| pattern.matches(task))
    }

    /// Takes secrets out of a text in which they stand as `name=value`.
    pub(super) fn text<'a>(&self, task: &str, text: &'a str) -> Cow<'a, str> {
        if self.is_concealed(task) { REDACTED.into() } else { redact_text(text, &self.keys) }
    }

    /// Describes a job for a list.
    pub(super) fn job(&self, job: &Job) -> JobView {
        let mut view = JobView::from(job);
        view.error = view.error.map(|error| self.text(job.task(), &error).into_owned());
        view
    }

    /// Describes all about a job.
    pub(super) fn detail(&self, job: &Job, secrets: Secrets) -> JobDetailView {
        let mut view = JobDetailView::of(job, Secrets::Shown);
        if secrets == Secrets::Shown {
            return view;
        }
        let task = job.task();
        view.job = self.job(job);
        view.args = view.args.map(|json| self.json(task, &json));
        view.result = view.result.map(|json| self.json(task, &json));
        for (key, value) in &mut view.headers {
            if self.is_concealed(task) || is_secret(key, &self.keys) {
                *value = REDACTED.into();
            }
        }
        for failure in &mut view.errors {
            failure.message = self.text(task, &failure.message).into_owned();
        }
        for line in &mut view.logs {
            *line = self.text(task, line).into_owned();
        }
        view.cancel_reason = view.cancel_reason.map(|reason| self.text(task, &reason).into_owned());
        view
    }

    /// Describes an event.
    pub(super) fn event(&self, event: &crate::event::Event) -> EventView {
        let mut view = EventView::from(event);
        let task = view.task.as_deref().unwrap_or_default();
        view.detail = view.detail.as_deref().map(|detail| self.text(task, detail).into_owned());
        view
    }

    fn json(&self, task: &str, json: &RawValue) -> Box<RawValue> {
        if self.is_concealed(task) {
            let hidden = RawValue::from_string(format!("\"{REDACTED}\""));
            return hidden.unwrap_or_else(|_| RawValue::NULL.to_owned());
        }
        redact_with(json, &self.keys)
    }
}
