//! Where a token may be.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use countersign::axum::{Bearer, Outcome};
use countersign::layer::{Ambiguity, Denial, Location};
use http::Request;
use http_body::Frame;
use serde_json::{Value, json};

use crate::guard::kit::{
    app, ask, bear, builder, header_only, request, send, token, token_with, with_cookies,
};

#[tokio::test]
async fn each_place_gives_its_token() {
    let good = token();
    let cases = [
        (Location::header("x-access-token"), "GET /me", "X-Access-Token", good.clone()),
        (
            Location::header("authorization").scheme("JWT"),
            "GET /me",
            "authorization",
            format!("jwt {good}"),
        ),
        (
            Location::websocket("bearer."),
            "GET /me",
            "sec-websocket-protocol",
            format!("chat, bearer.{good}"),
        ),
        (Location::query("token"), &*format!("GET /me?a=1&token={good}&b"), "x", "y".into()),
    ];
    for (location, line, name, value) in cases {
        let app = app(&header_only(location.clone()));
        let answer = ask(&app, line, &[(name, &value)]).await;
        assert!(answer.is_alice(), "{location:?}: {answer:?}");
        let answer = bear(&app, "GET /me", &good).await;
        assert_eq!(answer.status, 401, "{location:?} is the only place");
    }
}

#[tokio::test]
async fn what_is_not_quite_the_place_carries_nothing() {
    let good = token();
    let query = app(&header_only(Location::query("token")));
    for target in [
        format!("/me?Token={good}"),
        format!("/me?xtoken={good}"),
        format!("/me?token%3D{good}"),
        format!("/me?token=%65{}", &good[1..]),
        "/me?token".to_owned(),
        "/me?token=".to_owned(),
    ] {
        assert_eq!(ask(&query, &format!("GET {target}"), &[]).await.status, 401, "{target}");
    }
    let twice = format!("GET /me?token={good}&token={good}");
    assert_eq!(ask(&query, &twice, &[]).await.status, 400);

    let websocket = app(&header_only(Location::websocket("bearer.")));
    for offered in [good.clone(), "bearer.".to_owned(), format!("Bearer.{good}")] {
        let answer = ask(&websocket, "GET /me", &[("sec-websocket-protocol", &offered)]).await;
        assert_eq!(answer.status, 401, "{offered}");
    }
    let two = format!("bearer.{good}, bearer.{good}");
    assert_eq!(ask(&websocket, "GET /me", &[("sec-websocket-protocol", &two)]).await.status, 400);

    // One that is no text does not hide the others, nor is a token that is none nobody's.
    let beside = [format!("bearer.{good}, ").as_bytes(), b"caf\xe9"].concat();
    let offer = |list: &[u8]| request("GET /me", &[("sec-websocket-protocol", list)]);
    assert!(send(&websocket, offer(&beside)).await.is_alice());
    let denial = send(&websocket, offer(b"chat, bearer.\xff")).await.denial;
    assert!(matches!(denial, Some(Denial::Malformed { empty: false, .. })), "{denial:?}");

    let exact = app(&header_only(Location::bearer().exact_scheme()));
    let lower = format!("bearer {good}");
    assert_eq!(ask(&exact, "GET /me", &[("authorization", &lower)]).await.status, 401);
    assert!(bear(&exact, "GET /me", &good).await.is_alice());
}

#[tokio::test]
async fn two_different_tokens_at_once_are_refused_and_two_equal_ones_are_not() {
    let locations = [Location::bearer(), Location::header("x-token"), Location::query("token")];
    let app = app(&builder().locations(locations).build().unwrap());
    let (good, other) = (token(), token_with(&json!({ "jti": "t2" })));
    let bearer = format!("Bearer {good}");
    for (x_token, query, status) in [
        (&good, &good, 200),
        (&good, &other, 400),
        (&other, &good, 400),
        (&"rubbish".to_owned(), &good, 400),
    ] {
        let line = format!("GET /me?token={query}");
        let headers = [("authorization", bearer.as_str()), ("x-token", x_token)];
        let answer = ask(&app, &line, &headers).await;
        assert_eq!(answer.status, status, "{x_token} {query}");
        if status == 400 {
            assert_eq!(answer.denial, Some(Denial::Ambiguous(Ambiguity::TwoTokens)));
        }
    }
}

#[tokio::test]
async fn t7_a_header_and_a_cookie_that_differ_are_refused() {
    let app = app(&with_cookies().build().unwrap());
    let (good, other) = (token(), token_with(&json!({ "jti": "t2" })));
    let cookie = |token: &str| format!("__Host-countersign_access={token}");
    let bearer = format!("Bearer {good}");
    let answer =
        ask(&app, "GET /me", &[("authorization", &bearer), ("cookie", &cookie(&other))]).await;
    assert_eq!(answer.denial, Some(Denial::Ambiguous(Ambiguity::TwoTokens)));
    // The header shows that no foreign page sent it.
    let answer =
        ask(&app, "POST /me", &[("authorization", &bearer), ("cookie", &cookie(&good))]).await;
    assert!(answer.is_alice(), "{answer:?}");
    // Nor does a header that carries no token let a cookie pass for what was meant.
    for malformed in ["Bearer", "Bearer a b"] {
        let headers = [("authorization", malformed), ("cookie", &cookie(&good))];
        let answer = ask(&app, "GET /me", &headers).await;
        assert_eq!(answer.denial, Some(Denial::Ambiguous(Ambiguity::TwoTokens)), "{malformed}");
    }
    // Another scheme's credentials are none of ours.
    let headers = [("authorization", "Basic YTpi"), ("cookie", &cookie(&good))];
    assert!(ask(&app, "GET /me", &headers).await.is_alice());
}

fn reading_json() -> Router {
    let echo = async |bearer: Bearer, Json(body): Json<Value>| {
        format!("{} {}", bearer.claims.subject().unwrap(), body["note"])
    };
    let layer = builder().public("/open").build().unwrap().layer().reading_json("access_token");
    Router::new().route("/me", post(echo)).route("/open", post(async || "open")).layer(layer)
}

async fn post_body(content_type: &str, body: impl Into<Body>) -> crate::guard::kit::Answer {
    let request = Request::post("/me").header("content-type", content_type);
    send(&reading_json(), request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_json_member_carries_the_token_and_the_handler_reads_the_body_again() {
    let body = json!({ "access_token": token(), "note": 7 }).to_string();
    let answer = post_body("application/json; charset=utf-8", body.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "alice 7"));
    assert_eq!(post_body("text/plain", body).await.status, 401);
    let twice = format!(r#"{{"access_token":"{0}","access_token":"{0}"}}"#, token());
    for bad in ["", "[]", "null", "{", r#"{"access_token":5}"#, r#"{"access_token":""}"#, &twice] {
        assert_eq!(post_body("application/json", bad.to_owned()).await.status, 401, "{bad}");
    }
    let large = json!({ "access_token": token(), "note": "x".repeat(65_536) }).to_string();
    assert_eq!(post_body("application/json", large.clone()).await.status, 413);
    let open = Request::post("/open").header("content-type", "application/json");
    assert_eq!(send(&reading_json(), open.body(large.into()).unwrap()).await.text, "open");
}

/// A body that does not say how large it is.
struct Unsized(Option<Bytes>);

impl http_body::Body for Unsized {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[tokio::test]
async fn a_json_member_counts_on_public_routes_where_a_handler_asks() {
    let who = async |outcome: Outcome| match outcome {
        Outcome::Anonymous => "nobody".to_owned(),
        Outcome::Authenticated(bearer) => bearer.claims.subject().unwrap().to_owned(),
        Outcome::Refused(denial) => denial.to_string(),
    };
    let routes = Router::new().route("/who", post(who)).route("/open", post(async || "open"));
    let guard = builder().public("/who").public("/open").build().unwrap();
    for layer in [guard.layer(), guard.public_layer()] {
        let app = routes.clone().layer(layer.reading_json("access_token"));
        let say = async |path: &str, content_type: &str, body: Body| {
            let request = Request::post(path).header("content-type", content_type);
            let answer = send(&app, request.body(body).unwrap()).await;
            (answer.status.as_u16(), answer.text)
        };
        let json = "application/json";
        let told = |text: &str| (200, text.to_owned());
        let of = |token: &str| json!({ "access_token": token }).to_string();
        assert_eq!(say("/who", json, of(&token()).into()).await, told("alice"));
        assert_eq!(say("/who", json, "{}".into()).await, told("nobody"));
        assert_eq!(say("/who", "text/plain", of(&token()).into()).await, told("nobody"));
        let bad = say("/who", json, of("rubbish").into()).await;
        assert_eq!(bad, told("the token has not three segments"));
        // What says how large it is passes unread, and is nobody's only where nobody asks.
        let large = of(&"x".repeat(65_536));
        let told_large = told("the body is too large to look for a token in it");
        assert_eq!(say("/open", json, large.clone().into()).await, told("open"));
        assert_eq!(say("/who", json, large.clone().into()).await, told_large);
        let unsaid = Body::new(Unsized(Some(large.into())));
        assert_eq!(say("/open", json, unsaid).await.0, 413);
    }
}

#[tokio::test]
async fn a_json_member_and_a_header_that_differ_are_refused() {
    let other = token_with(&json!({ "jti": "t2" }));
    let request = |own: &str| {
        Request::post("/me")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", token()))
            .body(json!({ "access_token": own, "note": 1 }).to_string().into())
            .unwrap()
    };
    assert_eq!(send(&reading_json(), request(&other)).await.status, 400);
    assert_eq!(send(&reading_json(), request(&token())).await.text, "alice 1");
}
