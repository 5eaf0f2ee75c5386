//! The master secret, and what is derived from it.

use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

pub use self::folder::prepare_data_dir;
pub use self::source::{SecretSource, exposed_secrets, generated_file};

mod folder;
mod seal;
mod source;

/// The variable that may hold the master secret itself: 32 bytes in base64.
pub const VARIABLE: &str = "COUNTERSIGN_MASTER_SECRET";

/// What the derived secrets are salted with, so that the same 32 bytes used elsewhere as well
/// derive others there.
const SALT: &[u8] = b"countersign/1";

const LENGTH: usize = 32;

/// The 32 bytes from which every other symmetric secret is derived (HKDF-SHA-256, RFC 5869).
pub struct MasterSecret(SecretBox<[u8; LENGTH]>);

/// Why there is no master secret, or why something it sealed does not open. Never shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The value of a variable or the content of a file is no master secret.
    #[error("{name}: {problem}")]
    Invalid {
        /// The key of the configuration, or the variable.
        name: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The data folder cannot be used.
    #[error("data_dir: {0}")]
    DataDir(String),
    /// What was sealed is damaged, or was sealed with another master secret or for another place.
    #[error("what is sealed does not open: it is damaged, or the master secret is another")]
    Sealed,
}

impl MasterSecret {
    /// Takes 32 bytes that a random generator made, and refuses those that none makes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let exact: &[u8; LENGTH] = bytes.try_into().map_err(|_| WANTED)?;
        let mut seen = [false; 256];
        for byte in exact {
            seen[usize::from(*byte)] = true;
        }
        if seen.iter().filter(|seen| **seen).count() < LENGTH / 4 {
            return Err("these bytes are not random; make some with `openssl rand -base64 32`");
        }
        if exact.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
            return Err("these bytes are text; make random ones with `openssl rand -base64 32`");
        }
        Ok(Self(SecretBox::new(Box::new(*exact))))
    }

    /// Reads 32 bytes in base64.
    pub fn from_base64(text: &str) -> Result<Self, &'static str> {
        let bytes = Zeroizing::new(decode_base64(text.trim_ascii()).ok_or(WANTED)?);
        Self::from_bytes(&bytes)
    }

    /// The secret for the purpose that `label` names.
    ///
    /// # Panics
    /// Never: HKDF-SHA-256 gives up to 8,160 bytes, and 32 are asked for.
    pub fn derive(&self, label: &str) -> Zeroizing<[u8; LENGTH]> {
        let mut derived = Zeroizing::new([0; LENGTH]);
        Salt::new(HKDF_SHA256, SALT)
            .extract(self.0.expose_secret())
            .expand(&[label.as_bytes()], HKDF_SHA256)
            .and_then(|material| material.fill(derived.as_mut_slice()))
            .expect("HKDF-SHA-256 gives up to 8,160 bytes");
        derived
    }

    /// What the database keeps to tell a node with another master secret; it tells nothing else.
    pub fn check_value(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.derive("check")[..16])
    }
}

const WANTED: &str =
    "32 random bytes are wanted, as base64; make them with `openssl rand -base64 32`";

impl fmt::Debug for MasterSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterSecret")
    }
}

/// Base64 of either alphabet (RFC 4648, sections 4 and 5), padded or not, as tools write it.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let lenient = |alphabet: &Alphabet| {
        let any_padding =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        GeneralPurpose::new(alphabet, any_padding).decode(text).ok()
    };
    lenient(&STANDARD).or_else(|| lenient(&URL_SAFE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> MasterSecret {
        MasterSecret::from_bytes(&std::array::from_fn::<u8, 32, _>(|at| {
            u8::try_from(at).expect("fewer than 256") + 128
        }))
        .expect("32 bytes")
    }

    #[test]
    fn bytes_that_no_generator_makes_are_refused() {
        for bad in [&b""[..], b"changeme", &[7; 31], &[7; 32], &[0; 33]] {
            assert!(MasterSecret::from_bytes(bad).is_err(), "{bad:?}");
        }
        assert!(MasterSecret::from_bytes(b"0123456789abcdef0123456789abcdef").is_err());
        for bad in ["", "changeme", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "not base64!"] {
            assert!(MasterSecret::from_base64(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn either_alphabet_with_or_without_padding_is_read() {
        let bytes = [0xfb, 0xff, 0xbf, 0x01];
        for text in ["+/+/AQ==", "+/+/AQ", "-_-_AQ==", "-_-_AQ"] {
            assert_eq!(decode_base64(text).as_deref(), Some(&bytes[..]), "{text}");
        }
    }

    #[test]
    fn what_is_derived_depends_on_the_label_and_never_changes() {
        let secret = counting();
        assert_ne!(secret.derive("refresh"), secret.derive("csrf"));
        let refresh = URL_SAFE_NO_PAD.encode(secret.derive("refresh"));
        assert_eq!(refresh, "iiv71yBjT6Qe-hT7j-Y8nZW45kHeHQOZgtLNqwMudc4");
        assert_eq!(secret.check_value(), "OJEXvUHqMaDqmNJXC91ReQ");
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", counting()), "MasterSecret");
    }
}
