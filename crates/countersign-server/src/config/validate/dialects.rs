//! The rules for `[[dialects]]`.

use std::time::Duration;

use super::{Check, DAY, Invalid, SECOND, TEN_YEARS, lives};
use crate::config::weak::weakness;
use crate::config::{DialectConfig, SigningSecret};

/// The old systems' tokens lived for a day at most; their clients cannot all refresh.
const LONGEST_ACCESS: Duration = DAY.saturating_mul(30);

pub(super) fn check(dialects: &[DialectConfig], known: &[&str]) -> Check {
    for (index, dialect) in dialects.iter().enumerate() {
        let named = |(key, problem): (&str, String)| Invalid {
            key: format!("dialects.{index}.{key}"),
            problem,
        };
        name(dialect, &dialects[..index], known).map_err(named)?;
        prefix(&dialect.prefix).map_err(named)?;
        secrets(dialect).map_err(named)?;
        apart(dialect, &dialects[..index]).map_err(named)?;
        issuers(dialect).map_err(named)?;
        lifetimes(dialect, index)?;
    }
    Ok(())
}

type Part = Result<(), (&'static str, String)>;

fn name(dialect: &DialectConfig, before: &[DialectConfig], known: &[&str]) -> Part {
    let name = &dialect.name;
    if !known.contains(&name.as_str()) {
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        return Err(("name", format!("`{name}` is not a dialect of this version; known: {known}")));
    }
    if before.iter().any(|other| other.name == *name) {
        return Err(("name", format!("`{name}` is switched on twice")));
    }
    Ok(())
}

fn prefix(prefix: &str) -> Part {
    let Some(path) = prefix.strip_prefix('/') else {
        return if prefix.is_empty() {
            Ok(())
        } else {
            Err(("prefix", "it begins with `/`".into()))
        };
    };
    let plain = |segment: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        !matches!(segment, "" | "." | "..") && segment.chars().all(allowed)
    };
    if path.split('/').all(plain) {
        return Ok(());
    }
    Err((
        "prefix",
        "a path like /old is wanted: letters, digits and -._~, no `/` at its end".into(),
    ))
}

fn secrets(dialect: &DialectConfig) -> Part {
    if let Some(secret) = &dialect.secret {
        if secret.expose().is_empty() {
            return Err(("secret", "it is empty; leave it out to have one derived".into()));
        }
        if let Some(weakness) = weakness(secret.expose()).filter(|_| !dialect.allow_weak_secret) {
            return Err(("secret", weakness.into()));
        }
    }
    if dialect.legacy_secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
        return Err(("legacy_secret", "it is empty".into()));
    }
    match (&dialect.legacy_secret, &dialect.legacy_tokens_until) {
        (Some(_), None) => Err((
            "legacy_tokens_until",
            "legacy_secret needs the last day on which it counts".into(),
        )),
        (None, Some(_)) => {
            Err(("legacy_secret", "legacy_tokens_until does nothing without it".into()))
        }
        _ => Ok(()),
    }
}

/// An empty one would be written into tokens that no verifier takes.
fn issuers(dialect: &DialectConfig) -> Part {
    for (key, issuer) in [("issuer", &dialect.issuer), ("legacy_issuer", &dialect.legacy_issuer)] {
        let Some(issuer) = issuer else { continue };
        if !(1..=255).contains(&issuer.len()) || issuer.chars().any(char::is_control) {
            return Err((key, "1 to 255 bytes, without control characters, are wanted".into()));
        }
    }
    Ok(())
}

/// The secret is what makes a token of one dialect worthless in another.
fn apart(dialect: &DialectConfig, before: &[DialectConfig]) -> Part {
    for (key, secret) in keys(dialect) {
        for other in before {
            if keys(other).any(|(_, theirs)| theirs.expose() == secret.expose()) {
                return Err((key, format!("`{}` has the same; each needs its own", other.name)));
            }
        }
    }
    Ok(())
}

fn keys(dialect: &DialectConfig) -> impl Iterator<Item = (&'static str, &SigningSecret)> {
    let secret = dialect.secret.as_ref().map(|secret| ("secret", secret));
    let legacy = dialect.legacy_secret.as_ref().map(|secret| ("legacy_secret", secret));
    secret.into_iter().chain(legacy)
}

fn lifetimes(dialect: &DialectConfig, index: usize) -> Check {
    if let Some(access_ttl) = dialect.access_ttl {
        lives(&format!("dialects.{index}.access_ttl"), access_ttl, SECOND..=LONGEST_ACCESS)?;
    }
    if let Some(refresh_ttl) = dialect.refresh_ttl {
        lives(&format!("dialects.{index}.refresh_ttl"), refresh_ttl, SECOND..=TEN_YEARS)?;
    }
    Ok(())
}
