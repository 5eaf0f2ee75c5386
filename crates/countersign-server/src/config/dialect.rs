//! One `[[dialects]]` table.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{SigningSecret, form};
use crate::clock::Time;

/// A dialect that is switched on. What each key does in which dialect is the dialect's own matter;
/// `None` is the dialect's own default.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct DialectConfig {
    /// Which dialect.
    pub name: String,
    /// Put before each of its paths: empty, or `/old`.
    pub prefix: String,
    /// How long its access tokens live.
    #[serde(with = "form::optional_duration")]
    pub access_ttl: Option<Duration>,
    /// How long its refresh tokens live, where it has such.
    #[serde(with = "form::optional_duration")]
    pub refresh_ttl: Option<Duration>,
    /// Signs its tokens (HS256); `None` is derived from the master secret.
    pub secret: Option<SigningSecret>,
    /// Signed the old system's tokens; it only verifies. May be weak.
    pub legacy_secret: Option<SigningSecret>,
    /// The last day on which the old system's tokens are taken.
    pub legacy_tokens_until: Option<Date>,
    /// The `iss` of the old system's tokens, where they have one.
    pub legacy_issuer: Option<String>,
    /// Allows a `secret` that is short or known.
    pub allow_weak_secret: bool,
    /// Which passwords it accepts at registration.
    pub password_policy: PasswordPolicy,
    /// `iss`, in the dialects whose tokens carry one; `None` is the public URL.
    pub issuer: Option<String>,
    /// Who may list users.
    pub list_users: ListUsers,
    /// Whether its deletion of users works.
    pub delete_users: bool,
    /// Whether its tokens also travel in cookies.
    pub cookies: bool,
    /// Whether the CSRF value may also come in the form.
    pub csrf_check_form: bool,
    /// Numbers of its codes, by name.
    pub codes: BTreeMap<String, i64>,
}

impl DialectConfig {
    /// When the old system's tokens stop to be taken: at the end of the last day, in UTC. A day
    /// beyond all calendars never ends.
    pub fn legacy_tokens_end(&self) -> Option<Time> {
        let end = self.legacy_tokens_until?.tomorrow().and_then(|day| day.to_zoned(TimeZone::UTC));
        Some(end.map_or(Time(i64::MAX), |end| Time(end.timestamp().as_millisecond())))
    }
}

/// Which passwords a dialect accepts at registration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PasswordPolicy {
    /// Any but the empty one, as the old system did.
    #[default]
    None,
    /// Those that `[passwords]` accepts.
    Server,
}

/// Who may list users through a dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListUsers {
    /// Admins.
    #[default]
    Admin,
    /// Any user, as in the old system.
    Any,
}
