//! Sessions in one application: log in, refresh, log out, by the rules of the Countersign server.
//!
//! A session is one login on one device. A client holds a [`TokenPair`] of it: a short access token,
//! which the guard checks without asking the store, and a long refresh token, which is used once and
//! brings the next pair. Where sessions are kept is for a [`SessionStore`] to say; one in memory is
//! here, one on SQLite among the examples (`examples/issue`).
//!
//! ```
//! use countersign::sessions::{Login, MemoryStore, LogoutScope, SessionError, Sessions};
//! use countersign::{Algorithm, EndReason, Issuer, KeyRing, Profile, RefreshTokens, SigningKey, Verifier};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let key = SigningKey::generate(Algorithm::Es256, Some("k1"))?;
//! let verifier = Verifier::new(Profile::ACCESS, KeyRing::new(vec![key.verifying_key()]));
//! let origin = "https://app.example.org";
//! let issuer = Issuer::builder(key).issuer(origin).audience([origin]).build()?;
//! // In earnest these bytes are random, secret, and the same after a restart.
//! let refresh_tokens = RefreshTokens::new(&[7; 32], None).ok_or("too short a key")?;
//! let sessions = Sessions::builder(MemoryStore::new(), issuer, refresh_tokens).build()?;
//!
//! let session = sessions.log_in(Login::of("alice")).await?;
//! let first = sessions.pair_with(&session, |token| token.roles(["admin"]))?;
//! let session = sessions.refresh(&first.refresh_token).await?;
//! let second = sessions.pair(&session)?;
//!
//! let now = countersign::Clock::system().unix_seconds();
//! let verified = verifier.verify(&second.access_token, now)?;
//! sessions.log_out(&verified.claims, LogoutScope::All).await?;
//! let refused = sessions.refresh(&second.refresh_token).await;
//! assert!(matches!(refused, Err(SessionError::Ended(EndReason::LogoutAll))));
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What an application does
//!
//! - It proves who somebody is, by whatever means, and then calls [`Sessions::log_in`]. A login that
//!   was proved before a change of the password and begins after it is not among the sessions that
//!   the change ends: whoever changes passwords checks in one step with the login, or looks again.
//! - It gives [`Sessions::revocations`] to the guard, which then refuses at once what has ended, and
//!   tells the refresh rule which tokens are used.
//! - At start it calls [`Sessions::catch_up`], so that what ended before the restart stays so; until
//!   then the guard answers 503. From time to time it calls [`Sessions::purge`], and once a second or
//!   so [`Sessions::write_uses`].
//! - It answers 401 to [`SessionError::Ended`] and [`SessionError::NotARefreshToken`], and 503 to
//!   what may be tried again: clients throw a session away at any other 4xx.
//!
//! Several processes may share one store, and no session forks between them. But a process hears of a
//! logout elsewhere only when it catches up; until then it takes the access tokens. There each has a
//! bound, [`SessionsBuilder::max_staleness`], and catches up several times within it: for five
//! seconds, every second.

mod builder;
mod error;
mod log_out;
mod memory;
mod pair;
mod session;
mod store;
mod upkeep;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub use self::builder::SessionsBuilder;
pub use self::error::{BuildError, SessionError};
pub use self::memory::MemoryStore;
pub use self::pair::TokenPair;
pub use self::session::{Login, LogoutScope, Session};
pub use self::store::SessionStore;
use crate::clock::{Clock, millis};
use crate::error::SignError;
use crate::freshness::Freshness;
use crate::issuer::Issuer;
use crate::random;
use crate::reason::EndReason;
use crate::refresh::{Rotation, Uses, Verdict, Windows, judge};
use crate::refresh_token::RefreshTokens;
use crate::revocation::RevocationSet;

/// How often a refresh that loses the compare-and-set reads the row again. Whoever won has made a new
/// generation, so one more time is enough unless clients do it on purpose.
const ATTEMPTS: usize = 8;

/// The sessions of an application. Cheap to clone; clones share everything.
pub struct Sessions<S>(Arc<Inner<S>>);

struct Inner<S> {
    store: S,
    issuer: Issuer,
    refresh_tokens: RefreshTokens,
    idle_ttl: Duration,
    absolute_ttl: Duration,
    max_per_user: usize,
    windows: Windows,
    longest_lifetime: Duration,
    revocations: Arc<RevocationSet>,
    /// How well the revocations are known.
    freshness: Freshness,
    uses: Uses,
    clock: Clock,
}

impl<S: SessionStore> Sessions<S> {
    /// Sessions that are kept in `store`; their access tokens come from `issuer`, their refresh tokens
    /// are made by `refresh_tokens`.
    pub fn builder(store: S, issuer: Issuer, refresh_tokens: RefreshTokens) -> SessionsBuilder<S> {
        SessionsBuilder::new(store, issuer, refresh_tokens)
    }

    /// Begins a session for somebody who has proved who they are. Where the user has too many, the
    /// oldest ends ([`EndReason::Limit`]).
    pub async fn log_in(&self, login: Login) -> Result<Session, SessionError<S::Error>> {
        let now = self.0.clock.unix_millis();
        let session = self.new_session(login, now)?;
        let live = self.live(&session.user_id, now).await?;
        self.0.store.insert(&session).await.map_err(SessionError::Store)?;
        let too_many = (live.len() + 1).saturating_sub(self.0.max_per_user);
        for oldest in live.iter().take(too_many) {
            self.end(oldest.id, EndReason::Limit, now).await?;
        }
        Ok(session)
    }

    /// Exchanges a refresh token: the session as it is now, whose [`Sessions::pair`] is to be
    /// answered. By [`refresh`](crate::refresh)'s rule: an answer that was lost may be asked for
    /// again, and a token that somebody else has used ends the session. So does one whose session
    /// ended here without the store's having taken it.
    pub async fn refresh(&self, token: &str) -> Result<Session, SessionError<S::Error>> {
        let presented = self.0.refresh_tokens.read(token).ok_or(SessionError::NotARefreshToken)?;
        let now = self.0.clock.unix_millis();
        for _ in 0..ATTEMPTS {
            let found = self.0.store.find(presented.session_id).await;
            // Sessions are kept until they would have expired anyway.
            let gone = SessionError::Ended(EndReason::ExpiredAbsolute);
            let mut session = found.map_err(SessionError::Store)?.ok_or(gone)?;
            let mut state = session.state();
            state.barred = self.revoked(session.id);
            let noted = self.0.uses.highest(session.id).unwrap_or(0);
            state.rotation.used = state.rotation.used.max(noted);
            match judge(state, presented.generation, now, self.0.windows) {
                Verdict::Ended(reason) => return Err(SessionError::Ended(reason)),
                Verdict::End { at, reason } => {
                    self.end(session.id, reason, at).await?;
                    return Err(SessionError::Ended(reason));
                }
                Verdict::Repeat => return Ok(session),
                Verdict::Advance { rotation, idle_expires_at } => {
                    session.rotation = rotation;
                    session.idle_expires_at = idle_expires_at;
                    session.last_seen_at = now;
                    let rotated = self.0.store.rotate(&session, state.rotation.current).await;
                    if rotated.map_err(SessionError::Store)? {
                        return Ok(session);
                    }
                }
            }
        }
        Err(SessionError::Contended)
    }

    /// The user's live sessions, the oldest first.
    pub async fn list(&self, user_id: &str) -> Result<Vec<Session>, SessionError<S::Error>> {
        self.live(user_id, self.0.clock.unix_millis()).await
    }

    fn new_session(&self, login: Login, now: i64) -> Result<Session, SignError> {
        let Login { user_id, amr, device } = login;
        let later = |ttl| now.saturating_add(millis(ttl));
        Ok(Session {
            id: random::uuid_of(now).map_err(|_| SignError::Failed)?,
            user_id,
            amr,
            device,
            started_at: now,
            last_seen_at: now,
            idle_ttl: self.0.idle_ttl,
            idle_expires_at: later(self.0.idle_ttl),
            expires_at: later(self.0.absolute_ttl),
            rotation: Rotation::BEGUN,
            ended: None,
        })
    }

    async fn live(&self, user_id: &str, now: i64) -> Result<Vec<Session>, SessionError<S::Error>> {
        self.0.store.live_of_user(user_id, now).await.map_err(SessionError::Store)
    }

    /// Ends one session as of `at`, as far as it is still to be ended.
    ///
    /// Its tokens are revoked before the store is asked: the answer may never come, or nobody may be
    /// there any more to hear it, and then a session that has perhaps ended must not go on here.
    async fn end(
        &self,
        id: Uuid,
        reason: EndReason,
        at: i64,
    ) -> Result<bool, SessionError<S::Error>> {
        self.revoke(id, reason, at);
        self.0.store.end(id, reason, at).await.map_err(SessionError::Store)
    }

    /// Why the session ended here, if it did, whether or not the store knows.
    fn revoked(&self, id: Uuid) -> Option<EndReason> {
        self.0.revocations.check(Some(&id.to_string()), None, None)
    }

    /// Until the last access token of the session has expired.
    fn revoke(&self, id: Uuid, reason: EndReason, now: i64) {
        let lifetime = i64::try_from(self.0.longest_lifetime.as_secs()).unwrap_or(i64::MAX);
        let until = now.div_euclid(1000).saturating_add(lifetime);
        self.0.revocations.revoke_session(&id.to_string(), reason, until);
    }
}

impl<S> Clone for Sessions<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Sessions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("issuer", &self.0.issuer)
            .field("idle_ttl", &self.0.idle_ttl)
            .field("absolute_ttl", &self.0.absolute_ttl)
            .field("max_per_user", &self.0.max_per_user)
            .field("windows", &self.0.windows)
            .finish_non_exhaustive()
    }
}
