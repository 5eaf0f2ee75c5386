//! Document 004: Flask, `PyJWT`, Redis and `MySQL`.

use countersign_server::db::Kind;
use serde_json::json;

use crate::flask::system::sources;
use crate::flask::the_move::{Before, Plan, answer};
use crate::flask::transcript::Difference;
use crate::redis_server::TestRedis;

const PLAN: Plan = Plan {
    dialect: "passport",
    kind: Kind::MySql,
    config: r#"
        [[dialects]]
        name = "passport"
        issuer = "Barry"
        legacy_secret = "passport-secret"
        legacy_issuer = "Barry"
        legacy_tokens_until = "2099-12-31"
    "#,
    users: 4,
};

fn differences() -> [Difference; 4] {
    let replaced = |step| Difference {
        row: "`passport`, `GET /passport/identify`: a later login replaced it",
        step,
        was: answer(200, json!({ "code": 401, "msg": "jwt-token失效", "data": null })),
        is: answer(200, json!({ "code": 401, "msg": "用户认证失败，需要再次登录", "data": null })),
    };
    [
        Difference {
            row: "Safer than the original: `passport`, expiry not verified when decoding",
            step: "one that expired before the move",
            was: answer(
                200,
                json!({ "code": 200, "msg": "用户认证成功", "data": { "user_id": 1 } }),
            ),
            is: answer(200, json!({ "code": 401, "msg": "Token过期", "data": null })),
        },
        replaced("one that was replaced before the move"),
        replaced("alice's old token, replaced"),
        replaced("dave's first token, replaced"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_passport_get_the_same_answers_after_the_move() {
    let Some(redis) = TestRedis::start().await else { return };
    let Some(mut before) = Before::new(sources!("passport"), PLAN).await else { return };
    before.system = before.system.set("REDIS_URL", &redis.url());
    let after = before.make(&["--redis", &redis.url()]).await;
    after.assert_equal(&differences());
    after.assert_answers(&[
        ("a token from before the move", "/body/code", json!(200)),
        ("one that was logged out before the move", "/body/msg", json!("jwt-token失效")),
        ("alice logs in with the old password", "/body/code", json!(200)),
    ]);
}
