//! Limits on how many jobs start in a time and how many run at once, across all workers.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::job::grammar::{OnLimitSyntax, parse_on_limit};
use crate::job::id::check;
use crate::job::{Name, RateLimit};

/// The longest key of a job, in bytes.
pub const MAX_KEY: usize = 255;

/// The most turns that a key can have while each other key has one.
pub const MAX_KEY_WEIGHT: u32 = 100;

/// Checks the key of a job.
pub(crate) fn checked_key(key: &str) -> Result<Arc<str>> {
    check("key of a job", key, MAX_KEY)?;
    Ok(key.into())
}

/// What becomes of a job of which as many like it run as may at once.
///
/// It is about a limit on concurrency. A rate always lets jobs wait for their token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLimit {
    /// It waits for one of them to end.
    #[default]
    Wait,
    /// It is cancelled, unless an attempt at it was made before: then it waits.
    Discard,
    /// The oldest of them is asked to stop, and it starts in its place. Of several that came meanwhile only the newest are left.
    CancelRunning,
}

impl OnLimit {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Wait, Self::Discard, Self::CancelRunning];

    /// Returns its name, as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Discard => "discard",
            Self::CancelRunning => "cancel_running",
        }
    }
}

impl std::fmt::Display for OnLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for OnLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match parse_on_limit(text).map_err(Error::Invalid)? {
            OnLimitSyntax::Wait => Ok(Self::Wait),
            OnLimitSyntax::Discard => Ok(Self::Discard),
            OnLimitSyntax::CancelRunning => Ok(Self::CancelRunning),
        }
    }
}

/// What a queue, a task, or each key of a task is held to, across all workers.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use asyncmq::{Limit, RateLimit};
/// let limit = Limit::NONE.rate(RateLimit::per(100, Duration::from_secs(1))).concurrency(10);
/// assert_eq!(limit.to_string(), "rate 100/1s, concurrency 10");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limit {
    pub(crate) rate: Option<RateLimit>,
    pub(crate) concurrency: Option<u32>,
    pub(crate) on_limit: Option<OnLimit>,
}

impl Limit {
    /// No limit.
    pub const NONE: Self = Self { rate: None, concurrency: None, on_limit: None };

    /// Lets no more jobs start than that; 0 permits let none start.
    #[must_use]
    pub const fn rate(self, rate: RateLimit) -> Self {
        Self { rate: Some(rate), ..self }
    }

    /// Lets no more jobs run at once than that; 0 lets none start.
    #[must_use]
    pub const fn concurrency(self, most: u32) -> Self {
        Self { concurrency: Some(most), ..self }
    }

    /// Says what becomes of a job of which as many like it run as [`Limit::concurrency`] allows. A limit that says nothing of it leaves it
    /// at what the code of the task says, and that is to wait unless it says otherwise.
    #[must_use]
    pub const fn on_limit(self, policy: OnLimit) -> Self {
        Self { on_limit: Some(policy), ..self }
    }

    /// Returns what becomes of a job of which as many like it run as may: it waits where nothing else was said. Where none may run at
    /// all, everything waits.
    #[must_use]
    pub const fn when_full(&self) -> OnLimit {
        match (self.concurrency, self.on_limit) {
            (Some(1..), Some(policy)) => policy,
            _ => OnLimit::Wait,
        }
    }

    /// Returns how many jobs may start in a time.
    #[must_use]
    pub const fn rate_limit(&self) -> Option<RateLimit> {
        self.rate
    }

    /// Returns how many jobs may run at once.
    #[must_use]
    pub const fn concurrency_limit(&self) -> Option<u32> {
        self.concurrency
    }

    /// Checks that it can be set for a scope.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a rate whose interval is shorter than a microsecond, and for [`Limit::on_limit`] without a limit on
    /// concurrency or on a whole queue.
    pub fn check(&self, scope: &LimitScope) -> Result<()> {
        if let Some(rate) = self.rate
            && rate.interval() < Duration::from_micros(1)
        {
            return Err(Error::Invalid(format!(
                "a rate of {} in {:?} says nothing: give it an interval of a microsecond or more",
                rate.permits(),
                rate.interval()
            )));
        }
        match (self.on_limit, scope) {
            (None | Some(OnLimit::Wait), LimitScope::Queue) | (None, LimitScope::Task(_)) => Ok(()),
            (Some(policy), LimitScope::Queue) => Err(Error::Invalid(format!(
                "{policy} is for the limit of a task: jobs that only the limit of the queue holds back wait"
            ))),
            (Some(policy), LimitScope::Task(_)) if self.concurrency.is_none() => {
                Err(Error::Invalid(format!(
                    "{policy} says what happens when as many jobs run as may: give a concurrency too. At a rate jobs always wait"
                )))
            }
            (Some(_), LimitScope::Task(_)) => Ok(()),
        }
    }

    /// Tells whether it holds nothing back.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.rate.is_none() && self.concurrency.is_none()
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.rate, self.concurrency) {
            (None, None) => f.write_str("none"),
            (Some(rate), None) => write!(f, "rate {rate}"),
            (None, Some(most)) => write!(f, "concurrency {most}"),
            (Some(rate), Some(most)) => write!(f, "rate {rate}, concurrency {most}"),
        }?;
        match self.when_full() {
            OnLimit::Wait => Ok(()),
            policy => write!(f, ", at it {policy}"),
        }
    }
}

/// What a limit of a queue counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitScope {
    /// All jobs of the queue.
    Queue,
    /// The jobs of a task in the queue; those that carry a key, each key for itself.
    Task(Name),
}

impl std::fmt::Display for LimitScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Queue => f.write_str("queue"),
            Self::Task(task) => write!(f, "task {task}"),
        }
    }
}

/// Who set a limit. What is ordered goes before what is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitSource {
    /// The code of a task, as the worker that started last has it.
    Declared,
    /// Somebody who runs the queue.
    Ordered,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_at_a_limit_is_read_as_it_is_written() {
        for policy in OnLimit::ALL {
            assert_eq!(policy.to_string().parse::<OnLimit>().unwrap(), policy);
        }
        assert!("cancel".parse::<OnLimit>().unwrap_err().to_string().contains("cancel_running"));
    }
}
