//! `POST /v1/revoke` (RFC 7009)

use axum::extract::{Request, State};
use http::StatusCode;

use super::token_form::TokenForm;
use crate::http::api_key::{ApiKey, Revoke};
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
    tokens.revoke(&key.acting(caller), &token).await?;
    Ok(StatusCode::OK)
}
