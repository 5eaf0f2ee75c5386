//! The codes that seals are made of: HMAC-SHA-256 under a key that lies in the database sealed with
//! the master secret. Who can write the database alone can make none.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::Link;
use crate::clock::Time;
use crate::db::{Db, DbError, Tx, Value, params};
use crate::entropy::Entropy;
use crate::error::{Error, Result};
use crate::keys::Sealing;
use crate::tables::event_seal::EventSeal;
use crate::tables::setting::{self, SEAL_KEY};

/// What the sealed key is bound to.
const PLACE: &[u8] = b"event seals";
/// How many bytes of an event's code its mark has.
const MARK: usize = 6;

/// The code of one event.
pub(super) type Code = [u8; 32];

/// What a code is about, so that none is good for something else.
#[derive(Clone, Copy)]
enum About {
    Event = 1,
    Seal = 2,
    Anchor = 3,
}

/// The key of the seals.
pub struct SealKey(hmac::Key);

impl SealKey {
    /// Finds the key in the database or makes one, and seals it anew where the previous master
    /// secret had sealed it.
    pub async fn load(db: &Db, sealing: &Sealing, entropy: &Entropy) -> Result<Self> {
        let found = match setting::find(db, SEAL_KEY).await? {
            Some(found) => found,
            None => create(db, sealing.seal(PLACE, &entropy.bytes::<32>(), entropy)).await?,
        };
        let (secret, is_current) = sealing.open(PLACE, &found).ok_or(Error::Internal(
            "the key of the events' seals was sealed with another master secret",
        ))?;
        if !is_current {
            let resealed = sealing.seal(PLACE, &secret, entropy);
            write(db, (found, resealed), |tx, job| {
                async move { setting::replace(tx, SEAL_KEY, &job.0, &job.1).await.map(drop) }
                    .boxed()
            })
            .await?;
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
    }

    /// The code of an event, over all of its columns.
    pub(super) fn event(&self, columns: &[Value]) -> Code {
        self.code(About::Event, columns, &[])
    }

    /// The seal with this number over events with these codes.
    pub(super) fn seal(
        &self,
        before: &Link,
        (number, at): (i64, Time),
        events: &[Code],
    ) -> EventSeal {
        let values = params![before.number, &before.hash, number, at];
        let marks = events.iter().map(mark).collect();
        let hash = URL_SAFE_NO_PAD.encode(self.code(About::Seal, &values, events));
        EventSeal { number, at, events: i64::try_from(events.len()).unwrap_or(0), marks, hash }
    }

    /// What makes an anchor genuine.
    pub(super) fn anchor(&self, link: &Link) -> String {
        let values = params![link.number, &link.hash];
        URL_SAFE_NO_PAD.encode(self.code(About::Anchor, &values, &[]))
    }

    fn code(&self, about: About, values: &[Value], codes: &[Code]) -> Code {
        let mut bytes = vec![about as u8];
        values.iter().for_each(|value| value.encode(&mut bytes));
        bytes.extend(codes.iter().flatten());
        let mut code = [0; 32];
        code.copy_from_slice(hmac::sign(&self.0, &bytes).as_ref());
        code
    }
}

/// What stands for an event among the marks of its seal.
pub(super) fn mark(code: &Code) -> String {
    URL_SAFE_NO_PAD.encode(&code[..MARK])
}

/// The marks of a seal, one by one.
pub(super) fn split(marks: &str) -> Vec<&[u8]> {
    marks.as_bytes().chunks(MARK * 4 / 3).collect()
}

/// Writes the first key; of two nodes that do, one wins.
async fn create(db: &Db, sealed: String) -> Result<String> {
    let created = write(db, sealed.clone(), |tx, sealed| {
        async move { setting::insert(tx, SEAL_KEY, sealed).await }.boxed()
    });
    match created.await {
        Ok(()) => Ok(sealed),
        Err(error) if error.is_unique() => {
            let found = setting::find(db, SEAL_KEY).await?;
            found.ok_or(Error::Internal("the key of the events' seals is gone"))
        }
        Err(error) => Err(error.into()),
    }
}

async fn write<J: Send + Sync + 'static>(
    db: &Db,
    job: J,
    change: for<'t> fn(&'t mut Tx<'_>, &'t J) -> BoxFuture<'t, Result<(), DbError>>,
) -> Result<(), DbError> {
    let job = std::sync::Arc::new(job);
    db.write("event_seal_key", move |tx| {
        let job = job.clone();
        Box::pin(async move { change(tx, &job).await })
    })
    .await
}
