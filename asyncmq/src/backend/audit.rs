//! Who changed what: the record that a store keeps of what people ordered.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// How many entries a store keeps; the oldest go.
pub const KEPT_ENTRIES: usize = 1_000;

/// One thing that somebody ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// When; set by the store.
    #[serde(skip)]
    pub at: Timestamp,
    /// Who, as far as that is known: `ann@host` at a terminal, a login in a browser.
    pub actor: String,
    /// Through what: `cli`, `dashboard`, or what a program calls itself.
    pub source: String,
    /// What: `queue.pause`, `job.retry`, ….
    pub action: String,
    /// To what: a queue, a job, or the query that chose the jobs.
    pub subject: String,
    /// How many jobs or queues it changed.
    pub changed: u64,
    /// Why it ended before it was done, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl AuditEntry {
    /// Describes what `actor` ordered; nothing is changed yet.
    #[must_use]
    pub fn new(actor: &str, source: &str, action: &str, subject: impl Into<String>) -> Self {
        Self {
            at: Timestamp::default(),
            actor: actor.into(),
            source: source.into(),
            action: action.into(),
            subject: subject.into(),
            changed: 0,
            error: None,
        }
    }
}
