//! Which column says what.

use std::collections::BTreeMap;

use crate::operations::import::row::Field;

/// The columns that were named for fields: `email=mail`, or `email=` for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping(BTreeMap<Field, Option<String>>);

impl Mapping {
    /// Names a column for a field; false where one was named before.
    pub fn put(&mut self, field: Field, column: String) -> bool {
        self.0.insert(field, Some(column).filter(|column| !column.is_empty())).is_none()
    }

    /// The column named for a field; `Some(None)` where it was said that there is none.
    pub fn get(&self, field: Field) -> Option<Option<&str>> {
        self.0.get(&field).map(Option::as_deref)
    }

    /// The column that says this of users in a file: the one named, else the one of its name.
    pub(super) fn of_file(&self, field: Field) -> Option<&str> {
        self.get(field).unwrap_or(Some(field.as_str()))
    }

    /// Those that were named.
    pub(super) fn named(&self) -> impl Iterator<Item = (Field, &str)> {
        self.0.iter().filter_map(|(field, column)| Some((*field, column.as_deref()?)))
    }
}
