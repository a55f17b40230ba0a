//! What a handler says when it does not succeed, and what is to become of its job.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::error::BoxError;
use crate::job::{FailureKind, Parent};

/// An error that decides what becomes of the job.
///
/// Any error turns into one with `?`, and then counts as a failed attempt like any other. The decision survives being
/// wrapped: `anyhow`'s `.context(…)` and an error with a `#[source]` carry it on.
///
/// # Examples
///
/// ```
/// use asyncmq::TaskError;
///
/// fn charge(account: &str) -> Result<u64, TaskError> {
///     if account.is_empty() {
///         return Err(TaskError::permanent("no such account"));
///     }
///     Ok(account.parse::<u64>()?)
/// }
/// assert!(charge("x").is_err());
/// ```
pub struct TaskError(Box<Inner>);

struct Inner {
    decision: Decision,
    kind: FailureKind,
    source: Option<BoxError>,
}

/// What is to become of a job whose handler did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    Retry,
    RetryIn(Duration),
    Permanent,
    Snooze(Duration),
    Await(Vec<Parent>),
    Cancel(String),
}

impl TaskError {
    /// Fails this attempt, as any error does: what there is no error type for.
    pub fn retry(error: impl Into<BoxError>) -> Self {
        Self::from_handler(error.into())
    }

    /// Fails for good: the remaining retries are skipped.
    pub fn permanent(error: impl Into<BoxError>) -> Self {
        Self::new(Decision::Permanent, FailureKind::Error, Some(error.into()))
    }

    /// Fails this attempt and sets the delay before the next one, if there is one.
    pub fn retry_in(delay: Duration, error: impl Into<BoxError>) -> Self {
        Self::new(Decision::RetryIn(delay), FailureKind::Error, Some(error.into()))
    }

    /// Runs again later; no attempt is spent.
    #[must_use]
    pub fn snooze(delay: Duration) -> Self {
        Self::new(Decision::Snooze(delay), FailureKind::Error, None)
    }

    /// Runs again once these have ended; no attempt is spent.
    pub(crate) fn wait_for(jobs: Vec<Parent>) -> Self {
        Self::new(Decision::Await(jobs), FailureKind::Error, None)
    }

    /// Ends the job as cancelled.
    pub fn cancel(reason: impl Into<String>) -> Self {
        Self::new(Decision::Cancel(reason.into()), FailureKind::Error, None)
    }

    /// The arguments are not what the task takes: no retry would help.
    pub(crate) fn undecodable(reason: String) -> Self {
        Self::new(Decision::Permanent, FailureKind::Arguments, Some(reason.into()))
    }

    /// The result cannot be kept: no retry would help.
    pub(crate) fn unserialisable(reason: String) -> Self {
        Self::new(Decision::Permanent, FailureKind::Result, Some(reason.into()))
    }

    /// An attempt that ended elsewhere, as it was told here.
    #[cfg(all(feature = "sandbox", unix))]
    pub(crate) fn told(decision: Decision, kind: FailureKind, message: String) -> Self {
        Self::new(decision, kind, Some(message.into()))
    }

    /// The handler was told to stop and did, and there is no more to be said.
    #[cfg(all(feature = "sandbox", unix))]
    pub(crate) fn mere_stop() -> Self {
        Self::cancel("")
    }

    pub(crate) fn is_mere_stop(&self) -> bool {
        matches!(self.decision(), Decision::Cancel(reason) if reason.is_empty())
    }

    fn new(decision: Decision, kind: FailureKind, source: Option<BoxError>) -> Self {
        Self(Box::new(Inner { decision, kind, source }))
    }

    /// Takes what a handler returned; a decision anywhere in the chain of its causes counts.
    pub(crate) fn from_handler(error: BoxError) -> Self {
        let (decision, kind) = match decided(&*error) {
            Some(inner) => (inner.decision.clone(), inner.kind),
            None => (Decision::Retry, FailureKind::Error),
        };
        Self::new(decision, kind, Some(error))
    }

    pub(crate) fn decision(&self) -> &Decision {
        &self.0.decision
    }

    pub(crate) fn kind(&self) -> FailureKind {
        self.0.kind
    }

    /// Returns what went wrong, with all its causes.
    #[must_use]
    pub fn message(&self) -> String {
        let mut said: Vec<String> = Vec::new();
        let mut next = self.0.source.as_deref().map(|error| error as &(dyn StdError + 'static));
        while let Some(error) = next {
            if !error.is::<Carrier>() {
                said.push(error.to_string());
            }
            next = error.source();
        }
        if said.is_empty() { self.0.decision.to_string() } else { said.join(": ") }
    }

    /// Tells whether no retry would help.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.0.decision == Decision::Permanent
    }
}

/// A `TaskError` as an error like any other. Others may hide its type, so the decision is behind it, as its cause.
struct Told(Carrier);

/// The link that carries a decision through the causes of other errors. It says nothing of its own.
struct Carrier(TaskError);

fn decided<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Inner> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(carrier) = error.downcast_ref::<Carrier>() {
            return Some(&carrier.0.0);
        }
        next = error.source();
    }
    None
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry | Self::RetryIn(_) => f.write_str("failed"),
            Self::Permanent => f.write_str("failed for good"),
            Self::Snooze(delay) => write!(f, "snoozed for {delay:?}"),
            Self::Await(jobs) => write!(f, "waits for {} jobs", jobs.len()),
            Self::Cancel(reason) => write!(f, "cancelled: {reason}"),
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskError({}: {})", self.0.decision, self.message())
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.0, f)
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.0, f)
    }
}

impl StdError for Told {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.0.decision, f)
    }
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for Carrier {}

/// Not an [`Error`](StdError) itself, so that every error can turn into one.
impl<E: StdError + Send + Sync + 'static> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::from_handler(Box::new(error))
    }
}

impl From<TaskError> for BoxError {
    fn from(error: TaskError) -> Self {
        Box::new(Told(Carrier(error)))
    }
}

#[cfg(feature = "anyhow")]
impl From<TaskError> for anyhow::Error {
    fn from(error: TaskError) -> Self {
        Self::new(Told(Carrier(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the payment failed")]
    struct Payment(#[source] BoxError);

    fn through(error: impl Into<BoxError>) -> TaskError {
        TaskError::from_handler(error.into())
    }

    #[test]
    fn any_error_is_a_failed_attempt_with_all_its_causes() {
        let error = through(Payment(Box::new(std::io::Error::other("card expired"))));
        assert_eq!(error.decision(), &Decision::Retry);
        assert_eq!(error.message(), "the payment failed: card expired");
        assert_eq!(through("text").message(), "text");
    }

    #[test]
    fn a_decision_survives_being_wrapped() {
        let wrapped = Payment(TaskError::permanent("no such account").into());
        let error = through(wrapped);
        assert!(error.is_permanent());
        assert_eq!(error.message(), "the payment failed: no such account");

        let context = anyhow::Error::from_boxed(TaskError::retry_in(Duration::from_secs(9), "busy").into())
            .context("charging");
        let error = through(context);
        assert_eq!(error.decision(), &Decision::RetryIn(Duration::from_secs(9)));
        assert_eq!(error.message(), "charging: busy");
    }

    #[test]
    fn decisions_without_an_error_say_what_they_are() {
        assert_eq!(
            through(TaskError::snooze(Duration::from_secs(1))).decision(),
            &Decision::Snooze(Duration::from_secs(1))
        );
        assert_eq!(through(TaskError::cancel("not needed")).message(), "cancelled: not needed");
    }
}
