//! The noun: what a job is. Plain data, without I/O and without decisions.

mod dedup;
mod digest;
mod envelope;
mod failure;
#[cfg(feature = "conformance")]
pub(crate) mod fuzz;
mod grammar;
mod id;
mod limit;
mod options;
mod options_text;
mod parents;
mod parents_text;
mod progress;
mod rare;
mod record;
mod secret;
mod state;
pub(crate) mod template;
mod trace;

pub use dedup::{Dedup, DedupKey, MAX_DEDUP_KEY};
pub use envelope::{Due, Envelope, Extras};
pub use failure::{Failure, FailureKind, KEPT_FAILURES, MAX_MESSAGE, remember};
pub(crate) use grammar::{nearest, parse_duration, parse_size};
pub use id::{JobId, MAX_JOB_ID, MAX_NAME, Name, WorkerId};
pub(crate) use limit::checked_key;
pub use limit::{Limit, LimitScope, LimitSource, MAX_KEY, MAX_KEY_WEIGHT, OnLimit};
pub use options::{Backoff, DEFAULT_PRIORITY, RateLimit, RateWindow, Retention};
pub(crate) use options_text::OptionsText;
#[cfg(feature = "sqlite")]
pub(crate) use options_text::{BackoffText, DedupText, RetentionText};
pub use parents::{Binding, BoundTo, MAX_PARENTS, OnFailure, Parent, Passes, Pins};
pub(crate) use parents_text::ParentsText;
pub use progress::Progress;
pub use rare::{Blank, Rare};
pub use record::{Job, KEPT_LINES, LogLine, Notes, Status, keep_lines};
pub(crate) use secret::names_secret;
pub use state::JobState;
pub use trace::TraceContext;
