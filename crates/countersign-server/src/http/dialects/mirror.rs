//! What a dialect copies to Redis, for services that look there.

use std::sync::Arc;

use super::{Definition, Dialect, Mounted, find};
use crate::config::Config;
use crate::error::Result;
use crate::operations::mirror;
use crate::tables::session::Session;
use crate::tables::user::User;

/// What a dialect copies of each user's current session.
#[derive(Clone, Copy)]
pub struct Mirror {
    /// The key of the user with this number.
    pub key: fn(i64) -> String,
    /// The token, which is the same whenever it is asked for.
    pub value: fn(&Dialect, &User, &Session) -> Result<String>,
}

/// The configured dialects that copy tokens to Redis.
pub fn mirrored(config: &Config) -> Vec<&'static str> {
    let definitions = config.dialects.iter().filter_map(|dialect| find(&dialect.name));
    definitions.filter(|it| it.mirror.is_some()).map(|it| it.name).collect()
}

/// How the mounted dialects make their copies, for as long as they are served.
pub fn served(mounted: &[Mounted]) -> Vec<mirror::Mirror> {
    let served = |mounted: &Mounted| {
        let Definition { mirror, name, .. } = find(mounted.name)?;
        let Mirror { key, value } = (*mirror)?;
        let parts = Arc::downgrade(&mounted.state.0);
        let value = move |user: &User, session: &Session| {
            let dialect = Dialect(parts.upgrade()?);
            Some(value(&dialect, user, session))
        };
        Some(mirror::Mirror { channel: name, key, value: Arc::new(value) })
    };
    mounted.iter().filter_map(served).collect()
}
