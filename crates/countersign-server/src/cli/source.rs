//! The URLs of databases that commands are given besides the configured one.
//!
//! A URL without a password may be an argument. One with a password would be seen by other users
//! of the machine and kept in the shell's history, so it comes in a variable of the environment.

use std::borrow::Cow;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Failure, prompt};
use crate::config::RedisServers;
use crate::db::foreign::Foreign;
use crate::db::{Db, DbError, DbOptions};
use crate::redis::Redis;

/// Where a database (or a Redis) is, and how its user named it.
pub(super) struct Source {
    flag: &'static str,
    url: SecretString,
}

impl Source {
    /// The argument of `flag`, or else the value of `variable`.
    pub(super) fn find(
        flag: &'static str,
        argument: Option<&str>,
        variable: &'static str,
    ) -> Result<Self, Failure> {
        let url = match argument {
            Some(url) if may_hold_password(url) => {
                return Err(Failure::Arguments(format!(
                    "{flag}: a URL with a password is not taken as an argument, which others can \
                     see; put it into the variable {variable} instead"
                )));
            }
            Some(url) => url.to_owned(),
            None => std::env::var(variable).map(|url| url.trim().to_owned()).map_err(|_| {
                Failure::Arguments(format!(
                    "{flag}: say which database, here or in the variable {variable} (there, if its \
                     URL has a password)"
                ))
            })?,
        };
        Ok(Self { flag, url: url.into() })
    }

    /// As [`Source::find`]; `None` where neither is there.
    pub(super) fn find_any(
        flag: &'static str,
        argument: Option<&str>,
        variable: &'static str,
    ) -> Result<Option<Self>, Failure> {
        if argument.is_none() && std::env::var_os(variable).is_none() {
            return Ok(None);
        }
        Self::find(flag, argument, variable).map(Some)
    }

    /// As [`Source::find`]; for `-` the URL is asked for, or is the first line of standard input.
    pub(super) fn find_or_ask(
        flag: &'static str,
        argument: Option<&str>,
        variable: &'static str,
    ) -> Result<Self, Failure> {
        match argument {
            Some("-") => Ok(Self { flag, url: prompt::url()?.into() }),
            argument => Self::find(flag, argument, variable),
        }
    }

    /// Opens a database that may be any other system's.
    pub(super) async fn connect_foreign(&self) -> Result<Foreign, Failure> {
        Foreign::connect(self.url.expose_secret()).await.map_err(|error| self.failure(&error))
    }

    /// Connects to a Redis.
    pub(super) async fn connect_redis(&self) -> Result<Redis, Failure> {
        let wrong = |problem| Failure::Arguments(format!("{}: {problem}", self.flag));
        let servers = RedisServers::parse(self.url.expose_secret()).map_err(wrong)?;
        let redis = Redis::new(servers, &[]);
        let failed = |error| Failure::Failed(format!("{}: {error}", self.flag));
        redis.connect().await.map_err(failed)?;
        Ok(redis)
    }

    fn failure(&self, error: &DbError) -> Failure {
        let message = format!("{}: {error}", self.flag);
        match error {
            DbError::Configuration(_) => Failure::Arguments(message),
            _ => Failure::Failed(message),
        }
    }

    /// Opens the database, as `change` has changed the usual options.
    pub(super) async fn connect(
        &self,
        change: impl FnOnce(DbOptions) -> DbOptions,
    ) -> Result<Db, Failure> {
        let options = change(DbOptions::new(self.url.expose_secret()));
        Db::connect(options).await.map_err(|error| self.failure(&error))
    }
}

/// Whether there may be a password in it. A file's path has none; of what cannot be read as a URL
/// nobody knows.
fn may_hold_password(text: &str) -> bool {
    if text.starts_with("sqlite:") {
        return false;
    }
    let Ok(url) = Url::parse(text) else { return true };
    let secret = |(name, _): (Cow<'_, str>, _)| name.contains("pass");
    url.cannot_be_a_base() || url.password().is_some() || url.query_pairs().any(secret)
}

#[cfg(test)]
mod tests {
    use super::may_hold_password;

    #[test]
    fn a_password_is_seen_wherever_it_stands() {
        for url in [
            "postgres://alice:secret@host/db",
            "postgres://:secret@host/db",
            "postgres://alice:se/cret@host/db",
            "postgres://alice:se#cret@host/db",
            "mysql://host/db?password=secret",
            "postgres://host/db?sslpassword=secret",
            "alice:secret@host",
        ] {
            assert!(may_hold_password(url), "{url}");
        }
        for url in [
            "sqlite:data/a:b@c.db",
            "sqlite:///data/countersign.db",
            "postgres://alice@host:5432/db?sslmode=require",
            "mysql://root@127.0.0.1:3306/db",
            "mysql://root@[::1]:3306/db",
        ] {
            assert!(!may_hold_password(url), "{url}");
        }
    }
}
