//! Taking answers apart.

use redis::Value;

use super::codec::Garbled;
use crate::backend::StoreError;

/// An answer that is not what the script gives.
pub(super) fn strange() -> StoreError {
    StoreError::refused("the server's answer is not what this version of asyncmq expects")
}

/// Opens an answer: some come with the note that there are messages to other queues to be carried.
pub(super) fn opened(answer: Value) -> (Value, bool) {
    match answer {
        Value::Array(mut both) if matches!(&both[..], [Value::SimpleString(note), _] if note == "MAIL") => {
            (both.pop().unwrap_or_default(), true)
        }
        answer => (answer, false),
    }
}

/// Takes an answer's parts.
pub(super) fn parts(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(parts) => Ok(parts),
        Value::Nil => Ok(Vec::new()),
        _ => Err(strange()),
    }
}

/// Takes bytes; nothing counts as none.
pub(super) fn bytes(value: Value) -> Result<Vec<u8>, StoreError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) => Ok(text.into_bytes()),
        Value::Okay => Ok(b"OK".to_vec()),
        Value::Int(number) => Ok(number.to_string().into_bytes()),
        Value::Nil => Ok(Vec::new()),
        _ => Err(strange()),
    }
}

/// Takes a number, also one that is spelt out.
pub(super) fn number(value: &Value) -> Result<i64, StoreError> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::BulkString(digits) => {
            std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or_else(strange)
        }
        _ => Err(strange()),
    }
}

/// Takes a number that cannot be negative.
pub(super) fn count(value: &Value) -> Result<u64, StoreError> {
    u64::try_from(number(value)?).map_err(|_| strange())
}

/// Takes the next part.
pub(super) fn next(parts: &mut impl Iterator<Item = Value>) -> Result<Value, StoreError> {
    parts.next().ok_or_else(|| Garbled("an answer is too short").into())
}
