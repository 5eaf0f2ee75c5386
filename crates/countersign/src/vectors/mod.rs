//! Signatures made by others, which have no claims that a verifier would read.
//!
//! The files lie beside the repository; where they do not, the tests say so and pass.

mod rfc7520;
mod wycheproof;

use std::path::PathBuf;

use serde_json::Value;

use crate::token::Token;
use crate::{Jwk, KeyError, KeyRing, VerifyError, VerifyingKey, base64url};

fn read(path: &str) -> Option<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let path = PathBuf::from(folder).join(path);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            eprintln!("skipped: {} cannot be read: {error}", path.display());
            None
        }
    }
}

fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// A key as its owner would configure it: a secret by its bytes, any other by its public JWK.
fn key(jwk: &Value) -> Result<VerifyingKey, KeyError> {
    let Some(secret) = jwk["k"].as_str() else {
        return VerifyingKey::from_jwk(&Jwk::try_from(jwk.clone())?);
    };
    let algorithm = jwk["alg"].as_str().and_then(|name| name.parse().ok());
    let secret = base64url::decode(secret).ok_or(KeyError::Unsupported)?;
    let algorithm = algorithm.ok_or(KeyError::Unsupported)?;
    VerifyingKey::from_secret(algorithm, jwk["kid"].as_str(), &secret)
}

fn check(token: &str, keys: Vec<VerifyingKey>) -> Result<(), VerifyError> {
    Token::parse(token)?.check_signature(&KeyRing::new(keys)).map(drop)
}
