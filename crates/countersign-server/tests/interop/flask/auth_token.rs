//! Document 000: Flask, `PyJWT`, Flask-Bcrypt and `SQLAlchemy` on PostgreSQL.

use countersign_server::db::Kind;
use serde_json::json;

use crate::flask::system::sources;
use crate::flask::the_move::{Before, Plan, answer};
use crate::flask::transcript::Difference;

const PLAN: Plan = Plan {
    dialect: "auth-token",
    kind: Kind::Postgres,
    config: r#"
        [[dialects]]
        name = "auth-token"
        legacy_secret = "my_precious"
        legacy_tokens_until = "2099-12-31"
    "#,
    users: 3,
};

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_auth_token_get_the_same_answers_after_the_move() {
    let Some(before) = Before::new(sources!("auth_token"), PLAN).await else { return };
    let after = before.make(&[]).await;
    let dave = json!({
        "user_id": "<dave's id>",
        "email": "dave@example.org",
        "admin": false,
        "registered_on": "<when dave registered>",
    });
    after.assert_equal(&[Difference {
        row: "Safer than the original: `auth-token`, any scheme word before the token is taken",
        step: "another scheme",
        was: answer(200, json!({ "status": "success", "data": dave })),
        is: answer(401, json!({ "status": "fail", "message": "Bearer token malformed." })),
    }]);
    let blacklisted = json!("Token blacklisted. Please log in again.");
    after.assert_answers(&[
        ("a token from before the move", "/status", json!(200)),
        ("one that was logged out before the move", "/body/message", blacklisted.clone()),
        ("the token from before the move, logged out", "/body/message", blacklisted),
        ("alice logs in with the old password", "/status", json!(200)),
    ]);
}
