//! A JSON object from bytes: what `serde_json` reads, less what two readers could read
//! differently.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{Malformed, Reason};

const MAX_DEPTH: usize = 32;
const MAX_MEMBERS: usize = 256;
/// How much of a member's name is told again.
const MAX_NAME: usize = 64;

/// Reads one object, alone in `bytes`: at most 32 deep, no member twice, none with more than 256.
/// Strings are kept as they are, U+0000 included.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Malformed> {
    let fault = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0, fault: &fault }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Malformed::new(Reason::NotAnObject, "The body must be a JSON object.")),
        Err(error) => Err(fault.take().unwrap_or_else(|| syntax(bytes, &error))),
    }
}

fn syntax(bytes: &[u8], error: &serde_json::Error) -> Malformed {
    let detail = if bytes.starts_with(b"\xef\xbb\xbf") {
        "The body must be JSON without a byte order mark.".into()
    } else if let Err(error) = std::str::from_utf8(bytes) {
        format!("The body must be JSON in UTF-8; byte {} is not.", error.valid_up_to())
    } else {
        let (line, column) = (error.line(), error.column());
        format!("The body must be one JSON object; line {line}, column {column} is not.")
    };
    Malformed::new(Reason::Syntax, detail)
}

/// The start of a member's name: enough to find it by, and no more to carry.
pub(super) fn name(key: &str) -> String {
    key.chars().take(MAX_NAME).collect()
}

/// Reads a value inside `depth` others. What the parser's error has no room for goes to `fault`.
#[derive(Clone, Copy)]
struct Strict<'f> {
    depth: usize,
    fault: &'f RefCell<Option<Malformed>>,
}

impl Strict<'_> {
    fn refuse<E: Error>(self, malformed: Malformed) -> E {
        let error = E::custom(&malformed);
        *self.fault.borrow_mut() = Some(malformed);
        error
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            let detail = format!("The body may be nested {MAX_DEPTH} deep.");
            return Err(self.refuse(Malformed::new(Reason::TooDeep, detail)));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inside)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if object.contains_key(&key) {
                let detail = "A member may be there once.";
                return Err(self.refuse(Malformed::of(
                    name(&key),
                    Reason::DuplicateMember,
                    detail,
                )));
            }
            if object.len() == MAX_MEMBERS {
                let detail = format!("An object may have {MAX_MEMBERS} members.");
                return Err(self.refuse(Malformed::new(Reason::TooManyMembers, detail)));
            }
            let value = members.next_value_seed(inside)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
