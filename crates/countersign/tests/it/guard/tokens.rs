//! Denied by default, and group T: what is no token.

use axum::Router;
use axum::routing::get;
use countersign::VerifyError;
use countersign::axum::{Bearer, Fresh, Lenient, Outcome};
use countersign::layer::{Ambiguity, Denial};
use serde_json::json;

use crate::guard::kit::{app, ask, bear, builder, request, send, token, token_with};

#[tokio::test]
async fn nobody_passes_without_a_token_but_on_public_paths() {
    let guard = builder().public("/public").build().unwrap();
    let app = app(&guard);
    for line in
        ["GET /me", "POST /me", "OPTIONS /me", "GET /nowhere", "GET /public/", "GET //public"]
    {
        let answer = ask(&app, line, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.challenge()), (401, Some("Bearer")), "{line}");
        assert!(matches!(answer.denial, Some(Denial::Missing(_))), "{line}");
        assert_eq!(answer.json()["error"], "unauthenticated");
    }
    assert_eq!(ask(&app, "GET /public?x=1", &[]).await.text, "anybody");
    assert_eq!(bear(&app, "GET /public", "rubbish").await.text, "anybody");
    assert!(bear(&app, "GET /me", &token()).await.is_alice());
    assert_eq!(bear(&app, "GET /nowhere", &token()).await.status, 404);
}

#[tokio::test]
async fn without_a_guard_no_extractor_has_an_identity() {
    let app: Router = Router::new()
        .route("/bearer", get(async |_: Bearer| "in"))
        .route("/fresh", get(async |_: Fresh<60>| "in"))
        .route("/option", get(async |_: Option<Bearer>| "in"))
        .route("/lenient", get(async |_: Lenient| "in"))
        .route("/outcome", get(async |_: Outcome| "in"));
    for path in ["/bearer", "/fresh", "/option", "/lenient", "/outcome"] {
        let answer = bear(&app, &format!("GET {path}"), &token()).await;
        assert_eq!(answer.status, 500, "{path}");
        assert_eq!(answer.denial, Some(Denial::Unprotected), "{path}");
    }
}

#[tokio::test]
async fn t1_to_t5_what_is_not_bearer_and_one_token_is_refused() {
    let app = app(&builder().build().unwrap());
    let good = token();
    let bad = [
        "Bearer ".to_owned(),
        "Bearer".to_owned(),
        format!("Bearer  {good}"),
        format!("Bearer {good} "),
        format!("Bearer {good} x"),
        format!("Bearer {good},{good}"),
        format!("Bearer\t{good}"),
        format!("Basic {good}"),
        format!("Bearer{good}"),
        good.clone(),
        String::new(),
    ];
    for value in bad {
        let answer = ask(&app, "GET /me", &[("authorization", value.trim_end())]).await;
        // A space at the end is not part of the value once it has come over the wire.
        if value == format!("Bearer {good} ") {
            assert!(answer.is_alice());
            continue;
        }
        assert_eq!(answer.status, 401, "{value:?}");
        assert!(answer.challenge().unwrap().starts_with("Bearer"), "{value:?}");
    }
    for (value, empty, no_space) in [
        ("Bearer", true, false),
        ("Bearer ", true, false),
        ("Bearer  ", true, false),
        ("Bearer\tx", false, true),
        ("Bearer:x", false, true),
        ("Bearer,x", false, true),
        ("Bearer:", false, true),
        ("Bearer a b", false, false),
        (",Bearer x", false, false),
    ] {
        let answer = ask(&app, "GET /me", &[("authorization", value)]).await;
        let (name, scheme) = ("Authorization".into(), Some("Bearer".into()));
        let denial = Denial::Malformed { name, scheme, empty, no_space };
        assert_eq!(answer.denial, Some(denial), "{value:?}");
    }
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let value = format!("{scheme} {good}");
        assert!(ask(&app, "GET /me", &[("authorization", &value)]).await.is_alice(), "{scheme}");
    }
}

#[tokio::test]
async fn t6_two_headers_are_refused_even_if_both_are_good() {
    let app = app(&builder().build().unwrap());
    let good = format!("Bearer {}", token());
    for other in [good.as_str(), "Basic YTpi", "Bearer x", ""] {
        for pair in [[good.as_str(), other], [other, good.as_str()]] {
            let headers = pair.map(|value| ("authorization", value));
            let answer = ask(&app, "GET /me", &headers).await;
            assert_eq!(answer.status, 400, "{other}");
            assert_eq!(answer.denial, Some(Denial::Ambiguous(Ambiguity::TwoHeaders)));
            assert_eq!(answer.challenge(), Some("Bearer error=\"invalid_request\""));
        }
    }
}

#[tokio::test]
async fn t8_to_t25_all_bad_tokens_get_one_answer() {
    let app = app(&builder().build().unwrap());
    let good = token();
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let other = token_with(&json!({ "sub": "bob" }));
    let bad = [
        format!("{header}.{payload}"),
        format!("{good}.x"),
        format!("{good}.x.y"),
        format!("{good}."),
        format!(".{good}"),
        format!("{header}..{signature}"),
        format!("{header}.{payload}."),
        ".".repeat(8_000),
        format!("{good}="),
        good.replace('.', "%2E"),
        format!("{header}.{}.{signature}", other.split('.').nth(1).unwrap()),
        good[..good.len() - 2].to_owned(),
        format!("{good}AA"),
        "x".repeat(8 * 1024 + 1),
        json!({ "payload": payload, "protected": header, "signature": signature }).to_string(),
        token_with(&json!({ "exp": crate::guard::kit::NOW })),
        token_with(&json!({ "aud": "https://other.example.org" })),
    ];
    let mut bodies = Vec::new();
    for token in &bad {
        let answer = bear(&app, "GET /me", token).await;
        assert_eq!(answer.status, 401, "{token}");
        assert_eq!(answer.challenge(), Some("Bearer error=\"invalid_token\""), "{token}");
        assert!(!answer.headers.contains_key("set-cookie"));
        bodies.push(answer.text);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");

    let answer = ask(&app, &format!("GET /me?access_token={good}"), &[]).await;
    assert!(matches!(answer.denial, Some(Denial::Missing(_))));
    let expired = bear(&app, "GET /me", &bad[15]).await;
    assert_eq!(expired.denial, Some(Denial::Invalid(VerifyError::Expired)));
}

#[tokio::test]
async fn t20_bytes_that_are_no_text_are_refused() {
    let app = app(&builder().build().unwrap());
    for odd in [&b"\xef\xbb\xbf"[..], b"\xff", b"\x80\x81", "é".as_bytes()] {
        let value = [b"Bearer ", odd, token().as_bytes()].concat();
        let answer = send(&app, request("GET /me", &[("authorization", &value)])).await;
        assert_eq!(answer.status, 401, "{odd:?}");
    }
}

#[tokio::test]
async fn a_token_with_another_purpose_is_no_access_token() {
    let app = app(&builder().build().unwrap());
    for (purpose, status) in
        [("access", 200), ("refresh", 401), ("reset", 401), ("", 401), ("ACCESS", 401)]
    {
        let token = token_with(&json!({ "type": purpose }));
        assert_eq!(bear(&app, "GET /me", &token).await.status, status, "{purpose}");
    }
    for odd in [json!(["access"]), json!(1), json!({ "a": 1 }), json!(true)] {
        let token = token_with(&json!({ "type": odd }));
        assert_eq!(bear(&app, "GET /me", &token).await.status, 401, "{odd}");
    }
}
