//! Logging out: here, elsewhere, everywhere.

use uuid::Uuid;

use super::{LogoutScope, SessionError, SessionStore, Sessions};
use crate::claims::Claims;
use crate::reason::EndReason;

impl<S: SessionStore> Sessions<S> {
    /// Logs the user out whose access token has these claims. To end a session that has ended is
    /// success.
    pub async fn log_out(
        &self,
        claims: &Claims,
        scope: LogoutScope,
    ) -> Result<(), SessionError<S::Error>> {
        let id = session_id(claims).ok_or(SessionError::NotFound)?;
        if scope == LogoutScope::This {
            self.end(id, EndReason::Logout, self.0.clock.unix_millis()).await?;
            return Ok(());
        }
        let user_id = claims.subject().ok_or(SessionError::NotFound)?;
        let except = (scope == LogoutScope::Others).then_some(id);
        self.end_all(user_id, except, EndReason::LogoutAll).await.map(drop)
    }

    /// Ends the session that a refresh token belongs to, however old that is: for clients whose access
    /// token has expired.
    pub async fn log_out_by_refresh_token(
        &self,
        token: &str,
    ) -> Result<(), SessionError<S::Error>> {
        let token = self.0.refresh_tokens.read(token).ok_or(SessionError::NotARefreshToken)?;
        let now = self.0.clock.unix_millis();
        self.end(token.session_id, EndReason::Logout, now).await.map(drop)
    }

    /// Ends one session of the user's own; there is none of another's.
    pub async fn end_own(&self, user_id: &str, id: Uuid) -> Result<(), SessionError<S::Error>> {
        let session = self.0.store.find(id).await.map_err(SessionError::Store)?;
        if session.is_none_or(|session| session.user_id != user_id) {
            return Err(SessionError::NotFound);
        }
        self.end(id, EndReason::Logout, self.0.clock.unix_millis()).await.map(drop)
    }

    /// Ends the user's sessions, all or all but `except`, for whatever reason the application has: a
    /// changed password, a disabled user. Returns how many.
    pub async fn end_all(
        &self,
        user_id: &str,
        except: Option<Uuid>,
        reason: EndReason,
    ) -> Result<usize, SessionError<S::Error>> {
        let now = self.0.clock.unix_millis();
        let live = self.live(user_id, now).await?;
        let mut ended = 0;
        for session in live.iter().filter(|session| Some(session.id) != except) {
            if self.end(session.id, reason, now).await? {
                ended += 1;
            }
        }
        Ok(ended)
    }
}

pub(super) fn session_id(claims: &Claims) -> Option<Uuid> {
    Uuid::parse_str(claims.session_id()?).ok()
}
