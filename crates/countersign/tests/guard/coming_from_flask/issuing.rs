//! What tokens are given.

use axum::Router;
use axum::routing::get;
use countersign::axum::Bearer;
use countersign::{Issuer, RefreshToken, RefreshTokens, SignError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{KEY, NOW, app, bear, builder, token_with};

fn sign(claims: &impl Serialize) -> Result<String, SignError> {
    Issuer::new(KEY.clone()).sign("at+jwt", claims)
}

/// `JWT_ACCESS_TOKEN_EXPIRES`
#[tokio::test]
async fn a_token_lives_as_long_as_its_claims_say_and_never_for_ever() {
    let router = app(&builder().build().unwrap());
    for (exp, status) in [(NOW + 1, 200), (NOW, 401), (NOW - 1, 401)] {
        let token = token_with(&json!({ "exp": exp }));
        assert_eq!(bear(&router, "GET /me", &token).await.status, status, "{exp}");
    }
    for claims in [json!({ "iat": NOW, "exp": NOW }), json!({ "iat": NOW }), json!({})] {
        assert_eq!(sign(&claims), Err(SignError::Lifetime), "{claims}");
    }
}

/// `JWT_REFRESH_TOKEN_EXPIRES`
#[test]
fn a_refresh_token_says_which_session_it_is_of_and_the_session_says_when_it_is_over() {
    let tokens = RefreshTokens::new(&[7; 32], None).unwrap();
    let token = RefreshToken { session_id: Uuid::from_u128(1), generation: 0 };
    assert_eq!(tokens.read(&tokens.write(token)), Some(token));
}

/// `JWT_ENCODE_AUDIENCE`, `JWT_ENCODE_ISSUER`, `JWT_ENCODE_NBF`
#[tokio::test]
async fn audience_issuer_and_nbf_are_what_is_signed() {
    let router = app(&builder().build().unwrap());
    let audiences = ["https://api.example.org", "https://files.example.org"];
    for (changes, status) in [
        (json!({ "aud": audiences }), 200),
        (json!({ "aud": audiences[1] }), 401),
        (json!({ "iss": "https://other.example.org" }), 401),
        (json!({ "nbf": NOW }), 200),
        (json!({ "nbf": NOW + 31 }), 401),
    ] {
        let token = token_with(&changes);
        assert_eq!(bear(&router, "GET /me", &token).await.status, status, "{changes}");
    }
}

/// `additional_claims_loader`, `user_identity_loader`, `additional_headers_loader`
#[tokio::test]
async fn claims_of_the_applications_own_type_are_signed_and_read() {
    #[derive(Serialize, Deserialize)]
    struct Mine {
        iss: String,
        aud: String,
        sub: String,
        jti: String,
        sid: String,
        #[serde(rename = "gen")]
        generation: u64,
        iat: i64,
        exp: i64,
        tenant: Value,
    }
    let mine = Mine {
        iss: "https://accounts.example.org".to_owned(),
        aud: "https://api.example.org".to_owned(),
        sub: format!("user:{}", 42),
        jti: "t1".to_owned(),
        sid: "s1".to_owned(),
        generation: 0,
        iat: NOW,
        exp: NOW + 60,
        tenant: json!({ "name": "acme" }),
    };
    let tell = async |Bearer { claims, .. }: Bearer<Mine>| {
        format!("{} of {}", claims.sub, claims.tenant["name"])
    };
    let router = Router::new().route("/me", get(tell)).layer(builder().build().unwrap().layer());
    let answer = bear(&router, "GET /me", &sign(&mine).unwrap()).await;
    assert_eq!(answer.text, "user:42 of \"acme\"");
}
