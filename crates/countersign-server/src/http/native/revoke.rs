//! `POST /v1/revoke` (RFC 7009)

use axum::extract::{Request, State};
use http::StatusCode;

use super::token_form::{self, TokenForm};
use crate::http::api_key::{ApiKey, Revoke};
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::http::tokens::Tokens;
use crate::operations::Caller;

/// Ends what a token stands for. Success as well where that has ended, or never was.
pub async fn post(
    State(tokens): State<Tokens>,
    key: ApiKey<Revoke>,
    caller: Caller,
    request: Request,
) -> Result<StatusCode, Problem> {
    let TokenForm { token, .. } = TokenForm::read(request).await?;
    let revoked = tokens.revoke(&key.acting(caller), &token).await;
    revoked.map_err(|error| key.refused(error))?;
    Ok(StatusCode::OK)
}

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Tokens, "revoke", "Revoke a token (RFC 7009)")
        .takes::<TokenForm>("application/x-www-form-urlencoded", true)
        .answers_nothing(200, "What the token stands for is over, or never was.")
        .refuses(token_form::REFUSALS)
}
