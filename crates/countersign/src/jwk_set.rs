//! Reads JWK sets as keys that verify (RFC 7517, section 5).

use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::error::{JwkSetError, KeyError};
use crate::json;
use crate::jwk::Jwk;
use crate::verifying_key::VerifyingKey;

/// One member of `keys`, of a kind that is supported.
pub(crate) struct Member {
    /// Its place in the list, from zero.
    pub(crate) index: usize,
    pub(crate) kid: Option<String>,
    pub(crate) key: Result<VerifyingKey, KeyError>,
}

/// The keys of the set, those of kinds that are not supported left out. RSA keys that do not name
/// their algorithm are for `rsa`.
///
/// Fails for what is no JWK set, and for one that holds a private or a symmetric key: whoever can
/// read it can sign.
pub(crate) fn read(text: &[u8], rsa: Option<Algorithm>) -> Result<Vec<Member>, JwkSetError> {
    let mut members = json::read_object(text)?;
    let Some(Value::Array(list)) = members.remove("keys") else { return Err(JwkSetError::NoKeys) };
    let mut found = Vec::new();
    for (index, value) in list.into_iter().enumerate() {
        let kid = value.get("kid").and_then(Value::as_str).map(str::to_owned);
        match Jwk::try_from(value).and_then(|jwk| verifying(jwk, rsa)) {
            Err(KeyError::Unsupported) => {}
            Err(KeyError::Private) => {
                return Err(JwkSetError::Key { index, kid, error: KeyError::Private });
            }
            key => found.push(Member { index, kid, key }),
        }
    }
    Ok(found)
}

/// As [`read`], where every key of a kind that is supported must be one that verifies.
pub(crate) fn read_strictly(
    text: &[u8],
    rsa: Option<Algorithm>,
) -> Result<Vec<VerifyingKey>, JwkSetError> {
    let members = read(text, rsa)?;
    let several = members.len() > 1;
    let mut keys: Vec<VerifyingKey> = Vec::new();
    for Member { index, kid, key } in members {
        let key = match key {
            Ok(key) => key,
            Err(error) => return Err(JwkSetError::Key { index, kid, error }),
        };
        if several && kid.is_none() {
            return Err(JwkSetError::NoKeyId { index });
        }
        if keys.iter().any(|known| known.key_id() == key.key_id()) {
            return Err(JwkSetError::KeyIdTwice { index, kid: kid.unwrap_or_default() });
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(JwkSetError::Empty) } else { Ok(keys) }
}

/// As [`read`], for a set that is somebody else's: of its keys those that verify.
#[cfg(feature = "remote")]
pub(crate) fn read_usable(
    text: &[u8],
    rsa: Option<Algorithm>,
) -> Result<Vec<VerifyingKey>, JwkSetError> {
    let keys: Vec<_> = read(text, rsa)?.into_iter().filter_map(|member| member.key.ok()).collect();
    if keys.is_empty() { Err(JwkSetError::Empty) } else { Ok(keys) }
}

fn verifying(jwk: Jwk, rsa: Option<Algorithm>) -> Result<VerifyingKey, KeyError> {
    let jwk = match rsa {
        Some(algorithm) if jwk.algorithm().is_none() => jwk.for_algorithm(algorithm)?,
        _ => jwk,
    };
    VerifyingKey::from_jwk(&jwk)
}
