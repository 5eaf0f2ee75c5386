//! What sessions tell the guard, and what is done from time to time.

use std::sync::Arc;
use std::time::Duration;

use super::log_out::session_id;
use super::{SessionError, SessionStore, Sessions};
use crate::claims::Claims;
use crate::clock::millis;
use crate::revocation::RevocationSet;
#[cfg(feature = "layer")]
use crate::revocations::{Revocations, Standing};

/// How many uses are written before it is looked whether there are more.
const BATCH: usize = 100;

/// Clocks are moved: so much longer than needed it is remembered what ended.
const MARGIN: Duration = Duration::from_hours(24);

impl<S: SessionStore + 'static> Sessions<S> {
    /// What the guard asks: whether the token's session has ended. A token that is good counts as
    /// used, which the refresh rule looks at.
    ///
    /// Nobody can say so, and every token is refused with 503, until the first
    /// [`Sessions::catch_up`], and while the last that succeeded is older than
    /// [`SessionsBuilder::max_staleness`](super::SessionsBuilder::max_staleness), where there is one.
    /// [`Revocations::even_when_unknown`] takes them all the same.
    #[cfg(feature = "layer")]
    pub fn revocations(&self) -> Revocations {
        let sessions = self.clone();
        Revocations::ask(move |claims| {
            let set = &sessions.0.revocations;
            let ended = set.check(claims.session_id(), claims.generation(), claims.jwt_id());
            if let Some(reason) = ended {
                return Standing::Ended(reason);
            }
            // Whether or not it is taken now: its client has received it.
            sessions.note_use(claims);
            if sessions.0.freshness.is_fresh() { Standing::Good } else { Standing::Unknown }
        })
    }
}

impl<S: SessionStore> Sessions<S> {
    /// The sessions that ended, as far as access tokens of theirs may live and this process has heard
    /// of it. By itself it does not say how far that is: a guard asks [`Sessions::revocations`].
    pub fn revocation_set(&self) -> Arc<RevocationSet> {
        Arc::clone(&self.0.revocations)
    }

    /// Notes that an access token with these claims was accepted, where no guard does. It is what a
    /// refresh token that comes again is judged by.
    pub fn note_use(&self, claims: &Claims) {
        if let (Some(id), Some(generation)) = (session_id(claims), claims.generation()) {
            self.0.uses.note(id, generation, self.0.clock.unix_millis());
        }
    }

    /// Writes into the store which tokens were used since the last time. Nothing rests on it but how
    /// soon another process, or this one after a restart, notices a stolen refresh token.
    pub async fn write_uses(&self) -> Result<(), SessionError<S::Error>> {
        loop {
            let taken = self.0.uses.take_unwritten(BATCH);
            if taken.is_empty() {
                return Ok(());
            }
            for (at, (id, generation, noted_at)) in taken.iter().enumerate() {
                let written = self.0.store.note_use(*id, *generation, *noted_at).await;
                if let Err(error) = written {
                    self.0.uses.take_back(&taken[at..]);
                    return Err(SessionError::Store(error));
                }
            }
        }
    }

    /// Reads from the store which sessions ended while this process was not there, or in another. At
    /// start it is to succeed once before anybody is let in; where several processes share the store,
    /// it is called again and again, several times within
    /// [`SessionsBuilder::max_staleness`](super::SessionsBuilder::max_staleness).
    pub async fn catch_up(&self) -> Result<(), SessionError<S::Error>> {
        let before = self.0.freshness.moment();
        let now = self.0.clock.unix_millis();
        let since = now.saturating_sub(millis(self.0.longest_lifetime.saturating_add(MARGIN)));
        let ended = self.0.store.ended_since(since).await.map_err(SessionError::Store)?;
        for (id, reason) in ended {
            self.revoke(id, reason, now);
        }
        self.0.freshness.confirm(before);
        Ok(())
    }

    /// Forgets sessions that expired longer ago than `keep`, and what need not be revoked any longer.
    /// A client that comes later is told that its session has expired, whatever it ended for.
    /// Returns how many sessions.
    pub async fn purge(&self, keep: Duration) -> Result<u64, SessionError<S::Error>> {
        let now = self.0.clock.unix_millis();
        self.0.revocations.purge(now.saturating_sub(millis(MARGIN)).div_euclid(1000));
        let purged = self.0.store.purge(now.saturating_sub(millis(keep))).await;
        purged.map_err(SessionError::Store)
    }
}
