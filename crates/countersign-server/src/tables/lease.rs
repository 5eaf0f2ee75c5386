//! What one node at a time does. A lease that its holder does not renew is free again.
//!
//! Nodes' clocks differ, so a lease only saves work: whatever it is for must be right without it.

use std::time::Duration;

use crate::clock::Time;
use crate::db::{Db, DbError, Tx, params, sql};

/// Sealing the events.
pub const SEALS: &str = "event_seals";
/// Removing what is over.
pub const HOUSEKEEPING: &str = "housekeeping";

/// No clock that is taken care of is wrong by more: a lease beyond is none that anybody waits for.
const SKEW: Duration = Duration::from_mins(1);

sql! {
    /// Matches for one of several nodes, and locks the row until the change ends.
    TAKE_IT = "UPDATE leases SET holder = ?, until = ? WHERE name = ? AND (holder = ? OR until <= ? OR until > ?)";
    FIND = "SELECT holder, until FROM leases WHERE name = ?";
    INSERT = "INSERT INTO leases (name, holder, until) VALUES (?, ?, ?)";
    RELEASE = "UPDATE leases SET until = 0 WHERE name = ? AND holder = ?";
}

/// A lease for so long from `now`, and who wants it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What for.
    pub name: &'static str,
    /// The node.
    pub holder: &'a str,
    /// The moment from which it counts.
    pub now: Time,
    /// How long.
    pub length: Duration,
}

impl Wanted<'_> {
    fn latest(&self) -> Time {
        self.now.plus(self.length).plus(SKEW)
    }
}

/// Whether nobody else holds it.
pub async fn is_free(db: &Db, wanted: Wanted<'_>) -> Result<bool, DbError> {
    let held: Option<(String, Time)> = db.find(FIND, &params![wanted.name]).await?;
    Ok(held.is_none_or(|(holder, until)| {
        holder == wanted.holder || until <= wanted.now || until > wanted.latest()
    }))
}

/// Takes it, or renews it; false where another holds it. Fails as a duplicate where two take one
/// for the first time.
pub async fn take(tx: &mut Tx<'_>, wanted: Wanted<'_>) -> Result<bool, DbError> {
    let Wanted { name, holder, now, length } = wanted;
    let until = now.plus(length);
    let values = params![holder, until, name, holder, now, wanted.latest()];
    if tx.execute(TAKE_IT, &values).await? == 1 {
        return Ok(true);
    }
    if tx.find::<(String, Time)>(FIND, &params![name]).await?.is_some() {
        return Ok(false);
    }
    tx.execute(INSERT, &params![name, holder, until]).await?;
    Ok(true)
}

/// Whether this node was the last to take it and has not given it back.
pub async fn is_of(db: &Db, name: &'static str, holder: &str) -> Result<bool, DbError> {
    let held: Option<(String, Time)> = db.find(FIND, &params![name]).await?;
    Ok(held.is_some_and(|(by, until)| by == holder && until > Time(0)))
}

/// Gives it back, so that nobody waits until it is over.
pub async fn release(tx: &mut Tx<'_>, name: &str, holder: &str) -> Result<(), DbError> {
    tx.execute(RELEASE, &params![name, holder]).await.map(drop)
}
