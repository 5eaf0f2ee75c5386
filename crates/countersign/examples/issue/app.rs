//! Log in, refresh, log out, behind the guard.

use std::error::Error;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use countersign::axum::Bearer;
use countersign::layer::Guard;
use countersign::sessions::{Login, LogoutScope, SessionError, Sessions, TokenPair};
use countersign::{
    Algorithm, Clock, Issuer, KeyRing, Profile, RefreshTokens, SigningKey, Verifier,
};
use http::{Method, StatusCode, header::CACHE_CONTROL};
use serde::Deserialize;
use serde_json::{Value, json};

use super::sqlite::SqliteStore;

const ORIGIN: &str = "http://127.0.0.1:3000";

type App = State<Sessions<SqliteStore>>;

pub(crate) async fn build(
    store: SqliteStore,
    (signing_secret, refresh_secret): (&[u8], &[u8]),
    clock: Clock,
) -> Result<Router, Box<dyn Error>> {
    let key = SigningKey::from_secret(Algorithm::Hs256, Some("k1"), signing_secret)?;
    let verifier = Verifier::new(Profile::ACCESS, KeyRing::new(vec![key.verifying_key()]));
    let verifier = verifier.issuer(ORIGIN).audience(ORIGIN);
    let issuer = Issuer::builder(key).issuer(ORIGIN).audience([ORIGIN]).build()?;
    let tokens = RefreshTokens::new(refresh_secret, None).ok_or("too short a secret")?;
    let sessions = Sessions::builder(store, issuer, tokens).clock(clock.clone()).build()?;
    // The guard lets nobody in before. Several processes on one store say `max_staleness`, too, and
    // catch up every second.
    sessions.catch_up().await?;
    let guard = Guard::builder(verifier)
        .clock(clock)
        .revocations(sessions.revocations())
        .public_for(Method::POST, "/login")
        .public_for(Method::POST, "/refresh")
        .build()?;
    Ok(Router::new()
        .route("/login", post(log_in))
        .route("/refresh", post(refresh))
        .route("/logout", post(log_out))
        .route("/sessions", get(list))
        .route("/me", get(async |who: Bearer| who.claims.subject().unwrap_or("?").to_owned()))
        .with_state(sessions)
        .layer(guard.layer()))
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

async fn log_in(State(sessions): App, Json(sent): Json<Credentials>) -> Result<Tokens, Refused> {
    // Nobody registers here; in earnest there are users, and hashes of their passwords.
    if (&*sent.user, &*sent.password) != ("alice", "sesame") {
        return Err(Refused(StatusCode::UNAUTHORIZED, "invalid_credentials".to_owned()));
    }
    let session = sessions.log_in(Login::of(sent.user).amr(["pwd"])).await?;
    Ok(Tokens(sessions.pair(&session).map_err(SessionError::Sign)?))
}

#[derive(Deserialize)]
struct Refresh {
    refresh_token: String,
}

async fn refresh(State(sessions): App, Json(sent): Json<Refresh>) -> Result<Tokens, Refused> {
    let session = sessions.refresh(&sent.refresh_token).await?;
    Ok(Tokens(sessions.pair(&session).map_err(SessionError::Sign)?))
}

async fn log_out(who: Bearer, State(sessions): App) -> Result<StatusCode, Refused> {
    sessions.log_out(&who.claims, LogoutScope::This).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list(who: Bearer, State(sessions): App) -> Result<Json<Value>, Refused> {
    let live = sessions.list(who.claims.subject().unwrap_or_default()).await?;
    Ok(Json(live.iter().map(|session| json!({ "id": session.id.to_string() })).collect()))
}

struct Tokens(TokenPair);

impl IntoResponse for Tokens {
    fn into_response(self) -> Response {
        ([(CACHE_CONTROL, "no-store")], Json(self.0)).into_response()
    }
}

struct Refused(StatusCode, String);

impl From<SessionError<rusqlite::Error>> for Refused {
    fn from(error: SessionError<rusqlite::Error>) -> Self {
        match error {
            SessionError::Ended(reason) => Self(StatusCode::UNAUTHORIZED, reason.to_string()),
            SessionError::NotARefreshToken => {
                Self(StatusCode::UNAUTHORIZED, "invalid_grant".to_owned())
            }
            _ => Self(StatusCode::SERVICE_UNAVAILABLE, "try_again".to_owned()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}
