//! How far a move is, in the target itself: written in the same transaction as the rows.
//!
//! It is a setting, so that no server starts on half a database.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::MoveError;
use crate::db::{Db, DbError, Tx, Value};
use crate::tables::inventory::{TABLES, Table};
use crate::tables::setting;

/// How far a move is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Marker {
    /// Which source, in which state.
    source: String,
    /// Which run is at work. Another one that takes over writes its own.
    run: String,
    /// The table that is being copied; none once all are.
    table: Option<String>,
    /// The key of the last row of it that was.
    after: Vec<Json>,
}

/// How a run begins.
pub(super) enum Begun {
    /// From the beginning, or where an earlier run was interrupted.
    Now(Marker),
    /// There are rows in this table.
    NotEmpty(&'static str),
    /// The target is the unfinished one of another source.
    AnotherSource,
}

impl Marker {
    /// Takes over what an earlier run from the same source has left, or begins in a database that
    /// is empty.
    pub(super) async fn begin(to: &Db, source: String, run: String) -> Result<Begun, DbError> {
        to.write("move_begin", move |tx| {
            let (source, run) = (source.clone(), run.clone());
            Box::pin(async move { begin(tx, source, run).await })
        })
        .await
    }

    /// The tables that are still to be copied.
    pub(super) fn remaining(&self) -> impl Iterator<Item = &'static Table> + use<> {
        let names = Table::moving().map(|table| table.name);
        let done = match &self.table {
            Some(current) => names.take_while(|name| name != current).count(),
            None => names.count(),
        };
        Table::moving().skip(done)
    }

    /// The key of the last row that was copied of `table`.
    pub(super) fn after(&self, table: &Table) -> Vec<Value> {
        match &self.table {
            Some(current) if current == table.name => self.after.iter().map(value).collect(),
            _ => Vec::new(),
        }
    }

    /// The marker once the row with this key is copied.
    pub(super) fn at(&self, table: &Table, after: &[Value]) -> Self {
        Self {
            table: Some(table.name.to_owned()),
            after: after.iter().map(json).collect(),
            ..self.clone()
        }
    }

    /// Puts `next` in the place of this one; false where another run has taken over.
    pub(super) async fn advance(&self, tx: &mut Tx<'_>, next: &Self) -> Result<bool, DbError> {
        setting::replace(tx, setting::MOVE, &self.text(), &next.text()).await
    }

    /// Remembers that every table is copied.
    pub(super) async fn copied(&mut self, to: &Db) -> Result<(), MoveError> {
        let next = Self { table: None, after: Vec::new(), ..self.clone() };
        let change = (self.clone(), next.clone());
        let advanced: Result<bool, DbError> = to
            .write("move_copied", move |tx| {
                let (this, next) = change.clone();
                Box::pin(async move { this.advance(tx, &next).await })
            })
            .await;
        *self = next;
        unless_overtaken(advanced)
    }

    /// Forgets the move, which is whole.
    pub(super) async fn finish(self, to: &Db) -> Result<(), MoveError> {
        let text = self.text();
        let finished: Result<bool, DbError> = to
            .write("move_finish", move |tx| {
                let text = text.clone();
                Box::pin(async move { setting::delete(tx, setting::MOVE, &text).await })
            })
            .await;
        unless_overtaken(finished)
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What becomes of a change that was made only if the marker was still ours.
pub(super) fn unless_overtaken(ours: Result<bool, DbError>) -> Result<(), MoveError> {
    if ours.map_err(MoveError::Target)? { Ok(()) } else { Err(MoveError::Overtaken) }
}

async fn begin(tx: &mut Tx<'_>, source: String, run: String) -> Result<Begun, DbError> {
    let Some(left) = setting::lock(tx, setting::MOVE).await? else {
        for table in TABLES {
            if !table.is_empty(tx).await? {
                return Ok(Begun::NotEmpty(table.name));
            }
        }
        let first = Table::moving().next().map(|table| table.name.to_owned());
        let marker = Marker { source, run, table: first, after: Vec::new() };
        setting::insert(tx, setting::MOVE, &marker.text()).await?;
        return Ok(Begun::Now(marker));
    };
    match serde_json::from_str::<Marker>(&left) {
        Ok(marker) if marker.source == source => {
            let marker = Marker { run, ..marker };
            setting::replace(tx, setting::MOVE, &left, &marker.text()).await?;
            Ok(Begun::Now(marker))
        }
        _ => Ok(Begun::AnotherSource),
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int(number) => Json::from(*number),
        Value::Text(text) => Json::from(text.as_str()),
    }
}

fn value(json: &Json) -> Value {
    match json {
        Json::Number(number) => number.as_i64().map_or(Value::Null, Value::Int),
        Json::String(text) => Value::from(text.as_str()),
        _ => Value::Null,
    }
}
