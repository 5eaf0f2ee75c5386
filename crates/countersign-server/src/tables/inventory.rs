//! What tables there are, with their columns and keys, so that each can be copied and compared as
//! it is. A table or a column that a migration adds is added here too; a test compares the two.

use crate::db::{Db, DbError, Sql, Tx, Value, sql};

/// How many rows one statement inserts, unless fewer are left.
const GROUP: usize = 50;

/// A table, and the statements that read it in the order of its key and fill it.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// All its columns, those of the primary key first.
    pub columns: &'static [&'static str],
    /// How many columns the primary key has.
    pub key: usize,
    /// Whether a move takes it along.
    pub moves: bool,
    count: Sql,
    first: Sql,
    after: Sql,
    insert: Sql,
    insert_group: Sql,
}

macro_rules! marks {
    ($column:literal $(, $more:literal)*) => { concat!("(?", $(marks!(@ $more),)* ")") };
    (@ $column:literal) => { ", ?" };
}

macro_rules! fifty {
    ($($row:tt)+) => {
        concat!(ten!($($row)+), ", ", ten!($($row)+), ", ", ten!($($row)+), ", ", ten!($($row)+), ", ", ten!($($row)+))
    };
}

macro_rules! ten {
    ($($row:tt)+) => { concat!(five!($($row)+), ", ", five!($($row)+)) };
}

macro_rules! five {
    ($($row:tt)+) => {
        concat!($($row)+, ", ", $($row)+, ", ", $($row)+, ", ", $($row)+, ", ", $($row)+)
    };
}

/// `table!(moves, "name", ["key"], ["column", …])`; `stays` in the place of `moves` for what only
/// the servers need that write it. A key has one column or two.
macro_rules! table {
    ($moves:ident, $name:literal, [$key:literal], [$($column:literal),+]) => {
        table!(
            $moves, $name, 1, [$key $(, $column)+], $key,
            concat!($key, " > ?")
        )
    };
    ($moves:ident, $name:literal, [$key:literal, $then:literal], [$($column:literal),+]) => {
        table!(
            $moves, $name, 2, [$key, $then $(, $column)+], concat!($key, ", ", $then),
            concat!($key, " >= ? AND (", $key, " > ? OR ", $then, " > ?)")
        )
    };
    ($moves:ident, $name:literal, $key:literal, [$first:literal $(, $column:literal)+], $order:expr, $after:expr) => {
        Table {
            name: $name,
            columns: &[$first $(, $column)+],
            key: $key,
            moves: table!(@ $moves),
            count: sql!(concat!("SELECT COUNT(*) FROM ", $name)),
            first: sql!(concat!(
                "SELECT ", $first, $(", ", $column,)+ " FROM ", $name,
                " ORDER BY ", $order, " LIMIT ?"
            )),
            after: sql!(concat!(
                "SELECT ", $first, $(", ", $column,)+ " FROM ", $name, " WHERE ", $after,
                " ORDER BY ", $order, " LIMIT ?"
            )),
            insert: sql!(concat!(
                "INSERT INTO ", $name, " (", $first, $(", ", $column,)+ ") VALUES ",
                marks!($first $(, $column)+)
            )),
            insert_group: sql!(concat!(
                "INSERT INTO ", $name, " (", $first, $(", ", $column,)+ ") VALUES ",
                fifty!(marks!($first $(, $column)+))
            )),
        }
    };
    (@ moves) => { true };
    (@ stays) => { false };
}

/// Every table but the migrations' own, in an order in which what is referred to comes before what
/// refers to it.
///
/// `nodes` and `changes` stay where they are: they are how running servers hear of each other, and
/// whoever starts reads what changes tell from the tables themselves. `leases` stay with the servers
/// that hold them. `rate_limits` begin anew.
pub const TABLES: &[Table] = &[
    table!(stays, "nodes", ["id"], ["started_at", "seen_at", "ended_at"]),
    table!(stays, "changes", ["node", "seq"], ["floor", "kind", "subject", "until"]),
    table!(stays, "leases", ["name"], ["holder", "until"]),
    table!(stays, "rate_limits", ["subject"], ["until_at"]),
    table!(
        moves,
        "users",
        ["id"],
        ["number", "name", "roles", "epoch", "created_at", "last_login_at", "disabled_at"]
    ),
    table!(
        moves,
        "identifiers",
        ["normalised"],
        ["kind", "value", "user_id", "verified_at", "created_at"]
    ),
    table!(moves, "passwords", ["user_id", "form"], ["hash", "changed_at", "expired_at"]),
    table!(moves, "admins", ["user_id"], ["since"]),
    table!(
        moves,
        "invitations",
        ["id"],
        [
            "token_hash",
            "kind",
            "value",
            "normalised",
            "roles",
            "created_at",
            "created_by",
            "expires_at",
            "used_at",
            "user_id",
            "revoked_at"
        ]
    ),
    table!(moves, "imports", ["user_id"], ["source", "login_stamp"]),
    table!(
        moves,
        "sessions",
        ["id"],
        [
            "user_id",
            "channel",
            "amr",
            "started_at",
            "last_seen_at",
            "idle_ttl",
            "idle_expires_at",
            "expires_at",
            "generation",
            "presented",
            "rotated_at",
            "used",
            "address",
            "agent",
            "device",
            "ended_at",
            "end_reason",
            "status_index",
            "network"
        ]
    ),
    table!(moves, "ended_statuses", ["status_index"], ["until"]),
    table!(moves, "revocations", ["subject"], ["reason", "until"]),
    table!(
        moves,
        "events",
        ["id"],
        [
            "at",
            "kind",
            "outcome",
            "reason",
            "user_id",
            "session_id",
            "actor",
            "address",
            "agent",
            "occurrences",
            "seal",
            "subject"
        ]
    ),
    table!(moves, "event_seals", ["number"], ["at", "events", "marks", "hash"]),
    table!(
        moves,
        "signing_keys",
        ["kid"],
        ["algorithm", "sealed", "published_at", "activates_at", "retires_at", "revoked_at"]
    ),
    table!(
        moves,
        "api_keys",
        ["id"],
        ["digest", "name", "rights", "created_at", "expires_at", "revoked_at"]
    ),
    table!(moves, "counters", ["name"], ["value"]),
    table!(moves, "failures", ["subject"], ["failures", "last_at", "noted_at", "unnoted"]),
    table!(moves, "outbox", ["channel", "user_id"], ["number", "version", "unsure", "due_at"]),
    table!(moves, "settings", ["name"], ["value"]),
];

impl Table {
    /// The table of this name.
    ///
    /// # Panics
    /// When there is none.
    pub fn named(name: &str) -> &'static Self {
        let found = TABLES.iter().find(|table| table.name == name);
        found.expect("the name is one of those above")
    }

    /// The tables that a move takes along.
    pub fn moving() -> impl Iterator<Item = &'static Self> {
        TABLES.iter().filter(|table| table.moves)
    }

    /// How many rows there are.
    pub async fn count(&self, db: &Db) -> Result<u64, DbError> {
        Ok(db.list(self.count, &[]).await?.pop().unwrap_or(0))
    }

    /// At most `limit` rows, after the one with this key; without a key the first.
    pub async fn page(
        &self,
        db: &Db,
        after: &[Value],
        limit: usize,
    ) -> Result<Vec<Vec<Value>>, DbError> {
        let (sql, values) = self.page_of(after, limit);
        db.list(sql, &values).await
    }

    /// Whether there are no rows, inside a change.
    pub async fn is_empty(&self, tx: &mut Tx<'_>) -> Result<bool, DbError> {
        let (sql, values) = self.page_of(&[], 1);
        Ok(tx.list::<Vec<Value>>(sql, &values).await?.is_empty())
    }

    fn page_of(&self, after: &[Value], limit: usize) -> (Sql, Vec<Value>) {
        let limit = Value::from(limit as u64);
        match after {
            [] => (self.first, vec![limit]),
            [key] => (self.after, vec![key.clone(), limit]),
            [key, then, ..] => (self.after, vec![key.clone(), key.clone(), then.clone(), limit]),
        }
    }

    /// Adds rows, one after another in `values`.
    pub async fn insert(&self, tx: &mut Tx<'_>, values: &[Value]) -> Result<(), DbError> {
        let groups = values.chunks_exact(GROUP * self.columns.len());
        let rest = groups.remainder();
        for group in groups {
            tx.execute(self.insert_group, group).await?;
        }
        for row in rest.chunks(self.columns.len()) {
            tx.execute(self.insert, row).await?;
        }
        Ok(())
    }

    /// Its statements, by table and name.
    pub(super) fn statements(&self) -> [(&'static str, &'static str, Sql); 5] {
        [
            (self.name, "count", self.count),
            (self.name, "first", self.first),
            (self.name, "after", self.after),
            (self.name, "insert", self.insert),
            (self.name, "insert_group", self.insert_group),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_statement_takes_as_many_values_as_it_is_given() {
        for table in TABLES {
            let marks = |sql: Sql| sql.text().matches('?').count();
            assert_eq!(marks(table.insert), table.columns.len(), "{}", table.name);
            assert_eq!(marks(table.insert_group), GROUP * table.columns.len(), "{}", table.name);
            assert_eq!(marks(table.after), [2, 4][table.key - 1], "{}", table.name);
        }
    }
}
