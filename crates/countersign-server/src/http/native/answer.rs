//! Users and sessions as the native API writes them.

use axum::Json;
use countersign::layer::SetCookies;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::operations::Caller;
use crate::operations::accounts::Profile;
use crate::tables::session::Session;
use crate::tables::user::User;

/// A user.
#[derive(Clone, JsonSchema, Serialize)]
#[schemars(rename = "User")]
pub struct UserAnswer {
    /// A UUID.
    id: String,
    /// The users are numbered from 1; older systems know them by that.
    number: i64,
    /// What the person calls themselves.
    name: Option<String>,
    /// What the user is found by; the first one first.
    identifiers: Vec<IdentifierAnswer>,
    /// What the user may do, in words of the applications; `admin` may administer.
    roles: Vec<String>,
    /// Whether the user may log in.
    active: bool,
    /// When the account was made.
    created_at: Time,
    /// When a session last began.
    last_login_at: Option<Time>,
}

#[derive(Clone, JsonSchema, Serialize)]
#[schemars(rename = "Identifier")]
struct IdentifierAnswer {
    /// `email`, `username` or `phone`.
    kind: String,
    /// As it was given; a phone number in the international form (E.164).
    value: String,
    /// Whether it was shown to be the user's.
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
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Session")]
pub struct SessionAnswer {
    /// A JWT for `Authorization: Bearer`. In cookie mode it is in its cookie alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    /// `Bearer`.
    token_type: &'static str,
    /// How long the access token is good, in seconds.
    expires_in: u64,
    /// For the next pair; it is good once. In cookie mode it is in its cookie alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// How long the refresh token is good, in seconds.
    refresh_expires_in: u64,
    /// A UUID.
    session_id: String,
    /// Whose session it is.
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
