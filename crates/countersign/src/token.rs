//! Takes a token apart (RFC 7515, section 3.1) and finds who signed it.

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::error::{HeaderError, VerifyError};
use crate::key_ring::KeyRing;
use crate::profile::Profile;
use crate::verifying_key::VerifyingKey;
use crate::{MAX_TOKEN_LENGTH, base64url, json};

/// Members by which a token would say how it is to be verified (RFC 7515, section 4.1; RFC 7516,
/// section 4.1; RFC 7797): none of that is a token's to choose.
pub(crate) const FORBIDDEN: [&str; 8] = ["crit", "zip", "b64", "jwk", "jku", "x5u", "x5c", "enc"];

/// A token in its parts, of which nothing is verified by having them.
pub(crate) struct Token<'a> {
    pub(crate) kid: Option<String>,
    algorithm: Algorithm,
    signed: &'a str,
    signature: Vec<u8>,
    payload: Vec<u8>,
    typ: Option<String>,
}

impl<'a> Token<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, VerifyError> {
        if token.len() > MAX_TOKEN_LENGTH {
            return Err(VerifyError::TooLong);
        }
        let mut segments = token.splitn(4, '.').filter(|segment| !segment.is_empty());
        let (Some(header), Some(payload), Some(signature), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(VerifyError::NotThreeSegments);
        };
        if token.len() != header.len() + payload.len() + signature.len() + 2 {
            return Err(VerifyError::NotThreeSegments);
        }
        let decode = |segment| base64url::decode(segment).ok_or(VerifyError::Encoding);
        let mut members = json::read_object(&decode(header)?).map_err(HeaderError::Json)?;
        let algorithm = check_header(&members)?;
        Ok(Self {
            algorithm,
            kid: key_id(&mut members)?,
            typ: members.get("typ").and_then(Value::as_str).map(str::to_owned),
            signed: &token[..header.len() + 1 + payload.len()],
            signature: decode(signature)?,
            payload: decode(payload)?,
        })
    }

    pub(crate) fn check_type(&self, profile: &Profile) -> Result<(), VerifyError> {
        match &self.typ {
            Some(typ) if profile.accepts_type(typ) => Ok(()),
            _ => Err(VerifyError::Type),
        }
    }

    /// The key of the ring that signed the token.
    pub(crate) fn check_signature(&self, keys: &KeyRing) -> Result<VerifyingKey, VerifyError> {
        let Some(key) = keys.find(self.kid.as_deref()) else {
            return Err(VerifyError::UnknownKey { kid: self.kid.clone() });
        };
        if key.algorithm() != self.algorithm {
            return Err(VerifyError::Algorithm);
        }
        if !key.accepts(self.signed.as_bytes(), &self.signature) {
            return Err(VerifyError::Signature);
        }
        Ok(key)
    }

    /// What was signed. To be called once the signature is known to be right.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, VerifyError> {
        json::read_object(&self.payload).map_err(VerifyError::Payload)
    }
}

fn check_header(members: &Map<String, Value>) -> Result<Algorithm, VerifyError> {
    if let Some(name) = FORBIDDEN.into_iter().find(|name| members.contains_key(*name)) {
        return Err(HeaderError::Forbidden { name }.into());
    }
    let algorithm = members.get("alg").and_then(Value::as_str).and_then(|name| name.parse().ok());
    algorithm.ok_or(VerifyError::Algorithm)
}

fn key_id(members: &mut Map<String, Value>) -> Result<Option<String>, HeaderError> {
    match members.remove("kid") {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid)),
        Some(_) => Err(HeaderError::KeyId),
    }
}
