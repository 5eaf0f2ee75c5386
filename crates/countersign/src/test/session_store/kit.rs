//! What the cases share: two processes on one store, and a clock.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::clock::Clock;
use crate::issuer::Issuer;
use crate::reason::EndReason;
use crate::refresh_token::RefreshTokens;
use crate::sessions::{Login, Session, SessionError, SessionStore, Sessions, TokenPair};
use crate::signing_key::SigningKey;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MILLISECOND: Duration = Duration::from_millis(1);
pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const DAY: Duration = Duration::from_hours(24);

/// One rule, with a store of its own. Prints its name if the rule is broken.
pub(super) struct Case<S: SessionStore> {
    name: &'static str,
    pub(super) clock: Clock,
    pub(super) store: Arc<S>,
    pub(super) sessions: Sessions<Arc<S>>,
    /// Another process, or this one after a restart.
    pub(super) other: Sessions<Arc<S>>,
}

impl<S: SessionStore + 'static> Case<S> {
    pub(super) fn new(name: &'static str, store: S) -> Self {
        let (clock, store) = (Clock::manual(1_800_000_000), Arc::new(store));
        let key = SigningKey::from_secret(Algorithm::Hs256, None, &[1; 32]);
        let issuer = Issuer::builder(key.expect("32 bytes are enough")).issuer("i").audience(["a"]);
        let issuer = issuer.build().expect("an issuer");
        let new_sessions = || {
            let tokens = RefreshTokens::new(&[2; 32], None).expect("32 bytes are enough");
            let builder = Sessions::builder(Arc::clone(&store), issuer.clone(), tokens);
            let builder = builder.idle_ttl(30 * DAY).absolute_ttl(90 * DAY).max_per_user(5);
            builder.clock(clock.clone()).build().expect("sessions")
        };
        let (sessions, other) = (new_sessions(), new_sessions());
        Self { name, clock, store, sessions, other }
    }

    pub(super) async fn log_in(&self, user_id: &str) -> Session {
        good(self.sessions.log_in(Login::of(user_id)).await)
    }

    pub(super) async fn refresh(&self, token: &str) -> Result<Session, EndReason> {
        ended(self.sessions.refresh(token).await)
    }

    /// The session's row.
    pub(super) async fn row(&self, session: &Session) -> Session {
        self.store.find(session.id).await.expect("the store answers").expect("the session is kept")
    }

    pub(super) async fn live(&self, user_id: &str) -> Vec<Session> {
        good(self.sessions.list(user_id).await)
    }

    pub(super) fn pair(&self, session: &Session) -> TokenPair {
        self.sessions.pair(session).expect("a pair")
    }

    /// The refresh token of the session as it is here.
    pub(super) fn token(&self, session: &Session) -> String {
        self.pair(session).refresh_token
    }

    /// The session's access token is used.
    pub(super) fn note_use(&self, by: &Sessions<Arc<S>>, session: &Session) {
        by.note_use(&self.claims(session));
    }

    pub(super) fn claims(&self, session: &Session) -> crate::Claims {
        let members = serde_json::json!({
            "exp": self.clock.unix_seconds() + 900,
            "sub": session.user_id,
            "sid": session.id.to_string(),
            "gen": session.rotation.current,
        });
        let serde_json::Value::Object(members) = members else { panic!("an object") };
        crate::Claims::new(members).expect("claims with an end")
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.unix_millis()
    }

    /// What the revocation set of these sessions says.
    pub(super) fn revoked(by: &Sessions<Arc<S>>, session: &Session) -> Option<EndReason> {
        by.revocation_set().check(Some(&session.id.to_string()), Some(0), None)
    }
}

impl<S: SessionStore> Drop for Case<S> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the store breaks a rule: {}", self.name);
        }
    }
}

/// So long but for the last moment.
pub(super) fn before(all: Duration, last: Duration) -> Duration {
    all.saturating_sub(last)
}

pub(super) fn good<T, E: std::fmt::Debug>(outcome: Result<T, E>) -> T {
    outcome.unwrap_or_else(|error| panic!("the store fails: {error:?}"))
}

/// The session, or why it is over; anything else is the store's failure.
pub(super) fn ended<E: std::fmt::Debug>(
    outcome: Result<Session, SessionError<E>>,
) -> Result<Session, EndReason> {
    match outcome {
        Ok(session) => Ok(session),
        Err(SessionError::Ended(reason)) => Err(reason),
        Err(error) => panic!("the store fails: {error:?}"),
    }
}
