//! The claims of a verified token (RFC 7519, section 4).

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The claims of a token. They are read by name, and a claim of another type than the accessor's
/// counts as not there. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    members: Arc<Map<String, Value>>,
    expires_at: i64,
}

impl Claims {
    /// `None` without an `exp`, which no claims are used without.
    pub(crate) fn new(members: Map<String, Value>) -> Option<Self> {
        let expires_at = members.get("exp")?.as_i64()?;
        Some(Self { members: Arc::new(members), expires_at })
    }

    pub(crate) fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// `iss`: who issued the token.
    pub fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// `sub`: whom the token is about, where that is text.
    pub fn subject(&self) -> Option<&str> {
        self.text("sub")
    }

    /// `sub`, where that is a number.
    pub fn subject_number(&self) -> Option<i64> {
        self.number("sub")
    }

    /// `aud`: whom the token is for.
    pub fn audience(&self) -> Vec<&str> {
        self.texts("aud")
    }

    /// Whether `aud` is or contains this; `None` where there is none.
    pub(crate) fn names_audience(&self, audience: &str) -> Option<bool> {
        Some(match self.members.get("aud")? {
            Value::Array(list) => list.iter().any(|own| own == audience),
            own => own == audience,
        })
    }

    /// `exp`, in Unix seconds: from then on the token is over.
    pub fn expires_at(&self) -> i64 {
        self.expires_at
    }

    /// `nbf`, in Unix seconds: before then the token is not good yet.
    pub fn not_before(&self) -> Option<i64> {
        self.number("nbf")
    }

    /// `iat`, in Unix seconds.
    pub fn issued_at(&self) -> Option<i64> {
        self.number("iat")
    }

    /// `jti`: the token's own identifier.
    pub fn jwt_id(&self) -> Option<&str> {
        self.text("jti")
    }

    /// `sid`: the session that the token belongs to.
    pub fn session_id(&self) -> Option<&str> {
        self.text("sid")
    }

    /// `gen`: how often the session had been refreshed.
    pub fn generation(&self) -> Option<u64> {
        self.members.get("gen")?.as_u64()
    }

    /// `auth_time`, in Unix seconds: when the user proved who they are.
    pub fn auth_time(&self) -> Option<i64> {
        self.number("auth_time")
    }

    /// `amr` (RFC 8176): how they did.
    pub fn amr(&self) -> Vec<&str> {
        self.texts("amr")
    }

    /// `roles` (RFC 9068, section 2.2.3.1).
    pub fn roles(&self) -> Vec<&str> {
        self.texts("roles")
    }

    /// `scope` (RFC 8693, section 4.2): texts with spaces between, or a list of them, as some issuers
    /// write it.
    pub fn scopes(&self) -> Vec<&str> {
        self.texts("scope").into_iter().flat_map(|text| text.split(' ')).collect()
    }

    /// Any claim, as it is.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// All claims as a type of the caller's.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&*self.members)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.members.get(name)?.as_i64()
    }

    /// One text stands for a list of one (RFC 7519, section 4.1.3).
    fn texts(&self, name: &str) -> Vec<&str> {
        match self.members.get(name) {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => vec![text],
            _ => Vec::new(),
        }
    }
}
