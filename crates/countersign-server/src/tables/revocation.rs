//! What is no longer good, until the last token it concerns would have expired anyway.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use countersign::EndReason;

use super::setting;
use crate::clock::Time;
use crate::db::{Db, DbError, FromRow, Row, Tx, params, sql};

/// What a revocation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Every token of a session.
    Session(String),
    /// One token, by its `jti`.
    Token(String),
    /// The access tokens of a session up to this generation, whose claims changed.
    Generations(String, u64),
    /// The refresh token of a session whose access tokens live on, where it is not exchanged.
    /// Whoever refreshes looks it up; no node keeps it in memory.
    Refresh(String),
}

/// "Token `jti`" or "session `sid`" is no longer good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// What is no longer good.
    pub subject: Subject,
    /// Why.
    pub reason: EndReason,
    /// Until when it matters.
    pub until: Time,
}

impl Revocation {
    /// The kind of change that carries one.
    pub const CHANGE: &str = "revocation";

    /// What a change says of it, [`Revocation::parse`]'s counterpart.
    pub fn to_text(&self) -> String {
        format!("{} {}", self.subject, self.reason.as_str())
    }

    /// Reads what [`Revocation::to_text`] wrote; `None` for what a newer version may write.
    pub fn parse(text: &str, until: Time) -> Option<Self> {
        let (subject, reason) = text.split_once(' ')?;
        Some(Self { subject: subject.parse().ok()?, reason: reason.parse().ok()?, until })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(sid) => write!(f, "session:{sid}"),
            Self::Token(jti) => write!(f, "token:{jti}"),
            Self::Generations(sid, up_to) => write!(f, "generations:{sid}:{up_to}"),
            Self::Refresh(sid) => write!(f, "refresh:{sid}"),
        }
    }
}

impl FromStr for Subject {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, id) = text.split_once(':').ok_or(())?;
        match kind {
            "session" => Ok(Self::Session(id.to_owned())),
            "token" => Ok(Self::Token(id.to_owned())),
            "refresh" => Ok(Self::Refresh(id.to_owned())),
            "generations" => {
                let (sid, up_to) = id.split_once(':').ok_or(())?;
                Ok(Self::Generations(sid.to_owned(), up_to.parse().map_err(drop)?))
            }
            _ => Err(()),
        }
    }
}

impl FromRow for Revocation {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        let subject: String = row.take()?;
        let reason: String = row.take()?;
        Ok(Self {
            subject: subject.parse().map_err(|()| unreadable(0, "the subject of a revocation"))?,
            reason: reason.parse().map_err(|_| unreadable(1, "a reason"))?,
            until: row.take()?,
        })
    }
}

fn unreadable(index: usize, expected: &'static str) -> DbError {
    DbError::Column { index, expected }
}

sql! {
    PAGE = "SELECT subject, reason, until FROM revocations WHERE subject > ? AND subject NOT LIKE 'refresh:%' ORDER BY subject LIMIT ?";
    FIND = "SELECT subject, reason, until FROM revocations WHERE subject = ?";
    PROLONG = "UPDATE revocations SET until = ? WHERE subject = ?";
    INSERT = "INSERT INTO revocations (subject, reason, until) VALUES (?, ?, ?)";
}

/// How long revocations are kept after they stopped to matter, for clocks that were moved.
pub const KEPT: Duration = Duration::from_hours(24);

/// The revocation of this subject.
pub async fn find(db: &Db, subject: &Subject) -> Result<Option<Revocation>, DbError> {
    db.find(FIND, &params![subject.to_string()]).await
}

/// As [`find`], inside a change.
pub async fn find_in(tx: &mut Tx<'_>, subject: &Subject) -> Result<Option<Revocation>, DbError> {
    let revocation: Option<Revocation> = tx.find(FIND, &params![subject.to_string()]).await?;
    if revocation.is_some() {
        tx.note_end();
    }
    Ok(revocation)
}

/// Hands every revocation that nodes keep in memory to `apply`, in pages.
pub async fn for_each(db: &Db, mut apply: impl FnMut(Revocation)) -> Result<(), DbError> {
    const PAGE_SIZE: usize = 10_000;
    let mut after = String::new();
    loop {
        let page: Vec<Revocation> = db.list(PAGE, &params![&after, 10_000_i64]).await?;
        let full = page.len() == PAGE_SIZE;
        if let Some(last) = page.last() {
            after = last.subject.to_string();
        }
        page.into_iter().for_each(&mut apply);
        if !full {
            return Ok(());
        }
    }
}

/// Until when a revocation made now matters: the longest access life ever configured, anywhere,
/// and the leeway. Read in the change itself, since another node may have raised it.
pub async fn until(tx: &mut Tx<'_>, now: Time, leeway: Duration) -> Result<Time, DbError> {
    let longest = setting::find_in(tx, setting::LONGEST_ACCESS_TTL).await?;
    let seconds = longest.and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(now.plus(Duration::from_secs(seconds)).plus(leeway))
}

/// Writes one; the same subject twice is one revocation.
pub async fn insert(tx: &mut Tx<'_>, revocation: &Revocation) -> Result<(), DbError> {
    let Revocation { subject, reason, until } = revocation;
    let subject = subject.to_string();
    if tx.execute(PROLONG, &params![*until, &subject]).await? == 0 {
        tx.execute(INSERT, &params![subject, reason.as_str(), *until]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_reads_back_as_it_was_written() {
        for subject in [
            Subject::Session("0199".into()),
            Subject::Token("a:b".into()),
            Subject::Generations("0199".into(), 7),
            Subject::Refresh("0199".into()),
        ] {
            let revocation = Revocation { subject, reason: EndReason::Logout, until: Time(5) };
            assert_eq!(Revocation::parse(&revocation.to_text(), Time(5)), Some(revocation));
        }
    }

    #[test]
    fn what_a_newer_version_may_write_is_passed_over() {
        for text in ["", "session:x", "planet:x logout", "generations:x logout", "session:x dusk"] {
            assert_eq!(Revocation::parse(text, Time(0)), None, "{text}");
        }
    }
}
