//! What a configuration allows that its operator should know of.

use super::Config;
use super::weak::weakness;

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
            if dialect.legacy_secret.is_some() {
                warnings.push(format!(
                    "dialects.{name}.legacy_secret: this version does not take the old system's tokens"
                ));
            }
        }
        if !self.limits.enabled {
            warnings.push("limits.enabled: passwords can be tried without limit".into());
        }
        warnings
    }
}
