//! Which jobs count as the same one, by which key, and for how long.
//!
//! What becomes of a job that meets another one of its key is decided in `lifecycle`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::job::digest::sha256;
use crate::job::grammar::parse_duration;
use crate::job::id::check;

/// The longest deduplication key, in bytes.
pub const MAX_DEDUP_KEY: usize = 255;

/// Which jobs count as the same one, and for how long.
///
/// Jobs of one queue that have one key count as the same (see [`NewJob::dedup_key`](crate::NewJob::dedup_key)). The job that
/// holds the key is its owner; what becomes of the next one is said by the next one's own mode, so give all jobs of a key the same.
///
/// # Examples
///
/// ```
/// use asyncmq::Dedup;
/// use std::time::Duration;
///
/// let window = Dedup::Throttle(Duration::from_secs(10));
/// assert_eq!("throttle(10s)".parse::<Dedup>()?, window);
/// assert_eq!("throttle(10s, extend)".parse::<Dedup>()?, window.extend());
/// # Ok::<(), asyncmq::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dedup {
    /// As long as the first one has not ended, also between its attempts: the next one gives the first one's handle.
    Simple,
    /// For this long after the first one was enqueued, whatever becomes of it.
    Throttle(Duration),
    /// The same, and each one that is left out makes the time begin anew; what [`Dedup::extend`] makes of a throttle.
    ExtendedThrottle(Duration),
    /// The last one replaces the others until nothing came for this long; then it runs.
    Debounce(Duration),
    /// One that has not started is replaced by the next one; while one runs, the next gives its handle.
    Replace,
    /// While one has not started, the next gives its handle; while one runs, the last one that came is kept
    /// blocked, and waits from the moment in which the one that runs has ended.
    KeepLast,
}

impl Dedup {
    /// Lets every job that is left out make the time begin anew; only for [`Dedup::Throttle`].
    #[must_use]
    pub const fn extend(self) -> Self {
        match self {
            Self::Throttle(time) => Self::ExtendedThrottle(time),
            other => other,
        }
    }

    /// Returns for how long a throttle holds its key.
    #[must_use]
    pub const fn window(self) -> Option<Duration> {
        match self {
            Self::Throttle(time) | Self::ExtendedThrottle(time) => Some(time),
            _ => None,
        }
    }

    /// Returns the time that it names.
    #[must_use]
    pub const fn time(self) -> Option<Duration> {
        match self {
            Self::Throttle(time) | Self::ExtendedThrottle(time) | Self::Debounce(time) => Some(time),
            _ => None,
        }
    }

    /// Returns its name without its time, as stores and programs spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Throttle(_) => "throttle",
            Self::ExtendedThrottle(_) => "extended_throttle",
            Self::Debounce(_) => "debounce",
            Self::Replace => "replace",
            Self::KeepLast => "keep_last",
        }
    }

    /// Puts it together from its name and its time.
    pub(crate) fn of(name: &str, time: Duration) -> Option<Self> {
        let all = [
            Self::Simple,
            Self::Throttle(time),
            Self::ExtendedThrottle(time),
            Self::Debounce(time),
            Self::Replace,
            Self::KeepLast,
        ];
        all.into_iter().find(|mode| mode.name() == name)
    }
}

/// Writes what `#[task(dedup = "…")]` takes.
impl fmt::Display for Dedup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.time().map_or(0, |time| time.as_nanos().div_ceil(1_000));
        let time = match micros {
            whole if whole % 1_000_000 == 0 => format!("{}s", whole / 1_000_000),
            whole if whole % 1_000 == 0 => format!("{}ms", whole / 1_000),
            micros => format!("{micros}us"),
        };
        match self {
            Self::Throttle(_) => write!(f, "throttle({time})"),
            Self::ExtendedThrottle(_) => write!(f, "throttle({time}, extend)"),
            Self::Debounce(_) => write!(f, "debounce({time})"),
            other => f.write_str(other.name()),
        }
    }
}

/// Reads what `#[task(dedup = "…")]` takes: `simple`, `throttle(10s)`, `throttle(10s, extend)`, `debounce(10s)`, `replace`,
/// `keep_last`.
impl FromStr for Dedup {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wanted = || {
            Error::Invalid(format!(
                "{text:?} is no deduplication: write simple, throttle(10s), throttle(10s, extend), debounce(10s), replace or \
                 keep_last"
            ))
        };
        let Some((name, rest)) = text.trim().split_once('(') else {
            return Self::of(text.trim(), Duration::ZERO)
                .filter(|mode| mode.time().is_none())
                .ok_or_else(wanted);
        };
        let inner = rest.strip_suffix(')').ok_or_else(wanted)?;
        let (time, extends) = match inner.split_once(',') {
            Some((time, word)) if word.trim() == "extend" => (time, true),
            Some(_) => return Err(wanted()),
            None => (inner, false),
        };
        let time = parse_duration(time).map_err(Error::Invalid)?;
        let mode = match (name.trim(), extends) {
            ("throttle", false) => Self::Throttle(time),
            ("throttle", true) => Self::Throttle(time).extend(),
            ("debounce", false) => Self::Debounce(time),
            _ => return Err(wanted()),
        };
        mode.checked()
    }
}

impl Dedup {
    /// Refuses a time in which nothing can meet anything.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a time of 0.
    pub(crate) fn checked(self) -> Result<Self> {
        match self.time() {
            Some(time) if time.is_zero() => Err(Error::Invalid(format!(
                "the time of `{}` must not be 0: give the time in which jobs count as the same",
                self.name()
            ))),
            _ => Ok(self),
        }
    }
}

/// The key by which a job counts as the same one as others of its queue, and what becomes of those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupKey {
    /// The key.
    pub key: Arc<str>,
    /// What becomes of a job of this key.
    pub mode: Dedup,
}

impl DedupKey {
    /// Takes the key that a producer gave: 1 to 255 bytes without control characters.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] when it is empty, longer, or has a control character; [`Error::Invalid`] for a time of 0.
    pub fn new(key: &str, mode: Dedup) -> Result<Self> {
        check("deduplication key", key, MAX_DEDUP_KEY)?;
        Ok(Self { key: key.into(), mode: mode.checked()? })
    }

    /// Takes a key that a store gave back; it was checked when it went in.
    #[must_use]
    pub fn from_stored(key: &str, mode: Dedup) -> Self {
        Self { key: key.into(), mode }
    }

    /// Makes the key of a job that gives none: its task's name and a digest of its arguments.
    ///
    /// The order of the arguments does not count, and each counts as it is written in JSON: 1 and 1.0 are two values.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a time of 0.
    pub fn of_arguments(task: &str, args: &[u8], mode: Dedup) -> Result<Self> {
        let sorted: Option<BTreeMap<&str, &RawValue>> = serde_json::from_slice(args).ok();
        let canonical = sorted.and_then(|sorted| serde_json::to_vec(&sorted).ok());
        let digest = sha256(canonical.as_deref().unwrap_or(args));
        let digits: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { key: format!("{task}:{digits}").into(), mode: mode.checked()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn all() -> [Dedup; 6] {
        let short = Duration::from_millis(1_500);
        [
            Dedup::Simple,
            Dedup::Throttle(SECOND * 90),
            Dedup::Throttle(short).extend(),
            Dedup::Debounce(Duration::from_micros(7)),
            Dedup::Replace,
            Dedup::KeepLast,
        ]
    }

    #[test]
    fn modes_are_read_as_they_are_written() {
        for mode in all() {
            assert_eq!(mode.to_string().parse::<Dedup>().unwrap(), mode, "{mode}");
            assert_eq!(Dedup::of(mode.name(), mode.time().unwrap_or_default()), Some(mode));
        }
        assert_eq!(
            " throttle( 1m , extend ) ".parse::<Dedup>().unwrap(),
            Dedup::Throttle(SECOND * 60).extend()
        );
    }

    #[test]
    fn what_is_no_mode_says_what_to_write() {
        for text in
            ["", "once", "throttle", "throttle()", "simple(1s)", "debounce(1s", "debounce(1s, extend)"]
        {
            let error = text.parse::<Dedup>().unwrap_err().to_string();
            assert!(error.contains("write"), "{text}: {error}");
        }
        let error = "throttle(0)".parse::<Dedup>().unwrap_err().to_string();
        assert!(error.contains("must not be 0"), "{error}");
    }

    #[test]
    fn only_a_throttle_can_be_extended() {
        assert_eq!(Dedup::Replace.extend(), Dedup::Replace);
        assert_eq!(Dedup::Throttle(SECOND).extend().window(), Some(SECOND));
    }

    #[test]
    fn a_key_has_a_length_and_no_control_characters() {
        assert_eq!(&*DedupKey::new("user 7", Dedup::Simple).unwrap().key, "user 7");
        for bad in ["", "a\nb", &"x".repeat(MAX_DEDUP_KEY + 1)] {
            assert!(DedupKey::new(bad, Dedup::Simple).is_err(), "{bad:?}");
        }
        assert!(DedupKey::new("x", Dedup::Debounce(Duration::ZERO)).is_err());
    }

    #[test]
    fn equal_arguments_of_one_task_have_one_key() {
        let key = |task: &str, args: &str| {
            DedupKey::of_arguments(task, args.as_bytes(), Dedup::Simple).unwrap().key
        };
        let one = key("t", r#"{"a":1,"b":[2]}"#);
        assert_eq!(one, key("t", r#"{"b":[2],"a":1}"#));
        for (task, args) in
            [("u", r#"{"a":1,"b":[2]}"#), ("t", r#"{"a":1,"b":[3]}"#), ("t", "{}"), ("t", "[1")]
        {
            assert_ne!(one, key(task, args), "{task} {args}");
        }
        assert!(key(&"t".repeat(128), "{}").len() <= MAX_DEDUP_KEY);
    }
}
