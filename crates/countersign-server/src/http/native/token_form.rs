//! The body of a question about one token (RFC 7662, section 2.1, and RFC 7009, section 2.1).

use std::borrow::Cow;

use axum::extract::Request;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::http::code::{self, Code};
use crate::http::fields::{Kind, read_fields};
use crate::http::json::{BodyError, Malformed, Reason};
use crate::http::problem::Problem;

/// A token that somebody asks about. Parameters that nobody knows are passed over, as the standards
/// say.
pub struct TokenForm {
    /// The token, unchecked.
    pub token: String,
    /// What the client takes it for.
    pub hint: Option<String>,
}

/// What is said of another body.
pub(super) const REFUSALS: [Code; 2] = [code::INVALID_BODY, code::UNSUPPORTED_MEDIA_TYPE];

impl TokenForm {
    /// Reads `application/x-www-form-urlencoded` and nothing else.
    pub async fn read(request: Request) -> Result<Self, Problem> {
        let mut fields = read_fields(request, &[Kind::UrlEncoded]).await.map_err(refused)?;
        let token = fields
            .take("token")
            .map_err(refused)?
            .ok_or_else(|| Malformed::of("token", Reason::Missing, "The parameter is missing."))?;
        Ok(Self { token, hint: fields.take("token_type_hint").map_err(refused)? })
    }
}

impl JsonSchema for TokenForm {
    fn schema_name() -> Cow<'static, str> {
        "TokenForm".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "required": ["token"],
            "properties": {
                "token": { "type": "string" },
                "token_type_hint": {
                    "type": "string",
                    "description": "What the token is: `access_token` or `refresh_token`.",
                },
            },
            "additionalProperties": { "type": "string" },
        })
    }
}

fn refused(error: BodyError) -> Problem {
    match error {
        BodyError::UnsupportedMediaType => Problem::new(
            code::UNSUPPORTED_MEDIA_TYPE,
            "The body must be application/x-www-form-urlencoded in UTF-8, and not compressed.",
        ),
        error => error.into(),
    }
}
