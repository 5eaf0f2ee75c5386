//! Document 001: Flask-RESTful, flask-jwt-extended 4 and passlib on SQLite.

use countersign_server::db::Kind;
use serde_json::{Value, json};

use crate::flask::system::sources;
use crate::flask::the_move::{Before, Plan, answer};
use crate::flask::transcript::Difference;

const PLAN: Plan = Plan {
    dialect: "access-refresh",
    kind: Kind::Sqlite,
    config: r#"
        [[dialects]]
        name = "access-refresh"
        list_users = "any"
        legacy_secret = "jwt-secret-string"
        legacy_tokens_until = "2099-12-31"
    "#,
    users: 4,
};

const LISTS: &str = "Safer than the original: `access-refresh` `GET`/`DELETE /users`";
const NUMBERS: &str = "Safer than the original: numbers are turned into strings";
const QUERY: &str = "Safer than the original: password in the query string accepted";

/// The list of users that the old system shows to anyone, with its hashes.
fn hashes() -> Value {
    let names = ["erin", "alice", "bob", "carol", "dave", "frank", "5"];
    let user = |name| json!({ "username": name, "password": "<a password's hash>" });
    json!({ "users": names.map(user) })
}

fn pair(message: &str, whose: &str) -> Value {
    json!({
        "message": message,
        "access_token": format!("<{whose} access_token>"),
        "refresh_token": format!("<{whose} refresh_token>"),
    })
}

fn differences() -> [Difference; 6] {
    let names = ["erin", "alice", "bob", "carol", "dave", "frank"];
    let users = names.map(|name| json!({ "username": name }));
    let malformed = answer(400, json!({ "message": "Malformed request body" }));
    let no_token = answer(401, json!({ "msg": "Missing Authorization Header" }));
    let blank = json!({ "message": { "username": "This field cannot be blank" } });
    let difference = |row, step, was, is| Difference { row, step, was, is };
    [
        difference(
            NUMBERS,
            "/registration with numbers",
            answer(200, pair("User 5 was created", "/registration with numbers:")),
            malformed.clone(),
        ),
        difference(
            NUMBERS,
            "/login with numbers",
            answer(200, pair("Logged in as 5", "/login with numbers:")),
            malformed,
        ),
        difference(
            QUERY,
            "a password in the query string",
            answer(200, pair("Logged in as carol", "a password in the query string:")),
            answer(400, blank),
        ),
        difference(
            LISTS,
            "list with a token",
            json!({ "body": hashes() }),
            json!({ "body": { "users": users } }),
        ),
        difference(LISTS, "list without a token", answer(200, hashes()), no_token.clone()),
        difference(
            LISTS,
            "delete without a token",
            answer(200, json!({ "message": "7 row(s) deleted" })),
            no_token,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_access_refresh_get_the_same_answers_after_the_move() {
    let Some(before) = Before::new(sources!("access_refresh"), PLAN).await else { return };
    let after = before.make(&[]).await;
    after.assert_equal(&differences());
    let revoked = json!("Token has been revoked");
    after.assert_answers(&[
        ("an access token from before the move", "/status", json!(200)),
        ("a refresh token from before the move", "/status", json!(200)),
        ("one that was logged out before the move", "/body/msg", revoked.clone()),
        ("a refresh token that was logged out", "/body/msg", revoked),
        ("alice logs in with the old password", "/body/message", json!("Logged in as alice")),
    ]);
}
