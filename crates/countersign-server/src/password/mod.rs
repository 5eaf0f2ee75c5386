//! Passwords: the type that carries one, the policy for new ones, and the hash lane that turns them
//! into PHC strings and verifies them.

mod argon2id;
mod backoff;
mod blocklist;
mod formats;
mod import;
mod lane;
mod policy;
mod queue;

use std::fmt;

use aws_lc_rs::digest;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use unicode_normalization::{UnicodeNormalization, is_nfc};

pub use argon2id::InvalidCost;
pub use import::{Importable, UnusableHash, importable};
pub use lane::{HashLane, LaneError, LaneOptions, Overloaded, Place, Verdict};
pub use policy::{Policy, words_of_host};
pub use queue::WorkClass;

/// The most code points a password may have, as it was received.
pub const MAX_CHARACTERS: usize = 1024;

/// A password in NFC, which is never cut and never printed.
#[derive(Clone)]
pub struct Password {
    normalised: SecretString,
    /// As it was received, where that differs.
    received: Option<SecretString>,
}

impl Password {
    /// Takes a password as it was received.
    ///
    /// Every character is allowed, NUL too: a password is only ever hashed.
    pub fn parse(received: String) -> Result<Self, InvalidPassword> {
        let received = SecretString::from(received);
        let text = received.expose_secret();
        if text.chars().nth(MAX_CHARACTERS).is_some() {
            return Err(InvalidPassword::TooLong);
        }
        if text.trim().is_empty() {
            return Err(InvalidPassword::Empty);
        }
        if is_nfc(text) {
            return Ok(Self { normalised: received, received: None });
        }
        let normalised = SecretString::from(text.nfc().collect::<String>());
        Ok(Self { normalised, received: Some(received) })
    }

    /// What a client that hashes before it sends would have sent: the SHA-256 of the password as it
    /// was received, in lower-case hexadecimal.
    #[must_use]
    pub fn client_sha256(&self) -> Self {
        let digest = digest::digest(&digest::SHA256, self.expose_received().as_bytes());
        let nibbles = digest.as_ref().iter().flat_map(|octet| [octet >> 4, octet & 15]);
        let hex: String =
            nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect();
        Self { normalised: hex.into(), received: None }
    }

    /// The password in NFC: what is hashed.
    pub fn expose(&self) -> &str {
        self.normalised.expose_secret()
    }

    /// The password as it was received: what another system would have hashed.
    pub fn expose_received(&self) -> &str {
        self.received.as_ref().unwrap_or(&self.normalised).expose_secret()
    }
}

impl Password {
    /// What another system may have hashed: the password as it was received, then in NFC where
    /// that differs.
    fn readings(&self) -> impl Iterator<Item = &str> {
        self.received.iter().chain([&self.normalised]).map(ExposeSecret::expose_secret)
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Why a text cannot be a password, or not a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPassword {
    /// Nothing, or white space.
    #[error("the password must not be empty or only spaces")]
    Empty,
    /// More than [`MAX_CHARACTERS`].
    #[error("the password must have at most {MAX_CHARACTERS} characters")]
    TooLong,
    /// Fewer characters than the policy asks for.
    #[error("the password must have at least {minimum} characters")]
    TooShort {
        /// What the policy asks for.
        minimum: usize,
    },
    /// On the list of common passwords.
    #[error("this password is among the most common ones; choose another")]
    Common,
    /// One to three characters again and again.
    #[error("the password only repeats the same few characters; choose another")]
    Repetition,
    /// Neighbours in the alphabet or among the digits, such as `123456789`.
    #[error("the password is only a sequence such as 123456789; choose another")]
    Sequence,
    /// The name of the service or a word of this installation, with or without digits and signs
    /// around it.
    #[error(
        "the password is the name of the service, or a word that belongs to it; choose another"
    )]
    ServiceName,
    /// One of the user's own identifiers, with or without digits and signs around it.
    #[error("the password is your own name, address or number; choose another")]
    OwnIdentifier,
}

impl InvalidPassword {
    /// A stable word for programs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::TooShort { .. } => "too_short",
            Self::Common => "common",
            Self::Repetition => "repetition",
            Self::Sequence => "sequence",
            Self::ServiceName => "service_name",
            Self::OwnIdentifier => "own_identifier",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Password, InvalidPassword> {
        Password::parse(text.to_owned())
    }

    #[test]
    fn p2_the_limit_is_1024_code_points_and_nothing_is_cut() {
        for length in [64, 128, 1024] {
            let text = "\u{1F511}".repeat(length);
            assert_eq!(parse(&text).expect("within the limit").expose(), text);
        }
        let error = parse(&"x".repeat(1025)).expect_err("over the limit");
        assert_eq!(error, InvalidPassword::TooLong);
        assert!(error.to_string().contains("1024"), "the limit is named");
    }

    #[test]
    fn p5_p6_p7_nul_spaces_and_case_are_part_of_a_password() {
        for (one, other) in [
            ("ab\0cd", "ab"),
            ("ab\0cd", "ab\0zz"),
            (" secret", "secret"),
            ("secret ", "secret"),
            ("Secret", "secret"),
        ] {
            assert_ne!(parse(one), parse(other), "{one:?} is not {other:?}");
        }
    }

    #[test]
    fn p8_nfc_and_nfd_are_one_password_and_what_was_received_is_kept() {
        let composed = parse("caf\u{E9}").expect("a password");
        let decomposed = parse("cafe\u{301}").expect("a password");
        assert_eq!(composed, decomposed);
        assert_eq!(decomposed.expose(), "caf\u{E9}");
        assert_eq!(decomposed.expose_received(), "cafe\u{301}");
        assert_eq!(composed.expose_received(), "caf\u{E9}");
    }

    #[test]
    fn p9_every_character_is_allowed() {
        for text in ["\u{1F468}\u{200D}\u{1F469}", "\u{202E}سر", "\u{378}\u{FFFF}", "\u{200B}"] {
            assert_eq!(parse(text).expect("a password").expose_received(), text);
        }
    }

    #[test]
    fn p13_an_empty_password_and_one_of_spaces_are_refused() {
        for text in ["", " ", " \t\u{A0}\u{3000}"] {
            assert_eq!(parse(text), Err(InvalidPassword::Empty), "{text:?}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let password = parse("cafe\u{301}-hunter2").expect("a password");
        assert_eq!(format!("{password:?}"), "Password");
    }

    #[test]
    fn the_hash_a_client_sends_is_that_of_the_password_as_received() {
        let password = parse("abc").expect("a password");
        assert_eq!(
            password.client_sha256().expose(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "the digest of FIPS 180-2, appendix B.1"
        );
    }
}
