//! Takes secrets out of JSON before anybody sees it, and leaves everything else as it was written.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub(super) use crate::job::names_secret as is_secret;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Returns JSON in which the values of keys that name secrets (`password`, `api_key`, `token`, …) are replaced, at any
/// depth. Numbers stay as they were written.
#[must_use]
pub fn redact(json: &RawValue) -> Box<RawValue> {
    let mut text = String::with_capacity(json.get().len());
    write(json, &mut text);
    // What was put together from JSON is JSON.
    RawValue::from_string(text).unwrap_or_else(|_| json.to_owned())
}

fn write(json: &RawValue, text: &mut String) {
    match json.get().as_bytes().first() {
        Some(b'{') => match serde_json::from_str::<Object<'_>>(json.get()) {
            Ok(object) => write_object(&object, text),
            Err(_) => text.push_str(json.get()),
        },
        Some(b'[') => match serde_json::from_str::<Array<'_>>(json.get()) {
            Ok(array) => write_array(&array, text),
            Err(_) => text.push_str(json.get()),
        },
        _ => text.push_str(json.get()),
    }
}

fn write_object(object: &Object<'_>, text: &mut String) {
    text.push('{');
    for (place, (key, value)) in object.0.iter().enumerate() {
        text.push_str(if place == 0 { "" } else { "," });
        text.push_str(&serde_json::Value::from(key.as_str()).to_string());
        text.push(':');
        match is_secret(key) && value.get() != "null" {
            true => text.push_str(&serde_json::Value::from(REDACTED).to_string()),
            false => write(value, text),
        }
    }
    text.push('}');
}

fn write_array(array: &Array<'_>, text: &mut String) {
    text.push('[');
    for (place, value) in array.0.iter().enumerate() {
        text.push_str(if place == 0 { "" } else { "," });
        write(value, text);
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
    }
}
