//! A key that signs, with the one algorithm it is for.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use aws_lc_rs::{error::Unspecified, hmac};
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::error::{KeyError, SignError};
use crate::jwk::{Jwk, Public};
use crate::verifying_key::{VerifyingKey, check_secret, hmac_key};

const MIN_RSA_BITS: usize = 3072;

/// A key that signs tokens. Cheap to clone; its `Debug` shows identifier and algorithm only.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    pair: Pair,
    /// PKCS#8, or the secret.
    private: Zeroizing<Vec<u8>>,
    public: Option<Public>,
    verifying_key: VerifyingKey,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
    Hmac(Box<hmac::Key>),
}

impl SigningKey {
    /// A fresh key pair; RSA with 3072 bits. Not for HMAC, whose secrets come from elsewhere.
    pub fn generate(algorithm: Algorithm, kid: Option<&str>) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => {
                EcdsaKeyPair::generate(curve(algorithm)).map(Pair::Ecdsa)
            }
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Pair::Ed25519),
            Algorithm::Rs256 | Algorithm::Ps256 => {
                RsaKeyPair::generate(KeySize::Rsa3072).map(Pair::Rsa)
            }
            _ => return Err(KeyError::WrongKind { algorithm }),
        };
        Self::from_pair(algorithm, kid, pair.map_err(|_| KeyError::Unreadable { algorithm })?)
    }

    /// A private key in PKCS#8 (RFC 5958). RSA keys have at least 3072 bits.
    pub fn from_pkcs8_der(
        algorithm: Algorithm,
        kid: Option<&str>,
        der: &[u8],
    ) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => {
                EcdsaKeyPair::from_pkcs8(curve(algorithm), der).map(Pair::Ecdsa)
            }
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed25519),
            Algorithm::Rs256 | Algorithm::Ps256 => RsaKeyPair::from_pkcs8(der).map(Pair::Rsa),
            _ => return Err(KeyError::WrongKind { algorithm }),
        };
        Self::from_pair(algorithm, kid, pair.map_err(|_| KeyError::Unreadable { algorithm })?)
    }

    /// A private key in PEM: `PRIVATE KEY`, which is PKCS#8.
    pub fn from_pem(algorithm: Algorithm, kid: Option<&str>, text: &str) -> Result<Self, KeyError> {
        let unreadable = KeyError::Unreadable { algorithm };
        let pem = pem::parse(text).map_err(|_| unreadable.clone())?;
        let (tag, contents) = (pem.tag() == "PRIVATE KEY", Zeroizing::new(pem.into_contents()));
        if !tag {
            return Err(unreadable);
        }
        Self::from_pkcs8_der(algorithm, kid, &contents)
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

    /// A secret of any length but zero, for old systems that must go on with one too short. Who
    /// guesses it can sign.
    pub fn from_weak_secret(
        algorithm: Algorithm,
        kid: Option<&str>,
        secret: &[u8],
    ) -> Result<Self, KeyError> {
        Ok(Self(Arc::new(Inner {
            pair: Pair::Hmac(hmac_key(algorithm, secret)?),
            private: Zeroizing::new(secret.to_vec()),
            public: None,
            verifying_key: VerifyingKey::from_weak_secret(algorithm, kid, secret)?,
        })))
    }

    /// The private key in PKCS#8, or the secret's bytes.
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.0.private.clone()
    }

    /// The key's identifier.
    pub fn key_id(&self) -> Option<&str> {
        self.0.verifying_key.key_id()
    }

    /// The algorithm that it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.0.verifying_key.algorithm()
    }

    /// What verifies this key's signatures; for HMAC that can sign as well.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.0.verifying_key.clone()
    }

    /// The public key, for everybody. A secret has none.
    pub fn public_jwk(&self) -> Option<Jwk> {
        let kid = self.key_id().map(str::to_owned);
        let algorithm = Some(self.algorithm());
        self.0.public.clone().map(|public| Jwk { kid, algorithm, public })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let random = SystemRandom::new();
        let signature = match &self.0.pair {
            Pair::Ecdsa(pair) => pair.sign(&random, message).map(|made| made.as_ref().to_vec()),
            Pair::Ed25519(pair) => pair.try_sign(message).map(|made| made.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let padding = match self.algorithm() {
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).map(|()| signature)
            }
            Pair::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        };
        signature.map_err(|_| SignError::Failed)
    }

    fn from_pair(algorithm: Algorithm, kid: Option<&str>, pair: Pair) -> Result<Self, KeyError> {
        if let Pair::Rsa(pair) = &pair
            && pair.public_modulus_len() * 8 < MIN_RSA_BITS
        {
            return Err(KeyError::Size { algorithm, bits: pair.public_modulus_len() * 8 });
        }
        let private = pair.to_pkcs8().map_err(|_| KeyError::Unreadable { algorithm })?;
        let public = pair.public(algorithm).ok_or(KeyError::WrongKind { algorithm })?;
        let verifying_key = VerifyingKey::from_public(algorithm, kid, &public)?;
        Ok(Self(Arc::new(Inner { pair, private, public: Some(public), verifying_key })))
    }
}

impl Pair {
    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let der = match self {
            Self::Ecdsa(pair) => pair.to_pkcs8v1()?.as_ref().to_vec(),
            Self::Ed25519(pair) => pair.to_pkcs8v1()?.as_ref().to_vec(),
            Self::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair)?.as_ref().to_vec(),
            Self::Hmac(_) => return Err(Unspecified),
        };
        Ok(Zeroizing::new(der))
    }

    fn public(&self, algorithm: Algorithm) -> Option<Public> {
        Some(match self {
            Self::Ecdsa(pair) => Public::from_point(algorithm, pair.public_key().as_ref()),
            Self::Ed25519(pair) => Public::Ed25519 { x: pair.public_key().as_ref().to_vec() },
            Self::Rsa(pair) => Public::Rsa {
                n: pair.public_key().modulus().big_endian_without_leading_zero().to_vec(),
                e: pair.public_key().exponent().big_endian_without_leading_zero().to_vec(),
            },
            Self::Hmac(_) => return None,
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("key_id", &self.key_id())
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

fn curve(algorithm: Algorithm) -> &'static EcdsaSigningAlgorithm {
    match algorithm {
        Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => &ECDSA_P256_SHA256_FIXED_SIGNING,
    }
}
