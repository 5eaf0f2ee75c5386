//! All users as one JSON array, written while it is read: however many there are, no more than two
//! pages of them are in memory.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::app::App;
use crate::db::DbError;
use crate::error::Result;
use crate::tables::user::{self, Listed};

const PAGE: usize = 500;

/// What stands around the array, and its elements.
#[derive(Clone, Copy)]
pub struct Listing {
    /// The text up to the first element: `{"users":[`, say.
    pub before: &'static str,
    /// How a user is written.
    pub element: fn(&Listed) -> Value,
    /// The text after the last element.
    pub after: &'static str,
}

/// A page to be written, and what stands before it.
struct Page {
    before: &'static str,
    users: Vec<Listed>,
}

impl Listing {
    /// Answers every user, in the order of their numbers.
    ///
    /// # Errors
    /// Where not even the first page can be read. When a later one cannot, the connection is
    /// closed, so that nobody takes a part for the whole.
    pub async fn answer(self, app: &App) -> Result<Response> {
        let users = read_after(app, i64::MIN).await?;
        let first = Page { before: self.before, users };
        let app = app.clone();
        let pages = stream::try_unfold(Some(first), move |page| {
            let app = app.clone();
            async move {
                match page {
                    Some(page) => self.write(&app, page).await.map(Some),
                    None => Ok(None),
                }
            }
        });
        Ok(([(CONTENT_TYPE, "application/json")], Body::from_stream(pages)).into_response())
    }

    /// The page's text, and the page after it.
    async fn write(self, app: &App, page: Page) -> Result<(Bytes, Option<Page>), DbError> {
        let mut text = page.before.to_owned();
        for (index, user) in page.users.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(&(self.element)(user).to_string());
        }
        let users = match page.users.last() {
            Some(last) if page.users.len() == PAGE => read_after(app, last.number).await?,
            _ => Vec::new(),
        };
        let next = (!users.is_empty()).then_some(Page { before: ",", users });
        if next.is_none() {
            text.push_str(self.after);
        }
        Ok((text.into(), next))
    }
}

async fn read_after(app: &App, number: i64) -> Result<Vec<Listed>, DbError> {
    user::listed_after(&app.db, number, i64::try_from(PAGE).unwrap_or(i64::MAX)).await
}
