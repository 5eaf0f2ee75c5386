//! What a token must say.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use countersign::axum::Bearer;
use countersign::layer::{Demand, Denial, Guard};
use countersign::{ClaimType, Clock, KeyRing, Profile, Subject, Verifier, VerifyError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::guard::kit::{KEY, NOW, app, bear, builder, token_with, verifier};

fn guard(verifier: Verifier) -> Guard {
    Guard::builder(verifier).clock(Clock::manual(NOW)).build().unwrap()
}

async fn present(router: &Router, changes: Value) -> Result<(), VerifyError> {
    let answer = bear(router, "GET /me", &token_with(&changes)).await;
    match answer.denial {
        None => {
            assert_eq!(answer.status, 200);
            Ok(())
        }
        Some(Denial::Invalid(error)) => {
            assert_eq!(answer.status, 401);
            Err(error)
        }
        Some(other) => panic!("{other}"),
    }
}

/// `JWT_DECODE_AUDIENCE`, `JWT_DECODE_ISSUER`
#[tokio::test]
async fn audience_and_issuer_are_compared_as_they_are() {
    let router = app(&guard(verifier()));
    let audience = "https://api.example.org";
    assert_eq!(present(&router, json!({ "aud": [audience, "other"] })).await, Ok(()));
    for other in [json!("other"), json!(["other"]), json!("https://api.example.org/")] {
        assert_eq!(present(&router, json!({ "aud": other })).await, Err(VerifyError::Audience));
    }
    for other in ["https://other.example.org", "https://accounts.example.org/"] {
        assert_eq!(present(&router, json!({ "iss": other })).await, Err(VerifyError::Issuer));
    }
    for name in ["aud", "iss"] {
        let missing = Err(VerifyError::MissingClaim { name });
        assert_eq!(present(&router, json!({ name: null })).await, missing);
    }
}

/// `JWT_DECODE_LEEWAY`
#[tokio::test]
async fn the_leeway_for_expiry_is_another_than_that_for_clocks_ahead() {
    let seconds = Duration::from_secs;
    let strict = app(&guard(verifier().leeway(seconds(0))));
    assert_eq!(present(&strict, json!({ "nbf": NOW, "exp": NOW + 1 })).await, Ok(()));
    assert_eq!(present(&strict, json!({ "nbf": NOW + 1 })).await, Err(VerifyError::NotYetValid));
    assert_eq!(present(&strict, json!({ "exp": NOW })).await, Err(VerifyError::Expired));

    let lax = app(&guard(verifier().leeway(seconds(10)).expiry_leeway(seconds(20))));
    let at = |nbf, exp| json!({ "nbf": NOW + nbf, "exp": NOW + exp });
    assert_eq!(present(&lax, at(10, -19)).await, Ok(()));
    assert_eq!(present(&lax, at(11, 60)).await, Err(VerifyError::NotYetValid));
    assert_eq!(present(&lax, at(0, -20)).await, Err(VerifyError::Expired));
}

/// `JWT_IDENTITY_CLAIM`, `JWT_VERIFY_SUB`
#[tokio::test]
async fn who_it_is_may_stand_in_another_claim_or_be_a_number() {
    #[derive(Deserialize)]
    struct Old {
        identity: u32,
    }
    const OLD: Profile = Profile {
        typ: "at+jwt",
        required: &[("identity", ClaimType::Integer)],
        subject: Subject::None,
    };
    const NUMBERED: Profile = Profile { typ: "at+jwt", required: &[], subject: Subject::Integer };
    let ring = || KeyRing::new(vec![KEY.verifying_key()]);
    let old = Router::new()
        .route("/me", get(async |bearer: Bearer<Old>| bearer.claims.identity.to_string()))
        .layer(guard(Verifier::new(OLD, ring())).layer());
    let answer =
        bear(&old, "GET /me", &token_with(&json!({ "sub": ["odd"], "identity": 7 }))).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "7"));
    let missing = Err(VerifyError::MissingClaim { name: "identity" });
    assert_eq!(present(&old, json!({})).await, missing);

    let number = async |bearer: Bearer| bearer.claims.subject_number().unwrap().to_string();
    let numbered = Router::new()
        .route("/me", get(number))
        .layer(guard(Verifier::new(NUMBERED, ring())).layer());
    assert_eq!(bear(&numbered, "GET /me", &token_with(&json!({ "sub": 42 }))).await.text, "42");
    let wrong = Err(VerifyError::WrongClaimType { name: "sub" });
    assert_eq!(present(&numbered, json!({})).await, wrong);
    assert_eq!(present(&app(&guard(verifier())), json!({ "sub": 42 })).await, wrong);
}

/// `token_verification_loader`
#[tokio::test]
async fn a_function_of_the_applications_judges_the_claims() {
    let accept = Demand::new().claims(|claims| match claims.get("tenant") {
        Some(tenant) if tenant == "acme" => Ok(()),
        _ => Err("of another tenant".to_owned()),
    });
    let router = app(&builder().demand(accept).build().unwrap());
    let tenant =
        async |name: &str| bear(&router, "GET /me", &token_with(&json!({ "tenant": name }))).await;
    assert!(tenant("acme").await.is_alice());
    let answer = tenant("other").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.denial, Some(Denial::Claims("of another tenant".into())));
}
