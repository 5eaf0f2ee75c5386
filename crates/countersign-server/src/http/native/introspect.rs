//! `POST /v1/introspect` (RFC 7662)

use axum::Json;
use axum::extract::{Request, State};
use serde_json::{Value, json};

use super::token_form::TokenForm;
use crate::http::api_key::{ApiKey, Introspect};
use crate::http::problem::Problem;
use crate::http::tokens::Tokens;
use crate::operations::Caller;

/// Whether a token is good, and what it says. Of one that is not, nothing is said.
pub async fn post(
    State(tokens): State<Tokens>,
    _: ApiKey<Introspect>,
    caller: Caller,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let TokenForm { token, hint } = TokenForm::read(request).await?;
    let wants_refresh = hint.as_deref() == Some("refresh_token");
    Ok(Json(match tokens.describe(&caller, &token, wants_refresh).await? {
        Some(mut members) => {
            members.insert("active".to_owned(), json!(true));
            Value::Object(members)
        }
        None => json!({ "active": false }),
    }))
}
