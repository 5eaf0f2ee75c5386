//! The guard: a [tower](https://docs.rs/tower) layer that lets nobody through without a good token.
//!
//! ```
//! use countersign::layer::{Cookies, Demand, Guard, Location};
//! use countersign::{Algorithm, KeyRing, Profile, SigningKey, Verifier};
//!
//! let key = SigningKey::generate(Algorithm::Es256, Some("k1"))?;
//! let verifier = Verifier::new(Profile::ACCESS, KeyRing::new(vec![key.verifying_key()]))
//!     .issuer("https://accounts.example.org")
//!     .audience("https://api.example.org")
//!     .remember(10_000);
//! let guard = Guard::builder(verifier).public("/healthz").public("/docs/*").build()?;
//!
//! let layer = guard.layer(); // around everything
//! let admins = guard.require(Demand::new().role("admin"))?; // around some of it
//! # let _ = (layer, admins);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Denied by default
//!
//! The layer refuses every request that carries no good token, unless its path is named with
//! [`GuardBuilder::public`], or its routes stand behind [`Guard::public_layer`]. A path that exists
//! nowhere is refused as well: who is not known learns nothing of which do. Behind the layer, the
//! identity is read with axum's extractors (feature `axum`) or with [`Access::of`]. There is no other
//! way to get one, and without a guard before the route both fail: an application that forgot the
//! layer answers 500, never a request from nobody.
//!
//! Everything that can be wrong with a guard is told by [`GuardBuilder::build`].
//!
//! # The order of its decisions
//!
//! 1. A public path passes; no token is looked at. The extractors look where a handler asks.
//! 2. The token is looked for in each [`Location`]. What is ambiguous is refused with 400: two
//!    different tokens, a header or a cookie that comes twice. What has not the form of a token is
//!    refused with 401, and so is a request without one.
//! 3. The [`Check`] judges it: [`Verifier`](crate::Verifier), then
//!    [`Revocations`](crate::Revocations). A token that does not verify is refused.
//! 4. If only a cookie carries the token, an unsafe request, or one that begins a WebSocket, must show
//!    that a page of ours meant it; see [`Cookies`]. What a header carries needs no such thing.
//! 5. The claim `type`, if it is there, must be the [`TokenType`] that is wanted.
//! 6. A token that was revoked is refused. If nobody can say whether it was, the answer is 503.
//! 7. The [`Demand`] of the guard, then, further inside, of [`RequireLayer`] and of the extractors.
//!
//! What the client is told is for [`Answers`]; the [`Denial`] itself stands in the extensions of the
//! response.
//!
//! # Where to put it
//!
//! Outside of the guard belong: whatever answers CORS preflights, which carry no token; limits on
//! heads and bodies; and the log, which reads the [`Denial`]. A proxy before the application must
//! pass `Origin`, `Referer` and `Sec-Fetch-Site` on, or cookies authenticate no unsafe request.
//!
//! The guard wraps any service of `http` requests, whatever its bodies: hyper, axum, tonic. Where the
//! check needs nobody else, a request costs no allocation beyond the entry in its extensions.

mod access;
mod answers;
mod body;
mod builder;
mod check;
mod config_error;
mod cookies;
mod demand;
mod denial;
mod find;
mod forgery;
mod future;
mod guard;
mod header;
#[expect(clippy::module_inception, reason = "the layer of the layer, as tower names it")]
mod layer;
mod location;
mod public_paths;
mod response;
mod service;

pub use self::access::Access;
pub use self::answers::{Answers, FlaskAnswers, FlaskVersion};
pub use self::body::{BodyGuardLayer, BodyGuardService};
pub use self::builder::GuardBuilder;
pub use self::check::{Check, Checked, Checking, VerifyAndAsk};
pub use self::config_error::ConfigError;
pub use self::cookies::{
    Cookie, CookieError, Cookies, CookiesBuilder, SameSite, SetCookies, Silence,
};
pub use self::demand::Demand;
pub use self::denial::{Absence, Ambiguity, BodyFault, CsrfFault, Denial, TokenType};
pub use self::find::Found;
pub use self::future::GuardFuture;
pub use self::guard::Guard;
pub use self::layer::{GuardLayer, RequireLayer};
pub use self::location::Location;
pub use self::response::GuardBody;
pub use self::service::{GuardService, RequireService};

#[cfg(feature = "axum")]
pub(crate) use self::{access::Guarded, demand::check_fresh};
