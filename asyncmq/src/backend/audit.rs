//! Who changed what: the record that a store keeps of what people ordered.

use std::time::Duration;

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// How many entries a store keeps; the oldest go.
pub const KEPT_ENTRIES: usize = 1_000;

/// How long nothing may be heard of an order under way before it counts as broken off.
const SILENT: Duration = Duration::from_secs(30);

/// One thing that somebody ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// Which order it is about: what is recorded of it later takes the place of what was recorded before.
    #[serde(skip)]
    pub id: u128,
    /// When it began; set by the store.
    #[serde(skip)]
    pub at: Timestamp,
    /// When something of it was recorded last; set by the store.
    #[serde(skip)]
    pub told_at: Timestamp,
    /// Who, as far as that is known: `ann@host` at a terminal, a login in a browser.
    pub actor: String,
    /// Through what: `cli`, `dashboard`, or what a program calls itself.
    pub source: String,
    /// What: `queue.pause`, `job.retry`, ….
    pub action: String,
    /// To what: a queue, a job, or the query that chose the jobs.
    pub subject: String,
    /// How many jobs or queues it changed, as far as it is recorded.
    pub changed: u64,
    /// Whether it is over.
    pub ended: bool,
    /// Why it ended before it was done, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl AuditEntry {
    /// Describes what `actor` orders; nothing is changed yet.
    #[must_use]
    pub fn new(actor: &str, source: &str, action: &str, subject: impl Into<String>) -> Self {
        Self {
            id: crate::chance::uuid().as_u128(),
            at: Timestamp::default(),
            told_at: Timestamp::default(),
            actor: actor.into(),
            source: source.into(),
            action: action.into(),
            subject: subject.into(),
            changed: 0,
            ended: false,
            error: None,
        }
    }

    /// Tells whether whoever ordered it has died or lost the store in its midst: nothing was heard of it for long.
    #[must_use]
    pub fn is_broken_off(&self, now: Timestamp) -> bool {
        !self.ended && SILENT <= now.since(self.told_at)
    }
}
