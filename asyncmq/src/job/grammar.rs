//! The little languages of options: durations, rates, sizes, backoffs, and the nearest known word.
//!
//! The macro reads them at compile time and the library at run time: both include this file, which therefore
//! names nothing but `std`.

use std::cmp::Reverse;
use std::time::Duration;

/// A backoff policy as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum BackoffSyntax {
    /// `fixed(5s)`
    Fixed(Duration),
    /// `exponential(1s, factor = 2, max = 10m, jitter = 0.1)`
    Exponential {
        /// The first delay.
        first: Duration,
        /// What each further delay is multiplied with.
        factor: f64,
        /// The longest delay.
        max: Duration,
        /// The part drawn by lot.
        jitter: f64,
    },
    /// `list(1s, 10s, 1m)`
    List(Vec<Duration>),
}

/// A rate limit as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateSyntax {
    /// Starts in an interval.
    pub(crate) permits: u32,
    /// The interval.
    pub(crate) interval: Duration,
    /// Whether it is `window(…)`.
    pub(crate) sliding: bool,
}

/// What becomes of a job of which as many run as may, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnLimitSyntax {
    /// `wait`
    Wait,
    /// `discard`
    Discard,
    /// `cancel_running`
    CancelRunning,
}

const UNITS: [(&str, u64); 7] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
];

/// Reads `300` (seconds), `"250ms"`, `"5m"`, `"1h30m"`.
///
/// # Errors
///
/// A message that says what is wanted.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wanted = || {
        format!(
            "{text:?} is no duration: write seconds (`300`) or a number with a unit (`\"5m\"`, `\"250ms\"`, `\"1h30m\"`)"
        )
    };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wanted());
    }
    if let Ok(seconds) = rest.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| wanted());
    }
    let mut micros: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wanted)?;
        let count: u64 = rest[..digits].parse().map_err(|_| wanted())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = UNITS.iter().find(|(unit, _)| *unit == &rest[..letters]).ok_or_else(wanted)?;
        micros = count.checked_mul(unit.1).and_then(|part| micros.checked_add(part)).ok_or_else(wanted)?;
        rest = rest[letters..].trim_start();
    }
    Ok(Duration::from_micros(micros))
}

/// Reads `"100/1s"`, `"100/s"` or `"window(100/1s)"`.
///
/// # Errors
///
/// A message that says what is wanted.
pub(crate) fn parse_rate(text: &str) -> Result<RateSyntax, String> {
    let wanted = || {
        format!(
            "{text:?} is no rate: write starts per interval (`\"100/1s\"`, or `\"window(100/1s)\"` for a sliding window)"
        )
    };
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("window(").and_then(|rest| rest.strip_suffix(')'));
    let (permits, interval) = inner.unwrap_or(trimmed).split_once('/').ok_or_else(wanted)?;
    let permits = permits.trim().parse().map_err(|_| wanted())?;
    let interval = interval.trim();
    let interval = if UNITS.iter().any(|(unit, _)| *unit == interval) {
        format!("1{interval}")
    } else {
        interval.into()
    };
    let interval = parse_duration(&interval).map_err(|_| wanted())?;
    if interval.is_zero() {
        return Err(wanted());
    }
    Ok(RateSyntax { permits, interval, sliding: inner.is_some() })
}

/// Reads `"wait"`, `"discard"` or `"cancel_running"`.
///
/// # Errors
///
/// A message that says what is wanted.
pub(crate) fn parse_on_limit(text: &str) -> Result<OnLimitSyntax, String> {
    match text {
        "wait" => Ok(OnLimitSyntax::Wait),
        "discard" => Ok(OnLimitSyntax::Discard),
        "cancel_running" => Ok(OnLimitSyntax::CancelRunning),
        _ => Err(format!(
            "{text:?} is nothing that happens at a limit: write `\"wait\"`, `\"discard\"` or `\"cancel_running\"`"
        )),
    }
}

/// Reads `1048576`, `"512MiB"`, `"64KiB"`, `"1GB"`.
///
/// # Errors
///
/// A message that says what is wanted.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    const SIZES: [(&str, u64); 8] = [
        ("", 1),
        ("b", 1),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
    ];
    let wanted =
        || format!("{text:?} is no size: write bytes (`1048576`) or a number with a unit (`\"512MiB\"`)");
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let count: u64 = trimmed[..digits].parse().map_err(|_| wanted())?;
    let unit = trimmed[digits..].trim().to_ascii_lowercase();
    let (_, size) = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(wanted)?;
    count.checked_mul(*size).ok_or_else(wanted)
}

/// Reads `"fixed(5s)"`, `"exponential(1s, factor = 2, max = 10m, jitter = 0.1)"`, `"list(1s, 10s, 1m)"`.
///
/// # Errors
///
/// A message that says what is wanted.
pub(crate) fn parse_backoff(text: &str) -> Result<BackoffSyntax, String> {
    let wanted = || {
        format!(
            "{text:?} is no backoff: write `2.0` (base to the power of the attempt, in seconds), `\"fixed(5s)\"`, `\"exponential(1s, factor = 2, max = 10m, jitter = 0.1)\"`, `\"list(1s, 10s)\"`, or the path of a function"
        )
    };
    let (name, rest) = text.trim().split_once('(').ok_or_else(wanted)?;
    let inner = rest.strip_suffix(')').ok_or_else(wanted)?;
    let parts: Vec<&str> = inner.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    match (name.trim(), parts.as_slice()) {
        ("fixed", [delay]) => Ok(BackoffSyntax::Fixed(parse_duration(delay)?)),
        ("list", [_, ..]) => {
            parts.iter().map(|part| parse_duration(part)).collect::<Result<_, _>>().map(BackoffSyntax::List)
        }
        ("exponential", [first, options @ ..]) => exponential(parse_duration(first)?, options),
        _ => Err(wanted()),
    }
}

fn exponential(first: Duration, options: &[&str]) -> Result<BackoffSyntax, String> {
    let (mut factor, mut max, mut jitter) = (2.0, Duration::from_secs(600), 0.1);
    for option in options {
        let (key, value) = option.split_once('=').ok_or_else(|| {
            format!("{option:?} of `exponential` wants a name: `factor = 2`, `max = 10m` or `jitter = 0.1`")
        })?;
        let (key, value) = (key.trim(), value.trim());
        let number = |least: f64, most: f64| {
            value.parse::<f64>().ok().filter(|number| least <= *number && *number <= most).ok_or_else(|| {
                format!("`{key}` of `exponential` wants a number from {least} to {most}, not {value:?}")
            })
        };
        match key {
            "factor" => factor = number(1.0, 1_000.0)?,
            "jitter" => jitter = number(0.0, 1.0)?,
            "max" => max = parse_duration(value)?,
            _ => {
                return Err(format!(
                    "`exponential` has no option {key:?}: it takes `factor`, `max` and `jitter`"
                ));
            }
        }
    }
    Ok(BackoffSyntax::Exponential { first, factor, max, jitter })
}

/// Returns the known word that is nearest to a misspelt one, if any is near.
#[must_use]
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |known: &'a str| {
        let (steps, shared) = (distance(word, known), shared_start(word, known));
        (steps <= 1 + known.len() / 4 || known.len() < 2 * shared).then_some((steps, Reverse(shared), known))
    };
    known.into_iter().filter_map(near).min().map(|(_, _, known)| known)
}

fn shared_start(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

/// Edits that lead from one word to the other; two neighbours that changed places are one.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows = vec![(0..=other.len()).collect::<Vec<usize>>()];
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let differs = usize::from(one[i - 1] != other[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + differs);
            if 1 < i && 1 < j && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_have_units() {
        let millis = |text| parse_duration(text).map(|time| time.as_millis());
        for (text, expected) in [
            ("300", 300_000),
            ("0.5", 500),
            ("20ms", 20),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            (" 2d ", 172_800_000),
        ] {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
        for text in ["", "m", "5x", "5 5", "-1", "1e400", "99999999999999999999s", "9999999999999999999w"] {
            assert!(millis(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_are_starts_per_interval() {
        let second = Duration::from_secs(1);
        let rate = |permits, sliding| RateSyntax { permits, interval: second, sliding };
        assert_eq!(parse_rate("100/1s"), Ok(rate(100, false)));
        assert_eq!(parse_rate("0 / s"), Ok(rate(0, false)));
        assert_eq!(parse_rate("window(7/1s)"), Ok(rate(7, true)));
        for text in ["100", "100/0s", "-1/1s", "window(1/1s", "x/1s"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_happens_at_a_limit_is_one_of_three_words() {
        assert_eq!(parse_on_limit("wait"), Ok(OnLimitSyntax::Wait));
        assert_eq!(parse_on_limit("discard"), Ok(OnLimitSyntax::Discard));
        assert_eq!(parse_on_limit("cancel_running"), Ok(OnLimitSyntax::CancelRunning));
        for text in ["", "cancel", "Discard", "cancel-running"] {
            assert!(parse_on_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_units() {
        assert_eq!(parse_size("17"), Ok(17));
        assert_eq!(parse_size("512MiB"), Ok(512 << 20));
        assert_eq!(parse_size("1 GB"), Ok(1_000_000_000));
        for text in ["", "MiB", "1XB", "99999999999GiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn backoffs_have_a_name_and_delays() {
        let second = Duration::from_secs(1);
        assert_eq!(parse_backoff("fixed(1s)"), Ok(BackoffSyntax::Fixed(second)));
        assert_eq!(parse_backoff("list(1s, 10s)"), Ok(BackoffSyntax::List(vec![second, second * 10])));
        let expected =
            BackoffSyntax::Exponential { first: second, factor: 3.0, max: second * 60, jitter: 0.0 };
        assert_eq!(parse_backoff("exponential(1s, factor = 3, max = 1m, jitter = 0)"), Ok(expected));
        for text in [
            "",
            "fixed",
            "fixed()",
            "fixed(1s, 2s)",
            "list()",
            "linear(1s)",
            "exponential(1s, 2)",
            "exponential(1s, factor = 0)",
            "exponential(1s, cap = 2s)",
        ] {
            assert!(parse_backoff(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_word_is_one_slip_away() {
        let known = ["retries", "backoff", "ttl", "timeout", "queue"];
        for (word, expected) in [
            ("retry", Some("retries")),
            ("retires", Some("retries")),
            ("qeue", Some("queue")),
            ("tll", Some("ttl")),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
