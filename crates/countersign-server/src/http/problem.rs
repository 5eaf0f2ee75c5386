//! Problem details (RFC 9457), the one shape of the native API's errors.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use countersign::layer::Denial;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::code::{self, Code};
use super::layers::add_security_headers;

/// The media type of a problem (RFC 9457, section 6.1).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error as a client sees it: a status, a stable code to program against, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    reason: Option<&'static str>,
    /// In whole seconds.
    retry_after: Option<u32>,
    challenge: Option<Challenge>,
    /// Why the access token was refused, where that is the problem.
    denial: Option<Box<Denial>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Challenge {
    Bare,
    Error(&'static str),
    Basic,
}

impl Problem {
    /// A problem with a stable `code` and a sentence for the one who reads it.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            field: None,
            reason: None,
            retry_after: None,
            challenge: None,
            denial: None,
        }
    }

    /// What is said of an error whose cause is nobody's business.
    pub fn internal() -> Self {
        Self::new(
            code::INTERNAL,
            "The server failed to answer. The failure was written to its log.",
        )
    }

    /// Names the member of the request that is wrong.
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(name.into());
        self
    }

    /// Says which of the causes of one `code` it was, in a word.
    #[must_use]
    pub fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Says when to come back; written in whole seconds, rounded up.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        let seconds = after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0));
        self.retry_after = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        self
    }

    /// Asks for a bearer token (RFC 6750, section 3), with the error of the one presented, if any.
    #[must_use]
    pub fn challenge(mut self, error: Option<&'static str>) -> Self {
        self.challenge = Some(error.map_or(Challenge::Bare, Challenge::Error));
        self
    }

    /// Asks for a user name and a password (RFC 7617).
    #[must_use]
    pub fn challenge_basic(mut self) -> Self {
        self.challenge = Some(Challenge::Basic);
        self
    }

    /// Says that it is a refusal of an access token, for those who count. No client is told.
    #[must_use]
    pub fn because_of(mut self, denial: Denial) -> Self {
        self.denial = Some(Box::new(denial));
        self
    }

    /// Says that no access token was refused, whatever the words are.
    #[must_use]
    pub fn of_no_access_token(mut self) -> Self {
        self.denial = None;
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code.as_str()
    }

    fn document(&self) -> Value {
        let mut document = json!({
            "type": "about:blank",
            "title": self.status().canonical_reason().unwrap_or("Error"),
            "status": self.status().as_u16(),
            "code": self.code(),
            "detail": self.detail,
        });
        if let Some(field) = &self.field {
            document["field"] = json!(field);
        }
        if let Some(reason) = self.reason {
            document["reason"] = json!(reason);
        }
        document
    }

    /// The answer, whatever carries its body.
    pub(crate) fn into_http<B: From<String>>(self) -> Response<B> {
        let mut response = Response::new(B::from(self.document().to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        add_security_headers(headers);
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(value) = self.challenge.and_then(Challenge::value) {
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        let extensions = response.extensions_mut();
        extensions.insert(self.code);
        if let Some(denial) = self.denial {
            extensions.insert(*denial);
        }
        response
    }
}

impl Challenge {
    fn value(self) -> Option<HeaderValue> {
        match self {
            Self::Bare => Some(HeaderValue::from_static("Bearer")),
            Self::Basic => Some(HeaderValue::from_static("Basic realm=\"countersign\"")),
            Self::Error(error) => format!("Bearer error=\"{error}\"").parse().ok(),
        }
    }
}

impl JsonSchema for Problem {
    fn schema_name() -> Cow<'static, str> {
        "Problem".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "What went wrong (RFC 9457).",
            "required": ["type", "title", "status", "code", "detail"],
            "properties": {
                "type": { "const": "about:blank" },
                "title": { "type": "string", "description": "The status in words." },
                "status": { "type": "integer", "description": "The status." },
                "code": { "type": "string", "description": "For programs; it does not change." },
                "detail": { "type": "string", "description": "For people; it may change." },
                "field": { "type": "string", "description": "Which member or parameter is wrong." },
                "reason": { "type": "string", "description": "Which of several causes it was, in a word." },
            },
        })
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        self.into_http()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_carries_what_it_was_given_and_nothing_else() {
        let problem = Problem::new(code::INVALID_BODY, "Not so.");
        let plain: Response<String> = problem.clone().into_http();
        assert_eq!(
            serde_json::from_str::<Value>(plain.body()).expect("JSON"),
            json!({
                "type": "about:blank", "title": "Bad Request", "status": 400,
                "code": "invalid_body", "detail": "Not so.",
            })
        );
        assert!(!plain.headers().contains_key(header::WWW_AUTHENTICATE));

        let full: Response<String> = problem
            .field("email")
            .reason("type")
            .retry_after(Duration::from_millis(1001))
            .challenge(Some("invalid_token"))
            .into_http();
        let document: Value = serde_json::from_str(full.body()).expect("JSON");
        assert_eq!((&document["field"], &document["reason"]), (&json!("email"), &json!("type")));
        assert_eq!(full.headers()[header::RETRY_AFTER], "2");
        assert_eq!(full.headers()[header::WWW_AUTHENTICATE], "Bearer error=\"invalid_token\"");
        assert_eq!(full.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
    }

    #[test]
    fn a_request_without_a_token_is_challenged_without_an_error() {
        let problem = Problem::new(code::TOKEN_MISSING, "No token.");
        let response: Response<String> = problem.challenge(None).into_http();
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }
}
