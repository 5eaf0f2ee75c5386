//! Users in parts, all of them or those who have an identifier that begins so.

use super::accounts::Profile;
use super::page::{Page, Part};
use crate::app::App;
use crate::error::{Error, Result};
use crate::identifier::{InvalidIdentifier, prefix_key};
use crate::tables::bulk;
use crate::tables::user::{self, Found, User};

/// What an admin sees of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the user sees too.
    pub profile: Profile,
    /// Whether the user has a password.
    pub has_password: bool,
    /// Whether the password must be changed before the next login.
    pub must_change_password: bool,
}

impl App {
    /// A part of the users, in the order in which they were made; with a `prefix`, of those who have
    /// an identifier whose normalised key begins so, in the order of these.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a prefix that no identifier can have.
    pub async fn users(&self, prefix: Option<&str>, page: &Page) -> Result<Part<Entry>> {
        let part = match prefix {
            None => {
                let after = page.after(|id| Some(id.to_owned()))?.unwrap_or_default();
                let users = user::list_after(&self.db, &after, page.reach()).await?;
                page.cut(users, |last| last.id.clone())
            }
            Some(prefix) => self.users_with(prefix, page).await?,
        };
        let items = self.entries(part.items).await?;
        Ok(Part { items, next: part.next })
    }

    async fn users_with(&self, prefix: &str, page: &Page) -> Result<Part<User>> {
        let key =
            self.key_of_prefix(prefix).map_err(|invalid| Error::identifier("query", invalid))?;
        let within = |after: &str| after.starts_with(&key).then(|| after.to_owned());
        let after = page.after(within)?;
        let of = (after.as_deref(), page.reach());
        let found = user::found_by_prefix(&self.db, &key, of).await?;
        Ok(page.cut(found, |last| last.key.clone()).map(|Found { user, .. }| user))
    }

    /// A whole identifier has a key; else what was typed is compared as it would be in one.
    fn key_of_prefix(&self, prefix: &str) -> Result<String, InvalidIdentifier> {
        match self.shapes.parse(prefix) {
            Ok(whole) => Ok(whole.key),
            Err(_) => prefix_key(prefix),
        }
    }

    /// What an admin sees of the user with this id.
    pub async fn entry(&self, user: User) -> Result<Entry> {
        let entry = self.entries(vec![user]).await?.pop();
        entry.ok_or(Error::Internal("an entry for each user"))
    }

    async fn entries(&self, users: Vec<User>) -> Result<Vec<Entry>> {
        let ids: Vec<&str> = users.iter().map(|user| &*user.id).collect();
        let mut identifiers = bulk::identifiers_of(&self.db, &ids).await?;
        let passwords = bulk::passwords_of(&self.db, &ids).await?;
        let entry = |user: User| {
            let password = passwords.get(&user.id);
            Entry {
                has_password: password.is_some(),
                must_change_password: password.is_some_and(|expired| *expired),
                profile: Profile {
                    identifiers: identifiers.remove(&user.id).unwrap_or_default(),
                    user,
                },
            }
        };
        Ok(users.into_iter().map(entry).collect())
    }
}
