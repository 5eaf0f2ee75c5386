//! What each kind of token must carry.

use serde_json::{Map, Value};

use crate::error::VerifyError;

/// The largest time and number that JSON carries exactly everywhere (RFC 8259, section 6).
const MAX_EXACT: i64 = 1 << 53;

/// What a kind of token must be and carry, beyond what every token must.
///
/// Every token carries `exp`; and `iss`, `sub`, `aud`, `exp`, `nbf`, `iat` and `jti`, where they are
/// there, have the types of RFC 7519, section 4.1, with times as whole seconds. So have `sid` (text),
/// `auth_time` (whole seconds), `amr` and `roles` (lists of texts).
///
/// ```
/// use countersign::{ClaimType, Profile, Subject};
///
/// const OLD: Profile = Profile {
///     typ: "JWT",
///     required: &[("iat", ClaimType::Integer), ("sid", ClaimType::Text)],
///     subject: Subject::Integer,
/// };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The media type that `typ` must name, in any case, with or without `application/`.
    pub typ: &'static str,
    /// Claims that must be there, with their types.
    pub required: &'static [(&'static str, ClaimType)],
    /// What `sub` is.
    pub subject: Subject,
}

/// The type of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimType {
    /// Text, not empty.
    Text,
    /// A whole number from 0 to 2^53, written as one.
    Integer,
    /// True or false.
    Boolean,
    /// An object.
    Object,
    /// A list of texts, which may be empty.
    TextList,
    /// A text or a list of texts, none of them empty, at least one.
    Audience,
}

/// What `sub` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// Required: text, not empty.
    Text,
    /// Required: a whole number, as old systems write it in spite of RFC 7519.
    Integer,
    /// Not looked at.
    None,
}

impl Profile {
    /// Access tokens (RFC 9068) of a Countersign server.
    pub const ACCESS: Self = Self {
        typ: "at+jwt",
        required: &[
            ("iat", ClaimType::Integer),
            ("iss", ClaimType::Text),
            ("aud", ClaimType::Audience),
            ("jti", ClaimType::Text),
            ("sid", ClaimType::Text),
            ("gen", ClaimType::Integer),
        ],
        subject: Subject::Text,
    };

    pub(crate) fn accepts_type(&self, typ: &str) -> bool {
        const PREFIX: &str = "application/";
        let bare = match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, bare)) if prefix.eq_ignore_ascii_case(PREFIX) => bare,
            _ => typ,
        };
        bare.eq_ignore_ascii_case(self.typ)
    }

    pub(crate) fn check(&self, claims: &Map<String, Value>) -> Result<(), VerifyError> {
        const REGISTERED: [(&str, ClaimType); 10] = [
            ("iss", ClaimType::Text),
            ("aud", ClaimType::Audience),
            ("exp", ClaimType::Integer),
            ("nbf", ClaimType::Integer),
            ("iat", ClaimType::Integer),
            ("jti", ClaimType::Text),
            ("sid", ClaimType::Text),
            ("auth_time", ClaimType::Integer),
            ("amr", ClaimType::TextList),
            ("roles", ClaimType::TextList),
        ];
        for (name, claim_type) in REGISTERED {
            if let Some(value) = claims.get(name) {
                claim_type.check(name, value)?;
            }
        }
        let subject = match self.subject {
            Subject::Text => Some(("sub", ClaimType::Text)),
            Subject::Integer => Some(("sub", ClaimType::Integer)),
            Subject::None => None,
        };
        let always = [("exp", ClaimType::Integer)];
        for (name, claim_type) in always.iter().chain(self.required).copied().chain(subject) {
            let value = claims.get(name).ok_or(VerifyError::MissingClaim { name })?;
            claim_type.check(name, value)?;
        }
        Ok(())
    }
}

impl ClaimType {
    fn check(self, name: &'static str, value: &Value) -> Result<(), VerifyError> {
        if self.fits(value) { Ok(()) } else { Err(VerifyError::WrongClaimType { name }) }
    }

    fn fits(self, value: &Value) -> bool {
        let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        match self {
            Self::Text => is_text(value),
            Self::Integer => value.as_i64().is_some_and(|number| (0..=MAX_EXACT).contains(&number)),
            Self::Boolean => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::TextList => {
                value.as_array().is_some_and(|list| list.iter().all(Value::is_string))
            }
            Self::Audience => match value {
                Value::Array(list) => !list.is_empty() && list.iter().all(is_text),
                value => is_text(value),
            },
        }
    }
}
