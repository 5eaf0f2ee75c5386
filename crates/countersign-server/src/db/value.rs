//! Values and rows: text, 64-bit integers and nothing, whichever database they came from.

use std::time::Duration;

use crate::clock::Time;
use crate::db::DbError;

/// What a column holds and a placeholder takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// `BIGINT`.
    Int(i64),
    /// `VARCHAR` or `TEXT`.
    Text(String),
}

impl Value {
    /// Appends the value as bytes that no other value begins with, so that of two lists of values
    /// that differ the bytes differ too.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(0),
            Self::Int(number) => {
                out.push(1);
                out.extend(number.to_be_bytes());
            }
            Self::Text(text) => {
                out.push(2);
                out.extend((text.len() as u64).to_be_bytes());
                out.extend(text.as_bytes());
            }
        }
    }
}

/// The parameters of a statement: `params![id, now, name]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { [$($crate::db::Value::from($value)),*] };
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<u64> for Value {
    /// Counters live in 64-bit signed columns; what is beyond them stays at the end.
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// As milliseconds.
impl From<Duration> for Value {
    fn from(duration: Duration) -> Self {
        Self::Int(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }
}

impl From<Time> for Value {
    fn from(time: Time) -> Self {
        Self::Int(time.0)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row, whose columns are taken from left to right.
#[derive(Debug)]
pub struct Row {
    values: std::vec::IntoIter<Value>,
    taken: usize,
}

impl Row {
    pub(super) fn new(values: Vec<Value>) -> Self {
        Self { values: values.into_iter(), taken: 0 }
    }

    /// The next column.
    ///
    /// # Errors
    /// [`DbError::Column`] when there is none, or it holds something else.
    pub fn take<T: FromValue>(&mut self) -> Result<T, DbError> {
        let index = self.taken;
        self.taken += 1;
        self.values
            .next()
            .and_then(T::from_value)
            .ok_or(DbError::Column { index, expected: T::EXPECTED })
    }
}

/// What a column can be taken as.
pub trait FromValue: Sized {
    /// Its name in an error.
    const EXPECTED: &'static str;

    /// The value, if it is one.
    fn from_value(value: Value) -> Option<Self>;
}

impl FromValue for i64 {
    const EXPECTED: &'static str = "an integer";

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }
}

impl FromValue for u32 {
    const EXPECTED: &'static str = "a small integer that is not negative";

    fn from_value(value: Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for u64 {
    const EXPECTED: &'static str = "an integer that is not negative";

    fn from_value(value: Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for Duration {
    const EXPECTED: &'static str = u64::EXPECTED;

    fn from_value(value: Value) -> Option<Self> {
        u64::from_value(value).map(Duration::from_millis)
    }
}

impl FromValue for Time {
    const EXPECTED: &'static str = "a time";

    fn from_value(value: Value) -> Option<Self> {
        i64::from_value(value).map(Time)
    }
}

impl FromValue for String {
    const EXPECTED: &'static str = "text";

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// What a row can be read as.
pub trait FromRow: Sized {
    /// Takes its columns in the order in which the statement selects them.
    ///
    /// # Errors
    /// [`DbError::Column`] when they are not what they should be.
    fn from_row(row: &mut Row) -> Result<Self, DbError>;
}

impl<T: FromValue> FromRow for T {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        row.take()
    }
}

/// All columns that are left, whatever they hold.
impl FromRow for Vec<Value> {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok(row.values.by_ref().collect())
    }
}

macro_rules! tuples {
    ($(($($column:ident),+))+) => {$(
        impl<$($column: FromValue),+> FromRow for ($($column,)+) {
            fn from_row(row: &mut Row) -> Result<Self, DbError> {
                Ok(($(row.take::<$column>()?,)+))
            }
        }
    )+};
}

tuples! { (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) }

#[cfg(test)]
mod tests {
    use super::*;

    fn error(index: usize, expected: &'static str) -> DbError {
        DbError::Column { index, expected }
    }

    #[test]
    fn a_row_is_taken_from_left_to_right() {
        let mut row = Row::new(params![7_i64, "a", None::<i64>, Some("b")].to_vec());
        let (number, text, none, some): (u64, String, Option<i64>, Option<String>) =
            FromRow::from_row(&mut row).expect("the row has these columns");
        assert_eq!((number, text.as_str(), none, some.as_deref()), (7, "a", None, Some("b")));
    }

    #[test]
    fn a_column_that_is_something_else_is_named() {
        let mut row = Row::new(params![1_i64, -1_i64, "text"].to_vec());
        assert_eq!(row.take::<i64>(), Ok(1));
        assert_eq!(row.take::<u64>(), Err(error(1, u64::EXPECTED)));
        assert_eq!(row.take::<i64>(), Err(error(2, i64::EXPECTED)));
        assert_eq!(row.take::<String>(), Err(error(3, String::EXPECTED)));
    }
}
