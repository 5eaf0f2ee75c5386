//! A key that verifies, with the one algorithm it is for.

use std::fmt;
use std::iter;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    VerificationAlgorithm,
};
use aws_lc_rs::{digest, hmac, rsa};

use crate::algorithm::Algorithm;
use crate::error::KeyError;
use crate::jwk::{Jwk, Public};

/// A key that verifies signatures, parsed once. Cheap to clone.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Inner>);

struct Inner {
    algorithm: Algorithm,
    kid: Option<String>,
    material: Material,
    fingerprint: Fingerprint,
}

enum Material {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

/// What makes a key this key: its algorithm, its identifier and its bytes, as one digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; digest::SHA256_OUTPUT_LEN]);

impl VerifyingKey {
    /// The key of a JWK that says, or whose type leaves no choice, which algorithm it is for.
    ///
    /// RSA keys have 2048 to 8192 bits.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        let algorithm = jwk.algorithm().ok_or(KeyError::NoAlgorithm)?;
        Self::from_public(algorithm, jwk.key_id(), &jwk.public)
    }

    /// A public key in PEM: `PUBLIC KEY` (RFC 5280), or `RSA PUBLIC KEY` (RFC 8017).
    pub fn from_pem(algorithm: Algorithm, kid: Option<&str>, text: &str) -> Result<Self, KeyError> {
        let unreadable = KeyError::Unreadable { algorithm };
        let pem = pem::parse(text).map_err(|_| unreadable.clone())?;
        if !matches!(pem.tag(), "PUBLIC KEY" | "RSA PUBLIC KEY") {
            return Err(unreadable);
        }
        Self::from_der(algorithm, kid, pem.contents())
    }

    /// A secret for HMAC, at least as long as the digest (RFC 7518, section 3.2): 32, 48 or 64
    /// bytes.
    pub fn from_secret(
        algorithm: Algorithm,
        kid: Option<&str>,
        secret: &[u8],
    ) -> Result<Self, KeyError> {
        check_secret(algorithm, secret)?;
        Self::from_weak_secret(algorithm, kid, secret)
    }

    /// A secret of any length but zero, for tokens of old systems that chose one too short. Who
    /// guesses it can sign.
    pub fn from_weak_secret(
        algorithm: Algorithm,
        kid: Option<&str>,
        secret: &[u8],
    ) -> Result<Self, KeyError> {
        let key = hmac_key(algorithm, secret)?;
        Ok(Self::new(algorithm, kid, Material::Secret(key), secret))
    }

    /// The key's identifier.
    pub fn key_id(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// The algorithm that it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    pub(crate) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0.material {
            Material::Public(key) => key.verify_sig(message, signature).is_ok(),
            Material::Secret(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }

    pub(crate) fn from_public(
        algorithm: Algorithm,
        kid: Option<&str>,
        public: &Public,
    ) -> Result<Self, KeyError> {
        match public {
            Public::P256 { x, y } | Public::P384 { x, y } => {
                Self::from_der(algorithm, kid, &[&[4], &x[..], y].concat())
            }
            Public::Ed25519 { x } => Self::from_der(algorithm, kid, x),
            Public::Rsa { n, e } => {
                let der: PublicKeyX509Der<'_> = RsaPublicKeyComponents { n, e }
                    .as_der()
                    .map_err(|_| KeyError::Unreadable { algorithm })?;
                Self::from_der(algorithm, kid, der.as_ref())
            }
        }
    }

    fn from_der(algorithm: Algorithm, kid: Option<&str>, der: &[u8]) -> Result<Self, KeyError> {
        if matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256) {
            check_modulus(algorithm, der)?;
        }
        let unreadable = |_| KeyError::Unreadable { algorithm };
        let key = ParsedPublicKey::new(verification(algorithm)?, der).map_err(unreadable)?;
        let canonical: PublicKeyX509Der<'_> =
            key.as_der().map_err(|_| KeyError::Unreadable { algorithm })?;
        Ok(Self::new(algorithm, kid, Material::Public(key), canonical.as_ref()))
    }

    fn new(algorithm: Algorithm, kid: Option<&str>, material: Material, bytes: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [algorithm.as_str().as_bytes(), kid.unwrap_or_default().as_bytes(), bytes] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut fingerprint = [0; digest::SHA256_OUTPUT_LEN];
        fingerprint.copy_from_slice(context.finish().as_ref());
        let fingerprint = Fingerprint(fingerprint);
        Self(Arc::new(Inner { algorithm, kid: kid.map(str::to_owned), material, fingerprint }))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("key_id", &self.0.kid)
            .field("algorithm", &self.0.algorithm)
            .finish_non_exhaustive()
    }
}

/// ECDSA signatures are of fixed length, never DER (RFC 7518, section 3.4).
fn verification(algorithm: Algorithm) -> Result<&'static dyn VerificationAlgorithm, KeyError> {
    Ok(match algorithm {
        Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDsa => &ED25519,
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
            return Err(KeyError::WrongKind { algorithm });
        }
    })
}

fn check_modulus(algorithm: Algorithm, der: &[u8]) -> Result<(), KeyError> {
    let key = rsa::PublicKey::from_der(der).map_err(|_| KeyError::Unreadable { algorithm })?;
    let modulus = key.modulus().big_endian_without_leading_zero();
    let leading = modulus.first().map_or(8, |byte| byte.leading_zeros() as usize);
    let bits = modulus.len() * 8 - leading;
    if !(2048..=8192).contains(&bits) {
        return Err(KeyError::Size { algorithm, bits });
    }
    if is_factorable(modulus) { Err(KeyError::Factorable) } else { Ok(()) }
}

/// Whether the modulus is, modulo every small prime, a power of 65537: so a widespread faulty
/// generator made them (CVE-2017-15361), and of others not one in a hundred million is.
fn is_factorable(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
        97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.into_iter().all(|prime| {
        let remainder =
            modulus.iter().fold(0, |remainder, byte| (remainder * 256 + u32::from(*byte)) % prime);
        let next = |power: &u32| Some(power * (65_537 % prime) % prime).filter(|next| *next != 1);
        iter::successors(Some(1), next).any(|power| power == remainder)
    })
}

/// The secret as a key, of any length but zero.
pub(crate) fn hmac_key(algorithm: Algorithm, secret: &[u8]) -> Result<Box<hmac::Key>, KeyError> {
    if secret.is_empty() {
        return Err(KeyError::Size { algorithm, bits: 0 });
    }
    Ok(Box::new(hmac::Key::new(hash(algorithm)?, secret)))
}

/// Refuses a secret that is short, or that is what everybody may know.
pub(crate) fn check_secret(algorithm: Algorithm, secret: &[u8]) -> Result<(), KeyError> {
    if secret.len() < hash(algorithm)?.digest_algorithm().output_len() {
        return Err(KeyError::Size { algorithm, bits: secret.len() * 8 });
    }
    let public = ["-----BEGIN PUBLIC KEY", "-----BEGIN RSA PUBLIC KEY", "-----BEGIN CERTIFICATE"];
    let public = public.iter().chain(&["ssh-rsa ", "ssh-ed25519 ", "ecdsa-sha2-"]);
    if public.into_iter().any(|start| secret.trim_ascii_start().starts_with(start.as_bytes())) {
        return Err(KeyError::PublicSecret);
    }
    Ok(())
}

fn hash(algorithm: Algorithm) -> Result<hmac::Algorithm, KeyError> {
    match algorithm {
        Algorithm::Hs256 => Ok(hmac::HMAC_SHA256),
        Algorithm::Hs384 => Ok(hmac::HMAC_SHA384),
        Algorithm::Hs512 => Ok(hmac::HMAC_SHA512),
        _ => Err(KeyError::WrongKind { algorithm }),
    }
}
