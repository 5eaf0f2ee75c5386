//! What can be wrong with a token, with a key, or with what is to be signed.

use std::fmt;

use thiserror::Error;

/// Which check a token failed.
///
/// A client learns none of this (RFC 6750, section 3.1); it is for logs, and for callers that act
/// upon [`VerifyError::Expired`] or [`VerifyError::UnknownKey`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is longer than 8 KiB.
    #[error("the token is too long")]
    TooLong,
    /// The token is not header, payload and signature, none of them empty, with two dots between.
    #[error("the token has not three segments")]
    NotThreeSegments,
    /// A segment is not base64url without padding and with zero spare bits.
    #[error("a segment of the token is not canonical base64url")]
    Encoding,
    /// The header cannot be read, or says what no header may.
    #[error("the token's header: {0}")]
    Header(#[from] HeaderError),
    /// `typ` is missing or names another kind of token.
    #[error("the token is of another type")]
    Type,
    /// `alg` is missing, unknown, or not the algorithm of the key.
    #[error("the token's algorithm is not that of the key")]
    Algorithm,
    /// No key goes by this `kid`; or the token names none and there is not exactly one key.
    #[error("the token's key is not known")]
    UnknownKey {
        /// What the token named. It is not yet verified.
        kid: Option<String>,
    },
    /// The signature is not that of the key.
    #[error("the token's signature is wrong")]
    Signature,
    /// The signature is right, and what it signs is not an object that can be read in one way only.
    #[error("the token's payload: {0}")]
    Payload(JsonError),
    /// A claim that the profile requires is not there.
    #[error("the claim `{name}` is missing")]
    MissingClaim {
        /// Which one.
        name: &'static str,
    },
    /// A claim is not of its type, is empty, or is out of its range.
    #[error("the claim `{name}` is not of its type")]
    WrongClaimType {
        /// Which one.
        name: &'static str,
    },
    /// `iss` is another issuer.
    #[error("the token is from another issuer")]
    Issuer,
    /// `aud` does not name this audience.
    #[error("the token is for another audience")]
    Audience,
    /// `nbf` lies ahead by more than the leeway.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` lies ahead by more than the leeway.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// `exp` has passed; everything else about the token is in order.
    #[error("the token has expired")]
    Expired,
}

/// What is wrong with a token's header.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// It cannot be read.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It has a member that would let the token choose how it is verified.
    #[error("the member `{name}` is not accepted")]
    Forbidden {
        /// Which one.
        name: &'static str,
    },
    /// `kid` is not text.
    #[error("`kid` is not text")]
    KeyId,
}

/// Why bytes are not one JSON object with one meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not JSON (RFC 8259) in UTF-8, or more than one text.
    #[error("it is not JSON")]
    Syntax,
    /// JSON, but no object.
    #[error("it is not an object")]
    NotAnObject,
    /// Two members of one object have the same name.
    #[error("a member appears twice")]
    DuplicateMember,
    /// Nested more than 32 deep.
    #[error("it is nested too deeply")]
    TooDeep,
    /// A text contains U+0000, which not every database can store.
    #[error("a text contains a NUL")]
    Nul,
}

/// Why a key is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key cannot be read, or is not one of the algorithm's.
    #[error("the key cannot be read as one for {algorithm}")]
    Unreadable {
        /// What it was to be used with.
        algorithm: crate::Algorithm,
    },
    /// A secret was given for an algorithm with key pairs, or the other way round.
    #[error("{algorithm} does not use keys of this kind")]
    WrongKind {
        /// What it was to be used with.
        algorithm: crate::Algorithm,
    },
    /// The RSA modulus or the secret is shorter than is safe, or the modulus longer than any use.
    #[error("the key has {bits} bits, which {algorithm} does not allow")]
    Size {
        /// What it was to be used with.
        algorithm: crate::Algorithm,
        /// How long it is.
        bits: usize,
    },
    /// The RSA key comes from a generator whose keys can be factored (CVE-2017-15361).
    #[error("the key can be factored")]
    Factorable,
    /// The secret is the text of a public key, which everybody may have.
    #[error("the secret is the text of a public key")]
    PublicSecret,
    /// A JWK that carries a private or a symmetric key where a public one belongs.
    #[error("the JWK contains a private key")]
    Private,
    /// The JWK is not of a type, curve, use or algorithm that is known here.
    #[error("the JWK is of a kind that is not supported")]
    Unsupported,
    /// A member of the JWK is missing or malformed.
    #[error("the JWK's `{member}` is missing or malformed")]
    Member {
        /// Which one.
        member: &'static str,
    },
    /// The JWK does not say which algorithm it is for, and its type leaves a choice.
    #[error("the JWK does not name its algorithm")]
    NoAlgorithm,
}

/// Why a JWK set is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// It cannot be read.
    #[error("the JWK set: {0}")]
    Json(#[from] JsonError),
    /// It has no list `keys`.
    #[error("the JWK set has no list `keys`")]
    NoKeys,
    /// One of its keys is wrong.
    #[error("key {index} of the JWK set{}: {error}", Kid(kid.as_deref()))]
    Key {
        /// Its place in the list, from zero.
        index: usize,
        /// Its identifier, if it has one.
        kid: Option<String>,
        /// What is wrong with it.
        error: KeyError,
    },
    /// Two keys go by the same identifier: which is meant would be the token's to choose.
    #[error("key {index} of the JWK set has the kid {kid} of another")]
    KeyIdTwice {
        /// The second one's place in the list, from zero.
        index: usize,
        /// Their identifier.
        kid: String,
    },
    /// A key among several has no identifier, so that no token could name it.
    #[error("key {index} of the JWK set is one of several and has no kid")]
    NoKeyId {
        /// Its place in the list, from zero.
        index: usize,
    },
    /// No key is of a kind that is supported.
    #[error("no key of the JWK set is of a kind that is supported")]
    Empty,
}

/// An identifier in the middle of a sentence.
struct Kid<'a>(Option<&'a str>);

impl fmt::Display for Kid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |kid| write!(f, " (kid {})", kid.escape_debug()))
    }
}

/// Why nothing was signed, or an issuer cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The claims are not a JSON object.
    #[error("the claims are not a JSON object")]
    Claims,
    /// A member of the header cannot be written, or those that a function returned are no object.
    #[error("the additional members of the header are not a JSON object")]
    Header,
    /// The claim has a meaning of its own, and a method of its own that sets it.
    #[error("the claim `{name}` cannot be added")]
    ReservedClaim {
        /// Which one.
        name: String,
    },
    /// The member of the header follows from the key and the type, or no verifier here accepts it.
    #[error("the header's member `{name}` cannot be added")]
    ReservedHeader {
        /// Which one.
        name: String,
    },
    /// A claim is empty, or out of its range, or a scope is none.
    #[error("the claim `{name}` is not of its type")]
    ClaimType {
        /// Which one.
        name: &'static str,
    },
    /// No verifier here could read the claims or the header: they are nested too deeply, or have a
    /// NUL.
    #[error("no verifier could read it: {0}")]
    Unreadable(JsonError),
    /// `exp` is missing or no integer, or not after `iat` and `nbf`; a lifetime of zero.
    #[error("the claims' lifetime is missing or empty")]
    Lifetime,
    /// The token would be longer than any verifier here accepts.
    #[error("the token would be too long")]
    TooLong,
    /// The cryptographic library failed.
    #[error("signing failed")]
    Failed,
}
