//! What is wrong with a configuration. It is told when a guard is built, never per request.

use thiserror::Error;

/// Why a guard, or a part of one, cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No place is named where a token may be.
    #[error("a guard needs a location in which it looks for tokens")]
    NoLocation,
    /// A place is named twice.
    #[error("the location `{0}` is named twice")]
    LocationTwice(String),
    /// No header can have this name, or no scheme.
    #[error("`{0}` is not the name of a header, nor of a scheme")]
    HeaderName(String),
    /// A scheme is wanted of a place that is no header.
    #[error("`{0}` is no header, and nothing stands before a token there")]
    NoHeader(String),
    /// A header without a scheme is to have it exactly.
    #[error("the header `{0}` has no scheme that could be exact")]
    NoScheme(String),
    /// A check of the application's own is given revocations, which it would not be asked about.
    #[error(
        "a check of the application's own asks about revocations itself: the guard has no use for any"
    )]
    UnaskedRevocations,
    /// No cookie can have this name.
    #[error("`{0}` is not the name of a cookie")]
    CookieName(String),
    /// No query parameter, JSON member or subprotocol of ours can have this name.
    #[error("`{0}` is not the name of a parameter, a member or a subprotocol")]
    ParameterName(String),
    /// A cookie is to be read, and nothing protects against forged requests.
    #[error(
        "tokens in the cookie `{0}` need protection against forged requests: give the guard its `Cookies`"
    )]
    UnprotectedCookie(String),
    /// Not an origin as browsers write it: `https://app.example.org`.
    #[error("`{0}` is not an origin as browsers write it, such as https://app.example.org")]
    Origin(String),
    /// Cookies need https; plain http is for this machine alone.
    #[error("cookies need an https origin, which `{0}` is not")]
    InsecureOrigin(String),
    /// The key of the CSRF tokens has less than 32 bytes.
    #[error("the key of the CSRF tokens has less than 32 bytes")]
    CsrfKey,
    /// A public path does not begin with a slash, or could be read in two ways.
    #[error("`{0}` is not a public path: a path from the root, with `/*` at most at its end")]
    PublicPath(String),
    /// Not a scope (RFC 6749, section 3.3) or a role.
    #[error("`{0}` is neither a scope nor a role")]
    Scope(String),
    /// A maximal age of nothing lets nobody in.
    #[error("a maximal age of less than a second lets nobody in")]
    MaxAge,
    /// Not a realm that can stand in a header.
    #[error("`{0}` cannot stand in a header")]
    Realm(String),
}
