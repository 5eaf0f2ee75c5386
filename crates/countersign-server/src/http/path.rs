//! Ids in paths.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde_json::json;
use uuid::Uuid;

use super::code;
use super::openapi::{Input, Operation};
use crate::error::Error;

/// The id in the path `…/{id}/…`, in the one form that tables have. What is no id names nothing: the
/// databases are not asked, of which PostgreSQL refuses some texts.
#[derive(Clone, Debug)]
pub struct Id(Option<String>);

impl Id {
    /// The id of a `what`.
    ///
    /// # Errors
    /// [`Error::NotFound`] where it cannot be one.
    pub fn of(self, what: &'static str) -> Result<String, Error> {
        self.0.ok_or(Error::NotFound(what))
    }
}

impl Input for Id {
    fn describe(operation: Operation) -> Operation {
        let id = json!({ "type": "string", "format": "uuid" });
        operation.path("id", id, "Which one.").refuses([code::NOT_FOUND])
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        Ok(Self(text.and_then(|Path(text)| Uuid::try_parse(&text).ok()).map(|id| id.to_string())))
    }
}
