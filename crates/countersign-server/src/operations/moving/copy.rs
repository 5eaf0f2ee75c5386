//! Copies tables, page by page: while one page is written the next is read.

use std::sync::Arc;

use super::marker::{Marker, unless_overtaken};
use super::{MoveError, PAGE, Progress, Stage, Watch};
use crate::db::{Db, DbError, Value};
use crate::tables::inventory::Table;

/// What has been copied, and where to and from.
pub(super) struct Copy<'c> {
    from: &'c Db,
    to: &'c Db,
    watch: Watch<'c>,
    rows: u64,
    of: u64,
}

impl<'c> Copy<'c> {
    pub(super) async fn new(from: &'c Db, to: &'c Db, watch: Watch<'c>) -> Result<Self, MoveError> {
        let (mut rows, mut of) = (0, 0);
        for table in Table::moving() {
            of += table.count(from).await.map_err(MoveError::Source)?;
            rows += table.count(to).await.map_err(MoveError::Target)?;
        }
        Ok(Self { from, to, watch, rows: rows.saturating_sub(1), of })
    }

    /// How many rows the source has.
    pub(super) fn total(&self) -> u64 {
        self.of
    }

    /// Copies what is left of a table.
    pub(super) async fn table(
        &mut self,
        table: &'static Table,
        marker: &mut Marker,
    ) -> Result<(), MoveError> {
        self.show(table);
        let after = marker.after(table);
        let mut page = self.read(table, &after).await?;
        while let Some(last) = page.last() {
            let after = last[..table.key].to_vec();
            let next = marker.at(table, &after);
            let rows = page.len();
            let write = write(self.to, table, page, marker.clone(), next.clone());
            let read = async {
                if rows == PAGE { self.read(table, &after).await } else { Ok(Vec::new()) }
            };
            let (written, read) = tokio::join!(write, read);
            written?;
            *marker = next;
            self.rows += rows as u64;
            self.show(table);
            page = read?;
        }
        Ok(())
    }

    async fn read(&self, table: &Table, after: &[Value]) -> Result<Vec<Vec<Value>>, MoveError> {
        table.page(self.from, after, PAGE).await.map_err(MoveError::Source)
    }

    fn show(&self, table: &'static Table) {
        let Self { rows, of, .. } = *self;
        (self.watch)(Progress { stage: Stage::Copying, table: table.name, rows, of });
    }
}

/// Writes a page, and that it is written.
async fn write(
    to: &Db,
    table: &'static Table,
    page: Vec<Vec<Value>>,
    marker: Marker,
    next: Marker,
) -> Result<(), MoveError> {
    let job = Arc::new((page.concat(), marker, next));
    let written: Result<bool, DbError> = to
        .write("move_rows", move |tx| {
            let job = Arc::clone(&job);
            Box::pin(async move {
                let (values, marker, next) = &*job;
                if !marker.advance(tx, next).await? {
                    return Ok(false);
                }
                table.insert(tx, values).await?;
                Ok(true)
            })
        })
        .await;
    match written {
        Err(error @ (DbError::Unique | DbError::Statement { .. })) => {
            Err(MoveError::Row { table: table.name, error })
        }
        written => unless_overtaken(written),
    }
}
