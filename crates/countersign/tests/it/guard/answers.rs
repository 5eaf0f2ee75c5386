//! What clients are told.

use bytes::Bytes;
use countersign::EndReason;
use countersign::VerifyError;
use countersign::layer::{Absence, Ambiguity, Answers, BodyFault, CsrfFault, Denial, TokenType};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::guard::kit::{app, ask, bear, builder};

#[test]
fn every_denial_has_its_answer() {
    let invalid = Some("Bearer error=\"invalid_token\"");
    let max_age = std::time::Duration::from_mins(1);
    let rows = [
        (Denial::Missing(vec![Absence::NotJson]), 401, Some("Bearer"), "unauthenticated"),
        (
            Denial::Malformed { name: "x".into(), scheme: None, empty: false, no_space: false },
            401,
            invalid,
            "invalid_token",
        ),
        (Denial::Invalid(VerifyError::Signature), 401, invalid, "invalid_token"),
        (Denial::WrongType { wanted: TokenType::Access }, 401, invalid, "invalid_token"),
        (Denial::Ended(EndReason::Logout), 401, invalid, "invalid_token"),
        (Denial::NoUser { subject: "bob".into() }, 401, invalid, "invalid_token"),
        (Denial::Claims("x".into()), 401, invalid, "invalid_token"),
        (
            Denial::NotFresh { max_age },
            401,
            Some("Bearer error=\"insufficient_user_authentication\", max_age=\"60\""),
            "insufficient_user_authentication",
        ),
        (
            Ambiguity::TwoTokens.into(),
            400,
            Some("Bearer error=\"invalid_request\""),
            "invalid_request",
        ),
        (CsrfFault::NoOrigin.into(), 403, None, "csrf_origin"),
        (
            Denial::Scope { required: "a b".into() },
            403,
            Some("Bearer error=\"insufficient_scope\", scope=\"a b\""),
            "insufficient_scope",
        ),
        (Denial::Role, 403, Some("Bearer error=\"insufficient_scope\""), "insufficient_scope"),
        (Denial::OutOfTouch, 503, None, "temporarily_unavailable"),
        (BodyFault::TooLarge.into(), 413, None, "invalid_request"),
        (BodyFault::Broken.into(), 400, None, "invalid_request"),
        (Denial::Unprotected, 500, None, "server_error"),
    ];
    for (denial, status, challenge, error) in rows {
        let response = Answers::rfc6750().answer(&denial);
        assert_eq!(response.status(), status, "{denial:?}");
        let own = response.headers().get("www-authenticate").map(|own| own.to_str().unwrap());
        assert_eq!(own, challenge, "{denial:?}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["content-type"], "application/json");
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["error"], error, "{denial:?}");
        assert!(body["error_description"].as_str().unwrap().ends_with('.'), "{body}");
        assert!(!body.to_string().contains("bob"), "{body}");
        assert_eq!(response.extensions().get(), Some(&denial));
    }
}

#[tokio::test]
async fn a_realm_stands_in_every_challenge() {
    let answers = Answers::rfc6750_with_realm("the shop").unwrap();
    let app = app(&builder().answers(answers).build().unwrap());
    assert_eq!(ask(&app, "GET /me", &[]).await.challenge(), Some("Bearer realm=\"the shop\""));
    let bad = bear(&app, "GET /me", "x").await;
    assert_eq!(bad.challenge(), Some("Bearer realm=\"the shop\", error=\"invalid_token\""));
}

#[tokio::test]
async fn an_application_answers_as_it_likes() {
    let own = Answers::with(|denial| {
        let mut response =
            Response::new(Bytes::from(json!({ "no": denial.to_string() }).to_string()));
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    });
    let app = app(&builder().answers(own).build().unwrap());
    let answer = ask(&app, "GET /me", &[]).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["no"]),
        (418, &json!("the request carries no token"))
    );
    assert!(matches!(answer.denial, Some(Denial::Missing(_))), "the denial is in the extensions");
}
