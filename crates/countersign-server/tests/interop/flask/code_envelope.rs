//! Document 003: Flask 1.1.2, Flask-RESTful and flask-jwt-extended 3.24.1 on `MySQL`.

use countersign_server::db::Kind;
use serde_json::json;

use crate::flask::system::sources;
use crate::flask::the_move::{Before, Plan, answer};
use crate::flask::transcript::Difference;

const PLAN: Plan = Plan {
    dialect: "code-envelope",
    kind: Kind::MySql,
    config: r#"
        [cors]
        origins = ["*"]

        [[dialects]]
        name = "code-envelope"
        list_users = "any"
        legacy_secret = "jwt-key"
        legacy_tokens_until = "2099-12-31"
    "#,
    users: 4,
};

fn differences() -> [Difference; 2] {
    let unknown =
        json!({ "code": 201, "message": "user not exist", "token": null, "userid": null });
    let grace =
        json!({ "code": 200, "message": "success", "token": "<grace's token>", "userid": 4 });
    [
        Difference {
            row: "Safer than the original: `code-envelope` login, an `active` flag and no check",
            step: "grace, who is not active, logs in",
            was: answer(200, grace),
            is: answer(200, unknown.clone()),
        },
        Difference {
            row: "Safer than the original: numbers are turned into strings",
            step: "login with numbers",
            was: answer(200, unknown),
            is: answer(400, json!({ "message": "Malformed request body" })),
        },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_code_envelope_get_the_same_answers_after_the_move() {
    let Some(before) = Before::new(sources!("code_envelope"), PLAN).await else { return };
    before.system.initialize();
    let after = before.make(&[]).await;
    after.assert_equal(&differences());
    after.assert_answers(&[
        ("a token from before the move", "/body/code", json!(200)),
        ("one that expired before the move", "/body/code", json!(201)),
        ("admin@gmail.com logs in with the old password", "/body/code", json!(200)),
    ]);
}
