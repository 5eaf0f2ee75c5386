//! The API keys as this node has them in memory: a caller is answered without the database.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::RwLock;
use secrecy::SecretString;

use crate::behind::Behind;
use crate::db::{Db, DbError};
use crate::entropy::Entropy;
use crate::tables::api_key::{self, ApiKeyRow};

/// What every key begins with, so that whoever finds one knows what it is.
const PREFIX: &str = "csk_";

/// A fresh key: 256 random bits in base64url behind a prefix.
pub fn new_key(entropy: &Entropy) -> SecretString {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(entropy.bytes::<32>())).into()
}

/// What a key is stored as: its SHA-256, in hexadecimal.
///
/// Of 256 random bits nobody guesses any, however fast the hash; so a slow one would only cost
/// every call. A hash under a secret of the server would end all keys with that secret.
pub fn digest_of(key: &str) -> String {
    let digest = digest(&SHA256, key.as_bytes());
    digest.as_ref().iter().fold(String::with_capacity(64), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// The keys that were not revoked. Cheap to clone.
#[derive(Clone)]
pub struct ApiKeys(Arc<Inner>);

struct Inner {
    db: Db,
    by_digest: RwLock<HashMap<String, Arc<ApiKeyRow>>>,
    behind: Behind,
}

impl ApiKeys {
    /// Loads the keys.
    pub async fn load(db: Db) -> Result<Self, DbError> {
        let (by_digest, behind) = (RwLock::default(), Behind::default());
        let this = Self(Arc::new(Inner { db, by_digest, behind }));
        this.settle().await?;
        Ok(this)
    }

    /// Says that the table changed.
    pub fn mark_changed(&self) {
        self.0.behind.mark_changed();
    }

    /// Loads the table again if it changed since it was read last; whoever asks meanwhile waits.
    pub async fn settle(&self) -> Result<(), DbError> {
        let Some(turn) = self.0.behind.turn().await else { return Ok(()) };
        let rows = api_key::not_revoked(&self.0.db).await?;
        let by_digest = rows.into_iter().map(|row| (row.digest.clone(), Arc::new(row))).collect();
        *self.0.by_digest.write() = by_digest;
        turn.done();
        Ok(())
    }

    /// The row of this key, expired or not.
    pub fn find(&self, key: &str) -> Option<Arc<ApiKeyRow>> {
        self.0.by_digest.read().get(&digest_of(key)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_stored_as_its_sha_256() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest_of("abc"), known);
    }
}
