//! The pair of tokens that a native client holds.

use std::time::Duration;

use countersign::RefreshToken;
use serde::Serialize;
use uuid::Uuid;

use super::status_lists::StatusClaim;
use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::tables::session::Session;
use crate::tables::user::User;

/// What a native client holds: a short access token and a long refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPair {
    /// A JWT (RFC 9068).
    pub access_token: String,
    /// How long it lives.
    pub access_ttl: Duration,
    /// Opaque; the same for the same session and generation.
    pub refresh_token: String,
    /// How long it lives unless it is used.
    pub refresh_ttl: Duration,
}

/// The claims of a native access token (RFC 9068, section 2.2).
#[derive(Serialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    jti: String,
    sid: &'a str,
    r#gen: u64,
    auth_time: i64,
    amr: Vec<&'a str>,
    roles: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatusClaim>,
}

impl App {
    /// The pair of the session's current generation. An access token never outlives its session.
    pub fn token_pair(&self, user: &User, session: &Session, now: Time) -> Result<TokenPair> {
        let session_id = Uuid::parse_str(&session.id)
            .map_err(|_| Error::Internal("a session's id is no UUID"))?;
        let over_at = session.over_at();
        let expires_at = now.plus(self.config.tokens.access_ttl).min(over_at).seconds();
        let generation = session.rotation.current;
        let claims = AccessClaims {
            iss: self.config.issuer(),
            sub: &user.id,
            aud: self.config.audience(),
            exp: expires_at.max(now.seconds() + 1),
            iat: now.seconds(),
            jti: self.entropy.uuid(now).to_string(),
            sid: &session.id,
            r#gen: generation,
            auth_time: session.started_at.seconds(),
            amr: session.amr.split(' ').collect(),
            roles: &user.roles,
            status: self.status_claim(session),
        };
        Ok(TokenPair {
            access_token: self.keys.sign(&claims, now)?,
            access_ttl: Time::from_seconds(claims.exp).since(Time::from_seconds(claims.iat)),
            refresh_token: self.refresh_tokens.write(RefreshToken { session_id, generation }),
            refresh_ttl: over_at.since(now),
        })
    }
}
