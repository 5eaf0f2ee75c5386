//! Status lists (draft-ietf-oauth-status-list): which sessions have ended, for resource servers that
//! look once a minute and tell nobody which token they ask about.
//!
//! Each session has an index, which is never another's. A list has room for as many as the draft's own
//! example, and its number is part of its URI.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use countersign::{EndReason, StatusList};
use futures::FutureExt as _;
use parking_lot::Mutex;
use serde::Serialize;

use super::Terms;
use crate::app::{App, NATIVE};
use crate::clock::Time;
use crate::error::{Error, Refusal, Result};
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
/// How many lists are kept made, beside those of the last second. More than one is in use while
/// sessions of the one before live.
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
pub struct StatusLists {
    made: Mutex<Made>,
    making: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Made {
    lists: HashMap<i64, (Time, Arc<str>)>,
    /// The highest index that a session may have, as it was at a moment.
    highest: Option<(Time, i64)>,
}

impl Made {
    fn list(&self, list: i64, now: Time) -> Option<Arc<str>> {
        let (at, token) = self.lists.get(&list)?;
        is_new(*at, now).then(|| token.clone())
    }

    fn highest(&self, now: Time) -> Option<i64> {
        let (at, highest) = self.highest?;
        is_new(at, now).then_some(highest)
    }

    /// Keeps a list that was made at `now`. Where there are too many the oldest goes, but none that
    /// is still to be handed out: or whoever asks for one after another would have each made anew
    /// every time.
    fn keep(&mut self, list: i64, now: Time, token: Arc<str>) {
        self.lists.insert(list, (now, token));
        while self.lists.len() > MOST {
            let oldest = self.lists.iter().map(|(list, (at, _))| (*at, *list)).min();
            let Some((_, oldest)) = oldest.filter(|(at, _)| !is_new(*at, now)) else { return };
            self.lists.remove(&oldest);
        }
    }
}

/// Whether what was made at `at` is handed out at `now`. Whoever waited for it may have asked
/// before.
fn is_new(at: Time, now: Time) -> bool {
    u128::from(at.0.abs_diff(now.0)) < KEPT.as_millis()
}

impl App {
    /// An index for a session that is to begin through these terms, if its tokens tell one.
    pub(super) async fn index_to_begin(&self, terms: &Terms) -> Result<Option<i64>> {
        if !self.config.tokens.status_list || terms.channel != NATIVE {
            return Ok(None);
        }
        Ok(Some(self.status_indexes.next(&self.db).await?))
    }

    /// Gives a session that was begun without one an index, if lists are served.
    ///
    /// # Errors
    /// [`Refusal::Ended`] where the session has ended meanwhile.
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
                let session = session::find_in(tx, id).await?;
                Ok(session.map(|session| (session.status_index, session.ended)))
            }
            .boxed()
        });
        session.status_index = match given.await? {
            Some((Some(index), _)) => Some(index),
            Some((None, Some((_, reason)))) => return Err(Refusal::Ended(reason).into()),
            Some((None, None)) => return Err(Error::Internal("a session took no status index")),
            None => return Err(Refusal::Ended(EndReason::ExpiredAbsolute).into()),
        };
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
        let lists = &self.status_lists;
        let made = lists.made.lock().list(list, now);
        if made.is_some() {
            return Ok(made);
        }
        // One is made at a time; whoever asks for the same meanwhile waits for it.
        let _one_at_a_time = lists.making.lock().await;
        let made = lists.made.lock().list(list, now);
        if made.is_some() {
            return Ok(made);
        }
        if !(0..=self.highest_status_index(now).await? / SIZE).contains(&list) {
            return Ok(None);
        }
        let token: Arc<str> = self.make_status_list(list, now).await?.into();
        lists.made.lock().keep(list, now, token.clone());
        Ok(Some(token))
    }

    async fn highest_status_index(&self, now: Time) -> Result<i64> {
        let known = self.status_lists.made.lock().highest(now);
        if let Some(highest) = known {
            return Ok(highest);
        }
        let highest = counter::last(&self.db, counter::STATUS_INDEX).await?;
        self.status_lists.made.lock().highest = Some((now, highest));
        Ok(highest)
    }

    async fn make_status_list(&self, list: i64, now: Time) -> Result<String> {
        let first = list * SIZE;
        let ended = ended_status::between(&self.db, first, first + SIZE).await?;
        let encoded = tokio::task::spawn_blocking(move || encode(first, &ended)).await;
        let status_list =
            encoded.map_err(|_| Error::Internal("a status list could not be encoded"))??;
        let claims = ListClaims {
            sub: &self.list_uri(list),
            iat: now.seconds(),
            exp: now.plus(LIFE).seconds(),
            ttl: TTL.as_secs(),
            status_list,
        };
        self.keys.sign_as(TYPE, &claims, now)
    }
}

/// The list from the index `first` on, where those with these indexes have ended. Takes a while.
fn encode(first: i64, ended: &[i64]) -> Result<Encoded> {
    let entries = usize::try_from(SIZE).unwrap_or(usize::MAX);
    let mut statuses = StatusList::new(1, entries).ok_or(Error::Internal("one bit is fine"))?;
    for index in ended {
        let within = usize::try_from(index - first).unwrap_or(usize::MAX);
        if !statuses.set(within, ENDED) {
            return Err(Error::Internal("an index lies within its list"));
        }
    }
    Ok(Encoded { bits: statuses.bits(), lst: statuses.encode() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_list_goes_that_is_still_handed_out() {
        let (mut made, start) = (Made::default(), Time::from_seconds(1_000));
        let most = i64::try_from(MOST).expect("they are few");
        let at = |list: i64| Time(start.0 + list);
        for list in 0..most + 10 {
            made.keep(list, at(list), Arc::from("a token"));
        }
        assert!((0..most + 10).all(|list| made.list(list, at(most + 10)).is_some()));
        assert_eq!(made.list(3, start.plus(KEPT).plus(KEPT)), None);

        let later = Time(at(4).0 + 1_000);
        made.keep(100, later, Arc::from("a token"));
        let mut left: Vec<i64> = made.lists.keys().copied().collect();
        left.sort_unstable();
        let expected: Vec<i64> = (5..most + 10).chain([100]).collect();
        assert_eq!(left, expected, "those that were a second old are gone, and no others");

        made.keep(100, later.plus(KEPT).plus(KEPT), Arc::from("a token"));
        assert_eq!(made.lists.len(), MOST);
        assert!(made.lists.contains_key(&100) && !made.lists.contains_key(&5));
    }
}
