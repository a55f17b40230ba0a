//! The table of settings: what each is called in the file, as a flag and as a variable, and how it is read and shown.

use std::str::FromStr;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use crate::job::{RateLimit, nearest, parse_duration, parse_size};
use crate::settings::{LogFormat, Settings};

type Set = fn(&mut Settings, &str) -> Result<(), String>;
type Show = fn(&Settings) -> String;

/// One setting.
pub(super) struct Key {
    /// Its name in the file; in capitals behind `ASYNCMQ_` that of its variable.
    pub(super) name: &'static str,
    /// Its flag, which is also accepted in the file and, in capitals, as a variable.
    pub(super) flag: &'static str,
    pub(super) short: Option<char>,
    /// What its value is called; empty for a switch.
    pub(super) value: &'static str,
    pub(super) help: &'static str,
    pub(super) set: Set,
    pub(super) show: Show,
}

/// Every setting, in the order in which they are shown.
pub(super) const KEYS: &[Key] = &[
    key("url", "url", "URL", "The store: memory:, sqlite:path, redis://host, postgres://host").with(
        |s, text| put(&mut s.url, Ok(Some(text.into()))),
        |s| s.url.as_deref().map_or("memory:".into(), without_password),
    ),
    key(
        "queues",
        "queue",
        "NAME",
        "A queue to serve, may be repeated [default: those that the linked tasks name]",
    )
    .short('q')
    .with(|s, text| add(&mut s.queues, text), |s| s.queues.join(",")),
    key("exclude_queues", "exclude-queue", "NAME", "A queue to leave out, may be repeated")
        .with(|s, text| add(&mut s.exclude_queues, text), |s| s.exclude_queues.join(",")),
    key("worker_concurrency", "concurrency", "N", "How many jobs run at once").short('c').with(
        |s, text| put(&mut s.worker_concurrency, at_least_one(text)),
        |s| s.worker_concurrency.to_string(),
    ),
    key("rate_interval", "rate-interval", "TIME", "The time of a rate limit that is a bare number")
        .with(|s, text| put(&mut s.rate_interval, parse_duration(text)), |s| time(s.rate_interval)),
    key(
        "rate_limit",
        "rate-limit",
        "N/TIME",
        "How many jobs this worker starts in a time: 100/1s, window(100/1s), none",
    )
    .with(
        |s, text| put(&mut s.rate_limit, rate(text, s.rate_interval)),
        |s| s.rate_limit.map_or_else(|| "none".into(), |limit| limit.to_string()),
    ),
    key("scan_interval", "scan-interval", "TIME", "The longest wait should a wake-up be lost")
        .with(|s, text| put(&mut s.scan_interval, parse_duration(text)), |s| time(s.scan_interval)),
    key("heartbeat_interval", "heartbeat-interval", "TIME", "How often the worker tells how it stands")
        .with(|s, text| put(&mut s.heartbeat_interval, parse_duration(text)), |s| time(s.heartbeat_interval)),
    key("lease", "lease", "TIME", "How long the worker may be silent before its jobs are given to others")
        .with(|s, text| put(&mut s.lease, parse_duration(text)), |s| time(s.lease)),
    key("drain_timeout", "drain-timeout", "TIME", "How long stopping may take in all")
        .with(|s, text| put(&mut s.drain_timeout, parse_duration(text)), |s| time(s.drain_timeout)),
    key("max_payload", "max-payload", "SIZE", "The largest arguments and results")
        .with(|s, text| put(&mut s.max_payload, size(text)), |s| s.max_payload.to_string()),
    key("max_crashes", "max-crashes", "N", "With how many deaths of a process a job becomes a dead letter")
        .with(|s, text| put(&mut s.max_crashes, number(text)), |s| s.max_crashes.to_string()),
    key(
        "log_level",
        "log-level",
        "LEVEL",
        "error, warn, info, debug, trace, off, or a filter such as asyncmq=debug,info",
    )
    .with(|s, text| put(&mut s.log_level, Ok(text.into())), |s| s.log_level.clone()),
    key("log_format", "log-format", "FORMAT", "text or json")
        .with(|s, text| put(&mut s.log_format, log_format(text)), |s| show_format(s.log_format).into()),
    key(
        "job_log_level",
        "job-log-level",
        "LEVEL",
        "From which level on what handlers log is kept with their job; off keeps nothing",
    )
    .with(|s, text| put(&mut s.job_log_level, level(text)), |s| s.job_log_level.to_string()),
    key("burst", "burst", "", "Exit when nothing waits and nothing runs")
        .with(|s, text| put(&mut s.burst, switch(text)), |s| s.burst.to_string()),
    key("sandbox", "sandbox", "", "Run the handlers of all tasks in child processes")
        .with(|s, text| put(&mut s.sandbox.all, switch(text)), |s| s.sandbox.all.to_string()),
    key(
        "sandbox_memory",
        "sandbox-memory",
        "SIZE",
        "The memory of a child process, for tasks that do not say: 512MiB, none",
    )
    .with(
        |s, text| put(&mut s.sandbox.memory, memory(text)),
        |s| s.sandbox.memory.map_or_else(|| "none".into(), |bytes| bytes.to_string()),
    ),
    key(
        "sandbox_grace",
        "sandbox-grace",
        "TIME",
        "How long a handler that was told to stop has until its process is killed",
    )
    .with(|s, text| put(&mut s.sandbox.grace, parse_duration(text)), |s| time(s.sandbox.grace)),
    key("sandbox_jobs", "sandbox-jobs", "N", "After how many jobs a child process is replaced")
        .with(|s, text| put(&mut s.sandbox.jobs, number(text)), |s| s.sandbox.jobs.to_string()),
    key(
        "sandbox_growth",
        "sandbox-growth",
        "SIZE",
        "By how much a child process may grow before it is replaced",
    )
    .with(|s, text| put(&mut s.sandbox.growth, parse_size(text)), |s| s.sandbox.growth.to_string()),
    key(
        "sandbox_idle",
        "sandbox-idle",
        "TIME",
        "How long a child process waits for a job before it is ended",
    )
    .with(|s, text| put(&mut s.sandbox.idle, parse_duration(text)), |s| time(s.sandbox.idle)),
    key("sandbox_start", "sandbox-start", "TIME", "How long a child process may take until it is ready")
        .with(|s, text| put(&mut s.sandbox.start, parse_duration(text)), |s| time(s.sandbox.start)),
    key("sandbox_env", "sandbox-env", "NAME", "A variable that child processes see, may be repeated")
        .with(|s, text| add(&mut s.sandbox.env, text), |s| s.sandbox.env.join(",")),
];

const fn key(name: &'static str, flag: &'static str, value: &'static str, help: &'static str) -> Key {
    Key { name, flag, short: None, value, help, set: |_, _| Ok(()), show: |_| String::new() }
}

impl Key {
    const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    const fn with(mut self, set: Set, show: Show) -> Self {
        (self.set, self.show) = (set, show);
        self
    }
}

/// Returns the setting of this name or flag, or says that there is none.
pub(super) fn find(name: &str) -> Result<&'static Key, String> {
    let wanted = name.replace('-', "_").to_ascii_lowercase();
    let is = |key: &&Key| key.name == wanted || key.flag.replace('-', "_") == wanted;
    KEYS.iter().find(is).ok_or_else(|| {
        let near = nearest(&wanted, KEYS.iter().map(|key| key.name));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("there is no setting `{name}`{hint}")
    })
}

fn put<T>(field: &mut T, value: Result<T, String>) -> Result<(), String> {
    *field = value?;
    Ok(())
}

/// Names come one at a time from flags and lists, or several in one text with commas between them.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it is one of the ways to set something, and the others can fail"
)]
fn add(names: &mut Vec<String>, text: &str) -> Result<(), String> {
    names.extend(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(ToOwned::to_owned));
    Ok(())
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is no whole number, or too large"))
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match number(text)? {
        0 => Err("nothing would ever run with 0; a worker that is to wait is paused".into()),
        count => Ok(count),
    }
}

fn size(text: &str) -> Result<usize, String> {
    usize::try_from(parse_size(text)?).map_err(|_| format!("{text:?} is more than this machine can address"))
}

fn memory(text: &str) -> Result<Option<u64>, String> {
    if text.trim() == "none" { Ok(None) } else { parse_size(text).map(Some) }
}

fn rate(text: &str, interval: Duration) -> Result<Option<RateLimit>, String> {
    if text.trim() == "none" {
        return Ok(None);
    }
    if let Ok(starts) = text.trim().parse() {
        return Ok(Some(RateLimit::per(starts, interval)));
    }
    text.parse().map(Some).map_err(|error: crate::Error| error.to_string())
}

fn switch(text: &str) -> Result<bool, String> {
    match text.trim() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" | "" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text.trim() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is no log format: write text or json")),
    }
}

fn level(text: &str) -> Result<LevelFilter, String> {
    let wrong = |_| format!("{text:?} is no level: write error, warn, info, debug, trace or off");
    text.trim().parse().map_err(wrong)
}

const fn show_format(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    }
}

/// Shows a time as it can be read back.
fn time(duration: Duration) -> String {
    let micros = duration.as_micros();
    let units = [("s", 1_000_000), ("ms", 1_000), ("us", 1)];
    let (unit, each) = units.into_iter().find(|(_, each)| micros.is_multiple_of(*each)).unwrap_or(("us", 1));
    format!("{}{unit}", micros / each)
}

/// Shows a URL without the passwords in it, be they before the host or in parameters.
pub(crate) fn without_password(url: &str) -> String {
    let (before, parameters) = url.split_once('?').map_or((url, None), |(url, rest)| (url, Some(rest)));
    let mut shown = match before.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", without_userinfo(rest)),
        None => before.to_owned(),
    };
    for (place, pair) in parameters.into_iter().flat_map(|pairs| pairs.split('&')).enumerate() {
        shown.push(if place == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("password") => {
                shown.push_str(&format!("{name}=***"));
            }
            _ => shown.push_str(pair),
        }
    }
    shown
}

fn without_userinfo(rest: &str) -> String {
    // A password that was not written with percent signs may hold a slash: the last @ counts.
    match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => format!("{user}@{host}"),
        },
        None => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_read_back() {
        let settings = Settings::default();
        for key in KEYS {
            let mut read = Settings::default();
            let shown = (key.show)(&settings);
            (key.set)(&mut read, &shown).unwrap();
            assert_eq!((key.show)(&read), shown, "{}", key.name);
        }
    }

    #[test]
    fn a_misspelt_setting_is_named_with_the_nearest() {
        assert_eq!(find("exclude-queue").unwrap().name, "exclude_queues");
        assert_eq!(find("CONCURRENCY").unwrap().name, "worker_concurrency");
        let error = find("drain_timout").err().unwrap();
        assert!(error.contains("did you mean `drain_timeout`"), "{error}");
    }

    #[test]
    fn values_that_cannot_be_say_why() {
        let mut settings = Settings::default();
        for (name, text) in [
            ("concurrency", "-1"),
            ("concurrency", "0"),
            ("lease", "soon"),
            ("rate_limit", "fast"),
            ("burst", "maybe"),
            ("log_format", "xml"),
            ("job_log_level", "loud"),
        ] {
            assert!((find(name).unwrap().set)(&mut settings, text).is_err(), "{name}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_password("redis://u:secret@h:1/0?x=1"), "redis://u:***@h:1/0?x=1");
        assert_eq!(without_password("redis://:p@ss@h"), "redis://:***@h");
        assert_eq!(
            without_password("redis://h?password=p&db=1&sentinel_password=q"),
            "redis://h?password=***&db=1&sentinel_password=***"
        );
        assert_eq!(without_password("redis://u:p/w@h/0"), "redis://u:***@h/0");
        assert_eq!(without_password("unix:/run/redis.sock?password=p"), "unix:/run/redis.sock?password=***");
        assert_eq!(without_password("redis://u@h"), "redis://u@h");
        assert_eq!(without_password("redis://u:sl/ash@h/1?prefix=a@b"), "redis://u:***@h/1?prefix=a@b");
        let asked = "redis://h?sentinel_password=a&db=1&password=b";
        assert_eq!(without_password(asked), "redis://h?sentinel_password=***&db=1&password=***");
        assert_eq!(without_password("redis://h/?"), "redis://h/?");
        assert_eq!(without_password("sqlite:jobs.db"), "sqlite:jobs.db");
    }
}
