//! What the tests share of the dialects whose older systems used flask-jwt-extended.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::{Algorithm, Issuer, SigningKey};
use countersign_server::config::{Config, DialectConfig, SigningSecret};
use serde_json::{Value, json};

use crate::server::START;

pub(crate) const SECRET: &str = "a configured secret of 32 bytes, or a few more";
pub(crate) const OLD_SECRET: &str = "jwt-secret-string";

/// What anybody can sign who knows the secret.
pub(crate) fn sign(secret: &str, claims: &Value) -> String {
    let key = SigningKey::from_weak_secret(Algorithm::Hs256, None, secret.as_bytes());
    Issuer::new(key.expect("a key")).sign("JWT", claims).expect("a token")
}

/// A dialect that signs with [`SECRET`] and takes what was signed with [`OLD_SECRET`].
pub(crate) fn dialect(name: &str) -> DialectConfig {
    let secret = |text: &str| Some(SigningSecret::parse(text).expect("a secret"));
    DialectConfig {
        name: name.into(),
        secret: secret(SECRET),
        legacy_secret: secret(OLD_SECRET),
        legacy_tokens_until: Some(jiff::civil::date(2026, 12, 31)),
        ..DialectConfig::default()
    }
}

/// The JSON of one of a token's segments.
pub(crate) fn segment(token: &str, index: usize) -> Value {
    let segment = token.split('.').nth(index).expect("a segment");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).expect("base64url")).expect("JSON")
}

/// Tokens that are none, each with the answer to it.
pub(crate) fn undecodable(token: &str) -> Vec<(String, &'static str)> {
    let claims = segment(token, 1);
    let mut parts = token.split('.');
    let (header, payload) = (parts.next().expect("three"), parts.next().expect("three"));
    let signature = parts.next().expect("three");
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        sign(SECRET, &claims)
    };
    let later = START.seconds() + 600;
    vec![
        ("x".into(), "Not enough segments"),
        (format!("{header}.{payload}"), "Not enough segments"),
        (format!("{token}.x"), "Not enough segments"),
        (
            sign("another secret that has 32 bytes or more", &claims),
            "Signature verification failed",
        ),
        (format!("{header}.{payload}.{other}{}", &signature[1..]), "Signature verification failed"),
        (format!("{none}.{payload}.{signature}"), "The specified alg value is not allowed"),
        (format!("{header}.{payload}.!"), "Invalid padding"),
        (with("sub", json!(7)), "Invalid claim: sub"),
        (with("nbf", json!(later)), "The token is not yet valid (nbf)"),
        (with("iat", json!(later)), "The token is not yet valid (iat)"),
    ]
}

/// Strict limits, the server's policy, and few lanes.
pub(crate) fn strict(config: &mut Config) {
    config.limits.enabled = true;
    for dialect in &mut config.dialects {
        dialect.password_policy = countersign_server::config::PasswordPolicy::Server;
    }
}
