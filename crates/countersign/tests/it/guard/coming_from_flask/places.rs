//! Where a token may be.

use axum::Router;
use axum::routing::post;
use countersign::axum::Bearer;
use countersign::layer::{Cookies, Denial, Location, TokenType};
use http::Request;
use serde_json::{Value, json};

use crate::guard::kit::{
    APP, Answer, CSRF_KEY, app, ask, bear, builder, header_only, send, token, token_with,
};

/// `JWT_TOKEN_LOCATION`
#[tokio::test]
async fn a_token_is_looked_for_in_the_header_alone_unless_more_places_are_named() {
    let (token, cookies) = (token(), Cookies::builder(APP, &CSRF_KEY).build().unwrap());
    let (query, cookie) =
        (format!("GET /me?jwt={token}"), format!("__Host-countersign_access={token}"));
    let header_only = app(&builder().build().unwrap());
    let every = [Location::bearer(), Location::query("jwt")];
    let every = app(&builder().locations(every).cookies(cookies).build().unwrap());
    for (router, elsewhere) in [(&header_only, 401), (&every, 200)] {
        assert!(bear(router, "GET /me", &token).await.is_alice());
        assert_eq!(ask(router, &query, &[]).await.status, elsewhere);
        assert_eq!(ask(router, "GET /me", &[("cookie", &cookie)]).await.status, elsewhere);
    }
    assert!(builder().locations([]).build().is_err(), "nowhere is no place");
}

/// `JWT_HEADER_NAME`, `JWT_HEADER_TYPE`
#[tokio::test]
async fn the_header_and_its_scheme_are_what_the_application_says() {
    let token = token();
    let with_scheme = app(&header_only(Location::header("X-Token").scheme("JWT")));
    let bare = app(&header_only(Location::header("x-access-token")));
    for (router, name, value, status) in [
        (&with_scheme, "x-token", format!("JWT {token}"), 200),
        (&with_scheme, "x-token", token.clone(), 401),
        (&with_scheme, "x-token", format!("Bearer {token}"), 401),
        (&with_scheme, "authorization", format!("JWT {token}"), 401),
        (&bare, "x-access-token", token.clone(), 200),
        (&bare, "x-access-token", format!("Bearer {token}"), 401),
    ] {
        let answer = ask(router, "GET /me", &[(name, &value)]).await;
        assert_eq!(answer.status, status, "{name}: {value}");
    }
}

/// `JWT_QUERY_STRING_NAME`, `JWT_QUERY_STRING_VALUE_PREFIX`
#[tokio::test]
async fn a_query_parameter_of_any_name_carries_a_token_and_nothing_before_it() {
    let (router, token) = (app(&header_only(Location::query("t"))), token());
    assert!(ask(&router, &format!("GET /me?t={token}"), &[]).await.is_alice());
    for target in [
        format!("/me?jwt={token}"),
        format!("/me?t=Bearer{token}"),
        format!("/me?t=Bearer+{token}"),
    ] {
        assert_eq!(ask(&router, &format!("GET {target}"), &[]).await.status, 401, "{target}");
    }
}

async fn post_json(router: &Router, path: &str, body: &Value) -> Answer {
    let request = Request::post(path).header("content-type", "application/json");
    send(router, request.body(body.to_string().into()).unwrap()).await
}

/// `JWT_JSON_KEY`, `JWT_REFRESH_JSON_KEY`
#[tokio::test]
async fn each_kind_of_token_has_a_member_of_its_own_in_the_body() {
    let me = async |bearer: Bearer| bearer.claims.subject().unwrap().to_owned();
    let access = builder().build().unwrap().layer().reading_json("access");
    let refresh = builder().token_type(TokenType::Refresh).build().unwrap();
    let refresh =
        Router::new().route("/refresh", post(me)).layer(refresh.layer().reading_json("refresh"));
    let router = Router::new().route("/me", post(me)).layer(access).merge(refresh);
    let (access, refresh) = (token(), token_with(&json!({ "type": "refresh" })));
    for (path, member, token) in [("/me", "access", &access), ("/refresh", "refresh", &refresh)] {
        assert!(post_json(&router, path, &json!({ member: token })).await.is_alice(), "{path}");
        let other = post_json(&router, path, &json!({ "token": token })).await;
        assert!(matches!(other.denial, Some(Denial::Missing(_))), "{path}");
    }
    for (path, member, token) in [("/me", "access", &refresh), ("/refresh", "refresh", &access)] {
        let answer = post_json(&router, path, &json!({ member: token })).await;
        assert!(matches!(answer.denial, Some(Denial::WrongType { .. })), "{path}");
    }
}
