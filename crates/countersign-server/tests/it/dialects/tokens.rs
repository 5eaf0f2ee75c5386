//! Whose tokens are good where.

use countersign::{Algorithm, Issuer, SigningKey};
use reqwest::Method;
use serde_json::json;

use super::{AllFive, JOE, Told, assert_told};
use crate::kit::claims_of;
use crate::server::{Answer, PASSWORD, Session};

/// How the older library calls a token that is not of HS256.
const NATIVE_IN_FLASK: Told = (422, r#"{"msg":"Invalid header string"}"#);

/// A token of these claims under a secret in hexadecimal.
fn signed_again(secret: &str, token: &str) -> String {
    let octet = |at: usize| u8::from_str_radix(&secret[at..at + 2], 16).expect("hexadecimal");
    let secret: Vec<u8> = (0..secret.len()).step_by(2).map(octet).collect();
    let key = SigningKey::from_secret(Algorithm::Hs256, None, &secret).expect("a key");
    Issuer::new(key).sign("JWT", &claims_of(token)).expect("a token")
}

on_each_database! {
    async fn whoever_registered_in_one_logs_in_through_all_and_each_token_is_good_in_its_own_only(
        all: AllFive
    ) {
        let tokens = all.joe().await;
        let body = json!({ "identifier": JOE, "password": PASSWORD });
        let native = Session::read(&all.post("/v1/login", body).await.json());
        for (wire, _) in &tokens {
            for route in wire.protected {
                for (other, token) in tokens.iter().filter(|(other, _)| other.name != wire.name) {
                    let case = format!("{} in {} {route:?}", other.name, wire.name);
                    let answer = Answer::of(wire.with_token(&all, *route, token)).await;
                    assert_told(&case, &answer, wire.not_ours);
                }
                let expected = if wire.not_ours.0 == 422 { NATIVE_IN_FLASK } else { wire.not_ours };
                let answer = Answer::of(wire.with_token(&all, *route, &native.access)).await;
                assert_told(&format!("native in {} {route:?}", wire.name), &answer, expected);
            }
        }
        for (wire, token) in &tokens {
            assert!(wire.takes(&all, token).await, "{}", wire.name);
            let refused = all.get("/v1/me", token).await;
            assert_eq!(refused.code(), (401, "invalid_token".into()), "{}", wire.name);
        }
        assert_eq!(all.users().await, 1);
        let out = json!({ "scope": "all" });
        let out = all.send(Method::POST, "/v1/logout", &native.access, out).await;
        assert_eq!(out.status, 204);
        for (wire, token) in &tokens {
            assert!(!wire.takes(&all, token).await, "{}", wire.name);
        }
    }

    async fn a_secret_that_is_not_configured_is_derived_and_the_same_on_every_node(all: AllFive) {
        let tokens = all.joe().await;
        let node = all.beside().await;
        for (wire, token) in &tokens {
            assert!(wire.takes(&node, token).await, "{}", wire.name);
            let again = signed_again(wire.derived_secret, token);
            assert!(wire.takes(&all, &again).await, "{}", wire.name);
            let (other, _) = tokens.iter().find(|(other, _)| other.name != wire.name).expect("one");
            let forged = signed_again(other.derived_secret, token);
            assert!(!wire.takes(&all, &forged).await, "{}", wire.name);
        }
    }
}
