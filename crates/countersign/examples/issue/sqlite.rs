//! Sessions in a table of SQLite.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::EndReason;
use countersign::refresh::Rotation;
use countersign::sessions::{Session, SessionStore};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension as _, Row, params};
use uuid::Uuid;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS sessions (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL, amr TEXT NOT NULL, device TEXT,
        started_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL, idle_ttl INTEGER NOT NULL,
        idle_expires_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
        generation INTEGER NOT NULL, presented INTEGER, rotated_at INTEGER, used INTEGER NOT NULL,
        ended_at INTEGER, end_reason TEXT
    );
    CREATE INDEX IF NOT EXISTS sessions_user ON sessions (user_id, started_at);
    CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expires_at);
    CREATE INDEX IF NOT EXISTS sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
";

#[derive(Clone)]
pub(crate) struct SqliteStore(Arc<Mutex<Connection>>);

impl SqliteStore {
    pub(crate) fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let connection = Connection::open(path)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs where it may wait for the disk. It runs to its end even if nobody waits any longer.
    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let connection = Arc::clone(&self.0);
        let job = move || job(&connection.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(job).await.expect("a job does not panic")
    }
}

impl SessionStore for SqliteStore {
    type Error = Error;

    async fn insert(&self, session: &Session) -> Result<(), Error> {
        let session = session.clone();
        self.run(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![
                    session.id.to_string(),
                    session.user_id,
                    session.amr.join(" "),
                    session.device,
                    session.started_at,
                    session.last_seen_at,
                    i64::try_from(session.idle_ttl.as_millis()).unwrap_or(i64::MAX),
                    session.idle_expires_at,
                    session.expires_at,
                    number(session.rotation.current),
                    session.rotation.presented.map(number),
                    session.rotation.rotated_at,
                    number(session.rotation.used),
                    session.ended.map(|(at, _)| at),
                    session.ended.map(|(_, reason)| reason.as_str()),
                ])
                .map(drop)
        })
        .await
    }

    async fn find(&self, id: Uuid) -> Result<Option<Session>, Error> {
        self.run(move |connection| {
            let mut find = connection.prepare_cached("SELECT * FROM sessions WHERE id = ?")?;
            find.query_row([id.to_string()], read).optional()
        })
        .await
    }

    async fn live_of_user(&self, user_id: &str, now: i64) -> Result<Vec<Session>, Error> {
        let user_id = user_id.to_owned();
        self.run(move |connection| {
            let mut live = connection.prepare_cached(
                "SELECT * FROM sessions WHERE user_id = ? AND ended_at IS NULL
                 AND expires_at > ? AND idle_expires_at > ? ORDER BY started_at, id",
            )?;
            live.query_map(params![user_id, now, now], read)?.collect()
        })
        .await
    }

    async fn rotate(&self, session: &Session, from: u64) -> Result<bool, Error> {
        let Session { id, rotation, idle_expires_at, last_seen_at, .. } = session.clone();
        self.run(move |connection| {
            let mut rotate = connection.prepare_cached(
                "UPDATE sessions SET generation = ?, presented = ?, rotated_at = ?,
                 used = MAX(used, ?), idle_expires_at = ?, last_seen_at = ?
                 WHERE id = ? AND generation = ? AND ended_at IS NULL",
            )?;
            let rotated = rotate.execute(params![
                number(rotation.current),
                rotation.presented.map(number),
                rotation.rotated_at,
                number(rotation.used),
                idle_expires_at,
                last_seen_at,
                id.to_string(),
                number(from),
            ])?;
            Ok(rotated == 1)
        })
        .await
    }

    async fn end(&self, id: Uuid, reason: EndReason, now: i64) -> Result<bool, Error> {
        self.run(move |connection| {
            let mut end = connection.prepare_cached(
                "UPDATE sessions SET ended_at = ?, end_reason = ? WHERE id = ? AND ended_at IS NULL",
            )?;
            Ok(end.execute(params![now, reason.as_str(), id.to_string()])? == 1)
        })
        .await
    }

    async fn note_use(&self, id: Uuid, generation: u64, now: i64) -> Result<(), Error> {
        self.run(move |connection| {
            let mut note = connection.prepare_cached(
                "UPDATE sessions SET used = ?1, last_seen_at = MAX(last_seen_at, ?2)
                 WHERE id = ?3 AND used < ?1",
            )?;
            note.execute(params![number(generation), now, id.to_string()]).map(drop)
        })
        .await
    }

    async fn ended_since(&self, since: i64) -> Result<Vec<(Uuid, EndReason)>, Error> {
        self.run(move |connection| {
            let mut ended = connection
                .prepare_cached("SELECT id, end_reason FROM sessions WHERE ended_at >= ?")?;
            ended.query_map([since], |row| Ok((parsed(row, 0)?, parsed(row, 1)?)))?.collect()
        })
        .await
    }

    async fn purge(&self, until: i64) -> Result<u64, Error> {
        self.run(move |connection| {
            let purged =
                connection.execute("DELETE FROM sessions WHERE expires_at <= ?", [until])?;
            Ok(u64::try_from(purged).unwrap_or(u64::MAX))
        })
        .await
    }
}

fn read(row: &Row<'_>) -> Result<Session, Error> {
    let amr: String = row.get("amr")?;
    let ended_at: Option<i64> = row.get("ended_at")?;
    Ok(Session {
        id: parsed(row, 0)?,
        user_id: row.get("user_id")?,
        amr: amr.split_terminator(' ').map(str::to_owned).collect(),
        device: row.get("device")?,
        started_at: row.get("started_at")?,
        last_seen_at: row.get("last_seen_at")?,
        idle_ttl: Duration::from_millis(count(row.get("idle_ttl")?)),
        idle_expires_at: row.get("idle_expires_at")?,
        expires_at: row.get("expires_at")?,
        rotation: Rotation {
            current: count(row.get("generation")?),
            presented: row.get::<_, Option<i64>>("presented")?.map(count),
            rotated_at: row.get("rotated_at")?,
            used: count(row.get("used")?),
        },
        ended: match ended_at {
            Some(at) => Some((at, parsed(row, 14)?)),
            None => None,
        },
    })
}

/// A column that is the text of something.
fn parsed<T>(row: &Row<'_>, column: usize) -> Result<T, Error>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: String = row.get(column)?;
    text.parse()
        .map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
