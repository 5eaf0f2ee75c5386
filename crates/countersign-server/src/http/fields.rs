//! Bodies that are a flat list of texts, in the media types that HTML forms and older clients send.

use std::collections::BTreeMap;

use axum::extract::Request;
use bytes::Bytes;
use futures::stream;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use multer::Multipart;
use percent_encoding::percent_decode;
use serde_json::Value;

use super::json::{BodyError, Malformed, Reason, is_json, parse_object, read_body};

/// The most fields a form may have.
const MAX_FIELDS: usize = 1000;

/// A media type that fields are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `application/json`: one object.
    Json,
    /// `application/x-www-form-urlencoded`.
    UrlEncoded,
    /// `multipart/form-data` (RFC 7578).
    Multipart,
}

/// What came in a body, by name.
#[derive(Debug, Default)]
pub struct Fields(BTreeMap<String, Field>);

#[derive(Debug)]
enum Field {
    Text(String),
    /// A number, a list, null, a file: whatever is no text.
    Other,
}

impl Fields {
    /// The text of the field of this name; `None` where there is no such field.
    ///
    /// # Errors
    /// [`BodyError::Malformed`] where it is no text.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, BodyError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Field::Text(text)) => Ok(Some(text)),
            Some(Field::Other) => {
                Err(Malformed::of(name, Reason::Type, "Must be a string.").into())
            }
        }
    }

    fn insert(&mut self, name: String, field: Field) -> Result<(), BodyError> {
        if self.0.len() == MAX_FIELDS {
            let detail = format!("A form may have {MAX_FIELDS} fields.");
            return Err(Malformed::new(Reason::TooManyMembers, detail).into());
        }
        if self.0.contains_key(&name) {
            let detail = "A field may be there once.";
            return Err(Malformed::of(name, Reason::DuplicateMember, detail).into());
        }
        self.0.insert(name, field);
        Ok(())
    }
}

/// The fields of a body whose media type is one of `accepted`. Nothing is read from the query.
///
/// # Errors
/// As for JSON bodies; a field that is there twice is malformed in every media type.
pub async fn read_fields(request: Request, accepted: &[Kind]) -> Result<Fields, BodyError> {
    let (parts, body) = request.into_parts();
    let kind = kind(&parts.headers).filter(|kind| accepted.contains(kind));
    let kind = kind.ok_or(BodyError::UnsupportedMediaType)?;
    let bytes = read_body(&parts.headers, body).await?;
    match kind {
        Kind::Json => from_json(&bytes),
        Kind::UrlEncoded => from_urlencoded(&bytes),
        Kind::Multipart => from_multipart(&parts.headers, bytes).await,
    }
}

/// The body's media type, where there is one and it is in UTF-8.
fn kind(headers: &HeaderMap) -> Option<Kind> {
    if is_json(headers) {
        return Some(Kind::Json);
    }
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let media_type: mime::Mime = value.to_str().ok()?.parse().ok()?;
    if media_type.get_param(mime::CHARSET).is_some_and(|charset| charset != mime::UTF_8) {
        return None;
    }
    match media_type.essence_str() {
        "application/x-www-form-urlencoded" => Some(Kind::UrlEncoded),
        "multipart/form-data" => Some(Kind::Multipart),
        _ => None,
    }
}

fn from_json(bytes: &Bytes) -> Result<Fields, BodyError> {
    if bytes.is_empty() {
        return Err(syntax("The body must be a JSON object; there is none."));
    }
    let mut fields = Fields::default();
    for (name, value) in parse_object(bytes)? {
        let field = match value {
            Value::String(text) => Field::Text(text),
            _ => Field::Other,
        };
        fields.insert(name, field)?;
    }
    Ok(fields)
}

fn from_urlencoded(bytes: &Bytes) -> Result<Fields, BodyError> {
    let mut fields = Fields::default();
    for pair in bytes.split(|octet| *octet == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |octet| *octet == b'=');
        let mut decode = || decoded(halves.next().unwrap_or_default());
        let (name, text) = (decode()?, decode()?);
        fields.insert(name, Field::Text(text))?;
    }
    Ok(fields)
}

/// Strict where the usual decoders put U+FFFD in the place of what is not UTF-8.
fn decoded(half: &[u8]) -> Result<String, BodyError> {
    let spaced: Vec<u8> =
        half.iter().map(|octet| if *octet == b'+' { b' ' } else { *octet }).collect();
    match percent_decode(&spaced).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(syntax("The form is not UTF-8.")),
    }
}

async fn from_multipart(headers: &HeaderMap, bytes: Bytes) -> Result<Fields, BodyError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = content_type.and_then(|value| multer::parse_boundary(value).ok());
    let boundary = boundary.ok_or_else(|| syntax("The form's boundary is missing."))?;
    let body = stream::once(async { Ok::<_, std::io::Error>(bytes) });
    let mut form = Multipart::new(body, boundary);
    let mut fields = Fields::default();
    while let Some(part) = form.next_field().await.map_err(unreadable)? {
        let name = part.name().map(str::to_owned);
        let name = name.ok_or_else(|| syntax("A part of the form has no name."))?;
        let is_file = part.file_name().is_some();
        let content = part.bytes().await.map_err(unreadable)?;
        let field = match String::from_utf8(content.into()) {
            _ if is_file => Field::Other,
            Ok(text) => Field::Text(text),
            Err(_) => return Err(syntax("The form is not UTF-8.")),
        };
        fields.insert(name, field)?;
    }
    Ok(fields)
}

fn unreadable(_: multer::Error) -> BodyError {
    syntax("The form's parts cannot be read.")
}

fn syntax(detail: &'static str) -> BodyError {
    Malformed::new(Reason::Syntax, detail).into()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const ALL: &[Kind] = &[Kind::Json, Kind::UrlEncoded, Kind::Multipart];

    async fn read(content_type: &str, body: impl Into<Body>) -> Result<Fields, BodyError> {
        let request = Request::builder().header(CONTENT_TYPE, content_type);
        read_fields(request.body(body.into()).expect("a request"), ALL).await
    }

    fn is_malformed<T>(read: &Result<T, BodyError>) -> bool {
        matches!(read, Err(BodyError::Malformed(_)))
    }

    #[tokio::test]
    async fn the_same_fields_come_in_each_media_type() {
        let form = "--x\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nj\u{fc}rg & co\r\n\
                    --x\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--x--\r\n";
        for (content_type, body) in [
            ("application/json", "{\"user\":\"j\u{fc}rg & co\",\"empty\":\"\"}"),
            ("application/x-www-form-urlencoded", "user=j%C3%BCrg+%26+co&empty="),
            ("application/x-www-form-urlencoded; charset=UTF-8", "&user=j%c3%bcrg%20%26 co&empty"),
            ("multipart/form-data; boundary=x", form),
        ] {
            let mut fields = read(content_type, body).await.expect("fields");
            let user = fields.take("user").expect("a text");
            assert_eq!(user.as_deref(), Some("j\u{fc}rg & co"), "{content_type}");
            assert_eq!(fields.take("empty").expect("a text").as_deref(), Some(""));
            assert_eq!(fields.take("user").expect("nothing"), None);
        }
    }

    #[tokio::test]
    async fn what_is_no_text_is_malformed() {
        for body in ["{\"a\":1}", "{\"a\":null}", "{\"a\":[\"x\"]}", "{\"a\":{}}"] {
            let mut fields = read("application/json", body).await.expect("an object");
            assert!(is_malformed(&fields.take("a")), "{body}");
        }
        let file =
            "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f\"\r\n\r\nb\r\n--x--";
        let mut fields = read("multipart/form-data; boundary=x", file).await.expect("a form");
        assert!(is_malformed(&fields.take("a")));
    }

    #[tokio::test]
    async fn a_field_that_is_there_twice_and_what_cannot_be_read_is_malformed() {
        let twice = "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n\
                     --x\r\nContent-Disposition: form-data; name=a\r\n\r\n2\r\n--x--\r\n";
        let many = (0..=MAX_FIELDS).map(|n| format!("f{n}=1")).collect::<Vec<_>>().join("&");
        for (content_type, body) in [
            ("application/json", "{\"a\":\"1\",\"a\":\"2\"}"),
            ("application/json", "[]"),
            ("application/json", ""),
            ("application/x-www-form-urlencoded", "a=1&a=2"),
            ("application/x-www-form-urlencoded", "a=%ff"),
            ("application/x-www-form-urlencoded", &many),
            ("multipart/form-data; boundary=x", twice),
            ("multipart/form-data; boundary=x", "--x\r\n"),
            ("multipart/form-data; boundary=x", "nothing"),
            ("multipart/form-data", twice),
        ] {
            assert!(
                is_malformed(&read(content_type, body.to_owned()).await),
                "{content_type} {body}"
            );
        }
    }

    #[tokio::test]
    async fn other_media_types_are_not_read() {
        for content_type in ["text/plain", "application/x-www-form-urlencoded; charset=utf-16", ""]
        {
            let refused = read(content_type, "a=1").await;
            assert!(matches!(refused, Err(BodyError::UnsupportedMediaType)), "{content_type}");
        }
        let request = Request::builder().header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from("{}")).expect("a request");
        let refused = read_fields(request, &[Kind::UrlEncoded]).await;
        assert!(matches!(refused, Err(BodyError::UnsupportedMediaType)));
    }
}
