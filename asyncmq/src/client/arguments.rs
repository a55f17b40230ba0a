//! The arguments of a job that is being described, and what is checked before they are sent.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// How deep arrays and objects may be nested; deeper ones overflow the stack of careless readers.
const MAX_DEPTH: usize = 128;

/// Arguments, or why they cannot be written; said when the job is enqueued.
#[derive(Clone)]
pub(crate) enum Arguments {
    Encoded(Bytes),
    /// Given by hand, to be put together by name and position.
    Given {
        args: Value,
        kwargs: Map<String, Value>,
    },
    Unusable(String),
}

impl Default for Arguments {
    fn default() -> Self {
        Self::Given { args: Value::Null, kwargs: Map::new() }
    }
}

impl Arguments {
    pub(crate) fn encoded(bytes: Result<Bytes, String>) -> Self {
        bytes.map_or_else(Self::Unusable, Self::Encoded)
    }

    pub(crate) fn set_args(&mut self, given: &impl Serialize) {
        match (serde_json::to_value(given), &mut *self) {
            (Ok(value), Self::Given { args, .. }) => *args = value,
            (Ok(_), Self::Encoded(_) | Self::Unusable(_)) => {}
            (Err(error), _) => *self = Self::Unusable(format!("cannot be written as JSON: {error}")),
        }
    }

    pub(crate) fn set_kwargs(&mut self, given: &impl Serialize) {
        match (serde_json::to_value(given), &mut *self) {
            (Ok(Value::Object(object)), Self::Given { kwargs, .. }) => *kwargs = object,
            (Ok(Value::Null), _) | (Ok(_), Self::Encoded(_) | Self::Unusable(_)) => {}
            (Ok(_), _) => *self = Self::Unusable("must be an object by parameter name for `kwargs`".into()),
            (Err(error), _) => *self = Self::Unusable(format!("cannot be written as JSON: {error}")),
        }
    }

    /// Returns the arguments as they are stored.
    ///
    /// One given by position is stored under its number, which no parameter's name can be; the worker, which
    /// knows the parameters, puts it in its place.
    pub(crate) fn into_bytes(self, task: &str, most: usize) -> Result<Bytes> {
        let refused = |reason| Error::Payload { task: task.to_owned(), reason };
        let bytes = match self {
            Self::Encoded(bytes) => bytes,
            Self::Given { args, kwargs } => by_name(args, kwargs).map_err(refused)?,
            Self::Unusable(reason) => return Err(refused(reason)),
        };
        check_size(&bytes, most).map_err(refused)?;
        Ok(bytes)
    }
}

fn by_name(args: Value, mut kwargs: Map<String, Value>) -> Result<Bytes, String> {
    match args {
        Value::Null => {}
        Value::Object(object) if kwargs.is_empty() => kwargs = object,
        Value::Object(object) => {
            for (name, value) in object {
                if kwargs.insert(name.clone(), value).is_some() {
                    return Err(format!("give {name:?} twice: in `args` and in `kwargs`"));
                }
            }
        }
        Value::Array(values) => {
            kwargs.extend(values.into_iter().enumerate().map(|(place, value)| (place.to_string(), value)));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err("must be an object by parameter name or an array by position".into());
        }
    }
    serde_json::to_vec(&kwargs)
        .map(Bytes::from)
        .map_err(|error| format!("cannot be written as JSON: {error}"))
}

fn check_size(bytes: &[u8], most: usize) -> Result<(), String> {
    if most < bytes.len() {
        return Err(format!(
            "have {} bytes, {most} are allowed: store the data elsewhere and pass a reference, or raise `max_payload`",
            bytes.len()
        ));
    }
    if MAX_DEPTH < depth(bytes) {
        return Err(format!("are nested deeper than {MAX_DEPTH} levels"));
    }
    Ok(())
}

/// Returns how deep JSON is nested. Short texts cannot be too deep and are not read.
pub(crate) fn depth(json: &[u8]) -> usize {
    if json.len() <= MAX_DEPTH {
        return 0;
    }
    let (mut deepest, mut now, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored(args: Value, kwargs: Value) -> Result<String, String> {
        let mut arguments = Arguments::default();
        arguments.set_args(&args);
        arguments.set_kwargs(&kwargs);
        let bytes = arguments.into_bytes("t", 1_000).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn arguments_are_stored_by_name_and_by_number() {
        assert_eq!(stored(Value::Null, Value::Null).unwrap(), "{}");
        assert_eq!(stored(json!({"a": 1}), Value::Null).unwrap(), r#"{"a":1}"#);
        assert_eq!(stored(json!([7, "x"]), json!({"c": 1})).unwrap(), r#"{"0":7,"1":"x","c":1}"#);
    }

    #[test]
    fn what_cannot_be_arguments_says_why() {
        let twice = stored(json!({"a": 1}), json!({"a": 2})).unwrap_err();
        assert!(twice.contains("\"a\" twice"), "{twice}");
        let scalar = stored(json!(7), Value::Null).unwrap_err();
        assert!(scalar.contains("an array by position"), "{scalar}");
        let kwargs = stored(Value::Null, json!([1])).unwrap_err();
        assert!(kwargs.contains("kwargs"), "{kwargs}");
        let large = stored(json!({"a": "x".repeat(1_000)}), Value::Null).unwrap_err();
        assert!(large.contains("1008 bytes, 1000 are allowed"), "{large}");
    }

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(depth(nested(128).as_bytes()), 128);
        assert!(check_size(nested(128).as_bytes(), 1_000).is_ok());
        assert!(check_size(nested(129).as_bytes(), 1_000).is_err());
        let text = format!("[\"{}\\\"[[[\"]", "[".repeat(200));
        assert_eq!(depth(text.as_bytes()), 1);
    }
}
