//! Tokens good and bad.

use std::fmt;
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::clock::Clock;
use crate::issuer::{Issuer, TokenBuilder};
use crate::key_ring::KeyRing;
#[cfg(feature = "layer")]
use crate::layer::{Guard, GuardBuilder};
use crate::profile::Profile;
use crate::random;
use crate::reason::EndReason;
use crate::revocation::RevocationSet;
#[cfg(feature = "layer")]
use crate::revocations::Revocations;
use crate::signing_key::SigningKey;
use crate::verifier::Verifier;

const KEY_ID: &str = "test";
const LIFE: i64 = 900;

/// Tokens good and bad, and whoever accepts the good ones. Each kit has a key of its own; clones
/// share everything.
///
/// ```
/// use std::time::Duration;
/// use countersign::VerifyError;
/// use countersign::test::Kit;
///
/// let kit = Kit::new();
/// let token = kit.token_with("alice", |token| token.roles(["admin"]));
/// assert!(kit.verifier().verify(&token, kit.now()).is_ok());
/// kit.clock().advance(Duration::from_mins(15));
/// assert_eq!(kit.verifier().verify(&token, kit.now()), Err(VerifyError::Expired));
///
/// let guard = kit.guard().public("/healthz").build()?;
/// // … through the application's router, each with its answer:
/// let _ = [kit.expired("alice"), kit.revoked("alice"), kit.forged("alice")];
/// # Ok::<(), countersign::layer::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Kit {
    clock: Clock,
    name: String,
    audience: String,
    key: SigningKey,
    issuer: Issuer,
    forger: Issuer,
    revocations: Arc<RevocationSet>,
}

impl Kit {
    /// A kit of `https://accounts.example.org`, whose tokens are for `https://api.example.org`. Its
    /// clock stands in January 2027.
    pub fn new() -> Self {
        Self::of("https://accounts.example.org", "https://api.example.org")
    }

    /// A kit of this issuer, whose tokens are for this audience.
    ///
    /// # Panics
    /// Where either is empty.
    pub fn of(issuer: &str, audience: &str) -> Self {
        let [key, other] = [(); 2].map(|()| {
            SigningKey::generate(Algorithm::Es256, Some(KEY_ID))
                .expect("the machine has randomness")
        });
        let new_issuer = |key: &SigningKey| {
            let builder = Issuer::builder(key.clone()).issuer(issuer).audience([audience]);
            builder.build().expect("issuer and audience are not empty")
        };
        Self {
            clock: Clock::manual(1_800_000_000),
            name: issuer.to_owned(),
            audience: audience.to_owned(),
            issuer: new_issuer(&key),
            forger: new_issuer(&other),
            key,
            revocations: Arc::default(),
        }
    }

    /// The clock, which stands still until it is advanced. The guard goes by it.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What the clock says: Unix time in seconds.
    pub fn now(&self) -> i64 {
        self.clock.unix_seconds()
    }

    /// Who mints the good tokens.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// A verifier that accepts the good tokens.
    pub fn verifier(&self) -> Verifier {
        Verifier::new(Profile::ACCESS, KeyRing::new(vec![self.key.verifying_key()]))
            .issuer(self.name.as_str())
            .audience(self.audience.as_str())
    }

    /// What [`Kit::revoked`] revokes its tokens in, for a guard of the application's own.
    pub fn revocation_set(&self) -> Arc<RevocationSet> {
        Arc::clone(&self.revocations)
    }

    /// A guard that accepts the good tokens, by the kit's clock.
    #[cfg(feature = "layer")]
    pub fn guard(&self) -> GuardBuilder {
        let revocations = Revocations::set(self.revocation_set());
        Guard::builder(self.verifier()).clock(self.clock.clone()).revocations(revocations)
    }

    /// A good access token, which lives for 15 minutes, of a session of its own.
    pub fn token(&self, subject: &str) -> String {
        self.token_with(subject, |token| token)
    }

    /// A good access token that says more, or something else.
    pub fn token_with(
        &self,
        subject: &str,
        with: impl for<'a> FnOnce(TokenBuilder<'a>) -> TokenBuilder<'a>,
    ) -> String {
        mint(with(of_new_session(self.issuer.access(subject))), self.now())
    }

    /// One that expired a moment ago.
    pub fn expired(&self, subject: &str) -> String {
        mint(of_new_session(self.issuer.access(subject)), self.now() - LIFE)
    }

    /// One that is good in a minute.
    pub fn not_yet_valid(&self, subject: &str) -> String {
        self.token_with(subject, |token| token.not_before(self.now() + 60))
    }

    /// One whose session has ended: its user logged out.
    pub fn revoked(&self, subject: &str) -> String {
        let session = new_id();
        self.revocations.revoke_session(&session, EndReason::Logout, self.now() + LIFE);
        self.token_with(subject, |token| token.session(&session, 0))
    }

    /// One that another key signed, which calls itself by the same `kid`.
    pub fn forged(&self, subject: &str) -> String {
        mint(of_new_session(self.forger.access(subject)), self.now())
    }

    /// One whose `typ` is `JWT`, with everything else as it should be: what other kinds of tokens are
    /// taken for where nobody looks.
    pub fn of_another_type(&self, subject: &str) -> String {
        mint(of_new_session(self.issuer.token("JWT").subject(subject)), self.now())
    }
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kit")
            .field("clock", &self.clock)
            .field("issuer", &self.issuer)
            .field("revocations", &self.revocations)
            .finish_non_exhaustive()
    }
}

impl Default for Kit {
    fn default() -> Self {
        Self::new()
    }
}

fn of_new_session(token: TokenBuilder<'_>) -> TokenBuilder<'_> {
    token.session(&new_id(), 0)
}

fn new_id() -> String {
    random::uuid().expect("the machine has randomness").to_string()
}

fn mint(token: TokenBuilder<'_>, now: i64) -> String {
    token.sign(now).unwrap_or_else(|error| panic!("the token cannot be minted: {error}"))
}
