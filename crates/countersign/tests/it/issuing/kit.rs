//! The test kit, as an application's tests use it.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use countersign::axum::Bearer;
use countersign::layer::Denial;
use countersign::test::Kit;
use countersign::{EndReason, VerifyError};
use http::{Request, Response};
use tower::ServiceExt as _;

fn app(kit: &Kit) -> Router {
    let guard = kit.guard().public("/healthz").build().unwrap();
    Router::new()
        .route("/me", get(async |who: Bearer| who.claims.subject().unwrap().to_owned()))
        .route("/healthz", get(async || "well"))
        .layer(guard.layer())
}

async fn ask(app: &Router, token: &str) -> Response<Body> {
    let request = Request::get("/me").header("authorization", format!("Bearer {token}"));
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn denied(app: &Router, token: &str) -> Option<Denial> {
    ask(app, token).await.extensions().get().cloned()
}

#[tokio::test]
async fn good_tokens_are_let_in_and_each_bad_one_is_refused_for_what_it_is() {
    let kit = Kit::new();
    let app = app(&kit);
    assert_eq!(ask(&app, &kit.token("alice")).await.status(), 200);
    for (token, error) in [
        (kit.expired("alice"), VerifyError::Expired),
        (kit.not_yet_valid("alice"), VerifyError::NotYetValid),
        (kit.forged("alice"), VerifyError::Signature),
        (kit.of_another_type("alice"), VerifyError::Type),
        (Kit::new().token("alice"), VerifyError::Signature),
    ] {
        assert_eq!(denied(&app, &token).await, Some(Denial::Invalid(error)));
    }
    let revoked = denied(&app, &kit.revoked("alice")).await;
    assert_eq!(revoked, Some(Denial::Ended(EndReason::Logout)));
    assert_eq!(ask(&app, &kit.token("alice")).await.status(), 200, "a session of its own");
}

#[tokio::test]
async fn time_passes_when_the_test_says_so() {
    let kit = Kit::of("https://id.example.org", "https://app.example.org");
    let (app, token) = (app(&kit), kit.token("alice"));
    kit.clock().advance(Duration::from_secs(899));
    assert_eq!(ask(&app, &token).await.status(), 200);
    kit.clock().advance(Duration::from_secs(1));
    assert_eq!(denied(&app, &token).await, Some(Denial::Invalid(VerifyError::Expired)));
    assert_eq!(ask(&app, &kit.token("alice")).await.status(), 200);
}

#[test]
fn a_token_says_what_the_test_wants() {
    let kit = Kit::of("https://id.example.org", "https://app.example.org");
    let token = kit.token_with("alice", |token| token.roles(["admin"]).claim("tenant", "acme"));
    let verified = kit.verifier().verify(&token, kit.now()).unwrap();
    assert_eq!(verified.claims.roles(), ["admin"]);
    assert_eq!(verified.claims.get("tenant").unwrap(), "acme");
    assert_eq!(verified.claims.issuer(), Some("https://id.example.org"));
    assert_eq!(verified.claims.audience(), ["https://app.example.org"]);
    let own = kit.issuer().access("bob").session("s1", 0).sign(kit.now()).unwrap();
    assert!(kit.verifier().verify(&own, kit.now()).is_ok());
    assert!(kit.revocation_set().is_empty());
}
