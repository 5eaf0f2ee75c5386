//! Signs claims into tokens (RFC 7515, RFC 7519).

use serde::{Deserialize, Serialize};

use crate::error::SignError;
use crate::signing_key::SigningKey;
use crate::{MAX_TOKEN_LENGTH, base64url};

/// Signs claims with one key.
#[derive(Clone, Debug)]
pub struct Issuer(SigningKey);

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

#[derive(Deserialize)]
struct Lifetime {
    exp: i64,
    iat: Option<i64>,
}

impl Issuer {
    /// An issuer that signs with `key`.
    pub fn new(key: SigningKey) -> Self {
        Self(key)
    }

    /// A token of type `typ` with `claims`, which are an object with an `exp` after `iat`.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SignError> {
        let kid = self.0.key_id();
        let header = Header { alg: self.0.algorithm().as_str(), typ, kid };
        let header = serde_json::to_vec(&header).map_err(|_| SignError::Claims)?;
        let payload = serde_json::to_vec(claims).map_err(|_| SignError::Claims)?;
        check_claims(&payload)?;
        let mut token = format!("{}.{}", base64url::encode(&header), base64url::encode(&payload));
        let signature = self.0.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&base64url::encode(&signature));
        if token.len() > MAX_TOKEN_LENGTH { Err(SignError::TooLong) } else { Ok(token) }
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
