//! Issues, verifies and revokes access tokens, strictly.
//!
//! ```
//! use countersign::{Algorithm, Issuer, KeyRing, Profile, SigningKey, Verifier};
//! use serde_json::json;
//!
//! let key = SigningKey::generate(Algorithm::Es256, Some("k1"))?;
//! let verifier = Verifier::new(Profile::ACCESS, KeyRing::new(vec![key.verifying_key()]))
//!     .issuer("https://accounts.example.org")
//!     .audience("https://api.example.org");
//!
//! let now = 1_800_000_000;
//! let claims = json!({
//!     "iss": "https://accounts.example.org", "aud": "https://api.example.org",
//!     "sub": "u1", "sid": "s1", "jti": "t1", "gen": 0, "iat": now, "exp": now + 900,
//! });
//! let token = Issuer::new(key).sign("at+jwt", &claims)?;
//!
//! assert_eq!(verifier.verify(&token, now)?.claims.subject(), Some("u1"));
//! assert!(verifier.verify(&token, now + 900).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Whoever protects an HTTP API need not call the verifier: the guard does, and says no to everybody
//! else. Features only add:
//!
//! | feature | what it brings |
//! |---|---|
//! | `layer` (default) | `countersign::layer`: the guard, a tower layer for services of any kind |
//! | `status-list` | `StatusList`: reads and writes Token Status Lists |
//! | `axum` | `countersign::axum`: extractors for axum 0.8 |
//! | `remote` | `countersign::remote`: the keys of an issuer, and the revocations of a server as they happen |
//! | `test` | `countersign::test`: for tests, tokens good and bad, and rules for stores of sessions |
//!
//! An application that issues its own tokens keeps its [`sessions`] by the same rules as the server.

#![warn(missing_docs)]

mod algorithm;
#[cfg(feature = "axum")]
pub mod axum;
mod base64url;
mod claims;
mod clock;
mod csrf_token;
mod error;
mod freshness;
mod hmac_keys;
mod issuer;
mod json;
mod jwk;
mod jwk_set;
mod key_ring;
#[cfg(feature = "layer")]
pub mod layer;
#[cfg(feature = "layer")]
mod loopback;
mod memory;
mod profile;
mod random;
mod reason;
pub mod refresh;
mod refresh_token;
#[cfg(feature = "remote")]
pub mod remote;
mod revocation;
#[cfg(feature = "layer")]
mod revocations;
pub mod sessions;
mod signing_key;
#[cfg(feature = "status-list")]
mod status_list;
#[cfg(feature = "test")]
pub mod test;
mod token;
#[cfg(test)]
mod vectors;
mod verifier;
mod verifying_key;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use claims::Claims;
pub use clock::Clock;
pub use csrf_token::CsrfTokens;
pub use error::{HeaderError, JsonError, JwkSetError, KeyError, SignError, VerifyError};
pub use freshness::{Freshness, Moment};
pub use issuer::{Issuer, IssuerBuilder, TokenBuilder};
pub use jwk::{Jwk, JwkSet};
pub use key_ring::KeyRing;
pub use profile::{ClaimType, Profile, Subject};
pub use reason::{EndReason, UnknownReason};
pub use refresh_token::{RefreshToken, RefreshTokens};
pub use revocation::{Revocation, RevocationSet, UnknownRevocation};
#[cfg(feature = "layer")]
pub use revocations::{Revocations, Standing};
pub use signing_key::SigningKey;
#[cfg(feature = "status-list")]
pub use status_list::{StatusList, StatusListError};
pub use verifier::{Verified, Verifier};
pub use verifying_key::VerifyingKey;

/// The longest token that is issued or looked at, in bytes.
pub const MAX_TOKEN_LENGTH: usize = 8 * 1024;
