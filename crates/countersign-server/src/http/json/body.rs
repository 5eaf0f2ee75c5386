//! From a request to the bytes of its body, and to the object in them.

use std::error::Error;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt;
use serde_json::{Map, Value};

use super::{BodyError, Malformed, Reason, parse_object};
use crate::http::server::BodyFault;

/// Memory that is reserved for a body before any of it has come.
const MAX_RESERVED: usize = 1024;

/// The body's object. Members that nobody knows are kept; see [`super::from_object`].
pub async fn read_object(request: Request) -> Result<Map<String, Value>, BodyError> {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() && !parts.headers.contains_key(header::CONTENT_TYPE) {
        return Err(empty().into());
    }
    if !is_json(&parts.headers) {
        return Err(BodyError::UnsupportedMediaType);
    }
    let bytes = read_body(&parts.headers, body).await?;
    if bytes.is_empty() {
        return Err(empty().into());
    }
    Ok(parse_object(&bytes)?)
}

/// As [`read_object`], where no body stands for an object without members.
pub async fn read_optional_object(request: Request) -> Result<Map<String, Value>, BodyError> {
    let (parts, body) = request.into_parts();
    let bytes = read_body(&parts.headers, body).await?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    if !is_json(&parts.headers) {
        return Err(BodyError::UnsupportedMediaType);
    }
    Ok(parse_object(&bytes)?)
}

/// The body's bytes, whatever their type; compressed ones are refused.
pub async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, BodyError> {
    let is_identity = |value: &[u8]| value.eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().any(|value| !is_identity(value.as_bytes()))
    {
        return Err(BodyError::UnsupportedMediaType);
    }
    collect(body).await.map_err(|error| fault(&error).into())
}

/// Copies the body into one buffer. Each frame is a part of the connection's read buffer and keeps
/// all of it in memory: a client that sends single bytes would make the server hold 8 KiB for each.
pub(in crate::http) async fn collect(mut body: Body) -> Result<Bytes, axum::Error> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(announced.min(MAX_RESERVED));
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.into())
}

/// The server's own fault, from below whatever layers wrapped it on its way.
pub(in crate::http) fn fault(error: &(dyn Error + 'static)) -> BodyFault {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<BodyFault>() {
            return *fault;
        }
        cause = error.source();
    }
    BodyFault::Broken
}

/// Whether there is one `Content-Type`, and it is `application/json` with no parameter but UTF-8's.
pub(in crate::http) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(text) = value.to_str() else { return false };
    let (media_type, charset) = match text.split_once(';') {
        Some((media_type, parameter)) => (media_type, Some(parameter.trim())),
        None => (text, None),
    };
    media_type.trim().eq_ignore_ascii_case("application/json")
        && charset.is_none_or(|parameter| {
            ["charset=utf-8", "charset=\"utf-8\""]
                .iter()
                .any(|utf8| parameter.eq_ignore_ascii_case(utf8))
        })
}

fn empty() -> Malformed {
    Malformed::new(Reason::Empty, "The body must be a JSON object; there is none.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(content_type: &[&str]) -> HeaderMap {
        content_type
            .iter()
            .map(|value| (header::CONTENT_TYPE, value.parse().expect("a header value")))
            .collect()
    }

    #[test]
    fn json_in_utf8_is_taken_and_nothing_like_it() {
        for taken in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "application/json ; charset=UTF-8",
            "application/json; charset=\"utf-8\"",
        ] {
            assert!(is_json(&request(&[taken])), "{taken}");
        }
        for refused in [
            "",
            "text/plain",
            "application/evil+json",
            "application/jsonp",
            "application/json, text/plain",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=utf-16",
            "application/json; version=1",
            "application/json;",
        ] {
            assert!(!is_json(&request(&[refused])), "{refused}");
        }
        assert!(!is_json(&request(&[])));
        assert!(!is_json(&request(&["application/json", "text/plain"])));
        assert!(!is_json(&request(&["application/json", "application/json"])));
    }
}
