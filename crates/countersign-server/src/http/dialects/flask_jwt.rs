//! What flask-jwt-extended answers where a token is missing or no good: one table a version. The
//! order of its checks: the header, the signature and the times, the type, revocation, the user.

use std::borrow::Cow;

use countersign::VerifyError;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};

/// A status, and the text of the one member `msg`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// What is wrong, in a sentence.
    pub msg: Cow<'static, str>,
}

/// Which tokens a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those that are no refresh tokens.
    Access,
    /// Refresh tokens.
    Refresh,
}

/// A version of the library.
#[derive(Clone, Debug)]
pub struct Version {
    /// The header is of another scheme.
    pub other_scheme: Answer,
    /// The header is not a scheme and a token.
    pub bad_header: Answer,
    /// A refresh token came where an access token is wanted.
    pub not_access: Answer,
    /// An access token came where a refresh token is wanted.
    pub not_refresh: Answer,
    /// Whether the header may be a list, of which one element is looked at.
    pub takes_lists: bool,
}

const fn answer(status: StatusCode, msg: &'static str) -> Answer {
    Answer { status, msg: Cow::Borrowed(msg) }
}

const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// Version 3.24.1.
pub static V3: Version = Version {
    other_scheme: answer(UNPROCESSABLE, "Bad Authorization header. Expected value 'Bearer <JWT>'"),
    bad_header: answer(UNPROCESSABLE, "Bad Authorization header. Expected value 'Bearer <JWT>'"),
    not_access: answer(UNPROCESSABLE, "Only access tokens are allowed"),
    not_refresh: answer(UNPROCESSABLE, "Only refresh tokens are allowed"),
    takes_lists: false,
};

/// Version 4.
pub static V4: Version = Version {
    other_scheme: answer(
        UNAUTHORIZED,
        "Missing 'Bearer' type in 'Authorization' header. \
         Expected 'Authorization: Bearer <JWT>'",
    ),
    bad_header: answer(
        UNPROCESSABLE,
        "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'",
    ),
    not_access: answer(UNPROCESSABLE, "Only non-refresh tokens are allowed"),
    not_refresh: answer(UNPROCESSABLE, "Only refresh tokens are allowed"),
    takes_lists: true,
};

/// No header.
pub const MISSING: Answer = answer(UNAUTHORIZED, "Missing Authorization Header");
/// Nothing in the header, and nothing in the cookie either.
pub const MISSING_EVERYWHERE: Answer = answer(
    UNAUTHORIZED,
    "Missing JWT in headers or cookies \
     (Missing Authorization Header; Missing cookie \"access_token_cookie\")",
);
/// The token has expired.
pub const EXPIRED: Answer = answer(UNAUTHORIZED, "Token has expired");
/// The token was revoked.
pub const REVOKED: Answer = answer(UNAUTHORIZED, "Token has been revoked");
/// A cookie came without the value that proves who sent it.
pub const MISSING_CSRF: Answer = answer(UNAUTHORIZED, "Missing CSRF token");
/// That value is not the token's.
pub const OTHER_CSRF: Answer = answer(UNAUTHORIZED, "CSRF double submit tokens do not match");

/// The user whose token it is cannot use it any more.
pub fn user_gone(name: &str) -> Answer {
    Answer { status: UNAUTHORIZED, msg: format!("Error loading the user {name}").into() }
}

/// The token does not verify; the sentences are those of `PyJWT` where it has one.
pub fn invalid(error: &VerifyError) -> Answer {
    let msg = match error {
        VerifyError::Expired => return EXPIRED,
        VerifyError::NotThreeSegments => "Not enough segments",
        VerifyError::Signature | VerifyError::UnknownKey { .. } => "Signature verification failed",
        VerifyError::Algorithm => "The specified alg value is not allowed",
        VerifyError::Encoding => "Invalid padding",
        VerifyError::Header(_) | VerifyError::Type => "Invalid header string",
        VerifyError::Payload(_) => "Invalid payload string",
        VerifyError::NotYetValid => "The token is not yet valid (nbf)",
        VerifyError::IssuedInFuture => "The token is not yet valid (iat)",
        VerifyError::Issuer => "Invalid issuer",
        VerifyError::Audience => "Invalid audience",
        VerifyError::MissingClaim { name } => {
            return Answer { status: UNPROCESSABLE, msg: format!("Missing claim: {name}").into() };
        }
        VerifyError::WrongClaimType { name } => {
            return Answer { status: UNPROCESSABLE, msg: format!("Invalid claim: {name}").into() };
        }
        _ => "Invalid token",
    };
    answer(UNPROCESSABLE, msg)
}

impl Version {
    /// The token in the `Authorization` header; `None` without one. Several headers are one list,
    /// as WSGI makes of them.
    pub fn token_in(&self, headers: &HeaderMap) -> Result<Option<String>, Answer> {
        let values: Vec<_> = headers
            .get_all(AUTHORIZATION)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        let header = values.join(",");
        if header.is_empty() {
            return Ok(None);
        }
        let elements: Vec<&str> =
            if self.takes_lists { header.split(',').collect() } else { vec![&header] };
        let mut bearers = elements
            .iter()
            .map(|element| element.split_whitespace())
            .filter(|words| words.clone().next() == Some("Bearer"));
        let (Some(mut words), None) = (bearers.next(), bearers.next()) else {
            return Err(self.other_scheme.clone());
        };
        match (words.nth(1), words.next()) {
            (Some(token), None) => Ok(Some(token.to_owned())),
            _ => Err(self.bad_header.clone()),
        }
    }

    /// Whether a token whose claim `type` is this may be used where `wanted` is.
    pub fn check_type(&self, kind: Option<&str>, wanted: Wanted) -> Result<(), Answer> {
        match (wanted, kind == Some("refresh")) {
            (Wanted::Access, true) => Err(self.not_access.clone()),
            (Wanted::Refresh, false) => Err(self.not_refresh.clone()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(version: &Version, headers: &[&str]) -> Result<Option<String>, Answer> {
        let headers = headers
            .iter()
            .map(|value| (AUTHORIZATION, value.parse().expect("a header's value")))
            .collect();
        version.token_in(&headers)
    }

    #[test]
    fn each_version_reads_the_header_in_its_own_way() {
        for version in [&V3, &V4] {
            assert_eq!(token(version, &[]), Ok(None));
            assert_eq!(token(version, &[""]), Ok(None));
            assert_eq!(token(version, &["Bearer  a.b.c"]), Ok(Some("a.b.c".into())));
            for bad in ["Bearer", "Bearer a b", "Bearer a.b.c d e"] {
                assert_eq!(token(version, &[bad]), Err(version.bad_header.clone()), "{bad}");
            }
            for other in ["bearer a.b.c", "JWT a.b.c", "a.b.c", "Bearera.b.c", ",", "\u{A0}"] {
                assert_eq!(token(version, &[other]), Err(version.other_scheme.clone()), "{other}");
            }
        }
        let list = "Basic eA==, Bearer a.b.c";
        assert_eq!(token(&V4, &[list]), Ok(Some("a.b.c".into())));
        assert_eq!(token(&V4, &["Basic eA==", "Bearer a.b.c"]), Ok(Some("a.b.c".into())));
        assert_eq!(token(&V4, &["Bearer a", "Bearer b"]), Err(V4.other_scheme.clone()));
        assert_eq!(token(&V3, &[list]), Err(V3.bad_header.clone()));
    }

    #[test]
    fn a_token_without_a_type_is_an_access_token() {
        for kind in [None, Some("access")] {
            assert_eq!(V4.check_type(kind, Wanted::Access), Ok(()));
            assert_eq!(V4.check_type(kind, Wanted::Refresh), Err(V4.not_refresh.clone()));
        }
        assert_eq!(V3.check_type(Some("refresh"), Wanted::Access), Err(V3.not_access.clone()));
        assert_eq!(V3.check_type(Some("refresh"), Wanted::Refresh), Ok(()));
    }
}
