//! What a reader hands over: rows of texts by field, and what is wrong with a row.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// What a column of the source says of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The public id, a UUID.
    Id,
    /// The integer id.
    Number,
    /// An e-mail address.
    Email,
    /// A login name. Older systems keep e-mail addresses and phone numbers in such a column too, so
    /// the shape decides the kind.
    Username,
    /// A phone number.
    Phone,
    /// A mobile number of mainland China, or a phone number in international form.
    Mobile,
    /// What the user wants to be called.
    Name,
    /// The hash of the password.
    Password,
    /// What the hash is of: `plain` or `client_sha256`.
    Form,
    /// Whether the user has the role `admin`.
    Admin,
    /// The user's roles.
    Roles,
    /// Whether the user may log in.
    Active,
    /// When the account was made.
    CreatedAt,
    /// When the user last logged in.
    LastLoginAt,
    /// The second of the last login, which `passport`'s tokens carry.
    LoginStamp,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 15] = [
        Self::Id,
        Self::Number,
        Self::Email,
        Self::Username,
        Self::Phone,
        Self::Mobile,
        Self::Name,
        Self::Password,
        Self::Form,
        Self::Admin,
        Self::Roles,
        Self::Active,
        Self::CreatedAt,
        Self::LastLoginAt,
        Self::LoginStamp,
    ];
    /// Those that a user is found by; the first that is there is the oldest.
    pub const IDENTIFIERS: [Self; 4] = [Self::Email, Self::Username, Self::Phone, Self::Mobile];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Number => "number",
            Self::Email => "email",
            Self::Username => "username",
            Self::Phone => "phone",
            Self::Mobile => "mobile",
            Self::Name => "name",
            Self::Password => "password",
            Self::Form => "form",
            Self::Admin => "admin",
            Self::Roles => "roles",
            Self::Active => "active",
            Self::CreatedAt => "created_at",
            Self::LastLoginAt => "last_login_at",
            Self::LoginStamp => "login_stamp",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|field| field.as_str() == word).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("`{word}` is no field; there are {known}")
        })
    }
}

/// Where a row stands in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, from 1.
    Line(u64),
    /// In a table, by its key.
    Key(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Key(key) => write!(f, "row {key}"),
        }
    }
}

/// One value of the source, with the structure that it has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text, or a number, a boolean or a time written as text.
    Text(String),
    /// A list of texts, such as a JSON array.
    List(Vec<String>),
    /// A value that is neither.
    Invalid {
        /// Why, for programs.
        reason: &'static str,
        /// Why, for people.
        message: &'static str,
    },
}

impl Value {
    /// A value of a type that no field has.
    pub const WRONG_TYPE: Self = Self::Invalid {
        reason: "wrong_type",
        message: "a text, a number, true, false or null is wanted, and for roles a list of texts",
    };
    /// Text in another encoding.
    pub const NOT_UTF8: Self =
        Self::Invalid { reason: "not_utf8", message: "the value is not UTF-8" };

    fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::List(texts) => texts.is_empty(),
            Self::Invalid { .. } => false,
        }
    }
}

/// One row of the source, as it is written there.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it stands.
    pub place: Place,
    values: [Option<Value>; Field::ALL.len()],
}

impl Row {
    /// A row that says nothing yet.
    pub fn at(place: Place) -> Self {
        Self { place, values: Default::default() }
    }

    /// Sets the value of a field.
    pub fn set(&mut self, field: Field, value: Value) {
        self.values[field as usize] = Some(value);
    }

    /// The text of a field, as it is written.
    pub fn text(&self, field: Field) -> Option<&str> {
        match self.values[field as usize].as_ref()? {
            Value::Text(text) => Some(text),
            Value::List(_) | Value::Invalid { .. } => None,
        }
    }

    /// The value of a field, unless it is empty.
    pub(super) fn take(&mut self, field: Field) -> Option<Value> {
        self.values[field as usize].take().filter(|value| !value.is_empty())
    }
}

/// Why a row, or one of its values, is not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where the row stands.
    pub place: Place,
    /// What of it is wrong, where that is one field.
    pub field: Option<Field>,
    /// Why, for programs.
    pub reason: &'static str,
    /// Why, for people. Never with a password's hash.
    pub message: Cow<'static, str>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(field) => write!(f, "{}: {field}: {}", self.place, self.message),
            None => write!(f, "{}: {}", self.place, self.message),
        }
    }
}

/// Some rows, in the order of the source.
#[derive(Debug)]
pub struct Page<T> {
    /// The rows, or what is wrong with those that cannot be read.
    pub rows: Vec<Result<T, Problem>>,
    /// How much of the source has been read with them, in its own unit.
    pub read: u64,
}

/// A source that cannot be read any further.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// Where pages come from, in order; it is closed at the end of the source.
pub type Pages<T> = tokio::sync::mpsc::Receiver<Result<Page<T>, Unreadable>>;
