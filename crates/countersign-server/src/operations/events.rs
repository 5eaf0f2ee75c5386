//! The audit trail in parts.

use super::page::{Page, Part};
use crate::app::App;
use crate::error::Result;
use crate::tables::event::{self, Event};

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Those about the user with this id, who may have been deleted.
    pub user_id: Option<String>,
    /// Those of this kind.
    pub kind: Option<String>,
}

/// Behind every event's id.
const LATEST: &str = "g";

impl App {
    /// A part of the events, the latest first.
    pub async fn events(&self, about: &About, page: &Page) -> Result<Part<Event>> {
        let before = page.after(|id| Some(id.to_owned()))?;
        let before = before.as_deref().unwrap_or(LATEST);
        let about = (about.user_id.as_deref(), about.kind.as_deref());
        let events = event::list_before(&self.db, about, (before, page.reach())).await?;
        Ok(page.cut(events, |last| last.id.clone()))
    }
}
