//! Lists in parts: each begins after a key of the one before, so that a part costs the same wherever
//! it lies.

use std::borrow::Cow;

use crate::error::{Error, Result};

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What the part begins after, as [`Part::next`] said; `None` for the first.
    pub after: Option<String>,
    /// How many things it has at most.
    pub limit: usize,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<T> {
    /// What is in it.
    pub items: Vec<T>,
    /// What the next part begins after; `None` where there is no other.
    pub next: Option<String>,
}

impl Page {
    /// One more than is wanted, which tells whether there is another part.
    pub(super) fn reach(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// What the part begins after, where `read` can make sense of it.
    pub(super) fn after<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>> {
        match &self.after {
            None => Ok(None),
            Some(after) => read(after).map(Some).ok_or_else(foreign_cursor),
        }
    }

    /// The part, of the rows that [`Page::reach`] asked for; `key` is what the next begins after.
    pub(super) fn cut<T>(&self, mut items: Vec<T>, key: impl FnOnce(&T) -> String) -> Part<T> {
        let next = if items.len() > self.limit {
            items.truncate(self.limit);
            items.last().map(key)
        } else {
            None
        };
        Part { items, next }
    }
}

impl<T> Part<T> {
    /// The same part of other things.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Part<U> {
        Part { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

/// A cursor that no part of this list was answered with.
pub fn foreign_cursor() -> Error {
    let message = Cow::Borrowed("send the next_cursor of the part before");
    Error::Invalid { field: "cursor", reason: "value", message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_names_its_last_key_only_where_there_is_more() {
        let page = Page { after: None, limit: 2 };
        assert_eq!(page.reach(), 3);
        let more = page.cut(vec![1, 2, 3], i32::to_string);
        assert_eq!(more, Part { items: vec![1, 2], next: Some("2".to_owned()) });
        for last in [vec![1, 2], vec![1], vec![]] {
            assert_eq!(page.cut(last, i32::to_string).next, None);
        }
    }
}
