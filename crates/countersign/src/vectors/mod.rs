//! Signatures made by others, which have no claims that a verifier would read.
//!
//! The files lie beside the repository; where they do not, the tests say so and pass.

mod rfc7520;
mod wycheproof;

use std::path::PathBuf;

use serde_json::Value;

use crate::token::Token;
use crate::{Jwk, KeyError, KeyRing, VerifyError, VerifyingKey, base64url};

/// A file of the vectors. `None`, with the reason printed, where the whole folder is not there; a
/// single file that is missing is a fault.
fn read(path: &str) -> Option<Value> {
    let path = folder()?.join(path);
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_str(&text).unwrap())
}

fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors"));
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

/// The JSON files in one of the folders, sorted, without `.json`.
fn names(of: &str) -> Option<Vec<String>> {
    let files = std::fs::read_dir(folder()?.join(of)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let names = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    Some(names)
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
