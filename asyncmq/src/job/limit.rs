//! Limits on how many jobs start in a time and how many run at once, across all workers.

use std::sync::Arc;

use crate::error::Result;
use crate::job::id::check;
use crate::job::{Name, RateLimit};

/// The longest key of a job, in bytes.
pub const MAX_KEY: usize = 255;

/// Checks the key of a job.
pub(crate) fn checked_key(key: &str) -> Result<Arc<str>> {
    check("key of a job", key, MAX_KEY)?;
    Ok(key.into())
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
}

impl Limit {
    /// No limit.
    pub const NONE: Self = Self { rate: None, concurrency: None };

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
