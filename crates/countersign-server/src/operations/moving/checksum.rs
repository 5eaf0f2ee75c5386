//! What a table holds, in a few bytes: the number of its rows, and the sum of their SHA-256.
//!
//! The sum does not depend on the order of the rows, in which databases may differ.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

use super::PAGE;
use crate::db::{Db, DbError, Value};
use crate::tables::inventory::Table;

/// The number of a table's rows and their checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// How many rows.
    pub rows: u64,
    /// 32 bytes in hexadecimal. Two tables with the same rows have the same one.
    pub checksum: String,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, checksum } = self;
        write!(f, "{rows} rows with the checksum {checksum}")
    }
}

/// The rows that were added up so far.
#[derive(Debug, Default)]
pub(super) struct Sum {
    rows: u64,
    lanes: [u64; 4],
}

impl Sum {
    /// Adds up a table, without the rows whose first column `counts` does not take; `show` sees
    /// the sum after each page.
    pub(super) async fn of(
        table: &Table,
        db: &Db,
        counts: impl Fn(&str) -> bool,
        show: impl Fn(&Self),
    ) -> Result<Content, DbError> {
        let mut sum = Self::default();
        let mut after = Vec::new();
        loop {
            let page = table.page(db, &after, PAGE).await?;
            let counted = |row: &&Vec<Value>| match &row[0] {
                Value::Text(text) => counts(text),
                Value::Int(_) | Value::Null => true,
            };
            page.iter().filter(counted).for_each(|row| sum.add(row));
            show(&sum);
            match page.last() {
                Some(last) if page.len() == PAGE => after = last[..table.key].to_vec(),
                _ => break,
            }
        }
        Ok(sum.content())
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    fn add(&mut self, row: &[Value]) {
        let mut bytes = Vec::new();
        row.iter().for_each(|value| value.encode(&mut bytes));
        let digest = digest(&SHA256, &bytes);
        for (lane, bytes) in self.lanes.iter_mut().zip(digest.as_ref().chunks_exact(8)) {
            let bytes = bytes.iter().fold(0, |lane, byte| lane << 8 | u64::from(*byte));
            *lane = lane.wrapping_add(bytes);
        }
        self.rows += 1;
    }

    fn content(&self) -> Content {
        let [a, b, c, d] = self.lanes;
        Content { rows: self.rows, checksum: format!("{a:016x}{b:016x}{c:016x}{d:016x}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    fn sum(rows: &[&[Value]]) -> Content {
        let mut sum = Sum::default();
        for row in rows {
            sum.add(row);
        }
        sum.content()
    }

    #[test]
    fn rows_that_differ_at_all_have_another_checksum() {
        let rows = [
            params!["a", "bc"].to_vec(),
            params!["ab", "c"].to_vec(),
            params!["abc", ""].to_vec(),
            params!["abc", None::<i64>].to_vec(),
            params![None::<i64>, "abc"].to_vec(),
            params!["abc", "0"].to_vec(),
            params!["abc", 0_i64].to_vec(),
            params!["abc", " "].to_vec(),
        ];
        for (at, row) in rows.iter().enumerate() {
            for other in &rows[at + 1..] {
                assert_ne!(sum(&[row]), sum(&[other]), "{row:?} {other:?}");
            }
        }
    }

    #[test]
    fn the_order_does_not_count_and_the_number_does() {
        let (one, other) = (params!["a", 1_i64], params!["b", 2_i64]);
        assert_eq!(sum(&[&one, &other]), sum(&[&other, &one]));
        assert_ne!(sum(&[&one, &one]).checksum, sum(&[]).checksum);
        // SHA-256 of 02, the length in eight bytes, and the text.
        let known = "101a3948f3a1a1d1f81e3f452d46924b00442d1fd698f0882ea0b926d70dc713";
        assert_eq!(sum(&[&params!["abc"]]).checksum, known);
    }
}
