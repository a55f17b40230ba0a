//! Takes secrets out of JSON before anybody sees it, and leaves everything else as it was written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::job::names_secret;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Returns JSON in which the values of keys that name secrets (`password`, `api_key`, `token`, …) are replaced, at any
/// depth. Numbers stay as they were written.
#[must_use]
pub fn redact(json: &RawValue) -> Box<RawValue> {
    redact_with(json, &[])
}

/// The same, with more words that make a name a secret's, in small letters.
#[must_use]
pub fn redact_with(json: &RawValue, more: &[String]) -> Box<RawValue> {
    let mut text = String::with_capacity(json.get().len());
    write(json, more, &mut text);
    // What was put together from JSON is JSON.
    RawValue::from_string(text).unwrap_or_else(|_| json.to_owned())
}

/// Returns a text in which the values of secrets are replaced: `password=x`, `"token": "x"`, `Authorization: Bearer x`, and the
/// password of a URL. A text is no place to keep secrets from everybody: what is not written like that is not found.
#[must_use]
pub fn redact_text<'a>(text: &'a str, more: &[String]) -> Cow<'a, str> {
    let mut shown = String::new();
    let mut kept = 0;
    for (place, mark) in text.match_indices(['=', ':']) {
        if place < kept {
            continue;
        }
        let value = match &text[place + mark.len()..] {
            rest if rest.starts_with("//") => password_of_url(text, place + 3),
            _ => match name_before(&text[..place]) {
                name if name.eq_ignore_ascii_case("authorization") => rest_of_line(text, place + 1),
                name if is_secret(name, more) => value_behind(text, place + 1),
                _ => continue,
            },
        };
        if let Some((start, end)) = value {
            shown.push_str(&text[kept..start]);
            shown.push_str(REDACTED);
            kept = end;
        }
    }
    if kept == 0 {
        return text.into();
    }
    shown.push_str(&text[kept..]);
    shown.into()
}

/// Returns the name that stands before a mark: `"api_key" ` is `api_key`.
fn name_before(text: &str) -> &str {
    let text = text.trim_end_matches([' ', '"', '\'', '\\']);
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let start = text.char_indices().rev().take_while(|(_, c)| is_part(*c)).last();
    &text[start.map_or(text.len(), |(start, _)| start)..]
}

/// Returns where the rest of the line stands, up to a quote: how many words an `Authorization` has is its scheme's.
fn rest_of_line(text: &str, mark: usize) -> Option<(usize, usize)> {
    let rest = &text[mark..];
    let start = mark + rest.find(|c: char| !matches!(c, ' ' | '"' | '\'' | '\\' | '='))?;
    let is_quoted = rest[..start - mark].contains(['"', '\'']);
    let ends = |c: char| c == '\n' || is_quoted && matches!(c, '"' | '\'' | '\\');
    let end = text[start..].find(ends).map_or(text.len(), |length| start + length);
    (start < end).then_some((start, end))
}

/// Returns where the value behind a mark stands: up to the quote that ends it, or else to the end of the word.
fn value_behind(text: &str, mark: usize) -> Option<(usize, usize)> {
    let rest = &text[mark..];
    let start = mark + rest.find(|c: char| !matches!(c, ' ' | '"' | '\'' | '\\' | '='))?;
    let before = &rest[..start - mark];
    if text[start..].starts_with(REDACTED) {
        return None;
    }
    if let Some(place) = before.find(['"', '\'']) {
        // Written as `\"` where the whole is a text in a text.
        let from = before[..place].trim_end_matches('\\').len();
        let quote = &before[from..=place];
        let end = closing(&text[start..], quote).map_or(text.len(), |length| start + length);
        return (start < end).then_some((start, end));
    }
    let end_of = |from: usize| {
        let ends =
            |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '&' | '}' | ')' | ']' | '\\');
        text[from..].find(ends).map_or(text.len(), |length| from + length)
    };
    let mut end = end_of(start);
    if ["bearer", "basic", "token"].contains(&text[start..end].to_lowercase().as_str())
        && text[end..].starts_with(' ')
    {
        end = end_of(end + 1);
    }
    (start < end).then_some((start, end))
}

/// Returns where a quote ends that was opened like this: not at one that is escaped once more.
fn closing(text: &str, quote: &str) -> Option<usize> {
    let escaped = |place: usize| {
        let slashes = text[..place].len() - text[..place].trim_end_matches('\\').len();
        slashes % 2 == 1
    };
    text.match_indices(quote).map(|(place, _)| place).find(|place| !escaped(*place))
}

/// Returns where the password of a URL stands, whose authority begins at `from`.
fn password_of_url(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = text.get(from..)?;
    let authority =
        &rest[..rest.find(|c: char| c.is_whitespace() || "/?#\"'".contains(c)).unwrap_or(rest.len())];
    let (user, _) = authority.rsplit_once('@')?;
    let (name, _) = user.split_once(':')?;
    Some((from + name.len() + 1, from + user.len()))
}

/// Tells whether what has this name is a secret.
pub(crate) fn is_secret(key: &str, more: &[String]) -> bool {
    let is_one_of = |word: &String| key.to_lowercase().replace('-', "_").contains(word.as_str());
    names_secret(key) || more.iter().any(is_one_of)
}

fn write(json: &RawValue, more: &[String], text: &mut String) {
    match json.get().as_bytes().first() {
        Some(b'{') => match serde_json::from_str::<Object<'_>>(json.get()) {
            Ok(object) => write_object(&object, more, text),
            Err(_) => text.push_str(json.get()),
        },
        Some(b'[') => match serde_json::from_str::<Array<'_>>(json.get()) {
            Ok(array) => write_array(&array, more, text),
            Err(_) => text.push_str(json.get()),
        },
        _ => text.push_str(json.get()),
    }
}

fn write_object(object: &Object<'_>, more: &[String], text: &mut String) {
    text.push('{');
    for (place, (key, value)) in object.0.iter().enumerate() {
        text.push_str(if place == 0 { "" } else { "," });
        text.push_str(&serde_json::Value::from(key.as_str()).to_string());
        text.push(':');
        match is_secret(key, more) && value.get() != "null" {
            true => text.push_str(&serde_json::Value::from(REDACTED).to_string()),
            false => write(value, more, text),
        }
    }
    text.push('}');
}

fn write_array(array: &Array<'_>, more: &[String], text: &mut String) {
    text.push('[');
    for (place, value) in array.0.iter().enumerate() {
        text.push_str(if place == 0 { "" } else { "," });
        write(value, more, text);
    }
    text.push(']');
}

/// An object's keys and values, in their order.
struct Object<'a>(Vec<(String, &'a RawValue)>);

struct Array<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Object(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

impl<'de> Deserialize<'de> for Array<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = Array<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Array<'de>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(Array(values))
            }
        }

        deserializer.deserialize_seq(Values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_everything_else_stays_as_it_was_written() {
        for (json, shown) in [
            (r#"{"to":"ann","password":"x"}"#, r#"{"to":"ann","password":"[redacted]"}"#),
            (
                r#"{"API-Key":1,"a":[{"accessToken":["x"]}]}"#,
                r#"{"API-Key":"[redacted]","a":[{"accessToken":"[redacted]"}]}"#,
            ),
            (r#"{"id":184467440737095516160,"x":1.10}"#, r#"{"id":184467440737095516160,"x":1.10}"#),
            (r#"{"b":1,"a":2,"b":3}"#, r#"{"b":1,"a":2,"b":3}"#),
            (r#"{"token":null}"#, r#"{"token":null}"#),
            (r#""token""#, r#""token""#),
            ("[]", "[]"),
            (r#"{"q\"":"\u0000"}"#, r#"{"q\"":"\u0000"}"#),
        ] {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(redact(raw).get(), shown);
        }
        let more: &RawValue = serde_json::from_str(r#"{"Iban":"CH1","x":1}"#).unwrap();
        assert_eq!(redact_with(more, &["iban".into()]).get(), r#"{"Iban":"[redacted]","x":1}"#);
    }

    #[test]
    fn secrets_in_texts_go_where_they_are_named() {
        for (text, shown) in [
            ("no secret: here", "no secret: [redacted]"),
            ("a=1 password=hunter2&x=3", "a=1 password=[redacted]&x=3"),
            (r#"{"api_key": "abc", "to": "ann"}"#, r#"{"api_key": "[redacted]", "to": "ann"}"#),
            (r#"{\"token\":\"abc\",\"n\":1}"#, r#"{\"token\":\"[redacted]\",\"n\":1}"#),
            ("Authorization: Bearer abc.def, more", "Authorization: [redacted]"),
            (
                "Authorization: Digest username=\"ann\", response=\"1\"\nHost: x",
                "Authorization: [redacted]\nHost: x",
            ),
            (r#"{"Authorization": "Digest a=b, c", "to": 1}"#, r#"{"Authorization": "[redacted]", "to": 1}"#),
            (r#"{"password": "correct horse, battery"}"#, r#"{"password": "[redacted]"}"#),
            (r#"{"password": "quo\"te and more", "a": 1}"#, r#"{"password": "[redacted]", "a": 1}"#),
            ("api_key=[redacted] to=ann", "api_key=[redacted] to=ann"),
            ("token='a,b' c", "token='[redacted]' c"),
            ("redis://app:geheim@host:1/0 is gone", "redis://app:[redacted]@host:1/0 is gone"),
            ("see https://host:80/a:b", "see https://host:80/a:b"),
            ("password=", "password="),
            ("password", "password"),
            ("token == ü7!", "token == [redacted]"),
            ("IBAN: CH1", "IBAN: [redacted]"),
        ] {
            assert_eq!(redact_text(text, &["iban".into()]), shown);
        }
    }
}
