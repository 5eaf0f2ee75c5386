//! The answers of RFC 6750, section 3, and RFC 9470, section 3.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::layer::{BodyFault, Denial};

/// What is told of a denial.
struct Told {
    status: StatusCode,
    error: &'static str,
    description: String,
    challenge: Challenge,
}

enum Challenge {
    No,
    Bare,
    Error,
    With(&'static str, String),
}

pub(super) fn answer(denial: &Denial, realm: Option<&str>) -> Response<Bytes> {
    let told = tell(denial);
    let mut document = json!({ "error": told.error, "error_description": told.description });
    if let Denial::Ended(reason) = denial {
        document["reason"] = json!(reason.as_str());
    }
    let mut response = Response::new(Bytes::from(document.to_string()));
    *response.status_mut() = told.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if told.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if let Some(challenge) = told.challenge(realm).and_then(|text| text.try_into().ok()) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn tell(denial: &Denial) -> Told {
    let unauthorized = StatusCode::UNAUTHORIZED;
    let (status, error, challenge) = match denial {
        Denial::Missing(_) => (unauthorized, "unauthenticated", Challenge::Bare),
        Denial::Malformed { .. }
        | Denial::Invalid(_)
        | Denial::WrongType { .. }
        | Denial::Ended(_)
        | Denial::NoUser { .. }
        | Denial::Claims(_) => (unauthorized, "invalid_token", Challenge::Error),
        Denial::NotFresh { max_age } => {
            let challenge = Challenge::With("max_age", max_age.as_secs().to_string());
            (unauthorized, "insufficient_user_authentication", challenge)
        }
        Denial::Ambiguous(_) => (StatusCode::BAD_REQUEST, "invalid_request", Challenge::Error),
        Denial::Body(BodyFault::TooLarge) => {
            (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", Challenge::No)
        }
        Denial::Body(_) => (StatusCode::BAD_REQUEST, "invalid_request", Challenge::No),
        Denial::Csrf(fault) => (StatusCode::FORBIDDEN, fault.code(), Challenge::No),
        Denial::Scope { required } => {
            let challenge = Challenge::With("scope", (**required).to_owned());
            (StatusCode::FORBIDDEN, "insufficient_scope", challenge)
        }
        Denial::Role => (StatusCode::FORBIDDEN, "insufficient_scope", Challenge::Error),
        Denial::OutOfTouch => {
            (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", Challenge::No)
        }
        Denial::Unprotected => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", Challenge::No),
    };
    Told { status, error, challenge, description: description(denial) }
}

/// A client that only guesses learns nothing of which check it failed.
fn description(denial: &Denial) -> String {
    let fixed = match denial {
        Denial::Missing(_) => "An access token is required.",
        Denial::Malformed { .. }
        | Denial::Invalid(_)
        | Denial::WrongType { .. }
        | Denial::NoUser { .. }
        | Denial::Claims(_) => "The access token is not valid.",
        Denial::Ended(_) => "The access token is no longer good.",
        Denial::NotFresh { .. } => "A more recent authentication is required.",
        Denial::Scope { .. } | Denial::Role => "The access token does not allow this.",
        Denial::OutOfTouch => "Whether the access token is still good cannot be known now.",
        Denial::Unprotected => "The server is not set up to answer this.",
        Denial::Ambiguous(ambiguity) => return sentence(&ambiguity.to_string()),
        Denial::Body(fault) => return sentence(&fault.to_string()),
        Denial::Csrf(fault) => return sentence(&fault.to_string()),
    };
    fixed.to_owned()
}

fn sentence(text: &str) -> String {
    let (first, rest) = text.split_at(text.len().min(1));
    format!("{}{rest}.", first.to_ascii_uppercase())
}

impl Told {
    fn challenge(&self, realm: Option<&str>) -> Option<String> {
        let mut parameters = Vec::new();
        if let Some(realm) = realm {
            parameters.push(format!("realm=\"{realm}\""));
        }
        match &self.challenge {
            Challenge::No => return None,
            Challenge::Bare => {}
            Challenge::Error => parameters.push(format!("error=\"{}\"", self.error)),
            Challenge::With(name, value) => {
                parameters.push(format!("error=\"{}\"", self.error));
                parameters.push(format!("{name}=\"{value}\""));
            }
        }
        let list = parameters.join(", ");
        Some(if list.is_empty() { "Bearer".to_owned() } else { format!("Bearer {list}") })
    }
}
