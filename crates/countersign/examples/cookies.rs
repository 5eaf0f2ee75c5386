//! An application that issues its own tokens and keeps them in cookies:
//! `cargo run --example cookies`, then open <http://127.0.0.1:3000> in a browser.
//!
//! The page reads the CSRF token from its cookie and sends it back with every unsafe request. Take
//! it out of the page's code, and the guard says which header is missing.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use countersign::axum::Bearer;
use countersign::layer::{Cookie, Cookies, Guard, Silence};
use countersign::{Algorithm, Clock, Issuer, KeyRing, Profile, SigningKey, Verifier};
use http::{HeaderMap, StatusCode};
use serde_json::json;

const ORIGIN: &str = "http://127.0.0.1:3000";
const TTL: Duration = Duration::from_mins(15);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = SigningKey::generate(Algorithm::Es256, Some("k1"))?;
    let keys = KeyRing::new(vec![key.verifying_key()]);
    let verifier = Verifier::new(Profile::ACCESS, keys).issuer(ORIGIN).audience(ORIGIN);
    // In earnest these bytes are random, secret, and the same after a restart.
    let cookies = Cookies::builder(ORIGIN, &[7; 32]).build()?;
    let guard = Guard::builder(verifier)
        .cookies(cookies.clone())
        .public("/")
        .public_for(http::Method::POST, "/login")
        .build()?;

    let login = {
        let (cookies, issuer) = (cookies.clone(), Issuer::new(key));
        async move |headers: HeaderMap| log_in(&cookies, &issuer, &headers)
    };
    let app = Router::new()
        .route("/", get(async || Html(include_str!("cookies.html"))))
        .route("/login", post(login))
        .route("/me", get(async |who: Bearer| who.claims.subject().unwrap_or("?").to_owned()))
        .route("/logout", post(async move |_: Bearer| (cookies.clear(), "logged out")))
        .layer(guard.layer());
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?)
}

/// Whoever asks is let in as Alice; looking at a password is left out here.
fn log_in(cookies: &Cookies, issuer: &Issuer, headers: &HeaderMap) -> Response {
    if let Err(fault) = cookies.check_origin(headers, Silence::IsFine) {
        return (StatusCode::FORBIDDEN, fault.to_string()).into_response();
    }
    let (now, session) = (Clock::system().unix_seconds(), "s1");
    let claims = json!({
        "iss": ORIGIN, "aud": ORIGIN, "sub": "alice", "sid": session, "jti": "t1", "gen": 0,
        "iat": now, "exp": now + 900, "auth_time": now,
    });
    let set = || -> Result<_, Box<dyn Error>> {
        let token = issuer.sign("at+jwt", &claims)?;
        let csrf = cookies.set(Cookie::Csrf, &cookies.csrf_token(session), TTL)?;
        Ok(cookies.set(Cookie::Access, &token, TTL)?.and(csrf))
    };
    match set() {
        Ok(set) => (set, "logged in").into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
