//! Numbers, times and addresses as people read them.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use crate::clock::Timestamp;

/// Returns an address below the prefix, with every character that could end a part written as its code.
pub(super) fn link(prefix: &str, path: &str, params: &[(&str, &str)]) -> String {
    // An outer router matches its own prefix without a slash behind it.
    let path = if path == "/" && !prefix.is_empty() { "" } else { path };
    let mut link = format!("{prefix}{path}");
    for (place, (name, value)) in params.iter().filter(|(_, value)| !value.is_empty()).enumerate() {
        link.push(if place == 0 { '?' } else { '&' });
        link.push_str(name);
        link.push('=');
        encode(value, &mut link);
    }
    link
}

fn encode(text: &str, link: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' | b'*' | b',' => {
                link.push(char::from(byte));
            }
            _ => {
                let _ = write!(link, "%{byte:02X}");
            }
        }
    }
}

/// Returns a path to go to within the dashboard, if it is one: nothing that leads elsewhere.
pub(super) fn local(path: &str) -> Option<&str> {
    let is_plain = path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/\\");
    (is_plain && path.len() <= 4_096 && !path.chars().any(|c| c.is_control() || c == '\\')).then_some(path)
}

/// Writes a time in its largest unit: `12s`, `3m`, `5h`, `2d`.
pub(super) fn short(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        1..10 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// Writes how long ago, or in how long, a time is.
pub(super) fn distance(time: Timestamp) -> String {
    let now: Timestamp = SystemTime::now().into();
    match now.since(time) {
        ago if now < time => {
            let _ = ago;
            format!("in {}", whole(time.since(now)))
        }
        ago if ago < Duration::from_secs(1) => "now".into(),
        ago => format!("{} ago", whole(ago)),
    }
}

/// The same without parts of seconds, which would only flicker.
fn whole(time: Duration) -> String {
    short(Duration::from_secs(time.as_secs())).replace(".0 s", " s").replace("0 ms", "1 s")
}

/// Writes a number with a thin blank before each three digits.
pub(super) fn grouped(number: u64) -> String {
    crate::admin::view::grouped(number, '\u{202f}')
}

/// Writes a number with its noun.
pub(super) fn many(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Writes a rate: three digits are enough.
pub(super) fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate <= 0.0 => "0".into(),
        rate if rate < 10.0 => format!("{rate:.1}"),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is a small number"
        )]
        rate => grouped(rate.round() as u64),
    }
}

/// Shows characters that a screen would obey instead of showing as escapes: those that steer a terminal, and those that turn the
/// direction of writing round.
pub(super) fn visible(text: &str) -> String {
    let is_order = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if is_order(c) {
            let _ = write!(shown, "{}", c.escape_default());
        } else {
            shown.push(c);
        }
        shown
    })
}

/// How much JSON is shown on a page.
const SHOWN: usize = 64 * 1024;

/// Writes JSON over several lines, with numbers as they were written.
pub(super) fn pretty(json: &str) -> String {
    let (mut text, mut depth, mut is_text, mut is_escaped) = (String::new(), 0_usize, false, false);
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        if SHOWN < text.len() {
            text.push_str("\n… the rest is not shown here; /api/job has all of it");
            break;
        }
        if is_text {
            text.push(c);
            is_text = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                is_text = true;
                text.push(c);
            }
            '{' | '[' if chars.peek().is_some_and(|next| matches!(next, '}' | ']')) => text.push(c),
            '{' | '[' => {
                depth += 1;
                text.push(c);
                new_line(&mut text, depth);
            }
            '}' | ']' if text.ends_with(['{', '[']) => text.push(c),
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            c if c.is_whitespace() => {}
            c => text.push(c),
        }
    }
    text
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.push_str(&"  ".repeat(depth.min(40)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_what_they_are_given_apart() {
        assert_eq!(link("", "/", &[]), "/");
        assert_eq!(link("/ops", "/", &[]), "/ops");
        assert_eq!(
            link("/ops", "/job", &[("id", "a&b=\"<ü"), ("queue", "")]),
            "/ops/job?id=a%26b%3D%22%3C%C3%BC"
        );
    }

    #[test]
    fn only_places_within_are_gone_to() {
        for good in ["/", "/jobs?q=state:failed", "/a//b"] {
            assert_eq!(local(good), Some(good));
        }
        for bad in ["", "//evil.example", "/\\evil.example", "https://evil.example", "jobs", "/a\nb", "/a\\b"]
        {
            assert_eq!(local(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_and_times_are_short() {
        assert_eq!(grouped(1_234_567).replace('\u{202f}', " "), "1 234 567");
        assert_eq!(
            (rate(0.0), rate(0.25), rate(1234.4).replace('\u{202f}', " ")),
            ("0".into(), "0.2".into(), "1 234".into())
        );
        assert_eq!(short(Duration::from_millis(1_500)), "1.5 s");
        assert_eq!(short(Duration::from_secs(7_300)), "2 h");
    }

    #[test]
    fn what_a_screen_would_obey_is_shown_instead() {
        assert_eq!(visible("a\u{1b}[31m\n\u{202e}b\u{9b}"), "a\\u{1b}[31m\n\\u{202e}b\\u{9b}");
    }

    #[test]
    fn json_is_laid_out_and_left_as_it_is() {
        let json = r#"{"a":[1,2.10,184467440737095516160],"b":{},"c":"x,\"y\\","d":[]}"#;
        let shown = pretty(json);
        assert_eq!(shown.lines().count(), 10, "{shown}");
        let squeezed: String =
            shown.split('\n').map(str::trim_start).collect::<String>().replace("\": ", "\":");
        assert_eq!(squeezed, json);
    }
}
