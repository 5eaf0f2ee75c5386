//! What tokens are given, and how long.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use countersign::sessions::{BuildError, Login, MemoryStore, SessionError, Sessions};
use countersign::{Clock, EndReason, Issuer, IssuerBuilder, RefreshTokens, SignError};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::guard::kit::{KEY, NOW, app, bear, builder, decoded, send};

const HOUR: Duration = Duration::from_hours(1);

fn issuer() -> IssuerBuilder {
    Issuer::builder(KEY.clone())
        .issuer("https://accounts.example.org")
        .audience(["https://api.example.org"])
}

fn mint(issuer: IssuerBuilder) -> String {
    issuer.build().unwrap().access("alice").session("s1", 0).sign(NOW).unwrap()
}

/// `JWT_ACCESS_TOKEN_EXPIRES`
#[tokio::test]
async fn a_token_lives_as_long_as_its_issuer_says_and_never_for_ever() {
    let clock = Clock::manual(NOW);
    let router = app(&builder().clock(clock.clone()).build().unwrap());
    let (quarter, minute) = (mint(issuer()), mint(issuer().lifetime(Duration::from_mins(1))));
    for (seconds, of_minute, of_quarter) in
        [(59, 200, 200), (1, 401, 200), (839, 401, 200), (1, 401, 401)]
    {
        clock.advance(Duration::from_secs(seconds));
        assert_eq!(bear(&router, "GET /me", &minute).await.status, of_minute);
        assert_eq!(bear(&router, "GET /me", &quarter).await.status, of_quarter);
    }
    let nothing = issuer().lifetime(Duration::ZERO).build();
    assert_eq!(nothing.err(), Some(SignError::Lifetime));
    let issuer = issuer().build().unwrap();
    for token in [
        issuer.access("alice").lifetime(Duration::ZERO),
        issuer.access("alice").expires_at(NOW),
        issuer.access("alice").expires_at(0),
    ] {
        assert_eq!(token.sign(NOW), Err(SignError::Lifetime));
    }
}

fn sessions(clock: &Clock) -> Sessions<MemoryStore> {
    let refresh_tokens = RefreshTokens::new(&[7; 32], None).unwrap();
    Sessions::builder(MemoryStore::new(), issuer().build().unwrap(), refresh_tokens)
        .idle_ttl(HOUR)
        .absolute_ttl(2 * HOUR)
        .clock(clock.clone())
        .build()
        .unwrap()
}

async fn refresh(
    State(sessions): State<Sessions<MemoryStore>>,
    token: String,
) -> (StatusCode, String) {
    match sessions.refresh(&token).await {
        Ok(session) => (StatusCode::OK, sessions.pair(&session).unwrap().refresh_token),
        Err(SessionError::Ended(reason)) => (StatusCode::UNAUTHORIZED, reason.to_string()),
        Err(other) => panic!("{other}"),
    }
}

/// `JWT_REFRESH_TOKEN_EXPIRES`
#[tokio::test]
async fn a_refresh_token_lives_until_it_is_idle_too_long_or_its_session_too_old() {
    let clock = Clock::manual(NOW);
    let sessions = sessions(&clock);
    let app = Router::new().route("/refresh", post(refresh)).with_state(sessions.clone());
    let ask = async |token: String| {
        let answer = send(&app, Request::post("/refresh").body(token.into()).unwrap()).await;
        (answer.status.as_u16(), answer.text)
    };
    let log_in = async || {
        let session = sessions.log_in(Login::of("alice")).await.unwrap();
        sessions.pair(&session).unwrap().refresh_token
    };
    let mut token = log_in().await;
    for _ in 0..2 {
        clock.advance(Duration::from_secs(3_599));
        let (status, next) = ask(token).await;
        assert_eq!(status, 200, "{next}");
        token = next;
    }
    clock.advance(Duration::from_secs(2));
    assert_eq!(ask(token).await, (401, EndReason::ExpiredAbsolute.to_string()));
    let idle = log_in().await;
    clock.advance(HOUR);
    assert_eq!(ask(idle).await, (401, EndReason::ExpiredIdle.to_string()));

    let tokens = RefreshTokens::new(&[7; 32], None).unwrap();
    let nothing = Sessions::builder(MemoryStore::new(), issuer().build().unwrap(), tokens)
        .idle_ttl(Duration::ZERO)
        .build();
    assert_eq!(nothing.err(), Some(BuildError::TooShort("idle_ttl")));
}

/// `JWT_ENCODE_AUDIENCE`, `JWT_ENCODE_ISSUER`, `JWT_ENCODE_NBF`
#[tokio::test]
async fn audience_issuer_and_nbf_are_what_the_issuer_writes() {
    let router = app(&builder().build().unwrap());
    let audiences = ["https://api.example.org", "https://files.example.org"];
    let ahead = issuer().build().unwrap();
    for (token, status) in [
        (mint(issuer()), 200),
        (mint(issuer().audience(audiences)), 200),
        (mint(issuer().audience([audiences[1]])), 401),
        (mint(issuer().issuer("https://other.example.org")), 401),
        (mint(issuer().not_before(Duration::ZERO)), 200),
        (ahead.access("alice").session("s1", 0).not_before(NOW + 31).sign(NOW).unwrap(), 401),
    ] {
        assert_eq!(bear(&router, "GET /me", &token).await.status, status, "{token}");
    }
    assert_eq!(decoded(&mint(issuer()), 1)["nbf"], Value::Null);
    assert_eq!(decoded(&mint(issuer().not_before(Duration::from_secs(5))), 1)["nbf"], NOW - 5);
}

/// `additional_claims_loader`, `additional_headers_loader`, `user_identity_loader`
#[tokio::test]
async fn claims_and_headers_are_added_and_none_that_has_a_meaning_is_overwritten() {
    struct User {
        number: u32,
        tenant: &'static str,
    }
    let user = User { number: 42, tenant: "acme" };
    let issuer = || issuer().claim("region", "eu");
    let adding = issuer()
        .claims_for(|claims| json!({ "of": claims.subject() }))
        .header_for(|claims| json!({ "shard": claims.subject().map(str::len) }))
        .build()
        .unwrap();
    let identity = format!("user:{}", user.number);
    let token = adding.access(&identity).session("s1", 0).claim("tenant", user.tenant);
    let token = token.sign(NOW).unwrap();
    let router = app(&builder().build().unwrap());
    assert_eq!(bear(&router, "GET /me", &token).await.text, "user:42");
    let (header, claims) = (decoded(&token, 0), decoded(&token, 1));
    assert_eq!(header["shard"], 7);
    assert_eq!(
        [&claims["region"], &claims["tenant"], &claims["of"]],
        [&json!("eu"), &json!("acme"), &json!("user:42")]
    );
    for name in ["sub", "exp", "iss", "roles", "sid"] {
        let refused = Some(SignError::ReservedClaim { name: name.to_owned() });
        assert_eq!(issuer().claim(name, "x").build().err(), refused);
        let by_function = issuer().claims_for(move |_| json!({ name: "x" })).build().unwrap();
        assert_eq!(by_function.access("alice").sign(NOW).err(), refused);
    }
    for name in ["alg", "kid", "typ", "jwk", "crit"] {
        let refused = Some(SignError::ReservedHeader { name: name.to_owned() });
        assert_eq!(issuer().header(name, "x").build().err(), refused);
        let by_function = issuer().header_for(move |_| json!({ name: "x" })).build().unwrap();
        assert_eq!(by_function.access("alice").sign(NOW).err(), refused);
    }
}
