//! What a client is told.

use std::time::Duration;

use bytes::Bytes;
use countersign::layer::{Answers, Demand, Denial, FlaskVersion};
use countersign::{EndReason, Revocations, Standing, VerifyError};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::guard::kit::{NOW, app, ask, bear, builder, token_with};

/// `JWT_ERROR_MESSAGE_KEY`
#[tokio::test]
async fn the_message_stands_in_the_member_that_clients_look_for() {
    let answers = Answers::flask_jwt_extended(FlaskVersion::V4);
    for (answers, text) in [
        (answers.clone(), "{\"msg\":\"Missing Authorization Header\"}\n"),
        (answers.message_key("error"), "{\"error\":\"Missing Authorization Header\"}\n"),
    ] {
        let answer = ask(&app(&builder().answers(answers).build().unwrap()), "GET /me", &[]).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (401, text));
    }
}

/// One arm a callback.
fn own(denial: &Denial) -> Response<Bytes> {
    let (status, text) = match denial {
        Denial::Missing(_) | Denial::Csrf(_) => (440, "unauthorized"),
        Denial::Invalid(VerifyError::Expired) => (441, "expired"),
        Denial::Ended(_) => (442, "revoked"),
        Denial::NotFresh { .. } => (443, "needs fresh"),
        Denial::Claims(_) => (444, "verification failed"),
        Denial::NoUser { .. } => (445, "user lookup error"),
        Denial::OutOfTouch => (503, "out of touch"),
        _ => (446, "invalid"),
    };
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// `expired_token_loader`, `invalid_token_loader`, `needs_fresh_token_loader`,
/// `revoked_token_loader`, `token_verification_failed_loader`, `unauthorized_loader`
#[tokio::test]
async fn each_reason_has_the_answer_that_the_application_gives_it() {
    let revocations = Revocations::ask(|claims| match claims.jwt_id() {
        Some("revoked") => Standing::Ended(EndReason::Logout),
        _ => Standing::Good,
    });
    let demand = Demand::new()
        .fresh_within(Duration::from_mins(5))
        .claims(|claims| if claims.get("odd").is_some() { Err("odd".to_owned()) } else { Ok(()) });
    let guard = builder().revocations(revocations).demand(demand).answers(Answers::with(own));
    let router = app(&guard.build().unwrap());
    let cases: [(Value, u16, &str); 6] = [
        (json!({}), 200, "alice"),
        (json!({ "exp": NOW }), 441, "expired"),
        (json!({ "jti": "revoked" }), 442, "revoked"),
        (json!({ "auth_time": NOW - 301 }), 443, "needs fresh"),
        (json!({ "odd": true }), 444, "verification failed"),
        (json!({ "iss": "somebody" }), 446, "invalid"),
    ];
    for (changes, status, text) in cases {
        let answer = bear(&router, "GET /me", &token_with(&changes)).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (status, text), "{changes}");
    }
    assert_eq!(ask(&router, "GET /me", &[]).await.status.as_u16(), 440);
    assert_eq!(bear(&router, "GET /me", "rubbish").await.status.as_u16(), 446);
}
