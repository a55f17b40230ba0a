//! What a task or one of its jobs may ask for: plain data, made by `#[task]` in constants.
//!
//! Nothing is decided here; the rules that read these values are in `lifecycle`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Error;
use crate::job::grammar::{BackoffSyntax, parse_backoff, parse_rate};

/// The priority of a job that names none; 0 runs first, 255 last.
pub const DEFAULT_PRIORITY: u8 = 5;

/// How long a failed job waits before its next attempt.
///
/// # Examples
///
/// ```
/// use asyncmq::Backoff;
/// use std::time::Duration;
///
/// let gentle = Backoff::exponential(Duration::from_secs(1)).factor(3.0).max(Duration::from_secs(60));
/// assert_ne!(gentle, Backoff::fixed(Duration::from_secs(1)));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Backoff {
    /// The same delay before every retry.
    Fixed(Duration),
    /// `first`, then each time `factor` times as long, never longer than `max`.
    Exponential {
        /// The delay before the first retry.
        first: Duration,
        /// What each further delay is multiplied with; at least 1.
        factor: f64,
        /// The longest delay.
        max: Duration,
        /// The part of the delay, from 0 to 1, that is drawn by lot: 0.1 is ± 10 %.
        jitter: f64,
    },
    /// `base` to the power of the number of failed attempts, in seconds.
    Power(f64),
    /// One delay for each retry; the last one repeats.
    List(Cow<'static, [Duration]>),
    /// The function that the task names; workers without that task's code use the default.
    Custom,
}

impl Backoff {
    /// What a task gets that names no backoff: 1 s, doubling up to 10 minutes, ± 10 %.
    pub const DEFAULT: Self = Self::Exponential {
        first: Duration::from_secs(1),
        factor: 2.0,
        max: Duration::from_secs(600),
        jitter: 0.1,
    };

    /// Waits `delay` before every retry.
    #[must_use]
    pub const fn fixed(delay: Duration) -> Self {
        Self::Fixed(delay)
    }

    /// Waits `first`, then doubles up to 10 minutes, ± 10 %.
    #[must_use]
    pub const fn exponential(first: Duration) -> Self {
        Self::Exponential { first, factor: 2.0, max: Duration::from_secs(600), jitter: 0.1 }
    }

    /// Waits as long as the list says: its first delay before the first retry, its last one repeatedly.
    #[must_use]
    pub fn list(delays: impl Into<Vec<Duration>>) -> Self {
        Self::List(Cow::Owned(delays.into()))
    }

    /// Multiplies each further delay with `factor` (at least 1); only for [`Backoff::exponential`].
    #[must_use]
    pub fn factor(mut self, to: f64) -> Self {
        if let Self::Exponential { factor, .. } = &mut self {
            *factor = to.max(1.0);
        }
        self
    }

    /// Bounds the delay; only for [`Backoff::exponential`].
    #[must_use]
    pub fn max(mut self, to: Duration) -> Self {
        if let Self::Exponential { max, .. } = &mut self {
            *max = to;
        }
        self
    }

    /// Draws `part` (0 to 1) of the delay by lot; only for [`Backoff::exponential`].
    #[must_use]
    pub fn jitter(mut self, part: f64) -> Self {
        if let Self::Exponential { jitter, .. } = &mut self {
            *jitter = part.clamp(0.0, 1.0);
        }
        self
    }
}

/// Reads what `#[task(backoff = "…")]` takes: `fixed(5s)`, `exponential(1s, factor = 2, max = 10m, jitter = 0.1)`,
/// `list(1s, 10s)`.
impl FromStr for Backoff {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match parse_backoff(text).map_err(Error::Invalid)? {
            BackoffSyntax::Fixed(delay) => Self::Fixed(delay),
            BackoffSyntax::Exponential { first, factor, max, jitter } => {
                Self::Exponential { first, factor, max, jitter }
            }
            BackoffSyntax::List(delays) => Self::list(delays),
        })
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is kept of a job that completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Retention {
    /// One hour, and at most 10,000 of its queue.
    #[default]
    Standard,
    /// Exactly this long.
    For(Duration),
    /// Neither record nor result.
    Nothing,
}

/// How many jobs may start in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub(crate) permits: u32,
    pub(crate) interval: Duration,
    pub(crate) window: RateWindow,
}

/// Reads what `#[task(rate_limit = "…")]` takes: `100/1s`, `100/s`, `window(100/1s)`.
impl FromStr for RateLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let rate = parse_rate(text).map_err(Error::Invalid)?;
        let limit = if rate.sliding { Self::window } else { Self::per };
        Ok(limit(rate.permits, rate.interval))
    }
}

/// Writes it as it is read.
impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.interval.as_micros();
        let units = [("s", 1_000_000), ("ms", 1_000), ("us", 1)];
        let (unit, each) =
            units.into_iter().find(|(_, each)| micros.is_multiple_of(*each)).unwrap_or(("us", 1));
        let (permits, time) = (self.permits, micros / each);
        match self.window {
            RateWindow::Bucket => write!(f, "{permits}/{time}{unit}"),
            RateWindow::Sliding => write!(f, "window({permits}/{time}{unit})"),
        }
    }
}

/// How a [`RateLimit`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateWindow {
    /// A token bucket: in any time `w` at most `permits + rate · w` starts.
    Bucket,
    /// A sliding window: in any `interval` at most `permits` starts.
    Sliding,
}

impl RateLimit {
    /// A token bucket of `permits` that refills in `interval`. 0 permits block everything.
    #[must_use]
    pub const fn per(permits: u32, interval: Duration) -> Self {
        Self { permits, interval, window: RateWindow::Bucket }
    }

    /// At most `permits` in any `interval`. 0 permits block everything.
    #[must_use]
    pub const fn window(permits: u32, interval: Duration) -> Self {
        Self { permits, interval, window: RateWindow::Sliding }
    }

    /// The number of starts in one interval.
    #[must_use]
    pub const fn permits(&self) -> u32 {
        self.permits
    }

    /// The time in which the permits come back.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// How starts are counted.
    #[must_use]
    pub const fn kind(&self) -> RateWindow {
        self.window
    }
}
