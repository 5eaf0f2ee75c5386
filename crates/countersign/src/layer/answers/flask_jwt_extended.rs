//! The answers of flask-jwt-extended 3.24.1 and 4.7, with the messages of the `PyJWT` beneath it.

use std::fmt::Write;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

use crate::error::{HeaderError, JsonError, VerifyError};
use crate::layer::{Absence, BodyFault, CsrfFault, Denial, TokenType};
use crate::reason::EndReason;

/// Whose statuses and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlaskVersion {
    /// 3.24.1, with `PyJWT` 1.7.
    V3,
    /// 4.7, with `PyJWT` 2.
    V4,
}

/// The answers of flask-jwt-extended; see
/// [`Answers::flask_jwt_extended`](super::Answers::flask_jwt_extended).
#[derive(Clone, Debug)]
pub struct FlaskAnswers {
    version: FlaskVersion,
    key: String,
}

impl FlaskAnswers {
    pub(super) fn new(version: FlaskVersion) -> Self {
        Self { version, key: "msg".to_owned() }
    }

    /// The member that the message stands in (`JWT_ERROR_MESSAGE_KEY`); `msg`, if not said.
    #[must_use]
    pub fn message_key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    /// The status and the message alone, for who writes another body around them.
    pub fn status_and_message(&self, denial: &Denial) -> (StatusCode, String) {
        tell(self.version, denial)
    }

    pub(super) fn write(&self, denial: &Denial) -> Response<Bytes> {
        let (status, message) = self.status_and_message(denial);
        let body = format!("{{{}:{}}}\n", in_ascii(&self.key), in_ascii(&message));
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

fn tell(version: FlaskVersion, denial: &Denial) -> (StatusCode, String) {
    let (status, message) = match denial {
        Denial::Missing(absences) => return missing(version, absences),
        Denial::Malformed { name, scheme, .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, bad_header(version, name, scheme.as_deref()))
        }
        Denial::Invalid(VerifyError::Expired) => {
            (StatusCode::UNAUTHORIZED, "Token has expired".into())
        }
        Denial::Invalid(error) => (StatusCode::UNPROCESSABLE_ENTITY, undecodable(version, error)),
        Denial::WrongType { wanted } => {
            (StatusCode::UNPROCESSABLE_ENTITY, wrong_type(version, *wanted).into())
        }
        // A key that was withdrawn signs nothing, there as here.
        Denial::Ended(EndReason::KeyRetired) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "Signature verification failed".into())
        }
        Denial::Ended(_) => (StatusCode::UNAUTHORIZED, "Token has been revoked".into()),
        Denial::NoUser { subject } => {
            (StatusCode::UNAUTHORIZED, format!("Error loading the user {subject}"))
        }
        Denial::Csrf(CsrfFault::MissingHeader) => {
            (StatusCode::UNAUTHORIZED, "Missing CSRF token".into())
        }
        Denial::Csrf(CsrfFault::Mismatch) => {
            (StatusCode::UNAUTHORIZED, "CSRF double submit tokens do not match".into())
        }
        Denial::NotFresh { .. } => (StatusCode::UNAUTHORIZED, "Fresh token required".into()),
        Denial::Claims(_) => (StatusCode::BAD_REQUEST, "User claims verification failed".into()),
        // What follows that library does not know; the shape stays.
        Denial::Csrf(fault) => (StatusCode::UNAUTHORIZED, fault.to_string()),
        Denial::Ambiguous(ambiguity) => (StatusCode::BAD_REQUEST, ambiguity.to_string()),
        Denial::Body(BodyFault::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, denial.to_string()),
        Denial::Body(_) => (StatusCode::BAD_REQUEST, denial.to_string()),
        Denial::Scope { .. } | Denial::Role => (StatusCode::FORBIDDEN, denial.to_string()),
        Denial::OutOfTouch => (StatusCode::SERVICE_UNAVAILABLE, denial.to_string()),
        Denial::Unprotected => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error".into()),
    };
    (status, message)
}

fn missing(version: FlaskVersion, absences: &[Absence]) -> (StatusCode, String) {
    // Version 3 takes another scheme for a malformed header, and looks no further.
    if version == FlaskVersion::V3
        && let Some(Absence::Scheme { name, scheme }) =
            absences.iter().find(|absence| matches!(absence, Absence::Scheme { .. }))
    {
        return (StatusCode::UNPROCESSABLE_ENTITY, bad_header(version, name, Some(scheme)));
    }
    let message = match absences {
        [] => "Missing Authorization Header".to_owned(),
        [only] => absent(version, only),
        [start @ .., end] => {
            let start: Vec<&str> = start.iter().map(location).collect();
            let details: Vec<String> =
                absences.iter().map(|absence| absent(version, absence)).collect();
            let (start, end) = (start.join(", "), location(end));
            format!("Missing JWT in {start} or {end} ({})", details.join("; "))
        }
    };
    (StatusCode::UNAUTHORIZED, message)
}

fn absent(version: FlaskVersion, absence: &Absence) -> String {
    match (absence, version) {
        (Absence::Header { name }, _) => format!("Missing {name} Header"),
        (Absence::Scheme { name, scheme }, _) => {
            format!("Missing '{scheme}' type in '{name}' header. Expected '{name}: {scheme} <JWT>'")
        }
        (Absence::Cookie { name }, _) => format!("Missing cookie \"{name}\""),
        (Absence::Query { name }, FlaskVersion::V3) => {
            format!("Missing \"{name}\" query paramater")
        }
        (Absence::Query { name }, FlaskVersion::V4) => format!("Missing '{name}' query paramater"),
        (Absence::JsonMember { name }, _) => format!("Missing \"{name}\" key in json data."),
        (Absence::NotJson, _) => "Invalid content-type. Must be application/json.".to_owned(),
        (Absence::Subprotocol, _) => "Missing subprotocol".to_owned(),
    }
}

fn location(absence: &Absence) -> &'static str {
    match absence {
        Absence::Header { .. } | Absence::Scheme { .. } => "headers",
        Absence::Cookie { .. } => "cookies",
        Absence::Query { .. } => "query_string",
        Absence::JsonMember { .. } | Absence::NotJson => "json",
        Absence::Subprotocol => "subprotocols",
    }
}

fn bad_header(version: FlaskVersion, name: &str, scheme: Option<&str>) -> String {
    let scheme = scheme.map(|scheme| format!("{scheme} ")).unwrap_or_default();
    match version {
        FlaskVersion::V3 => format!("Bad {name} header. Expected value '{scheme}<JWT>'"),
        FlaskVersion::V4 => format!("Bad {name} header. Expected '{name}: {scheme}<JWT>'"),
    }
}

fn wrong_type(version: FlaskVersion, wanted: TokenType) -> &'static str {
    match (wanted, version) {
        (TokenType::Refresh, _) => "Only refresh tokens are allowed",
        (_, FlaskVersion::V3) => "Only access tokens are allowed",
        (_, FlaskVersion::V4) => "Only non-refresh tokens are allowed",
    }
}

/// The words of `PyJWT`, where the two refuse for the same reason.
fn undecodable(version: FlaskVersion, error: &VerifyError) -> String {
    let fixed = match error {
        VerifyError::NotThreeSegments => "Not enough segments",
        VerifyError::Encoding => "Invalid header padding",
        VerifyError::Signature | VerifyError::UnknownKey { .. } => "Signature verification failed",
        VerifyError::Algorithm => "The specified alg value is not allowed",
        VerifyError::Header(HeaderError::KeyId) => "Key ID header parameter must be a string",
        VerifyError::Header(HeaderError::Json(JsonError::NotAnObject)) => {
            "Invalid header string: must be a json object"
        }
        VerifyError::Payload(JsonError::NotAnObject) => {
            "Invalid payload string: must be a json object"
        }
        VerifyError::Issuer => "Invalid issuer",
        VerifyError::Audience => match version {
            FlaskVersion::V3 => "Invalid audience",
            FlaskVersion::V4 => "Audience doesn't match",
        },
        VerifyError::NotYetValid => "The token is not yet valid (nbf)",
        VerifyError::IssuedInFuture => "The token is not yet valid (iat)",
        VerifyError::WrongClaimType { name } => return wrong_claim(name),
        VerifyError::MissingClaim {
            name: name @ ("exp" | "iat" | "nbf" | "aud" | "iss" | "jti"),
        } => {
            return format!("Token is missing the \"{name}\" claim");
        }
        VerifyError::MissingClaim { name } => return format!("Missing claim: {name}"),
        other => return other.to_string(),
    };
    fixed.to_owned()
}

fn wrong_claim(name: &str) -> String {
    match name {
        "exp" => "Expiration Time claim (exp) must be an integer.".to_owned(),
        "iat" => "Issued At claim (iat) must be an integer.".to_owned(),
        "nbf" => "Not Before claim (nbf) must be an integer.".to_owned(),
        "sub" => "Subject must be a string".to_owned(),
        "jti" => "JWT ID must be a string".to_owned(),
        "aud" => "Invalid claim format in token".to_owned(),
        "iss" => "Payload Issuer (iss) must be a string".to_owned(),
        name => format!("Missing or invalid claim: {name}"),
    }
}

/// A JSON text in ASCII, as Flask writes it.
fn in_ascii(text: &str) -> String {
    let mut written = String::new();
    for unit in serde_json::Value::from(text).to_string().encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ 0..=0x7e) => written.push(char::from(byte)),
            // Writing into a text does not fail.
            _ => drop(write!(written, "\\u{unit:04x}")),
        }
    }
    written
}
