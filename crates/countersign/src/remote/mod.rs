//! Keys and revocations from a server (feature `remote`).
//!
//! [`RemoteKeys`] keeps a [`KeyRing`](crate::KeyRing) as an issuer's JWK set says, whichever issuer it
//! is. [`RevocationFeed`] follows the revocations of a Countersign server, so that a logout is heard
//! of within a second and no request asks anybody.
//!
//! ```no_run
//! use countersign::layer::Guard;
//! use countersign::remote::{RemoteKeys, RevocationFeed};
//! use countersign::{Profile, Verifier};
//!
//! # async fn protect(api_key: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let server = "https://accounts.example.org";
//! let keys = RemoteKeys::builder(&format!("{server}/.well-known/jwks.json")).build()?;
//! let feed = RevocationFeed::builder(server, api_key, keys.ring()).build()?;
//! let verifier = Verifier::new(Profile::ACCESS, keys.ring())
//!     .issuer(server)
//!     .audience("https://api.example.org")
//!     .remember(10_000);
//! let guard = Guard::builder(verifier).revocations(feed.revocations()).build()?;
//! # drop(guard);
//! # Ok(())
//! # }
//! ```
//!
//! # What is fetched, and what never
//!
//! The addresses come from the application alone. A token that names one (`jku`, `x5u`) is refused
//! before its key is looked for, and of a `kid` nothing is made but a comparison. Addresses are
//! `https`, or `http` on this machine; no redirect is followed. Certificates are checked with what
//! the machine trusts. Answers are bounded in size and in time.
//!
//! # Where it runs
//!
//! Both work in a task of the [tokio](https://docs.rs/tokio) runtime in which they are built, and end
//! when the last clone of what they were built into is dropped. What went wrong last is told by
//! [`RemoteKeys::fault`] and [`RevocationFeed::fault`].

mod config;
mod endpoint;
mod error;
mod feed;
mod fetcher;
mod keys;
mod source;
mod task;
mod unknown;

pub use self::config::SetupError;
pub use self::error::FetchError;
pub use self::feed::{RevocationFeed, RevocationFeedBuilder};
pub use self::keys::{RemoteKeys, RemoteKeysBuilder};
pub(crate) use self::source::{KeySource, Unverified, verify_after_look};
