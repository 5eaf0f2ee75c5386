//! `GET /openapi.json`, and what `GET /docs` shows: the API's description of itself.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::Value;

use crate::http::openapi::{Document, Operation, Page, Tag};

/// How long both may be kept.
pub(super) const CACHE: &str = "public, max-age=300";

/// The document and its page, made once. Cheap to clone.
#[derive(Clone)]
pub struct Description(Arc<Parts>);

struct Parts {
    json: Bytes,
    html: Bytes,
    policy: HeaderValue,
}

/// The page of the document cannot be made.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the page of the API's document cannot be made")]
pub struct NoPage;

impl Description {
    /// What is answered for this document.
    ///
    /// # Errors
    /// Where its page cannot be made.
    pub fn of(document: &Document) -> Result<Self, NoPage> {
        let Page { html, policy } = Page::of(document).map_err(|_| NoPage)?;
        Ok(Self(Arc::new(Parts {
            json: document.to_text().into(),
            html: html.into(),
            policy: HeaderValue::try_from(policy).map_err(|_| NoPage)?,
        })))
    }

    /// The page, and the policy under which browsers show it.
    pub(super) fn page(&self) -> (Bytes, HeaderValue) {
        (self.0.html.clone(), self.0.policy.clone())
    }
}

/// The API's document.
pub async fn get(State(Description(parts)): State<Description>) -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, CACHE)];
    (headers, parts.json.clone())
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Server, "openapi", "Read this document")
        .answers::<Value>(200, "OpenAPI 3.1.")
}
