//! What can happen, by name.

use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum EventKind { $($(#[$doc])* $kind,)* }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Returns the kind's name, as programs and stores spell it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    /// A store took a job in.
    Enqueued = "job:enqueued",
    /// A worker started an attempt.
    Started = "job:started",
    /// A job ended well.
    Completed = "job:completed",
    /// A job ended badly, for good.
    Failed = "job:failed",
    /// An attempt failed and another one will follow.
    Retrying = "job:retrying",
    /// A job's time to live ended before it could start.
    Expired = "job:expired",
    /// A job was cancelled.
    Cancelled = "job:cancelled",
    /// A handler said how far it is.
    Progress = "job:progress",
    /// A job that waited for another one to end may run.
    Ready = "job:ready",
    /// The worker that held a job died or fell silent; the job waits again.
    Stalled = "job:stalled",
    /// A handler asked to run again later, or once jobs have ended that it made, or a worker gave its job back; no attempt is spent.
    Released = "job:released",
    /// An enqueue met a kept job of the same id.
    Duplicated = "job:duplicated",
    /// An enqueue of the same deduplication key replaced a job that had not started; it is gone.
    Debounced = "job:debounced",
    /// An enqueue met a job that holds its deduplication key, and was left out.
    Deduplicated = "job:deduplicated",
    /// Retention dropped a dead letter.
    Dropped = "job:dropped",
    /// A worker began to serve.
    WorkerStarted = "worker:started",
    /// A worker ended.
    WorkerStopped = "worker:stopped",
    /// A queue gives nothing out.
    QueuePaused = "queue:paused",
    /// A queue gives out again.
    QueueResumed = "queue:resumed",
    /// A schedule enqueued a job.
    ScheduleFired = "schedule:fired",
}

impl EventKind {
    /// Returns the kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Tells whether it is about a job, and not about a worker, queue or schedule.
    #[must_use]
    pub fn is_job(self) -> bool {
        self.name().starts_with("job:")
    }

    /// Tells whether the job has ended with it.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Expired | Self::Cancelled)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_kinds_are_one_to_one() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(EventKind::from_name("job:done"), None);
    }

    #[test]
    fn the_subject_is_in_the_name() {
        assert!(EventKind::Dropped.is_job() && EventKind::Enqueued.is_job());
        assert!(!EventKind::WorkerStarted.is_job() && !EventKind::ScheduleFired.is_job());
    }

    #[test]
    fn a_job_ends_with_exactly_four_kinds() {
        let ends: Vec<_> = EventKind::ALL.iter().filter(|kind| kind.is_terminal()).collect();
        use EventKind::{Cancelled, Completed, Expired, Failed};
        assert_eq!(ends, [&Completed, &Failed, &Expired, &Cancelled]);
    }
}
