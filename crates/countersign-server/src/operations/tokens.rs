//! The pair of tokens that a native client holds.

use countersign::RefreshToken;
pub use countersign::sessions::TokenPair;
use uuid::Uuid;

use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::tables::session::Session;
use crate::tables::user::User;
use crate::traces::Part;

impl App {
    /// The pair of the session's current generation. An access token never outlives its session.
    pub fn token_pair(&self, user: &User, session: &Session, now: Time) -> Result<TokenPair> {
        let session_id = Uuid::parse_str(&session.id)
            .map_err(|_| Error::Internal("a session's id is no UUID"))?;
        let over_at = session.over_at();
        let expires_at = now.plus(self.config.tokens.access_ttl).min(over_at).seconds();
        let expires_at = expires_at.max(now.seconds() + 1);
        let generation = session.rotation.current;
        let issuer = self.keys.issuer(now)?;
        let mut token = issuer
            .access(&user.id)
            .issuer(self.config.issuer())
            .audience([self.config.audience()])
            .session(&session.id, generation)
            .auth_time(session.started_at.seconds())
            .amr(session.amr.split(' '))
            .roles(&user.roles)
            .jwt_id(&self.entropy.uuid(now).to_string())
            .expires_at(expires_at);
        if let Some(status) = self.status_claim(session) {
            token = token.claim("status", status);
        }
        let access_token = {
            let _part = Part::of("sign");
            token.sign(now.seconds())?
        };
        Ok(TokenPair {
            access_token,
            access_expires_in: Time::from_seconds(expires_at)
                .since(Time::from_seconds(now.seconds())),
            refresh_token: self.refresh_tokens.write(RefreshToken { session_id, generation }),
            refresh_expires_in: over_at.since(now),
        })
    }
}
