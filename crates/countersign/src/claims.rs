//! The claims of a verified token (RFC 7519, section 4).

use std::sync::Arc;

use serde::Serializer as _;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde_json::{Map, Value};

/// The claims of a token. They are read by name, and a claim of another type than the accessor's
/// counts as not there. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// In the order of their names. Remembered tokens keep their claims in memory, where a `Map`
    /// takes three times as much.
    members: Arc<[Member]>,
    expires_at: i64,
}

#[derive(Debug, PartialEq)]
struct Member {
    name: Box<str>,
    value: Value,
}

impl Claims {
    /// `None` without an `exp`, which no claims are used without.
    pub(crate) fn new(members: Map<String, Value>) -> Option<Self> {
        let expires_at = members.get("exp")?.as_i64()?;
        let member = |(name, value): (String, Value)| Member { name: name.into(), value };
        let mut members: Vec<Member> = members.into_iter().map(member).collect();
        // A `Map` has an order of its own where another crate chose that of insertion.
        members.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Some(Self { members: members.into(), expires_at })
    }

    /// The claims as JSON.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let members = self.members.iter().map(|Member { name, value }| (name, value));
        let mut json = Vec::new();
        serde_json::Serializer::new(&mut json).collect_map(members)?;
        Ok(json)
    }

    /// Bytes of memory that the claims take, about.
    pub(crate) fn footprint(&self) -> usize {
        let member = |member: &Member| {
            size_of::<Member>() + allocated(member.name.len()) + heap_of(&member.value)
        };
        allocated(self.members.iter().map(member).sum())
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
        Some(match self.get("aud")? {
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
        self.get("gen")?.as_u64()
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
        let found = self.members.binary_search_by(|member| (*member.name).cmp(name));
        Some(&self.members[found.ok()?].value)
    }

    /// All claims as a type of the caller's.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        let members = self.members.iter().map(|Member { name, value }| (&**name, value));
        T::deserialize(MapDeserializer::new(members))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_i64()
    }

    /// One text stands for a list of one (RFC 7519, section 4.1.3).
    fn texts(&self, name: &str) -> Vec<&str> {
        match self.get(name) {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => vec![text],
            _ => Vec::new(),
        }
    }
}

/// Bytes that an allocation of this size takes, about.
pub(crate) fn allocated(bytes: usize) -> usize {
    const OVERHEAD: usize = 16;
    if bytes == 0 { 0 } else { bytes + OVERHEAD }
}

/// Bytes beside the value itself.
fn heap_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => allocated(text.capacity()),
        Value::Array(list) => {
            allocated(list.capacity() * size_of::<Value>())
                + list.iter().map(heap_of).sum::<usize>()
        }
        Value::Object(members) => {
            // The nodes of a B-tree have room for eleven members, and are half full at least.
            let node = 2 * (size_of::<String>() + size_of::<Value>());
            let member = |(name, value): (&String, &Value)| {
                node + allocated(name.capacity()) + heap_of(value)
            };
            members.iter().map(member).sum()
        }
    }
}
