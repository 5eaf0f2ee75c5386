//! Users as an admin sees them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::http::native::answer::UserAnswer;
use crate::operations::directory::Entry;
use crate::tables::user::User;

/// A user, with what the user is not told.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "UserEntry")]
pub struct EntryAnswer {
    #[serde(flatten)]
    user: UserAnswer,
    /// Since when nobody may log in to the account.
    disabled_at: Option<Time>,
    /// Whether there is one.
    has_password: bool,
    /// Whether it must be changed before the next login.
    must_change_password: bool,
}

impl EntryAnswer {
    /// The user as they are now.
    pub(super) async fn find(app: &App, user: User) -> Result<Self> {
        Ok(app.entry(user).await?.into())
    }
}

impl From<Entry> for EntryAnswer {
    fn from(Entry { profile, has_password, must_change_password }: Entry) -> Self {
        let disabled_at = profile.user.disabled_at;
        Self { user: profile.into(), disabled_at, has_password, must_change_password }
    }
}
