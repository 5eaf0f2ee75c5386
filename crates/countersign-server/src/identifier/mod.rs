//! What users are found by: e-mail addresses, usernames and phone numbers, each with one normalised
//! key, so that two ways to write an identifier are one account and a look-alike never is.
//!
//! The shape of a value decides its kind: with `@` an e-mail address, with a leading `+` a phone
//! number, else a username. No username can therefore be another's address or number. [`Shapes`] says
//! what else is a phone number.

mod email;
mod name;
mod phone;
mod prefix;
mod shapes;
pub(crate) mod text;
mod username;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use name::{DisplayName, InvalidName};
pub use prefix::prefix_key;
pub use shapes::Shapes;

/// What an identifier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A username.
    Username,
    /// A phone number.
    Phone,
}

impl Kind {
    /// The word used in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::Phone => "phone",
        }
    }

    fn of(value: &str) -> Self {
        if value.contains('@') {
            Self::Email
        } else if value.starts_with('+') {
            Self::Phone
        } else {
            Self::Username
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word is not a kind of identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kinds of identifier are `email`, `username` and `phone`")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        [Self::Email, Self::Username, Self::Phone]
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or(UnknownKind)
    }
}

/// What a user is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identifier {
    /// What it is.
    pub kind: Kind,
    /// As it was typed, without spaces around it; of a phone number its E.164 form.
    pub value: String,
    /// What it is compared by: never empty, at most 254 code points and 256 octets, without spaces.
    pub key: String,
}

impl Identifier {
    /// Reads an identifier whose kind its shape decides. ASCII spaces around it are not part of it.
    pub fn parse(value: &str) -> Result<Self, InvalidIdentifier> {
        Self::parse_as(Kind::of(value.trim_matches(' ')), value)
    }

    /// Reads an identifier that must be of `kind`; one with the shape of another kind is refused.
    pub fn parse_as(kind: Kind, value: &str) -> Result<Self, InvalidIdentifier> {
        let value = value.trim_matches(' ');
        if value.is_empty() {
            return Err(InvalidIdentifier::Empty);
        }
        text::check_visible(value)?;
        let (value, key) = match kind {
            Kind::Email => (value.to_owned(), email::key(value)?),
            Kind::Username => (value.to_owned(), username::key(value)?),
            Kind::Phone => {
                let number = phone::e164(value)?;
                (number.clone(), number)
            }
        };
        Ok(Self { kind, value, key })
    }

    /// Reads a mobile number of mainland China, `^1[3-9]\d{9}$`, as old clients send it.
    pub fn mobile_cn(value: &str) -> Result<Self, InvalidIdentifier> {
        let number = phone::mobile_cn(value.trim_matches(' '))?;
        Ok(Self { kind: Kind::Phone, value: number.clone(), key: number })
    }
}

/// Why a value cannot be an identifier, and what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIdentifier {
    /// Nothing, or spaces.
    #[error("an identifier must not be empty")]
    Empty,
    /// NUL, a line break or another control character.
    #[error("control characters and line breaks are not allowed")]
    ControlCharacter,
    /// A character that shows nothing, or changes the direction of what follows.
    #[error("the invisible character U+{:04X} is not allowed", u32::from(*.0))]
    InvisibleCharacter(char),
    /// A character that this kind of identifier cannot have.
    #[error("the character {0:?} is not allowed; use letters, digits, and `.`, `_` or `-`")]
    Character(char),
    /// More than 254 octets, or more than 64 before the `@`.
    #[error("an e-mail address has at most 254 octets, and 64 before the @")]
    EmailLength,
    /// Not one address in its plain form.
    #[error(
        "an e-mail address is written name@example.org: one @, no spaces, quotes or comments, \
         and no dot at the start or end of the name or twice in a row"
    )]
    EmailShape,
    /// The part after the `@` is not a domain name.
    #[error(
        "after the @ stands a domain name such as example.org, without a dot at the end and not \
         an IP address"
    )]
    EmailDomain,
    /// More than 64 characters.
    #[error("a username has at most 64 characters")]
    UsernameLength,
    /// Begins with a character that only may follow another.
    #[error("a username begins with a letter, a digit or `_`, and has a letter or digit in it")]
    UsernameShape,
    /// Not an international number.
    #[error(
        "a phone number is written with its country code, such as +44 20 7946 0958: 8 to 15 digits"
    )]
    PhoneShape,
    /// A username that is a phone number here.
    #[error("this is a mobile number, which cannot be a username")]
    MobileNumber,
    /// Not a mobile number of mainland China.
    #[error("a mobile number has 11 digits and begins with 13 to 19")]
    MobileShape,
}

impl InvalidIdentifier {
    /// A stable word for programs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::ControlCharacter => "control_character",
            Self::InvisibleCharacter(_) => "invisible_character",
            Self::Character(_) => "character",
            Self::EmailLength | Self::UsernameLength => "too_long",
            Self::EmailShape => "email_shape",
            Self::EmailDomain => "email_domain",
            Self::UsernameShape => "username_shape",
            Self::PhoneShape => "phone_shape",
            Self::MobileShape => "mobile_shape",
            Self::MobileNumber => "mobile_number",
        }
    }
}

#[cfg(test)]
mod tests;
