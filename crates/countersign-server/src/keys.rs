//! The native signing keys as this node has them in memory.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::{Algorithm, Issuer, KeyRing, SigningKey};
use parking_lot::RwLock;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::behind::Behind;
use crate::clock::Time;
use crate::db::Db;
use crate::entropy::Entropy;
use crate::error::{Error, Result};
use crate::secrets::MasterSecret;
use crate::shared_clock::LIMIT;
use crate::tables::signing_key::{self, SigningKeyRow};

/// The keys that sign and those that verify. Cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    db: Db,
    sealing: Sealing,
    loaded: RwLock<Arc<Loaded>>,
    ring: KeyRing,
    behind: Behind,
}

#[derive(Default)]
struct Loaded {
    rows: Vec<SigningKeyRow>,
    opened: HashMap<String, Opened>,
}

struct Opened {
    key: SigningKey,
    issuer: Issuer,
}

/// What private keys are sealed with at rest: the master secret, and while it is being rotated the
/// one before.
#[derive(Clone)]
pub struct Sealing {
    master: Arc<MasterSecret>,
    previous: Option<Arc<MasterSecret>>,
}

impl Sealing {
    /// Seals with `master`, opens with either.
    pub fn new(master: Arc<MasterSecret>, previous: Option<Arc<MasterSecret>>) -> Self {
        Self { master, previous }
    }

    /// A fresh key, as its row and sealed, published at once and signing from `activates_at` on.
    pub fn new_key(
        &self,
        algorithm: Algorithm,
        entropy: &Entropy,
        (published_at, activates_at): (Time, Time),
    ) -> Result<SigningKeyRow> {
        let kid = URL_SAFE_NO_PAD.encode(entropy.bytes::<12>());
        let key = if algorithm.is_symmetric() {
            SigningKey::from_secret(algorithm, Some(&kid), &entropy.bytes::<64>())
        } else {
            SigningKey::generate(algorithm, Some(&kid))
        };
        let key = key.map_err(|_| Error::Internal("a signing key could not be made"))?;
        let sealed = self.master.seal(kid.as_bytes(), &key.to_pkcs8_der(), entropy);
        let algorithm = algorithm.to_string();
        let (retires_at, revoked_at) = (None, None);
        Ok(SigningKeyRow {
            kid,
            algorithm,
            sealed,
            published_at,
            activates_at,
            retires_at,
            revoked_at,
        })
    }

    /// Seals with the master secret what the previous one had sealed; `None` where it is already.
    pub fn reseal(&self, row: &SigningKeyRow, entropy: &Entropy) -> Option<String> {
        let place = row.kid.as_bytes();
        let (opened, is_current) = self.open(place, &row.sealed)?;
        (!is_current).then(|| self.seal(place, &opened, entropy))
    }

    /// Seals another secret that all nodes share; `place` says what it is.
    pub fn seal(&self, place: &[u8], secret: &[u8], entropy: &Entropy) -> String {
        self.master.seal(place, secret, entropy)
    }

    /// Opens what was sealed for this place, and says whether the master secret did, rather than
    /// the previous one.
    pub fn open(&self, place: &[u8], sealed: &str) -> Option<(Zeroizing<Vec<u8>>, bool)> {
        let secrets = [(Some(&self.master), true), (self.previous.as_ref(), false)];
        secrets
            .into_iter()
            .find_map(|(secret, is_current)| Some((secret?.open(place, sealed).ok()?, is_current)))
    }

    fn open_key(&self, row: &SigningKeyRow) -> Result<SigningKey> {
        let (opened, _) = self
            .open(row.kid.as_bytes(), &row.sealed)
            .ok_or(Error::Internal("a signing key was sealed with another master secret"))?;
        let unreadable = Error::Internal("a signing key cannot be read");
        let Ok(algorithm) = row.algorithm.parse::<Algorithm>() else { return Err(unreadable) };
        let key = if algorithm.is_symmetric() {
            SigningKey::from_secret(algorithm, Some(&row.kid), &opened)
        } else {
            SigningKey::from_pkcs8_der(algorithm, Some(&row.kid), &opened)
        };
        key.map_err(|_| unreadable)
    }
}

impl Loaded {
    fn are_all_of_the_future(&self, now: Time) -> bool {
        let latest = now.plus(LIMIT);
        !self.rows.is_empty() && self.rows.iter().all(|row| row.activates_at > latest)
    }

    fn published(&self, now: Time) -> Vec<countersign::VerifyingKey> {
        let published = self.rows.iter().filter(|row| row.is_published(now));
        published.filter_map(|row| Some(self.opened.get(&row.kid)?.key.verifying_key())).collect()
    }
}

impl Keys {
    /// Loads and opens the keys that are published at `now`.
    pub async fn load(db: Db, sealing: Sealing, now: Time) -> Result<Self> {
        let this = Self(Arc::new(Inner {
            db,
            sealing,
            loaded: RwLock::default(),
            ring: KeyRing::new(Vec::new()),
            behind: Behind::default(),
        }));
        this.settle(now).await?;
        Ok(this)
    }

    /// The keys that verify, as a verifier wants them; kept up to date.
    pub fn ring(&self) -> KeyRing {
        self.0.ring.clone()
    }

    /// Says that the table changed.
    pub fn mark_changed(&self) {
        self.0.behind.mark_changed();
    }

    /// Loads the table again if it changed since it was read last, and lets keys in and out whose
    /// time has come; whoever asks meanwhile waits.
    pub async fn settle(&self, now: Time) -> Result<()> {
        if let Some(turn) = self.0.behind.turn().await {
            self.reload(now).await?;
            turn.done();
        }
        self.publish(now);
        Ok(())
    }

    async fn reload(&self, now: Time) -> Result<()> {
        let rows = signing_key::list(&self.0.db).await?;
        let mut opened = HashMap::new();
        for row in rows.iter().filter(|row| row.is_published(now)) {
            let key = self.0.sealing.open_key(row)?;
            opened.insert(row.kid.clone(), Opened { issuer: Issuer::new(key.clone()), key });
        }
        *self.0.loaded.write() = Arc::new(Loaded { rows, opened });
        Ok(())
    }

    /// Nobody reads the table anew between the look at what was read and its publication, or what
    /// was withdrawn would be good again.
    fn publish(&self, now: Time) {
        let loaded = self.0.loaded.read();
        let published = loaded.published(now);
        let kids = |keys: &[countersign::VerifyingKey]| {
            keys.iter().map(|key| key.key_id().map(str::to_owned)).collect::<Vec<_>>()
        };
        if kids(&self.0.ring.keys()) != kids(&published) {
            self.0.ring.replace(published);
        }
    }

    /// The public keys, for everybody (RFC 7517). Symmetric keys have no public half.
    pub fn jwk_set(&self, now: Time) -> countersign::JwkSet {
        let loaded = self.0.loaded.read().clone();
        let published = loaded.rows.iter().filter(|row| row.is_published(now));
        let keys =
            published.filter_map(|row| loaded.opened.get(&row.kid)?.key.public_jwk()).collect();
        countersign::JwkSet { keys }
    }

    /// Whether this key was withdrawn: its tokens are over, and their sessions must refresh.
    pub fn is_withdrawn(&self, kid: &str) -> bool {
        let loaded = self.0.loaded.read();
        loaded.rows.iter().any(|row| row.kid == kid && row.revoked_at.is_some())
    }

    /// As [`Issuer::sign`], with the key that is active at `now`.
    pub fn sign_as(&self, typ: &str, claims: &impl Serialize, now: Time) -> Result<String> {
        Ok(self.issuer(now)?.sign(typ, claims)?)
    }

    /// Whether the time of no key has come at `now`, which only a clock that is behind can show.
    pub fn are_all_of_the_future(&self, now: Time) -> bool {
        self.0.loaded.read().are_all_of_the_future(now)
    }

    /// Signs with the key that is active at `now`. Where no key's time has come, that of the first
    /// may be near: another node with a clock slightly ahead made it.
    ///
    /// # Errors
    /// [`Error::WrongClock`] if every key is of the future.
    pub fn issuer(&self, now: Time) -> Result<Issuer> {
        let loaded = self.0.loaded.read().clone();
        let active = [now, now.plus(LIMIT)]
            .into_iter()
            .find_map(|now| SigningKeyRow::active(&loaded.rows, now))
            .and_then(|row| loaded.opened.get(&row.kid));
        match active {
            Some(active) => Ok(active.issuer.clone()),
            None if loaded.are_all_of_the_future(now) => Err(Error::WrongClock),
            None => Err(Error::Internal("there is no active signing key")),
        }
    }
}
