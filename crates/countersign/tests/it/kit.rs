//! What the tests share: keys made once, good claims, and a signer that signs anything.

use std::path::PathBuf;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::{Algorithm, KeyRing, Profile, SigningKey, Verifier};
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://accounts.example.org";
pub(crate) const AUDIENCE: &str = "https://api.example.org";

/// One key of each algorithm, with the algorithm's name as `kid`.
pub(crate) static KEYS: LazyLock<Vec<SigningKey>> =
    LazyLock::new(|| Algorithm::ALL.iter().copied().map(new_key).collect());

pub(crate) fn new_key(algorithm: Algorithm) -> SigningKey {
    let kid = Some(algorithm.as_str());
    if algorithm.is_symmetric() {
        SigningKey::from_secret(algorithm, kid, &[algorithm.as_str().as_bytes()[2]; 64]).unwrap()
    } else {
        SigningKey::generate(algorithm, kid).unwrap()
    }
}

pub(crate) fn key(algorithm: Algorithm) -> &'static SigningKey {
    KEYS.iter().find(|key| key.algorithm() == algorithm).unwrap()
}

pub(crate) fn ring() -> KeyRing {
    KeyRing::new(KEYS.iter().map(SigningKey::verifying_key).collect())
}

pub(crate) fn verifier() -> Verifier {
    Verifier::new(Profile::ACCESS, ring()).issuer(ISSUER).audience(AUDIENCE)
}

pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "jti": "t1", "sid": "s1", "gen": 3,
        "iat": NOW, "exp": NOW + 900, "auth_time": NOW - 60, "amr": ["pwd"], "roles": ["admin"],
    })
}

/// The good claims, with these members in the place of theirs; `null` takes one out.
pub(crate) fn claims_with(changes: &Value) -> String {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        let members = claims.as_object_mut().unwrap();
        members.remove(name);
        if !value.is_null() {
            members.insert(name.clone(), value.clone());
        }
    }
    claims.to_string()
}

pub(crate) fn header(algorithm: Algorithm) -> Value {
    json!({ "alg": algorithm.as_str(), "typ": "at+jwt", "kid": algorithm.as_str() })
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A token of this header and payload, whatever they are, with the key's right signature over them.
pub(crate) fn sign_raw(
    key: &SigningKey,
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
) -> String {
    let message = format!("{}.{}", encode(header), encode(payload));
    let signature = signature(key, &message);
    format!("{message}.{signature}")
}

/// The key's signature of `message`, made by another implementation.
pub(crate) fn signature(key: &SigningKey, message: &str) -> String {
    let private = key.to_pkcs8_der();
    let (other, key) = match key.algorithm() {
        Algorithm::Es256 => (jsonwebtoken::Algorithm::ES256, EncodingKey::from_ec_der(&private)),
        Algorithm::Es384 => (jsonwebtoken::Algorithm::ES384, EncodingKey::from_ec_der(&private)),
        Algorithm::EdDsa => (jsonwebtoken::Algorithm::EdDSA, EncodingKey::from_ed_der(&private)),
        Algorithm::Rs256 => (jsonwebtoken::Algorithm::RS256, rsa(&private)),
        Algorithm::Ps256 => (jsonwebtoken::Algorithm::PS256, rsa(&private)),
        Algorithm::Hs256 => (jsonwebtoken::Algorithm::HS256, EncodingKey::from_secret(&private)),
        Algorithm::Hs384 => (jsonwebtoken::Algorithm::HS384, EncodingKey::from_secret(&private)),
        Algorithm::Hs512 => (jsonwebtoken::Algorithm::HS512, EncodingKey::from_secret(&private)),
        other => panic!("{other} has no equal there yet"),
    };
    jsonwebtoken::crypto::sign(message.as_bytes(), &key, other).unwrap()
}

fn rsa(pkcs8: &[u8]) -> EncodingKey {
    let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", pkcs8));
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

/// A file of the shared vectors, or `None` with the reason printed.
pub(crate) fn vector(path: &str) -> Option<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let path = PathBuf::from(folder).join(path);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            eprintln!("skipped: {} cannot be read: {error}", path.display());
            None
        }
    }
}
