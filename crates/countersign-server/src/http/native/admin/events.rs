//! `GET /v1/admin/events`

use axum::Json as Answer;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::error::Error;
use crate::http::admin::Admin;
use crate::http::openapi::{Operation, Tag};
use crate::http::problem::Problem;
use crate::http::query::{Query, cursor};
use crate::operations::events::About;
use crate::tables::event::Event;

/// A part of the audit trail.
#[derive(JsonSchema, Serialize)]
pub struct Events {
    events: Vec<Event>,
    next_cursor: Option<String>,
}

/// Lists events, the latest first: all, or those about one user, of one kind, or both. Nobody can
/// change or remove one.
pub async fn get(
    State(app): State<App>,
    _: Admin,
    mut query: Query,
) -> Result<Answer<Events>, Problem> {
    let about = About { user_id: query.id("user")?, kind: kind(&mut query)? };
    let page = query.page()?;
    query.end()?;
    let part = app.events(&about, &page).await?;
    Ok(Answer(Events { events: part.items, next_cursor: part.next.map(cursor) }))
}

/// What the API's document says of it.
pub fn about_get() -> Operation {
    Operation::new(Tag::Administration, "list_events", "Read the audit trail")
        .query("user", json!({ "type": "string", "format": "uuid" }), "Whom they are about.")
        .query("kind", json!({ "type": "string", "pattern": "^[a-z_]{1,32}$" }), "Of which kind.")
        .in_parts()
        .answers::<Events>(200, "A part of them, the latest first.")
}

/// A kind that is a word; which ones there are is not asked, since there may be old ones.
fn kind(query: &mut Query) -> Result<Option<String>, Error> {
    let Some(kind) = query.take("kind") else { return Ok(None) };
    let is_word =
        |kind: &str| kind.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_');
    if (1..=32).contains(&kind.len()) && is_word(&kind) {
        return Ok(Some(kind));
    }
    let message = "a kind is a word such as login or user_created".into();
    Err(Error::Invalid { field: "kind", reason: "value", message })
}
