//! The older systems: what their tables and columns are called where nobody changed them.

use crate::operations::import::revoked::Remembered;
use crate::operations::import::row::Field::{
    self, Active, Admin, CreatedAt, Email, Id, LastLoginAt, LoginStamp, Mobile, Name, Number,
    Password, Username,
};
use crate::tables::password::{CLIENT_SHA256, PLAIN};

/// What one of the older systems keeps, and where.
#[derive(Debug)]
pub struct System {
    /// The dialect that it speaks.
    pub dialect: &'static str,
    /// Another name for it.
    pub alias: Option<&'static str>,
    /// The table of users: the first of these that is there.
    pub tables: &'static [&'static str],
    /// The columns: for each field the first of these that is there.
    pub columns: &'static [(Field, &'static [&'static str])],
    /// Those without which nothing is imported.
    pub needed: &'static [Field],
    /// The table of tokens that were logged out, and its column.
    pub revoked: Option<(&'static str, &'static str, Remembered)>,
    /// What its password hashes are of.
    pub form: &'static str,
}

/// Each of them.
pub const SYSTEMS: [System; 5] = [
    System {
        dialect: "auth-token",
        alias: Some("flask-jwt-auth"),
        tables: &["users", "user"],
        columns: &[
            (Number, &["id"]),
            (Email, &["email"]),
            (Password, &["password", "password_hash"]),
            (Admin, &["admin"]),
            (CreatedAt, &["registered_on"]),
        ],
        needed: &[Number, Email, Password],
        revoked: Some(("blacklist_tokens", "token", Remembered::Token)),
        form: PLAIN,
    },
    System {
        dialect: "access-refresh",
        alias: None,
        tables: &["users", "user"],
        columns: &[
            (Number, &["id"]),
            (Username, &["username"]),
            (Password, &["password", "password_hash"]),
        ],
        needed: &[Number, Username, Password],
        revoked: Some(("revoked_tokens", "jti", Remembered::Jti)),
        form: PLAIN,
    },
    System {
        dialect: "x-access-token",
        alias: None,
        tables: &["user", "users"],
        columns: &[
            (Number, &["id"]),
            (Id, &["public_id"]),
            (Name, &["name"]),
            (Email, &["email"]),
            (Password, &["password", "password_hash"]),
        ],
        needed: &[Number, Id, Email, Password],
        revoked: None,
        form: PLAIN,
    },
    System {
        dialect: "code-envelope",
        alias: None,
        tables: &["user", "users"],
        columns: &[
            (Number, &["id"]),
            (Username, &["username"]),
            (Password, &["password", "password_hash"]),
            (Active, &["active"]),
        ],
        needed: &[Number, Username, Password],
        revoked: None,
        form: CLIENT_SHA256,
    },
    System {
        dialect: "passport",
        alias: None,
        tables: &["user_login", "user_logins", "users", "user"],
        columns: &[
            (Number, &["user_id", "id"]),
            (Mobile, &["mobile"]),
            (Password, &["password_hash", "password", "_password"]),
            (LoginStamp, &["last_login_stamp"]),
            (LastLoginAt, &["last_login"]),
        ],
        needed: &[Number, Mobile, Password, LoginStamp],
        revoked: None,
        form: PLAIN,
    },
];

/// The system of this name.
pub fn find(name: &str) -> Option<&'static System> {
    SYSTEMS.iter().find(|system| system.dialect == name || system.alias == Some(name))
}
