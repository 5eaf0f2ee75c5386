//! Users and sessions as the native API writes them.

use axum::Json;
use countersign::layer::SetCookies;
use serde::Serialize;

use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::operations::Caller;
use crate::operations::accounts::Profile;
use crate::tables::session::Session;
use crate::tables::user::User;

/// A user.
#[derive(Clone, Serialize)]
pub struct UserAnswer {
    id: String,
    number: i64,
    name: Option<String>,
    identifiers: Vec<IdentifierAnswer>,
    roles: Vec<String>,
    active: bool,
    created_at: Time,
    last_login_at: Option<Time>,
}

#[derive(Clone, Serialize)]
struct IdentifierAnswer {
    kind: String,
    value: String,
    verified: bool,
}

impl From<Profile> for UserAnswer {
    fn from(Profile { user, identifiers }: Profile) -> Self {
        let identifiers = identifiers.into_iter().map(|identifier| IdentifierAnswer {
            verified: identifier.verified_at.is_some(),
            kind: identifier.kind,
            value: identifier.value,
        });
        Self {
            identifiers: identifiers.collect(),
            active: user.is_active(),
            created_at: user.created_at,
            last_login_at: user.last_login_at,
            id: user.id,
            number: user.number,
            name: user.name,
            roles: user.roles,
        }
    }
}

/// What a login, a registration and a refresh answer: a session with its tokens. In cookie mode
/// the tokens are in the cookies alone.
#[derive(Serialize)]
pub struct SessionAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    refresh_expires_in: u64,
    session_id: String,
    pub(super) user: UserAnswer,
}

impl SessionAnswer {
    /// The answer, and the cookies that go with it.
    pub async fn of(
        app: &App,
        caller: &Caller,
        (user, session): (User, Session),
    ) -> Result<(SetCookies, Json<Self>)> {
        let pair = app.token_pair(&user, &session, caller.now)?;
        let in_cookies = app.cookies.is_some();
        let cookies = app.session_cookies(&session.id, &pair)?;
        let answer = Self {
            token_type: "Bearer",
            expires_in: pair.access_expires_in.as_secs(),
            refresh_expires_in: pair.refresh_expires_in.as_secs(),
            access_token: (!in_cookies).then_some(pair.access_token),
            refresh_token: (!in_cookies).then_some(pair.refresh_token),
            session_id: session.id,
            user: app.profile(user).await?.into(),
        };
        Ok((cookies, Json(answer)))
    }
}
