//! Status lists (draft-ietf-oauth-status-list): which sessions have ended, for resource servers that
//! look once a minute and tell nobody which token they ask about.
//!
//! Each session has an index, which is never another's. A list has room for as many as the draft's own
//! example, and its number is part of its URI.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use countersign::StatusList;
use futures::FutureExt as _;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::tables::session::{self, Session};
use crate::tables::{counter, ended_status};

/// How many sessions a list tells of.
const SIZE: i64 = 1 << 20;
/// How long whoever has a list may use it without asking again.
pub const TTL: Duration = Duration::from_mins(1);
/// A list is over so long after it was made.
const LIFE: Duration = Duration::from_mins(5);
/// A list is made anew at most so often, however many ask.
const KEPT: Duration = Duration::from_secs(1);
/// How many lists are kept made. More than one is in use while sessions of the one before live.
const MOST: usize = 16;
/// The `typ` of a status list token (section 5.1).
const TYPE: &str = "statuslist+jwt";
/// The status of a session that ended (section 7.1): `INVALID`.
const ENDED: u8 = 1;

/// The claim `status` of an access token (section 6.1).
#[derive(Clone, Debug, Serialize)]
pub struct StatusClaim {
    status_list: Reference,
}

#[derive(Clone, Debug, Serialize)]
struct Reference {
    idx: i64,
    uri: String,
}

/// A status list token (section 5.1).
#[derive(Serialize)]
struct ListClaims<'a> {
    sub: &'a str,
    iat: i64,
    exp: i64,
    ttl: u64,
    status_list: Encoded,
}

#[derive(Serialize)]
struct Encoded {
    bits: u8,
    lst: String,
}

/// The lists that were made lately.
#[derive(Default)]
pub struct StatusLists(Mutex<Made>);

#[derive(Default)]
struct Made {
    lists: HashMap<i64, (Time, Arc<str>)>,
    /// The highest index that a session may have, as it was at a moment.
    highest: Option<(Time, i64)>,
}

impl App {
    /// Gives the session an index, if it has none and lists are served.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the session has ended meanwhile.
    pub async fn enlist(&self, session: &mut Session) -> Result<()> {
        if !self.config.tokens.status_list || session.status_index.is_some() {
            return Ok(());
        }
        let index = self.status_indexes.next(&self.db).await?;
        let job = (session.id.clone(), index);
        let given = self.write("enlist", job, |tx, _app, job| {
            async move {
                let (id, index) = &*job;
                session::give_status_index(tx, id, *index).await?;
                Ok(session::status_index(tx, id).await?)
            }
            .boxed()
        });
        session.status_index = Some(given.await?.ok_or(Error::Conflict)?);
        Ok(())
    }

    /// What an access token of the session says of where its status is told.
    pub(super) fn status_claim(&self, session: &Session) -> Option<StatusClaim> {
        let index = session.status_index.filter(|_| self.config.tokens.status_list)?;
        let (list, idx) = (index / SIZE, index % SIZE);
        Some(StatusClaim { status_list: Reference { idx, uri: self.list_uri(list) } })
    }

    fn list_uri(&self, list: i64) -> String {
        format!("{}/v1/status-lists/{list}", self.config.public_url.as_str())
    }

    /// The signed list with this number, at most a second old; `None` where there is none.
    pub async fn status_list(&self, list: i64, now: Time) -> Result<Option<Arc<str>>> {
        if !self.config.tokens.status_list {
            return Ok(None);
        }
        let is_new = |at: Time| at <= now && now.since(at) < KEPT;
        // One is made at a time; whoever asks for the same meanwhile waits for it.
        let mut made = self.status_lists.0.lock().await;
        if let Some((at, token)) = made.lists.get(&list)
            && is_new(*at)
        {
            return Ok(Some(token.clone()));
        }
        let highest = match made.highest {
            Some((at, highest)) if is_new(at) => highest,
            _ => counter::last(&self.db, counter::STATUS_INDEX).await?,
        };
        made.highest = Some((now, highest));
        if !(0..=highest / SIZE).contains(&list) {
            return Ok(None);
        }
        let token: Arc<str> = self.make_status_list(list, now).await?.into();
        if made.lists.len() >= MOST {
            made.lists.clear();
        }
        made.lists.insert(list, (now, token.clone()));
        Ok(Some(token))
    }

    async fn make_status_list(&self, list: i64, now: Time) -> Result<String> {
        let first = list * SIZE;
        let ended = ended_status::between(&self.db, first, first + SIZE).await?;
        let entries = usize::try_from(SIZE).unwrap_or(usize::MAX);
        let mut statuses = StatusList::new(1, entries).ok_or(Error::Internal("one bit is fine"))?;
        for index in ended {
            let within = usize::try_from(index - first).unwrap_or(usize::MAX);
            if !statuses.set(within, ENDED) {
                return Err(Error::Internal("an index lies within its list"));
            }
        }
        let claims = ListClaims {
            sub: &self.list_uri(list),
            iat: now.seconds(),
            exp: now.plus(LIFE).seconds(),
            ttl: TTL.as_secs(),
            status_list: Encoded { bits: statuses.bits(), lst: statuses.encode() },
        };
        self.keys.sign_as(TYPE, &claims, now)
    }
}
