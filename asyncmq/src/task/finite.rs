//! Finds the numbers that JSON does not have: NaN and infinity are written as `null`, and would come back as something else.

use serde::Serialize;
use serde::ser::{self, Error as _, Serializer};
use serde_json::{Error, Result};

/// Refuses a value that has such a number, given what was written of it.
///
/// # Errors
///
/// What it is.
pub(crate) fn check(value: &(impl Serialize + ?Sized), written: &[u8]) -> Result<()> {
    // Few values have a `null` anywhere; only those are looked at again.
    let has_null = memchr::memchr_iter(b'n', written).any(|at| written[at..].starts_with(b"null"));
    if has_null { value.serialize(Finite) } else { Ok(()) }
}

/// Writes nothing, and fails at the first number that JSON does not have.
struct Finite;

macro_rules! nothing_to_find {
    ($($method:ident($($type:ty),*))*) => {
        $(fn $method(self $(, _: $type)*) -> Result<()> {
            Ok(())
        })*
    };
}

macro_rules! look_inside {
    ($($method:ident($($name:ident: $type:ty),*) -> $compound:ident)*) => {
        $(fn $method(self $(, _: $type)*) -> Result<Self> {
            Ok(self)
        })*
    };
}

impl Serializer for Finite {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    nothing_to_find! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_i128(i128) serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64)
        serialize_u128(u128) serialize_char(char) serialize_str(&str) serialize_bytes(&[u8]) serialize_none()
        serialize_unit() serialize_unit_struct(&'static str)
        serialize_unit_variant(&'static str, u32, &'static str)
    }

    look_inside! {
        serialize_seq(len: Option<usize>) -> SerializeSeq
        serialize_tuple(len: usize) -> SerializeTuple
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeTupleVariant
        serialize_map(len: Option<usize>) -> SerializeMap
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeStructVariant
    }

    fn serialize_f32(self, number: f32) -> Result<()> {
        self.serialize_f64(f64::from(number))
    }

    fn serialize_f64(self, number: f64) -> Result<()> {
        if number.is_finite() {
            Ok(())
        } else {
            Err(Error::custom(format!("JSON has no number for {number}")))
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<()> {
        value.serialize(self)
    }
}

macro_rules! each {
    ($($compound:ident::$method:ident($($name:ident)?))*) => {
        $(impl ser::$compound for Finite {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<()> {
                $(let _ = $name;)?
                value.serialize(Finite)
            }

            fn end(self) -> Result<()> {
                Ok(())
            }
        })*
    };
}

each! {
    SerializeSeq::serialize_element()
    SerializeTuple::serialize_element()
    SerializeTupleStruct::serialize_field()
    SerializeTupleVariant::serialize_field()
    SerializeStruct::serialize_field(key)
    SerializeStructVariant::serialize_field(key)
}

impl ser::SerializeMap for Finite {
    type Ok = ();
    type Error = Error;

    /// A key that is no finite number was refused when it was written.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<()> {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(Finite)
    }

    fn end(self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        One(f64),
        Two(u8, f32),
        Named { size: Option<f64> },
    }

    fn checked(value: &impl Serialize) -> Result<()> {
        check(value, &serde_json::to_vec(value)?)
    }

    #[test]
    fn numbers_that_json_does_not_have_are_found_wherever_they_are() {
        assert!(checked(&f64::NAN).is_err());
        assert!(checked(&f32::INFINITY).is_err());
        assert!(checked(&vec![Some((1, f64::NEG_INFINITY))]).is_err());
        assert!(checked(&BTreeMap::from([("a", f64::NAN)])).is_err());
        assert!(checked(&[Shape::Unit, Shape::One(f64::NAN)]).is_err());
        assert!(checked(&Shape::Two(1, f32::NAN)).is_err());
        let error = checked(&Shape::Named { size: Some(f64::NAN) }).unwrap_err();
        assert_eq!(error.to_string(), "JSON has no number for NaN");
    }

    #[test]
    fn what_is_null_by_right_is_left_alone() {
        assert!(checked(&(None::<f64>, (), "null", Shape::Named { size: None })).is_ok());
        assert!(checked(&[Shape::Unit, Shape::One(1.5), Shape::Two(1, 2.5)]).is_ok());
    }
}
