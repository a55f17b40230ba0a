//! Texts for terminals: harmless, and short where people read them.

use std::fmt::Write;
use std::time::Duration;

/// Tells whether a terminal may take a character as an order, or as leave to show others elsewhere.
fn is_order(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Writes what a terminal might take as an order as an escape: `\n`, `\u{1b}`.
pub(in crate::cli) fn clean(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut clean, c| {
        if is_order(c) {
            let _ = write!(clean, "{}", c.escape_default());
        } else {
            clean.push(c);
        }
        clean
    })
}

/// The same, but lines stay lines.
pub(in crate::cli) fn lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

/// Writes such characters in JSON as JSON's own escapes, which mean the same.
pub(super) fn harmless_json(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut text, c| {
        if is_order(c) && c != '\n' {
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
        text
    })
}

/// Writes a time in its largest unit: `12s`, `3m`, `5h`, `2d`.
pub(in crate::cli) fn short(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{}ms", time.as_millis()),
        seconds @ 1..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Writes a number with a blank after each three digits.
pub(in crate::cli) fn grouped(number: u64) -> String {
    crate::admin::view::grouped(number, ',')
}

/// Writes a number with its noun, which gets an s unless there is one.
pub(in crate::cli) fn many(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_could_obey_is_shown_instead() {
        assert_eq!(clean("a\x1b[2Jb\n\u{9b}31m\u{202e}ü"), "a\\u{1b}[2Jb\\n\\u{9b}31m\\u{202e}ü");
        assert_eq!(lines("a\nb\x07"), "a\nb\\u{7}");
        assert_eq!(harmless_json("{\"a\":\n\"\u{9b}\"}"), "{\"a\":\n\"\\u009b\"}");
    }

    #[test]
    fn numbers_and_times_are_short() {
        assert_eq!([grouped(7), grouped(1_000), grouped(1_234_567)], ["7", "1,000", "1,234,567"]);
        assert_eq!((many(1, "job"), many(0, "job")), ("1 job".into(), "0 jobs".into()));
        let seconds = [0, 1, 119, 120, 7_200, 172_800].map(|seconds| short(Duration::from_secs(seconds)));
        assert_eq!(seconds, ["0ms", "1s", "119s", "2m", "2h", "2d"]);
    }
}
