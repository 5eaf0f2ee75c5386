//! The forms in which a password hash may be stored: Argon2id, which is written here, and those
//! that other systems wrote. Each is bounded when it is read.

mod aspnet;
mod bcrypt;
mod django;
mod passlib;
mod pbkdf2;
mod phpass;
mod scrypt;
mod text;
mod werkzeug;

use self::bcrypt::Bcrypt;
use self::pbkdf2::{Pbkdf2, Prf};
use self::phpass::Phpass;
use self::scrypt::Scrypt;
use super::Password;
use super::argon2id::{Bench, Cost, Row};
use super::import::UnusableHash;
use super::lane::Verdict;

/// No form is longer; what is, is not read.
const MAX_OCTETS: usize = 512;

/// A stored hash in a form that is known, within its bounds.
pub(super) enum Stored {
    Argon2(Row),
    Bcrypt(Bcrypt),
    Pbkdf2(Pbkdf2),
    Scrypt(Scrypt),
    Phpass(Phpass),
}

/// Reads what follows the beginning that tells a form.
type Reader = fn(&str) -> Result<Stored, UnusableHash>;

const FOREIGN: &[(&str, Reader)] = &[
    ("$2a$", bcrypt::read),
    ("$2b$", bcrypt::read),
    ("$2y$", bcrypt::read),
    ("$pbkdf2$", |rest| passlib::read(Prf::Sha1, rest)),
    ("$pbkdf2-sha256$", |rest| passlib::read(Prf::Sha256, rest)),
    ("$pbkdf2-sha512$", |rest| passlib::read(Prf::Sha512, rest)),
    ("pbkdf2:", werkzeug::read_pbkdf2),
    ("scrypt:", werkzeug::read_scrypt),
    ("pbkdf2_sha1$", |rest| django::read(Prf::Sha1, rest)),
    ("pbkdf2_sha256$", |rest| django::read(Prf::Sha256, rest)),
    ("$scrypt$", scrypt::read),
    (aspnet::BEGINNING, aspnet::read),
    ("$P$", phpass::read),
    ("$H$", phpass::read),
    // Old Werkzeug's: one HMAC, or nothing.
    ("md5$", |_| Err(UnusableHash::TooWeak)),
    ("sha1$", |_| Err(UnusableHash::TooWeak)),
    ("sha256$", |_| Err(UnusableHash::TooWeak)),
    ("sha512$", |_| Err(UnusableHash::TooWeak)),
    ("plain$", |_| Err(UnusableHash::TooWeak)),
];

impl Stored {
    /// Reads a stored hash, unless it is corrupt, of an unknown form or too costly.
    pub(super) fn parse(text: &str) -> Result<Self, UnusableHash> {
        if text.len() > MAX_OCTETS || !text.is_ascii() {
            return Err(UnusableHash::UnknownForm);
        }
        if text.starts_with("$argon2") {
            return Row::parse(text).map(Self::Argon2);
        }
        let read = |(beginning, read): &(&str, Reader)| Some(read(text.strip_prefix(beginning)?));
        FOREIGN.iter().find_map(read).unwrap_or(Err(UnusableHash::UnknownForm))
    }

    /// Whether it takes more memory than a hash of this cost.
    pub(super) fn is_large(&self, usual: &Cost) -> bool {
        match self {
            Self::Argon2(row) => row.is_large(usual),
            Self::Scrypt(_) => true,
            Self::Bcrypt(_) | Self::Pbkdf2(_) | Self::Phpass(_) => false,
        }
    }

    /// Whether it is of this password, as received or in NFC: another system hashed what it
    /// received. What cannot be computed, or costs too much for this password, is wrong after the
    /// work of a usual hash.
    pub(super) fn check(&self, password: &Password, bench: &mut Bench<'_>) -> Verdict {
        for text in password.readings() {
            match self.matches(text.as_bytes(), bench) {
                Some(true) => {
                    let whole = !matches!(self, Self::Bcrypt(_)) || bcrypt::is_compared_whole(text);
                    let upgrade = self.is_outdated(bench) || text != password.expose();
                    // Half of a password that is hashed anew would keep its owner out.
                    return Verdict::Right { upgrade: upgrade && whole, whole };
                }
                Some(false) => {}
                None => bench.waste(text.as_bytes()),
            }
        }
        Verdict::Wrong
    }

    /// `None` where nothing was computed.
    fn matches(&self, password: &[u8], bench: &mut Bench<'_>) -> Option<bool> {
        let matches = match self {
            Self::Argon2(row) => return bench.matches(row, password).ok(),
            Self::Bcrypt(hash) => hash.matches(password),
            Self::Pbkdf2(hash) => hash.matches(password),
            Self::Scrypt(hash) => hash.matches(password),
            Self::Phpass(hash) => hash.matches(password)?,
        };
        bench.count();
        Some(matches)
    }

    fn is_outdated(&self, bench: &Bench<'_>) -> bool {
        match self {
            Self::Argon2(row) => row.is_outdated(bench.cost()),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
