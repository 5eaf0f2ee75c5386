//! The order of a guard's decisions, and checks that say more than yes or no.

use axum::Router;
use axum::routing::any;
use countersign::EndReason;
use countersign::layer::{
    Access, Check, Checked, Checking, CsrfFault, Denial, Guard, Location, TokenType, VerifyAndAsk,
};
use countersign::{Clock, RevocationSet, Revocations, VerifyError};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::guard::kit::{
    APP, NOW, app, ask, bear, builder, csrf_token, token, token_with, verifier, with_cookies,
};

/// Revokes the session of every token that the kit signs.
fn revoked() -> Revocations {
    let set = Arc::new(RevocationSet::new());
    set.revoke_session("s1", EndReason::Logout, NOW + 900);
    Revocations::set(set)
}

#[tokio::test]
async fn the_signature_counts_first_then_the_page_then_the_type_and_then_revocation() {
    let guard = with_cookies().revocations(revoked()).token_type(TokenType::Refresh);
    let app = app(&guard.build().unwrap());
    let refresh = token_with(&json!({ "type": "refresh" }));
    let expired = token_with(&json!({ "exp": NOW }));
    let csrf = csrf_token("s1");
    let own = [("origin", APP), ("x-csrf-token", csrf.as_str())];
    let denial = async |token: &str, headers: &[(&str, &str)]| {
        let cookie = format!("__Host-countersign_access={token}");
        let headers = [&[("cookie", cookie.as_str())], headers].concat();
        ask(&app, "POST /me", &headers).await.denial.unwrap()
    };
    assert_eq!(denial(&expired, &[]).await, Denial::Invalid(VerifyError::Expired));
    assert_eq!(denial(&token(), &[]).await, Denial::Csrf(CsrfFault::NoOrigin));
    let wanted = TokenType::Refresh;
    assert_eq!(denial(&token(), &own).await, Denial::WrongType { wanted });
    assert_eq!(denial(&refresh, &own).await, Denial::Ended(EndReason::Logout));
}

/// As an application that first asks as usual, and then refuses one user.
struct ButBob(VerifyAndAsk);

impl Check for ButBob {
    fn check(&self, token: &str, now: i64) -> Checking {
        Checking::Done(match self.0.check(token, now) {
            Checking::Done(Ok(checked)) if checked.verified().claims.subject() == Some("bob") => {
                let denial = Denial::NoUser { subject: "bob".to_owned() };
                Ok(Checked::refused(Arc::clone(checked.verified()), denial))
            }
            Checking::Done(checked) => checked.map(|checked| checked.attach(7_u32)),
            Checking::Pending(_) => unreachable!("the set is at hand"),
        })
    }
}

#[tokio::test]
async fn a_check_of_ones_own_can_begin_with_the_usual_one() {
    let check = |revocations| ButBob(VerifyAndAsk::new(verifier(), revocations));
    let guard = |revocations| {
        let guard = Guard::with_check(check(revocations)).clock(Clock::manual(NOW));
        app(&guard.build().unwrap())
    };
    let bob = token_with(&json!({ "sub": "bob" }));
    let gone = Denial::NoUser { subject: "bob".into() };
    let open = guard(Revocations::none());
    assert!(bear(&open, "GET /me", &token()).await.is_alice());
    assert_eq!(bear(&open, "GET /me", &bob).await.denial, Some(gone.clone()));
    let over = Some(Denial::Ended(EndReason::Logout));
    assert_eq!(bear(&guard(revoked()), "GET /me", &token()).await.denial, over);

    let checked = check(Revocations::none()).check(&token(), NOW).end().await.unwrap();
    assert_eq!((checked.refusal(), checked.attachment()), (None, Some(&7_u32)));
    assert!(checked.attachment::<String>().is_none() && checked.granted().is_ok());
    let refused = check(Revocations::none()).check(&bob, NOW).end().await.unwrap();
    assert_eq!(refused.refusal(), Some(&gone));
    assert_eq!(refused.granted().unwrap_err(), gone);
}

#[tokio::test]
async fn a_protection_of_ones_own_stands_in_for_the_cookies() {
    let guard = builder()
        .locations([Location::bearer(), Location::cookie("token")])
        .csrf_protection(|headers, _, claims| {
            let sent = headers.get("x-csrf").ok_or(CsrfFault::MissingHeader)?;
            let own = claims.get("jti").and_then(Value::as_str);
            if own.is_some_and(|own| sent == own) {
                Ok(())
            } else {
                Err(CsrfFault::Mismatch.into())
            }
        });
    let app = app(&guard.build().unwrap());
    let cookie = format!("token={}", token());
    let cookie = ("cookie", cookie.as_str());
    assert!(ask(&app, "GET /me", &[cookie]).await.is_alice());
    for (headers, fault) in [
        (vec![cookie], CsrfFault::MissingHeader),
        (vec![cookie, ("x-csrf", "t2")], CsrfFault::Mismatch),
    ] {
        let answer = ask(&app, "POST /me", &headers).await;
        assert_eq!(answer.denial, Some(Denial::Csrf(fault)));
    }
    // A foreign page can begin a WebSocket, and reads what comes.
    let handshake = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for headers in [vec![cookie, handshake], vec![cookie, handshake, ("x-csrf", "t2")]] {
        assert_eq!(ask(&app, "GET /me", &headers).await.status, 403, "{headers:?}");
    }
    assert!(ask(&app, "GET /me", &[cookie, handshake, ("x-csrf", "t1")]).await.is_alice());
    assert!(ask(&app, "POST /me", &[cookie, ("x-csrf", "t1")]).await.is_alice());
    assert!(bear(&app, "POST /me", &token()).await.is_alice(), "a header needs none");
}

#[tokio::test]
async fn a_route_can_find_a_token_that_is_no_longer_good() {
    let guard = with_cookies().build().unwrap();
    let expired = token_with(&json!({ "exp": NOW }));
    let cookie = format!("__Host-countersign_access={expired}");
    for (name, value, in_cookie) in
        [("authorization", &format!("Bearer {expired}"), false), ("cookie", &cookie, true)]
    {
        let request = crate::guard::kit::request("POST /logout", &[(name, value.as_bytes())]);
        let (parts, _) = request.into_parts();
        let found = guard.find(&parts).unwrap();
        assert_eq!((found.token(), found.is_in_cookie()), (expired.as_str(), in_cookie));
        assert!(!format!("{found:?}").contains(&expired), "a token is not for logs");
        assert!(guard.check(&parts).await.is_err());
    }
    let (parts, _) = crate::guard::kit::request("POST /logout", &[]).into_parts();
    assert!(matches!(guard.find(&parts).unwrap_err(), Denial::Missing(_)));
}

#[tokio::test]
async fn an_access_can_be_extracted_as_it_is() {
    let who = async |access: Access| access.claims().subject().unwrap().to_owned();
    let bare: Router = Router::new().route("/me", any(who));
    assert_eq!(bear(&bare, "GET /me", &token()).await.denial, Some(Denial::Unprotected));
    let guard = builder().build().unwrap();
    for layer in [guard.layer(), guard.public_layer()] {
        let app = bare.clone().layer(layer);
        assert!(bear(&app, "GET /me", &token()).await.is_alice());
        assert_eq!(bear(&app, "GET /me", "rubbish").await.status, 401);
        assert_eq!(ask(&app, "GET /me", &[]).await.status, 401);
    }
}
