//! `POST /v1/logout`

use axum::extract::State;
use axum::response::IntoResponse;
use countersign::EndReason;
use countersign::layer::{Denial, Found, Guard};
use http::StatusCode;
use http::request::Parts;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::app::App;
use crate::error::Refusal;
use crate::http::code;
use crate::http::identity::or_deleted;
use crate::http::json::OptionalJson;
use crate::http::openapi::{Callers, Operation, Tag};
use crate::http::problem::Problem;
use crate::operations::Caller;
use crate::operations::log_out::LogoutScope;

/// Which sessions to end, and, for those who hold only that, the refresh token.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Logout {
    /// This session, the others, or all.
    #[schemars(schema_with = "scopes")]
    scope: LogoutScope,
    /// In place of an access token, for `this`.
    refresh_token: Option<String>,
}

/// Ends the session that asks, the user's others, or all.
///
/// `this` takes a token of ours that is live, expired or ended; `others` and `all` need a live
/// access token.
pub async fn post(
    State(app): State<App>,
    caller: Caller,
    parts: Parts,
    OptionalJson(Logout { scope, refresh_token }): OptionalJson<Logout>,
) -> Result<impl IntoResponse, Problem> {
    match scope {
        LogoutScope::This => {
            let session_id = this_session(&app, &caller, &parts, refresh_token).await?;
            app.log_out(&caller, &session_id).await?;
        }
        LogoutScope::Others | LogoutScope::All => {
            let access = Guard::of(&parts.extensions)?.check(&parts).await?;
            let claims = access.claims();
            let session_id = claims.session_id().unwrap_or_default();
            let except = (scope == LogoutScope::Others).then_some(session_id);
            let user_id = claims.subject().unwrap_or_default();
            let caller = Caller { session_id: Some(session_id.to_owned()), ..caller };
            app.log_out_everywhere(&caller, user_id, except, EndReason::LogoutAll)
                .await
                .map_err(or_deleted)?;
        }
    }
    let gone = scope != LogoutScope::Others;
    Ok((StatusCode::NO_CONTENT, gone.then(|| app.clear_browser()), ()))
}

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Sessions, "logout", "Log out")
        .says(
            "For `this` any token of the session will do, also one that has expired, or the refresh token \
             in the body. `others` and `all` need a live access token.",
        )
        .for_callers(Callers::MayShowAccessToken)
        .answers_nothing(204, "It is over, everywhere.")
        .refuses([
            code::INVALID_REQUEST,
            code::TOKEN_MISSING,
            code::INVALID_TOKEN,
            code::INVALID_GRANT,
        ])
        .refuses(code::OF_COOKIES)
}

fn scopes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["this", "others", "all"], "default": "this" })
}

/// The session whose token the request carries: in the body, in a header, or in a cookie.
async fn this_session(
    app: &App,
    caller: &Caller,
    parts: &Parts,
    refresh_token: Option<String>,
) -> Result<String, Problem> {
    if let Some(token) = refresh_token {
        return session_of_refresh_token(app, &token);
    }
    let refresh_cookie = app.refresh_cookie(&parts.headers)?;
    let missing = match Guard::of(&parts.extensions)?.find(parts) {
        Ok(found) if !found.is_in_cookie() || refresh_cookie.is_none() => {
            return session_of_access_token(app, caller, (parts, found)).await;
        }
        Ok(_) => Denial::Missing(Vec::new()),
        Err(missing @ Denial::Missing(_)) => missing,
        Err(denial) => return Err(denial.into()),
    };
    let session_id = session_of_refresh_token(app, refresh_cookie.ok_or(missing)?)?;
    app.check_csrf(&parts.headers, &session_id)?;
    Ok(session_id)
}

async fn session_of_access_token(
    app: &App,
    caller: &Caller,
    (parts, found): (&Parts, Found<'_>),
) -> Result<String, Problem> {
    let session_id = app.session_of_access_token(found.token(), caller.now).await;
    let session_id = session_id.map_err(Denial::from)?;
    if found.is_in_cookie() {
        app.check_csrf(&parts.headers, &session_id)?;
    }
    Ok(session_id)
}

fn session_of_refresh_token(app: &App, token: &str) -> Result<String, Problem> {
    let token = app.refresh_tokens.read(token).ok_or(Refusal::NotARefreshToken)?;
    Ok(token.session_id.to_string())
}
