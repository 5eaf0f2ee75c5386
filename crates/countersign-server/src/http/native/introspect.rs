//! `POST /v1/introspect` (RFC 7662)

use std::borrow::Cow;

use axum::Json;
use axum::extract::{Request, State};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::token_form::{self, TokenForm};
use crate::http::api_key::{ApiKey, Introspect};
use crate::http::openapi::{Operation, Tag};
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

/// What is answered.
enum Introspection {}

impl JsonSchema for Introspection {
    fn schema_name() -> Cow<'static, str> {
        "Introspection".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json!({ "type": "string" });
        let time = json!({ "type": "integer", "description": "Unix time in seconds." });
        json_schema!({
            "type": "object",
            "description": "What a token says (RFC 7662, section 2.2). Of one that is not good, `active` \
                is all.",
            "required": ["active"],
            "properties": {
                "active": { "type": "boolean" },
                "token_type": { "enum": ["Bearer", "refresh_token"] },
                "iss": text, "sub": text, "jti": text, "sid": text,
                "aud": { "type": ["string", "array"] },
                "exp": time, "iat": time, "nbf": time, "auth_time": time,
                "gen": { "type": "integer" },
                "roles": { "type": "array", "items": text },
                "amr": { "type": "array", "items": text },
                "username": { "type": "string", "description": "Of a dialect's token." },
                "user_number": { "type": "integer", "description": "Of a dialect's token." },
            },
        })
    }
}

/// What the API's document says of it.
pub fn about_post() -> Operation {
    Operation::new(Tag::Tokens, "introspect", "Ask about a token (RFC 7662)")
        .takes::<TokenForm>("application/x-www-form-urlencoded", true)
        .answers::<Introspection>(200, "What the token says, or that it is not good.")
        .refuses(token_form::REFUSALS)
}
