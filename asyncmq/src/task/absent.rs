//! What an argument is that nobody gave: `None` for an `Option`, and nothing for any other type.

use serde::Deserializer;
use serde::de::value::Error;
use serde::de::{DeserializeOwned, Error as _, Visitor};

/// Returns what the type reads as where nothing stands.
pub(crate) fn absent<T: DeserializeOwned>() -> Option<T> {
    T::deserialize(Nothing).ok()
}

/// A place where nothing stands. Only a type that asks whether there is something gets an answer.
struct Nothing;

impl<'de> Deserializer<'de> for Nothing {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("is missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::absent;

    /// Its name must not be enough.
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct NoOption<T>(T);

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct AllDefault {
        a: u8,
    }

    impl Default for AllDefault {
        fn default() -> Self {
            Self { a: 7 }
        }
    }

    #[test]
    fn only_an_option_reads_from_nothing() {
        assert_eq!(absent::<Option<u8>>(), Some(None));
        assert_eq!(absent::<Box<Option<String>>>(), Some(Box::new(None)));
        assert_eq!(absent::<u8>(), None);
        assert_eq!(absent::<()>(), None);
        assert_eq!(absent::<Vec<Option<u8>>>(), None);
        assert_eq!(absent::<serde_json::Value>(), None);
        assert_eq!(absent::<AllDefault>(), None);
        assert_eq!(absent::<NoOption<Option<u8>>>(), None);
    }
}
