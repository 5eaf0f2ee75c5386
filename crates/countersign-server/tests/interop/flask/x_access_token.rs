//! Document 002: Flask, `PyJWT` and the hashes of Werkzeug on SQLite.

use countersign_server::db::Kind;
use serde_json::json;

use crate::flask::system::sources;
use crate::flask::the_move::{Before, Plan};

/// With `list_users = "any"` nothing differs.
const PLAN: Plan = Plan {
    dialect: "x-access-token",
    kind: Kind::Sqlite,
    config: r#"
        [[dialects]]
        name = "x-access-token"
        list_users = "any"
        legacy_secret = "your secret key"
        legacy_tokens_until = "2099-12-31"
    "#,
    users: 3,
};

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_x_access_token_get_the_same_answers_after_the_move() {
    let Some(before) = Before::new(sources!("x_access_token"), PLAN).await else { return };
    let after = before.make(&[]).await;
    after.assert_equal(&[]);
    after.assert_answers(&[
        ("a token from before the move", "/status", json!(200)),
        ("one that expired before the move", "/status", json!(401)),
        ("alice logs in with the old password", "/status", json!(201)),
    ]);
}
