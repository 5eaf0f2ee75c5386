//! Where the chain begins once older events have been purged: the number and the hash of the last
//! seal that is gone, and a code that says that this server wrote it.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::{Link, SealKey};
use crate::db::{Db, DbError, Tx};
use crate::tables::setting::{self, SEAL_ANCHOR};

/// The beginning of the chain.
#[derive(Clone, Debug, Default)]
pub(super) struct Anchor {
    pub(super) link: Link,
    /// As it is written, if it is.
    text: Option<String>,
}

impl Anchor {
    /// The anchor, which is nothing before the first purge; `None` where it is not genuine.
    pub(super) async fn find(db: &Db, key: &SealKey) -> Result<Option<Self>, DbError> {
        Ok(Self::read(setting::find(db, SEAL_ANCHOR).await?, key))
    }

    /// As [`Anchor::find`], inside a change.
    pub(super) async fn find_in(tx: &mut Tx<'_>, key: &SealKey) -> Result<Option<Self>, DbError> {
        Ok(Self::read(setting::find_in(tx, SEAL_ANCHOR).await?, key))
    }

    fn read(text: Option<String>, key: &SealKey) -> Option<Self> {
        let Some(written) = &text else { return Some(Self::default()) };
        let mut words = written.split(' ');
        let (number, hash, code) = (words.next()?, words.next()?, words.next()?);
        let link = Link { number: number.parse().ok()?, hash: hash.to_owned() };
        let genuine = key.anchor(&link);
        verify_slices_are_equal(genuine.as_bytes(), code.as_bytes()).ok()?;
        Some(Self { link, text })
    }

    /// Puts another in its place; false where it is another already. Fails as a duplicate where two
    /// write the first one.
    pub(super) async fn replace(
        &self,
        tx: &mut Tx<'_>,
        link: &Link,
        key: &SealKey,
    ) -> Result<bool, DbError> {
        let text = format!("{} {} {}", link.number, link.hash, key.anchor(link));
        match &self.text {
            Some(known) => setting::replace(tx, SEAL_ANCHOR, known, &text).await,
            None => setting::insert(tx, SEAL_ANCHOR, &text).await.map(|()| true),
        }
    }
}
