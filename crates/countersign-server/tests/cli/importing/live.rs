//! An import beside a server that runs.

use std::path::Path;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use super::old::Old;
use super::{Importing, counts};
use crate::program::{Place, Server, binary, until};

const CONFIG: &str = "[limits]\nenabled = false\n\n[[dialects]]\nname = \"auth-token\"\n\
                      legacy_secret = \"my_precious\"\nlegacy_tokens_until = \"2099-12-31\"\n";

/// A token as the older system signed it.
fn token(claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&json!({"typ": "JWT", "alg": "HS256"})), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"my_precious");
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn serve(place: &Place, config: &Path) -> Server {
    let mut command = place.command(binary());
    command.arg("--data-dir").arg(place.data_dir()).arg("--config").arg(config);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    Server::start(command).await
}

async fn message(server: &Server, token: &str) -> String {
    let request = server.request(Method::GET, "/auth/status").bearer_auth(token);
    let answer = request.send().await.expect("the server answers");
    let answer: Value = answer.json().await.expect("JSON");
    answer["message"].as_str().unwrap_or("good").to_owned()
}

#[tokio::test]
async fn tokens_are_good_once_their_users_are_there_and_those_logged_out_never_are() {
    let old = Old::sqlite().await;
    let [live, over] =
        [1, 2].map(|iat| token(&json!({"exp": 4_102_444_800_i64, "iat": iat, "sub": 7})));
    old.execute(&super::old::AUTH_TOKEN).await;
    old.execute(&[&format!("INSERT INTO blacklist_tokens VALUES (9, '{over}', '2017-01-01')")])
        .await;
    let importing = Importing::new();
    let config = importing.file("countersign.toml", CONFIG);
    let server = serve(&importing.place, &config).await;
    for token in [&live, &over] {
        assert_eq!(message(&server, token).await, "Invalid token. Please log in again.");
    }
    let told = old.import_into(&importing, "auth-token", &["--allow-admins"]).json();
    assert_eq!(counts(&told["users"]), [2, 0, 0], "{told}");
    let look = async || (message(&server, &over).await.contains("blacklisted")).then_some(());
    until(look).await;
    assert_eq!(message(&server, &live).await, "good");
    let again = serve(&importing.place, &config).await;
    assert_eq!(message(&again, &live).await, "good");
    assert_eq!(message(&again, &over).await, "Token blacklisted. Please log in again.");
}

#[tokio::test]
async fn a_server_that_has_numbers_ready_gives_none_that_came_along() {
    let importing = Importing::new();
    let server = importing.place.serve().await;
    server.register("first").await;
    let lines =
        (2..=150).map(|number| format!("{{\"number\":{number},\"username\":\"u{number}\"}}\n"));
    let file = importing.file("users.jsonl", lines.collect::<String>());
    let import = ["--from", "jsonl", "--source", file.to_str().expect("a path")];
    assert_eq!(counts(&importing.users(&import)), [149, 0, 0]);
    server.register("second").await;
    let number = &importing.show("second@example.org")["number"];
    assert!(number.as_i64() > Some(150), "{number}");
    let body = json!({ "username": "U2", "password": crate::program::PASSWORD });
    let (status, answer) = server.post("/v1/register", body).await;
    assert_eq!((status, &answer["code"]), (409, &json!("identifier_taken")), "{answer}");
}
