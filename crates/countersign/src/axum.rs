//! Extractors for [axum](https://docs.rs/axum) 0.8 (feature `axum`): the way for a handler to learn
//! who asks.
//!
//! | a handler takes | and runs for |
//! |---|---|
//! | [`Bearer`] | a good token |
//! | [`Access`] | the same, without a copy of its claims |
//! | [`Fresh<300>`](Fresh) | a good token whose user proved who they are in the last 300 seconds |
//! | `Option<Bearer>` | a good token, or none; a bad one is refused |
//! | [`Lenient`] | everybody; a bad token counts as none |
//! | [`Outcome`] | everybody, and says which of the three it was |
//! | [`Whole<Bearer, Json<T>>`](Whole) | a token that is still good when the body has arrived |
//!
//! Each is generic over the type that the claims are read as: [`Claims`] themselves, if not said, or
//! any type of the application's that is [`Deserialize`](serde::Deserialize).
//!
//! A handler that reads a body takes [`Whole`]. The other extractors check the token when the head of
//! the request has arrived, and a client may hold the body back until its session has ended.
//!
//! They work behind a [`Guard`]'s layer alone. Without one they answer 500. The last three are for
//! public routes; elsewhere the guard has refused a request without a good token before.
//!
//! ```
//! use countersign::axum::{Bearer, Whole};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Tenant {
//!     tenant: String,
//! }
//!
//! async fn me(bearer: Bearer) -> String {
//!     format!("hello, {}", bearer.claims.subject().unwrap_or("you"))
//! }
//!
//! async fn feed(reader: Option<Bearer>) -> &'static str {
//!     if reader.is_some() { "yours" } else { "everybody's" }
//! }
//!
//! async fn rooms(Bearer { claims, .. }: Bearer<Tenant>) -> String {
//!     claims.tenant
//! }
//!
//! async fn rename(Whole(bearer, name): Whole<Bearer, String>) -> String {
//!     format!("{} is called {name} now", bearer.claims.subject().unwrap_or("you"))
//! }
//! # let _: axum::Router = axum::Router::new()
//! #     .route("/me", axum::routing::get(me).post(rename))
//! #     .route("/feed", axum::routing::get(feed))
//! #     .route("/rooms", axum::routing::get(rooms));
//! ```

use std::time::Duration;

use axum_core::body::Body;
use axum_core::extract::{FromRequest, FromRequestParts, OptionalFromRequestParts, Request};
use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::claims::Claims;
use crate::layer::{Access, Answers, Denial, Guard, Guarded, SetCookies, check_fresh};

/// Whoever a good token says the request is from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Bearer<C = Claims> {
    /// The token's claims.
    pub claims: C,
    /// The token itself, and what its check gave along.
    pub access: Access,
}

/// As [`Bearer`], whose user proved who they are at most `SECONDS` ago (`auth_time`). Others are
/// asked to do so again (RFC 9470).
#[derive(Clone, Debug)]
pub struct Fresh<const SECONDS: u64, C = Claims>(pub Bearer<C>);

/// A [`Bearer`], if the token is good. A bad token counts as none: for pages that must show something
/// to everybody.
#[derive(Clone, Debug)]
pub struct Lenient<C = Claims>(pub Option<Bearer<C>>);

/// What became of the request's token.
#[derive(Clone, Debug)]
pub enum Outcome<C = Claims> {
    /// There is none.
    Anonymous,
    /// It is good.
    Authenticated(Bearer<C>),
    /// It is not, for this reason.
    Refused(Denial),
}

/// The sender of a request, checked again when the body has arrived, and the body.
///
/// `A` is any extractor of this module, or one of the application's that uses one. It runs twice: when
/// the head has arrived, so that no body is read for a bad token, and again after the body, when the
/// guard has decided again ([`Guard::check_again`]). A client that holds its body back until its token
/// has expired or its session has ended is refused.
///
/// `B` is any extractor that reads the whole body, such as `Json`, `Form`, `Bytes` or `String`. With one
/// that returns the body unread, such as a stream, the second check comes too early.
#[derive(Clone, Copy, Debug)]
pub struct Whole<A, B>(pub A, pub B);

/// What claims can be read as: [`Claims`], or any type that is deserialised from them.
pub trait FromClaims: Sized {
    /// The claims as this type; [`Denial::Claims`] if they are none.
    fn from_claims(claims: &Claims) -> Result<Self, Denial>;
}

impl FromClaims for Claims {
    fn from_claims(claims: &Claims) -> Result<Self, Denial> {
        Ok(claims.clone())
    }
}

impl<T: DeserializeOwned> FromClaims for T {
    fn from_claims(claims: &Claims) -> Result<Self, Denial> {
        claims.deserialize().map_err(|error| Denial::Claims(error.to_string().into()))
    }
}

/// The answer to a request that an extractor refused: the guard's, with the [`Denial`] in its
/// extensions.
#[derive(Debug)]
pub struct Rejection {
    denial: Denial,
    guard: Option<Guard>,
}

impl Rejection {
    /// Why.
    pub fn denial(&self) -> &Denial {
        &self.denial
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let response = match &self.guard {
            Some(guard) => guard.answer(&self.denial),
            None => Answers::default().answer(&self.denial),
        };
        response.map(Body::from)
    }
}

impl<S: Sync> FromRequestParts<S> for Access {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let found = grant(parts).await;
        found.map_err(|denial| reject(parts, denial))
    }
}

impl<S: Sync, C: FromClaims> FromRequestParts<S> for Bearer<C> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let found = find(parts).await;
        found.map_err(|denial| reject(parts, denial))
    }
}

impl<S: Sync, C: FromClaims> OptionalFromRequestParts<S> for Bearer<C> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        match find(parts).await {
            Ok(bearer) => Ok(Some(bearer)),
            Err(Denial::Missing(_)) => Ok(None),
            Err(denial) => Err(reject(parts, denial)),
        }
    }
}

impl<const SECONDS: u64, S: Sync, C: FromClaims> FromRequestParts<S> for Fresh<SECONDS, C> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        const { assert!(SECONDS > 0, "no token is fresh within zero seconds") };
        let fresh = async {
            let bearer: Bearer<C> = find(parts).await?;
            let now = Guard::of(&parts.extensions)?.now();
            check_fresh(bearer.access.claims(), Duration::from_secs(SECONDS), now)?;
            Ok(Self(bearer))
        };
        fresh.await.map_err(|denial| reject(parts, denial))
    }
}

impl<S: Sync, C: FromClaims> FromRequestParts<S> for Lenient<C> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        match Outcome::from_request_parts(parts, state).await? {
            Outcome::Authenticated(bearer) => Ok(Self(Some(bearer))),
            Outcome::Anonymous | Outcome::Refused(_) => Ok(Self(None)),
        }
    }
}

impl<S: Sync, C: FromClaims> FromRequestParts<S> for Outcome<C> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        match find(parts).await {
            Ok(bearer) => Ok(Self::Authenticated(bearer)),
            Err(Denial::Missing(_)) => Ok(Self::Anonymous),
            Err(denial @ Denial::Unprotected) => Err(reject(parts, denial)),
            Err(denial) => Ok(Self::Refused(denial)),
        }
    }
}

impl<S, A, B> FromRequest<S> for Whole<A, B>
where
    S: Send + Sync,
    A: FromRequestParts<S>,
    B: FromRequest<S> + Send,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        sender::<A, S>(&mut parts, state).await?;
        let head = parts.clone();
        let body = B::from_request(Request::from_parts(head, body), state).await;
        let body = body.map_err(IntoResponse::into_response)?;
        let again = Guard::check_again(&mut parts).await;
        again.map_err(|denial| reject(&parts, denial).into_response())?;
        Ok(Self(sender(&mut parts, state).await?, body))
    }
}

async fn sender<A: FromRequestParts<S>, S: Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<A, Response> {
    A::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)
}

/// The access that the layer granted; on a public route, where it did not look, the guard decides
/// now.
async fn grant(parts: &Parts) -> Result<Access, Denial> {
    let Guarded { guard, access, .. } = parts.extensions.get().ok_or(Denial::Unprotected)?;
    match access {
        Some(access) => Ok(access.clone()),
        None => guard.check(parts).await,
    }
}

async fn find<C: FromClaims>(parts: &Parts) -> Result<Bearer<C>, Denial> {
    let access = grant(parts).await?;
    Ok(Bearer { claims: C::from_claims(access.claims())?, access })
}

fn reject(parts: &Parts, denial: Denial) -> Rejection {
    let guard = Guard::of(&parts.extensions).ok().cloned();
    Rejection { denial, guard }
}

impl IntoResponseParts for SetCookies {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        self.append_to(parts.headers_mut());
        Ok(parts)
    }
}
