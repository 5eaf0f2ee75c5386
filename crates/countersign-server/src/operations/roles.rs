//! What a role may be called.

use crate::error::{Error, Result};

const MAX_ROLE: usize = 64;
/// What the column takes, with a space after each.
const MAX_ROLES: usize = 1000;

/// Takes the roles that a user is given, each once.
pub fn parse_roles(given: Vec<String>) -> Result<Vec<String>> {
    let mut roles: Vec<String> = Vec::new();
    for role in given {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
        if role.is_empty() || role.len() > MAX_ROLE || !role.chars().all(plain) {
            return Err(invalid(
                "invalid_role",
                "a role is 1 to 64 of the letters a to z, digits and . _ : / -",
            ));
        }
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    if roles.iter().map(|role| role.len() + 1).sum::<usize>() > MAX_ROLES {
        return Err(invalid("too_long", "all roles together are at most 1,000 characters"));
    }
    Ok(roles)
}

fn invalid(reason: &'static str, message: &'static str) -> Error {
    Error::Invalid { field: "roles", reason, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(roles: &[&str]) -> Result<Vec<String>> {
        parse_roles(roles.iter().map(|&role| role.to_owned()).collect())
    }

    #[test]
    fn roles_are_plain_words_each_taken_once() {
        let roles = parse(&["admin", "billing:read", "admin"]).expect("good roles");
        assert_eq!(roles, ["admin", "billing:read"]);
        for bad in ["", "two words", "a\tb", "rôle", "a,b", &"a".repeat(65)] {
            assert!(parse(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn more_roles_than_the_column_takes_are_refused() {
        let many: Vec<String> = (0..20).map(|n| format!("{n:064}")).collect();
        assert!(parse_roles(many).is_err());
    }
}
