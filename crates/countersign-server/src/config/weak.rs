//! Secrets that everyone knows.

/// Those of the public list of known JWT secrets that are long enough to pass for good ones.
const LISTED: &str = include_str!("../../data/known-secrets.txt");

/// The secrets of the five systems that the dialects replace, as their documents print them.
const SEEDS: [&str; 4] = ["my_precious", "jwt-secret-string", "your secret key", "jwt-key"];

/// The shortest secret that signs: HMAC-SHA-256 wants a key as long as its output (RFC 7518,
/// section 3.2).
pub(super) const SHORTEST: usize = 32;

/// What is wrong with a signing secret, if anything is.
pub(super) fn weakness(secret: &[u8]) -> Option<&'static str> {
    if is_known(secret) {
        Some(
            "this secret is on public lists of known secrets; make one with `openssl rand -base64 32`",
        )
    } else if secret.len() < SHORTEST {
        Some("a secret has at least 32 bytes; make one with `openssl rand -base64 32`")
    } else {
        None
    }
}

fn is_known(secret: &[u8]) -> bool {
    LISTED.lines().chain(SEEDS).any(|known| known.as_bytes() == secret)
}
