//! What a route demands beyond a good token.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use countersign::axum::{Bearer, Fresh};
use countersign::layer::{ConfigError, Demand, Denial, Guard, TokenType};
use serde::Deserialize;
use serde_json::json;

use crate::guard::kit::{NOW, app, bear, builder, token, token_with};

fn behind(guard: &Guard, demand: Demand) -> Router {
    let own = guard.require(demand).unwrap();
    Router::new().route("/", get(async || "in").layer(own)).layer(guard.layer())
}

#[tokio::test]
async fn a_missing_scope_is_named_in_the_challenge() {
    let guard = builder().build().unwrap();
    let app = behind(&guard, Demand::new().scope("orders:read").scope("orders:write"));
    for (scope, status) in [
        (json!("orders:read orders:write"), 200),
        (json!("x orders:write y orders:read"), 200),
        (json!(["orders:read", "orders:write"]), 200),
        (json!("orders:read"), 403),
        (json!("orders:read orders:writer"), 403),
        (json!("ORDERS:READ ORDERS:WRITE"), 403),
        (json!(""), 403),
        (json!(null), 403),
        (json!({ "orders:read": 1 }), 403),
        (json!([["orders:read"], 5]), 403),
    ] {
        let answer = bear(&app, "GET /", &token_with(&json!({ "scope": scope }))).await;
        assert_eq!(answer.status, status, "{scope}");
        if status == 403 {
            let expected =
                "Bearer error=\"insufficient_scope\", scope=\"orders:read orders:write\"";
            assert_eq!(answer.challenge(), Some(expected));
            assert_eq!(answer.json()["error"], "insufficient_scope");
        }
    }
}

#[tokio::test]
async fn roles_are_demanded_all_or_any() {
    let guard = builder().build().unwrap();
    let all = behind(&guard, Demand::new().role("clerk").role("admin"));
    let any = behind(&guard, Demand::new().any_role(["clerk", "admin"]));
    for (roles, in_all, in_any) in [
        (json!(["clerk", "admin"]), 200, 200),
        (json!(["admin"]), 403, 200),
        (json!(["administrator", "Admin"]), 403, 403),
        (json!([]), 403, 403),
        (json!(null), 403, 403),
    ] {
        let token = token_with(&json!({ "roles": roles }));
        let answer = bear(&all, "GET /", &token).await;
        assert_eq!(answer.status, in_all, "{roles}");
        assert_eq!(bear(&any, "GET /", &token).await.status, in_any, "{roles}");
        if in_all == 403 {
            assert_eq!(answer.denial, Some(Denial::Role));
            assert_eq!(answer.challenge(), Some("Bearer error=\"insufficient_scope\""));
        }
    }
}

#[tokio::test]
async fn an_old_authentication_is_asked_to_be_repeated() {
    let guard = builder().build().unwrap();
    let demand = Demand::new().fresh_within(Duration::from_mins(5));
    let by_layer = behind(&guard, demand);
    let extractor = get(async |fresh: Fresh<300>| fresh.0.claims.subject().unwrap().to_owned());
    let by_extractor = Router::new().route("/", extractor).layer(guard.layer());
    for (auth_time, status) in [
        (json!(NOW), 200),
        (json!(NOW - 300), 200),
        (json!(NOW - 301), 401),
        (json!(NOW + 30), 200),
        (json!(NOW + 31), 401),
        (json!(0), 401),
        (json!(null), 401),
    ] {
        let token = token_with(&json!({ "auth_time": auth_time }));
        for app in [&by_layer, &by_extractor] {
            let answer = bear(app, "GET /", &token).await;
            assert_eq!(answer.status, status, "{auth_time}");
            if status == 401 {
                let expected = "Bearer error=\"insufficient_user_authentication\", max_age=\"300\"";
                assert_eq!(answer.challenge(), Some(expected));
                let max_age = Duration::from_mins(5);
                assert_eq!(answer.denial, Some(Denial::NotFresh { max_age }));
            }
        }
    }
    for odd in [json!("now"), json!(true), json!(1e300), json!(-1), json!([NOW])] {
        let answer = bear(&by_layer, "GET /", &token_with(&json!({ "auth_time": odd }))).await;
        assert_eq!(answer.status, 401, "{odd}");
    }
}

#[tokio::test]
async fn a_demand_of_the_guard_holds_for_every_route() {
    let app =
        app(&builder().public("/public").demand(Demand::new().role("admin")).build().unwrap());
    assert_eq!(bear(&app, "GET /me", &token()).await.status, 403);
    assert_eq!(bear(&app, "GET /public", &token()).await.status, 200);
    assert!(bear(&app, "GET /me", &token_with(&json!({ "roles": ["admin"] }))).await.is_alice());
}

#[tokio::test]
async fn a_demand_without_a_guard_before_it_lets_nobody_in() {
    let guard = builder().build().unwrap();
    let own = guard.require(Demand::new()).unwrap();
    let app = Router::new().route("/", get(async || "in").layer(own.clone()));
    let answer = bear(&app, "GET /", &token()).await;
    assert_eq!((answer.status.as_u16(), answer.denial), (500, Some(Denial::Unprotected)));
    let public =
        Router::new().route("/", get(async || "in").layer(own)).layer(guard.public_layer());
    assert_eq!(bear(&public, "GET /", &token()).await.status, 401);
}

#[derive(Deserialize)]
struct Tenant {
    tenant: String,
}

#[tokio::test]
async fn claims_are_read_as_a_type_of_the_applications_own() {
    let handler = get(async |Bearer { claims, .. }: Bearer<Tenant>| claims.tenant);
    let app = Router::new().route("/", handler).layer(builder().build().unwrap().layer());
    assert_eq!(bear(&app, "GET /", &token_with(&json!({ "tenant": "x" }))).await.text, "x");
    for odd in [json!(null), json!(5), json!(["x"]), json!({ "tenant": "x" })] {
        let answer = bear(&app, "GET /", &token_with(&json!({ "tenant": odd }))).await;
        assert_eq!(answer.status, 401, "{odd}");
        assert!(matches!(answer.denial, Some(Denial::Claims(_))));
        assert!(!answer.text.contains("tenant"), "the client learns nothing of the type");
    }
}

#[tokio::test]
async fn a_function_accepts_claims_or_does_not() {
    let demand = Demand::new().claims(|claims| match claims.get("plan") {
        Some(plan) if plan == "gold" => Ok(()),
        _ => Err("not gold".to_owned()),
    });
    let app = behind(&builder().build().unwrap(), demand);
    assert_eq!(bear(&app, "GET /", &token_with(&json!({ "plan": "gold" }))).await.status, 200);
    let answer = bear(&app, "GET /", &token()).await;
    assert_eq!(answer.denial, Some(Denial::Claims("not gold".into())));
}

#[tokio::test]
async fn where_a_refresh_token_belongs_no_other_is_taken() {
    let refresh = app(&builder().token_type(TokenType::Refresh).build().unwrap());
    let any = app(&builder().token_type(TokenType::Any).build().unwrap());
    for (purpose, status) in [(json!("refresh"), 200), (json!("access"), 401), (json!(null), 401)] {
        let token = token_with(&json!({ "type": purpose }));
        let answer = bear(&refresh, "GET /me", &token).await;
        assert_eq!(answer.status, status, "{purpose}");
        assert!(bear(&any, "GET /me", &token).await.is_alice());
        if status == 401 {
            assert_eq!(answer.denial, Some(Denial::WrongType { wanted: TokenType::Refresh }));
        }
    }
}

#[test]
fn a_demand_that_cannot_be_met_or_written_is_not_built() {
    let guard = builder().build().unwrap();
    let error = |demand: Demand| guard.require(demand).unwrap_err();
    for bad in ["", "a b", "a\"b", "é", "a\\b", "a\n"] {
        assert_eq!(error(Demand::new().scope(bad)), ConfigError::Scope(bad.to_owned()));
        assert_eq!(error(Demand::new().role(bad)), ConfigError::Scope(bad.to_owned()));
    }
    assert_eq!(error(Demand::new().any_role([])), ConfigError::Scope(String::new()));
    let none = Demand::new().fresh_within(Duration::from_millis(999));
    assert_eq!(error(none.clone()), ConfigError::MaxAge);
    assert_eq!(builder().demand(none).build().unwrap_err(), ConfigError::MaxAge);
}
