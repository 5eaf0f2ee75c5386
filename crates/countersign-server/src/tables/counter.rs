//! Counters of which a node takes blocks, so that numbers stay short and no row is contended.

use crate::db::{Db, DbError, Tx, params, sql};

/// The users' short integer numbers.
pub const USER_NUMBER: &str = "user_number";
/// The sessions' entries in the status lists.
pub const STATUS_INDEX: &str = "status_index";

sql! {
    FIND = "SELECT value FROM counters WHERE name = ?";
    INSERT = "INSERT INTO counters (name, value) VALUES (?, 0)";
    ADVANCE = "UPDATE counters SET value = ? WHERE name = ? AND value = ?";
    RAISE = "UPDATE counters SET value = ? WHERE name = ? AND value < ?";
    START = "INSERT INTO counters (name, value) VALUES (?, ?)";
}

/// Takes the next `size` values of the counter and returns the first. Gaps are fine: what a node
/// takes and does not use is gone.
pub async fn take_block(db: &Db, name: &'static str, size: i64) -> Result<i64, DbError> {
    loop {
        let Some(value) = db.find::<i64>(FIND, &params![name]).await? else {
            create(db, name).await?;
            continue;
        };
        let advanced = db
            .write("counter_advance", move |tx| {
                Box::pin(
                    async move { tx.execute(ADVANCE, &params![value + size, name, value]).await },
                )
            })
            .await?;
        if advanced == 1 {
            return Ok(value + 1);
        }
    }
}

/// The last value that any node has taken.
pub async fn last(db: &Db, name: &'static str) -> Result<i64, DbError> {
    Ok(db.find(FIND, &params![name]).await?.unwrap_or(0))
}

async fn create(db: &Db, name: &'static str) -> Result<(), DbError> {
    let created: Result<u64, DbError> = db
        .write("counter_create", move |tx| {
            Box::pin(async move { tx.execute(INSERT, &params![name]).await })
        })
        .await;
    match created {
        Err(error) if !error.is_unique() => Err(error),
        _ => Ok(()),
    }
}

/// Sees to it that no block holds `least` or less any more. Blocks that were taken before stay.
pub async fn raise(tx: &mut Tx<'_>, name: &str, least: i64) -> Result<(), DbError> {
    if tx.execute(RAISE, &params![least, name, least]).await? == 0
        && tx.find::<i64>(FIND, &params![name]).await?.is_none()
    {
        tx.execute(START, &params![name, least]).await?;
    }
    Ok(())
}
