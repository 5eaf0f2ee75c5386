//! Signs claims into tokens (RFC 7515, RFC 7519).

mod additions;
mod builder;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::additions::{Additions, Members};
pub use self::builder::IssuerBuilder;
pub use self::token::TokenBuilder;
use crate::claims::Claims;
use crate::error::SignError;
use crate::signing_key::SigningKey;
use crate::{MAX_TOKEN_LENGTH, base64url};

/// The `typ` of an access token (RFC 9068, section 2.1).
const ACCESS_TYPE: &str = "at+jwt";

/// Signs claims with one key. Cheap to clone.
///
/// [`Issuer::access`] mints access tokens claim by claim; what every one of them carries is told to
/// the [`IssuerBuilder`]. [`Issuer::sign`] signs what it is given.
///
/// ```
/// use std::time::Duration;
/// use countersign::{Algorithm, Issuer, KeyRing, Profile, SigningKey, Verifier};
/// use serde_json::json;
///
/// let key = SigningKey::generate(Algorithm::Es256, Some("k1"))?;
/// let verifier = Verifier::new(Profile::ACCESS, KeyRing::new(vec![key.verifying_key()]));
/// let issuer = Issuer::builder(key)
///     .issuer("https://accounts.example.org")
///     .audience(["https://api.example.org", "https://files.example.org"])
///     .lifetime(Duration::from_mins(5))
///     .claim("tenant", "acme")
///     .claims_for(|claims| json!({ "shard": claims.subject().map_or(0, str::len) % 2 }))
///     .build()?;
///
/// let now = 1_800_000_000;
/// let token = issuer.access("alice").session("s1", 0).roles(["admin"]).sign(now)?;
/// let verified = verifier.verify(&token, now)?;
/// assert_eq!(verified.claims.expires_at(), now + 300);
/// assert_eq!(verified.claims.get("tenant"), Some(&json!("acme")));
/// assert_eq!(verified.claims.get("shard"), Some(&json!(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Issuer {
    key: SigningKey,
    terms: Arc<Terms>,
}

/// What every token of an issuer carries.
#[derive(Clone)]
struct Terms {
    issuer: Option<String>,
    audience: Vec<String>,
    lifetime: Duration,
    /// How long before it is minted a token is good already; without it there is no `nbf`.
    not_before: Option<Duration>,
    additions: Additions,
    claims_for: Option<Callback>,
    header_for: Option<Callback>,
}

type Callback = Arc<dyn Fn(&Claims) -> Result<Members, SignError> + Send + Sync>;

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(flatten)]
    additional: &'a Members,
}

#[derive(Deserialize)]
struct Lifetime {
    exp: i64,
    iat: Option<i64>,
}

impl Issuer {
    /// An issuer that signs with `key`, and whose tokens carry what each is told to.
    pub fn new(key: SigningKey) -> Self {
        Self { key, terms: Arc::new(Terms::default()) }
    }

    /// An issuer whose tokens carry more.
    pub fn builder(key: SigningKey) -> IssuerBuilder {
        IssuerBuilder::new(key)
    }

    /// An access token (RFC 9068) about `subject`, to be signed by [`TokenBuilder::sign`].
    pub fn access<'a>(&'a self, subject: &str) -> TokenBuilder<'a> {
        self.token(ACCESS_TYPE).subject(subject)
    }

    /// A token of another type, such as one that proves an e-mail address, to be signed by
    /// [`TokenBuilder::sign`]. Of what `typ` says there should be one [`Profile`](crate::Profile), so
    /// that no token is taken for one of another kind.
    pub fn token<'a>(&'a self, typ: &'a str) -> TokenBuilder<'a> {
        TokenBuilder::new(self, typ)
    }

    /// A token of type `typ` with `claims`, which are an object with an `exp` after `iat`. Nothing is
    /// added to them.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SignError> {
        let payload = serde_json::to_vec(claims).map_err(|_| SignError::Claims)?;
        check_claims(&payload)?;
        self.sign_bytes((typ, &Members::new()), &payload)
    }

    /// How long tokens live that are not told.
    pub(crate) fn default_lifetime(&self) -> Duration {
        self.terms.lifetime
    }

    /// What every access token must carry (RFC 9068, section 2.2) and this issuer does not know.
    pub(crate) fn lacks(&self) -> Option<&'static str> {
        match (&self.terms.issuer, self.terms.audience.is_empty()) {
            (None, _) => Some("issuer"),
            (_, true) => Some("audience"),
            _ => None,
        }
    }

    fn sign_bytes(
        &self,
        (typ, additional): (&str, &Members),
        payload: &[u8],
    ) -> Result<String, SignError> {
        let (alg, kid) = (self.key.algorithm().as_str(), self.key.key_id());
        let header = serde_json::to_vec(&Header { alg, typ, kid, additional });
        let header = header.map_err(|_| SignError::Header)?;
        let mut token = format!("{}.{}", base64url::encode(&header), base64url::encode(payload));
        let signature = self.key.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&base64url::encode(&signature));
        if token.len() > MAX_TOKEN_LENGTH { Err(SignError::TooLong) } else { Ok(token) }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: Vec::new(),
            lifetime: Duration::from_mins(15),
            not_before: None,
            additions: Additions::default(),
            claims_for: None,
            header_for: None,
        }
    }
}

/// Of what the tokens carry, it shows the names only.
impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("key", &self.key)
            .field("issuer", &self.terms.issuer)
            .field("audience", &self.terms.audience)
            .field("lifetime", &self.terms.lifetime)
            .field("claims", &self.terms.additions.claims.keys().collect::<Vec<_>>())
            .field("header", &self.terms.additions.header.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

fn check_claims(payload: &[u8]) -> Result<(), SignError> {
    // A struct would be read from an array as well.
    if payload.first() != Some(&b'{') {
        return Err(SignError::Claims);
    }
    let Lifetime { exp, iat } = serde_json::from_slice(payload).map_err(|_| SignError::Lifetime)?;
    if iat.is_some_and(|iat| exp <= iat) { Err(SignError::Lifetime) } else { Ok(()) }
}
