//! What a store has to do with a job that a worker held.

use std::time::Duration;

use bytes::Bytes;

use crate::event::EventKind;
use crate::job::{Failure, Parent, Retention};

/// What becomes of a job that a worker held; a store applies it in one step, fenced by the claim's token.
///
/// Times are relative: only the store's own clock counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Transition {
    /// It ended well.
    Complete {
        /// What the handler returned, as JSON.
        result: Bytes,
        /// What is kept.
        retention: Retention,
    },
    /// This attempt failed; the next one is due after the delay.
    Retry {
        /// What went wrong.
        failure: Failure,
        /// How long it waits.
        after: Duration,
    },
    /// It failed for good and becomes a dead letter.
    Fail {
        /// What went wrong.
        failure: Failure,
    },
    /// It runs again after the delay; no attempt is spent.
    Snooze {
        /// How long it waits.
        after: Duration,
    },
    /// It waits for these too, beside those that it has waited for, and runs again once they have ended; no attempt is spent.
    ///
    /// Only for a job that was sent with parents: others have no record in which the new ones could be written.
    Await {
        /// The jobs that it waits for from now on.
        parents: Vec<Parent>,
    },
    /// It ends as cancelled.
    Cancel {
        /// Why, if somebody said.
        reason: Option<String>,
    },
    /// It goes back to where it stood, as if it had never been claimed.
    Release,
}

impl Transition {
    /// Returns the event that tells of it.
    #[must_use]
    pub const fn event(&self) -> EventKind {
        match self {
            Self::Complete { .. } => EventKind::Completed,
            Self::Retry { .. } => EventKind::Retrying,
            Self::Fail { .. } => EventKind::Failed,
            Self::Snooze { .. } | Self::Await { .. } | Self::Release => EventKind::Released,
            Self::Cancel { .. } => EventKind::Cancelled,
        }
    }
}
