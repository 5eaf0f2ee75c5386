//! Whom a token stands for, and whether it still does.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use countersign::axum::Bearer;
use countersign::layer::{Answers, Check, Checked, Checking, Denial, FlaskVersion, Guard};
use countersign::{Clock, EndReason, RevocationSet, Revocations, Standing};
use serde_json::json;

use crate::guard::kit::{NOW, app, bear, builder, token, token_with, verifier};

/// `token_in_blocklist_loader`
#[tokio::test]
async fn a_function_a_database_or_a_set_says_what_is_revoked() {
    let standing = |id: Option<&str>| match id {
        Some("revoked") => Standing::Ended(EndReason::Logout),
        Some("unknown") => Standing::Unknown,
        _ => Standing::Good,
    };
    let later = move |verified: Arc<countersign::Verified>| async move {
        tokio::task::yield_now().await;
        standing(verified.claims.jwt_id())
    };
    for revocations in
        [Revocations::ask(move |claims| standing(claims.jwt_id())), Revocations::ask_later(later)]
    {
        let router = app(&builder().revocations(revocations).build().unwrap());
        for (id, status) in [("t1", 200), ("revoked", 401), ("unknown", 503)] {
            let token = token_with(&json!({ "jti": id }));
            assert_eq!(bear(&router, "GET /me", &token).await.status, status, "{id}");
        }
    }
    let set = Arc::new(RevocationSet::default());
    let revocations = Revocations::set(Arc::clone(&set));
    let router = app(&builder().revocations(revocations).build().unwrap());
    assert!(bear(&router, "GET /me", &token()).await.is_alice());
    set.revoke_token("t1", EndReason::Logout, NOW + 900);
    let answer = bear(&router, "GET /me", &token()).await;
    assert_eq!(answer.denial, Some(Denial::Ended(EndReason::Logout)));
}

struct Users;

struct User {
    name: &'static str,
}

impl Check for Users {
    fn check(&self, token: &str, now: i64) -> Checking {
        let verified = match verifier().verify(token, now) {
            Ok(verified) => verified,
            Err(error) => return Checking::Done(Err(error.into())),
        };
        Checking::Pending(Box::pin(async move {
            tokio::task::yield_now().await;
            match verified.claims.subject() {
                Some("alice") => Ok(Checked::new(verified).attach(User { name: "Alice Liddell" })),
                other => Err(Denial::NoUser { subject: other.unwrap_or_default().to_owned() }),
            }
        }))
    }
}

/// `user_lookup_loader`, `user_lookup_error_loader`
#[tokio::test]
async fn the_users_row_comes_along_and_who_has_none_is_refused() {
    let guard = Guard::with_check(Users)
        .clock(Clock::manual(NOW))
        .answers(Answers::flask_jwt_extended(FlaskVersion::V4))
        .build()
        .unwrap();
    let name = async |bearer: Bearer| bearer.access.attachment::<User>().unwrap().name;
    let router = Router::new().route("/me", get(name)).layer(guard.layer());
    assert_eq!(bear(&router, "GET /me", &token()).await.text, "Alice Liddell");
    let answer = bear(&router, "GET /me", &token_with(&json!({ "sub": "bob" }))).await;
    assert_eq!(answer.text, "{\"msg\":\"Error loading the user bob\"}\n");
    assert_eq!(answer.denial, Some(Denial::NoUser { subject: "bob".into() }));
}
