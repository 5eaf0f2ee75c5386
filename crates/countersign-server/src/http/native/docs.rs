//! `GET /docs`: the API's document for people.

use axum::extract::State;
use axum::response::IntoResponse;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use super::description::{CACHE, Description};
use crate::http::openapi::{Operation, Tag};

const MEDIA_TYPE: &str = "text/html; charset=utf-8";

/// The page.
pub async fn get(State(description): State<Description>) -> impl IntoResponse {
    let (html, policy) = description.page();
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)),
        (CACHE_CONTROL, HeaderValue::from_static(CACHE)),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, html)
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Server, "docs", "Read this document as a page").answers_in::<String>(
        MEDIA_TYPE,
        200,
        "HTML, without a script.",
    )
}
