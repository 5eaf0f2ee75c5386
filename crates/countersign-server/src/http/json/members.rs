//! From an object to a request's type.
//!
//! The usual way reports what is wrong in a sentence made of Rust types and of the values
//! found, passwords included. Here an error is data, gathers the names of the members it is inside
//! of, and never holds a value.

use std::fmt;

use serde::de::value::{SeqDeserializer, StringDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use super::object::name;
use super::{Malformed, Reason};

/// Reads a `T` from the members of `object`.
pub fn from_object<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Malformed> {
    T::deserialize(Node(Value::Object(object))).map_err(|Refusal(malformed)| malformed)
}

/// A value that refuses with [`Refusal`].
struct Node(Value);

/// [`Malformed`] as serde knows errors.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(Malformed);

impl Refusal {
    /// The same, seen from outside the member `key`.
    fn inside(mut self, key: &str) -> Self {
        let mut path = name(key);
        if let Some(inner) = self.0.field.take() {
            path.push('.');
            path.push_str(&inner);
        }
        self.0.field = Some(path);
        self
    }
}

impl Error for Refusal {
    // What a type says of a value that it could not parse may hold the value.
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self(Malformed::new(Reason::Value, "The value is not a valid one."))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(Malformed::new(Reason::Type, format!("Must be {}.", in_json(&expected.to_string()))))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let detail = match in_json(&expected.to_string()) {
            "an integer" => "The number is out of range.",
            _ => "The value is not a valid one.",
        };
        Self(Malformed::new(Reason::Value, detail))
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self(Malformed::new(Reason::Value, "The array has another length."))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        let detail = format!("Must be one of: {}.", expected.join(", "));
        Self(Malformed::new(Reason::Value, detail))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let detail = match expected {
            [] => "No member is taken here.".into(),
            _ => format!("The members taken here are: {}.", expected.join(", ")),
        };
        Self(Malformed::of(name(field), Reason::UnknownMember, detail))
    }

    fn missing_field(field: &'static str) -> Self {
        Self(Malformed::of(field, Reason::Missing, "The member must be there."))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self(Malformed::of(field, Reason::DuplicateMember, "A member may be there once."))
    }
}

/// JSON's word for what serde expected.
fn in_json(expected: &str) -> &'static str {
    match expected {
        "a string" | "a borrowed string" | "a character" => "a string",
        "a boolean" => "true or false",
        "unit" => "null",
        "f32" | "f64" => "a number",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64" | "u128"
        | "usize" | "a nonzero u64" => "an integer",
        "a sequence" => "an array",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other if other.starts_with("tuple ") || other.starts_with("a tuple ") => "an array",
        other if other.starts_with("enum ") => "a string",
        _ => "of another type",
    }
}

impl<'de> Deserializer<'de> for Node {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::String(value) => visitor.visit_string(value),
            Value::Array(array) => {
                let mut elements = SeqDeserializer::new(array.into_iter().map(Node));
                let value = visitor.visit_seq(&mut elements)?;
                elements.end().map(|()| value)
            }
            Value::Object(object) => {
                visitor.visit_map(Members { rest: object.into_iter(), next: None })
            }
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (_, _, Some(value)) => visitor.visit_f64(value),
                _ => Err(Refusal::invalid_value(Unexpected::Other("number"), &visitor)),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    /// An enum is one of a few strings; no request carries values inside of one.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::String(variant) => {
                let variant: StringDeserializer<Refusal> = variant.into_deserializer();
                visitor.visit_enum(variant)
            }
            _ => Err(Refusal::invalid_type(Unexpected::Other("value"), &"a string")),
        }
    }

    /// An array in the members' order is not the object that was asked for.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::Array(_) => Err(Refusal::invalid_type(Unexpected::Seq, &"a map")),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

impl IntoDeserializer<'_, Refusal> for Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// An object's members, of which `next` has told its name and not yet its value.
struct Members {
    rest: serde_json::map::IntoIter,
    next: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Members {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refusal> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        let told: StringDeserializer<Refusal> = key.clone().into_deserializer();
        self.next = Some((key, value));
        seed.deserialize(told).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refusal> {
        let (key, value) = self.next.take().unwrap_or_default();
        seed.deserialize(Node(value)).map_err(|refusal| refusal.inside(&key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}
