//! `POST /v1/refresh`

use axum::extract::State;
use axum::response::IntoResponse;
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::SessionAnswer;
use crate::app::App;
use crate::error::{Error, Refusal};
use crate::http::code;
use crate::http::json::OptionalJson;
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::operations::Caller;

/// The token, unless a cookie carries it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Refresh {
    /// The last one that the client got.
    refresh_token: Option<String>,
}

/// Exchanges a refresh token for a new pair.
pub async fn post(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    OptionalJson(Refresh { refresh_token }): OptionalJson<Refresh>,
) -> Result<impl IntoResponse, Problem> {
    let token = match (refresh_token, app.refresh_cookie(&headers)?) {
        (Some(token), None) => token,
        (Some(token), Some(cookie)) if token == cookie => token,
        (None, Some(cookie)) => {
            let session_id = app.refresh_tokens.read(cookie).map(|token| token.session_id);
            let session_id = session_id.ok_or(Refusal::NotARefreshToken)?;
            app.check_csrf(&headers, &session_id.to_string())?;
            cookie.to_owned()
        }
        // One session's token with another's cookie: nobody honest sends that.
        (Some(_), Some(_)) => return Err(Refusal::NotARefreshToken.into()),
        (None, None) => {
            return Err(Error::Invalid {
                field: "refresh_token",
                reason: "missing",
                message: "Send the refresh token as a string.".into(),
            }
            .into());
        }
    };
    let (user, mut session) = app.refresh(&caller, &token).await.map_err(invalid_grant)?;
    app.enlist(&mut session).await.map_err(invalid_grant)?;
    Ok(SessionAnswer::of(&app, &caller, (user, session)).await?)
}

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Sessions, "refresh", "Exchange the refresh token for a new pair")
        .says(
            "If the answer was lost, send the same token again. In cookie mode the cookie carries it.",
        )
        .answers::<SessionAnswer>(200, "The session with its new pair.")
        .refuses([code::INVALID_FIELD, code::INVALID_REQUEST, code::INVALID_GRANT])
        .refuses(code::OF_COOKIES)
}

/// A refresh token that is over is told so, with the reason; that is no matter of access tokens.
fn invalid_grant(error: Error) -> Problem {
    match error {
        Error::Refused(Refusal::Ended(reason)) => {
            Problem::new(code::INVALID_GRANT, "The session is over. Log in again.")
                .reason(reason.as_str())
        }
        error => error.into(),
    }
}
