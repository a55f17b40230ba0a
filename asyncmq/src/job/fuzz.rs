//! Targets for garbage: the languages of options, and names.

use super::grammar::{BackoffSyntax, parse_backoff, parse_duration, parse_rate, parse_size};
use super::{Backoff, JobId, Name, RateLimit, nearest};
use crate::fuzz::{Target, same, text};

pub(crate) fn options() -> Target {
    let samples = [
        "300",
        "0.5",
        "1h30m",
        "250ms 1us",
        "100/1s",
        "window(5/ 2m)",
        "512MiB",
        "1 gb",
        "fixed(5s)",
        "exponential(1s, factor = 2, max = 10m, jitter = 0.1)",
        "list(1s, 10s, 1m)",
    ];
    let samples = samples.iter().map(|text| text.as_bytes().to_vec()).collect();
    Target { name: "options", read: read_options, samples }
}

fn read_options(bytes: &[u8]) {
    let text = &*text(bytes);
    if let Ok(duration) = parse_duration(text) {
        let micros = u64::try_from(duration.as_micros()).ok();
        if let Some(micros) = micros.filter(|micros| u128::from(*micros) * 1_000 == duration.as_nanos()) {
            assert_eq!(parse_duration(&format!("{micros}us")), Ok(duration), "{text:?}");
        }
    }
    if let Ok(rate) = parse_rate(text) {
        assert!(!rate.interval.is_zero(), "{text:?}");
        let limit: RateLimit = text.parse().expect("it is a rate");
        assert_eq!((limit.permits(), limit.interval()), (rate.permits, rate.interval));
    }
    if let Ok(size) = parse_size(text) {
        assert_eq!(parse_size(&size.to_string()), Ok(size), "{text:?}");
    }
    match parse_backoff(text) {
        Ok(BackoffSyntax::Fixed(delay)) => same(Backoff::fixed(delay), Backoff::Fixed(delay)),
        Ok(BackoffSyntax::Exponential { factor, jitter, .. }) => {
            assert!((1.0..=1_000.0).contains(&factor) && (0.0..=1.0).contains(&jitter), "{text:?}");
        }
        Ok(BackoffSyntax::List(delays)) => assert!(!delays.is_empty(), "{text:?}"),
        Err(_) => {}
    }
    if text.len() < 64 {
        let _ = nearest(text, ["retries", "ttl", "timeout", "backoff", ""]);
    }
}

pub(crate) fn names() -> Target {
    let samples = ["email", "0192f0c1-0000-7000-8000-000000000000", "exactly sixteen!", "a{b}%7b:\u{fc}"];
    let samples = samples.iter().map(|text| text.as_bytes().to_vec()).collect();
    Target { name: "names", read: read_names, samples }
}

fn read_names(bytes: &[u8]) {
    let text = &*text(bytes);
    let is_clean = !text.is_empty() && !text.chars().any(char::is_control);
    match JobId::custom(text) {
        Ok(id) => {
            assert!(is_clean && text.len() <= 255);
            assert_eq!(id.as_str(), text);
        }
        Err(error) => assert!(!is_clean || 255 < text.len(), "{error}"),
    }
    for name in [Name::queue(text), Name::task(text)] {
        match name {
            Ok(name) => {
                assert!(is_clean && text.len() <= 128);
                assert_eq!(name.as_str(), text);
            }
            Err(error) => assert!(!is_clean || 128 < text.len(), "{error}"),
        }
    }
}
