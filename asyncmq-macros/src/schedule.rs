//! The shape of cron expressions, time zones and deduplication: what can be told wrong without a calendar.

use std::time::Duration;

use crate::grammar;

const WORDS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/// What `dedup` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DedupSyntax {
    Simple,
    Throttle(Duration),
    ExtendedThrottle(Duration),
    Debounce(Duration),
    Replace,
    KeepLast,
}

/// Looks at a cron expression: its fields are counted, not understood.
pub(crate) fn check_cron(text: &str) -> Result<String, String> {
    if text.starts_with('@') {
        if WORDS.contains(&text) {
            return Ok(text.to_owned());
        }
        let nearest = grammar::nearest(text, WORDS).map(|word| format!(", did you mean {word:?}?"));
        return Err(format!(
            "{text:?} is not known{}",
            nearest.unwrap_or_else(|| format!(": it may be {}", WORDS.join(", ")))
        ));
    }
    let fields = text.split_whitespace().count();
    let strange = text.chars().find(|c| !(c.is_ascii_alphanumeric() || " \t*/,-?#".contains(*c)));
    match (fields, strange) {
        (5 | 6, None) => Ok(text.to_owned()),
        (_, Some(strange)) => Err(format!("{text:?} is no cron expression: it cannot have {strange:?}")),
        (count, None) => Err(format!(
            "{text:?} is no cron expression: it has {count} fields; write 5 (`\"0 9 * * 1-5\"`: minute, hour, day, month, weekday), 6 with seconds first, or a word such as `\"@daily\"`"
        )),
    }
}

/// Looks at the name of a time zone.
pub(crate) fn check_zone(text: &str) -> Result<String, String> {
    let known_shape = text.chars().all(|c| c.is_ascii_alphanumeric() || "_+-/".contains(c));
    if known_shape && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is no time zone: write its name, as in `\"Europe/Zurich\"` or `\"UTC\"`"))
}

/// Reads `"simple"`, `"throttle(10s)"`, `"throttle(10s, extend)"`, `"debounce(10s)"`, `"replace"`, `"keep_last"`.
pub(crate) fn parse_dedup(text: &str) -> Result<DedupSyntax, String> {
    let wanted = || {
        format!(
            "{text:?} is no deduplication: write `\"simple\"`, `\"throttle(10s)\"`, `\"throttle(10s, extend)\"`, `\"debounce(10s)\"`, `\"replace\"` or `\"keep_last\"`"
        )
    };
    let (name, inner) = match text.trim().split_once('(') {
        None => {
            return match text.trim() {
                "simple" => Ok(DedupSyntax::Simple),
                "replace" => Ok(DedupSyntax::Replace),
                "keep_last" => Ok(DedupSyntax::KeepLast),
                _ => Err(wanted()),
            };
        }
        Some((name, rest)) => (name.trim(), rest.strip_suffix(')').ok_or_else(wanted)?),
    };
    let (time, word) = inner.split_once(',').map_or((inner, None), |(time, word)| (time, Some(word.trim())));
    let time = grammar::parse_duration(time)?;
    match (name, word) {
        _ if time.is_zero() => Err(format!("the time of `{name}` must not be 0")),
        ("throttle", None) => Ok(DedupSyntax::Throttle(time)),
        ("throttle", Some("extend")) => Ok(DedupSyntax::ExtendedThrottle(time)),
        ("debounce", None) => Ok(DedupSyntax::Debounce(time)),
        _ => Err(wanted()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_has_five_or_six_fields_or_is_a_word() {
        for text in ["0 9 * * 1-5", "*/10 0 9 * * MON", "0 0 L * *", "0 0 * * 5#3", "@daily"] {
            assert!(check_cron(text).is_ok(), "{text}");
        }
        for (text, reason) in [
            ("", "0 fields"),
            ("* * *", "3 fields"),
            ("0 9 * * 1;2", "';'"),
            ("@dayly", "\"@daily\""),
            ("@x", "@weekly"),
        ] {
            let message = check_cron(text).unwrap_err();
            assert!(message.contains(reason), "{message}");
        }
    }

    #[test]
    fn zones_look_like_names() {
        for text in ["UTC", "Europe/Zurich", "Etc/GMT+8", "America/Port-au-Prince"] {
            assert!(check_zone(text).is_ok(), "{text}");
        }
        for text in ["", "+02:00", "Europe Zurich", "../etc"] {
            assert!(check_zone(text).is_err(), "{text}");
        }
    }

    #[test]
    fn deduplication_has_a_name_and_perhaps_a_time() {
        assert_eq!(parse_dedup("simple"), Ok(DedupSyntax::Simple));
        assert_eq!(parse_dedup("throttle(10s)"), Ok(DedupSyntax::Throttle(Duration::from_secs(10))));
        assert_eq!(parse_dedup(" debounce( 1m ) "), Ok(DedupSyntax::Debounce(Duration::from_secs(60))));
        assert_eq!(
            parse_dedup("throttle(1s, extend)"),
            Ok(DedupSyntax::ExtendedThrottle(Duration::from_secs(1)))
        );
        assert_eq!(parse_dedup("replace"), Ok(DedupSyntax::Replace));
        assert_eq!(parse_dedup(" keep_last"), Ok(DedupSyntax::KeepLast));
        for text in [
            "",
            "once",
            "throttle",
            "throttle()",
            "throttle(0)",
            "simple(1s)",
            "debounce(1s",
            "debounce(1s, extend)",
            "throttle(1s, twice)",
            "replace(1s)",
        ] {
            assert!(parse_dedup(text).is_err(), "{text}");
        }
    }
}
