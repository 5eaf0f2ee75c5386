//! What a configuration allows that its operator should know of.

use super::weak::weakness;
use super::{Config, SigningSecret};

impl Config {
    /// Sentences for the log and for `doctor`, each beginning with its key.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for dialect in &self.dialects {
            let name = &dialect.name;
            if dialect.secret.as_ref().is_some_and(|secret| weakness(secret.expose()).is_some()) {
                warnings.push(format!(
                    "dialects.{name}.allow_weak_secret: whoever guesses the secret can make tokens of any user"
                ));
            }
            let weak = |secret: &SigningSecret| weakness(secret.expose()).is_some();
            if dialect.legacy_secret.as_ref().is_some_and(weak)
                && let Some(until) = dialect.legacy_tokens_until
            {
                warnings.push(format!(
                    "dialects.{name}.legacy_secret: until {until} whoever guesses it can make tokens of any user who was imported"
                ));
            }
        }
        let is_behind_proxy = self.public_url.as_str().starts_with("https:");
        if is_behind_proxy && self.trusted_proxies.is_empty() {
            warnings.push(
                "trusted_proxies: public_url is https, so there is a proxy in front, and every client \
                 has the proxy's address: one that guesses passwords slows down all others; name the \
                 proxy's address or network"
                    .into(),
            );
        }
        if !self.limits.enabled {
            warnings.push(
                "limits.enabled: passwords can be tried, and accounts registered, without limit"
                    .into(),
            );
        }
        if self.traces.shows_headers() {
            warnings.push("traces.headers: over http others may read them on the way".into());
        }
        warnings
    }
}
