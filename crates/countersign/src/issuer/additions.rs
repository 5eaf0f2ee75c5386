//! Claims and members of the header that are added to what the issuer sets, under other names.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::SignError;
use crate::token::FORBIDDEN;

/// The claims that have a meaning here: each has a method of its own that sets it.
const RESERVED_CLAIMS: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "gen",
    "auth_time",
    "amr",
    "roles",
    "scope",
    "type",
];

/// The members of the header that follow from the key and from the token's type.
const RESERVED_HEADER: [&str; 3] = ["alg", "typ", "kid"];

pub(super) type Members = Map<String, Value>;

/// What is added, and the first thing that is wrong with it.
#[derive(Clone, Default)]
pub(super) struct Additions {
    pub(super) claims: Members,
    pub(super) header: Members,
    fault: Option<SignError>,
}

impl Additions {
    pub(super) fn claim(&mut self, name: &str, value: impl Serialize) {
        let value = serde_json::to_value(value).map_err(|_| SignError::Claims);
        match check_claim(name).and(value) {
            Ok(value) => drop(self.claims.insert(name.to_owned(), value)),
            Err(fault) => self.note(fault),
        }
    }

    pub(super) fn claims(&mut self, object: impl Serialize) {
        match members(object).ok_or(SignError::Claims) {
            Ok(members) => members.into_iter().for_each(|(name, value)| self.claim(&name, value)),
            Err(fault) => self.note(fault),
        }
    }

    pub(super) fn header(&mut self, name: &str, value: impl Serialize) {
        let value = serde_json::to_value(value).map_err(|_| SignError::Header);
        match check_header(name).and(value) {
            Ok(value) => drop(self.header.insert(name.to_owned(), value)),
            Err(fault) => self.note(fault),
        }
    }

    pub(super) fn check(&self) -> Result<(), SignError> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    pub(super) fn note(&mut self, fault: SignError) {
        self.fault.get_or_insert(fault);
    }
}

pub(super) fn check_claim(name: &str) -> Result<(), SignError> {
    if RESERVED_CLAIMS.contains(&name) {
        return Err(SignError::ReservedClaim { name: name.to_owned() });
    }
    Ok(())
}

/// What would say how the token is to be verified is reserved, too: no verifier here accepts it.
pub(super) fn check_header(name: &str) -> Result<(), SignError> {
    if RESERVED_HEADER.contains(&name) || FORBIDDEN.contains(&name) {
        return Err(SignError::ReservedHeader { name: name.to_owned() });
    }
    Ok(())
}

/// The members of an object; `None` for what is none.
pub(super) fn members(object: impl Serialize) -> Option<Members> {
    match serde_json::to_value(object) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}
