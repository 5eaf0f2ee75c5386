//! Which requests pass without a token.

use http::Method;

use super::ConfigError;

/// The paths that are public. Everything else is not.
#[derive(Clone, Debug, Default)]
pub(super) struct PublicPaths(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    method: Option<Method>,
    path: String,
    /// Whether everything that begins with `path` is meant.
    below: bool,
}

impl PublicPaths {
    pub(super) fn add(&mut self, method: Option<Method>, pattern: &str) -> Result<(), ConfigError> {
        let path = pattern.strip_suffix('*').unwrap_or(pattern);
        let whole = pattern.len() == path.len() || path.ends_with('/');
        let bad = !path.starts_with('/') || !whole || path.contains('*') || !has_one_reading(path);
        if bad {
            return Err(ConfigError::PublicPath(pattern.to_owned()));
        }
        let below = pattern.len() != path.len();
        self.0.push(Rule { method, path: path.to_owned(), below });
        Ok(())
    }

    pub(super) fn contain(&self, method: &Method, path: &str) -> bool {
        self.0
            .iter()
            .any(|rule| rule.method.as_ref().is_none_or(|only| only == method) && rule.covers(path))
    }
}

impl Rule {
    fn covers(&self, path: &str) -> bool {
        if self.below {
            path.starts_with(&self.path) && has_one_reading(path)
        } else {
            path == self.path
        }
    }
}

/// Whether nobody who reads the path could come to another one: a router, a proxy and a file system
/// differ in what they make of these.
fn has_one_reading(path: &str) -> bool {
    let odd = |byte: u8| matches!(byte, b'%' | b';' | b'\\' | 0..=0x20 | 0x7f..);
    let empty_inside = path.contains("//");
    let dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    !empty_inside && !dots && !path.bytes().any(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(rules: &[(Option<Method>, &str)]) -> PublicPaths {
        let mut paths = PublicPaths::default();
        for (method, pattern) in rules {
            paths.add(method.clone(), pattern).expect("a pattern");
        }
        paths
    }

    #[test]
    fn only_what_is_named_is_public_and_only_as_it_is_named() {
        let paths = paths(&[
            (None, "/"),
            (None, "/health"),
            (Some(Method::POST), "/login"),
            (None, "/docs/*"),
        ]);
        let public = |method: Method, path: &str| paths.contain(&method, path);
        for path in ["/", "/health", "/docs/", "/docs/a", "/docs/a/b.html"] {
            assert!(public(Method::GET, path), "{path}");
        }
        for path in [
            "",
            "/health/",
            "/healthy",
            "//health",
            "/HEALTH",
            "/health;x",
            "/%68ealth",
            "/docs",
            "/docsx",
            "/docs/../admin",
            "/docs/./a",
            "/docs//a",
            "/docs/%2e%2e/admin",
            "/docs/..;/admin",
            "/docs\\..\\admin",
            "/docs/a\0",
        ] {
            assert!(!public(Method::GET, path), "{path:?}");
        }
        assert!(public(Method::POST, "/login") && !public(Method::GET, "/login"));
        assert!(!PublicPaths::default().contain(&Method::GET, "/"));
    }

    #[test]
    fn a_pattern_that_could_mean_more_than_it_says_is_refused() {
        for bad in ["", "health", "*", "/a*", "/*/b", "/a/**", "/a//b", "/a/../b", "/a/%2e", "/a b"]
        {
            assert_eq!(
                PublicPaths::default().add(None, bad),
                Err(ConfigError::PublicPath(bad.to_owned())),
                "{bad}"
            );
        }
        PublicPaths::default().add(None, "/*").expect("everything");
    }
}
