//! Routes for everybody that treat those they know differently: in three ways.

use axum::Router;
use axum::routing::get;
use countersign::axum::{Bearer, Lenient, Outcome};
use countersign::layer::{Denial, Guard};

use crate::guard::kit::{Answer, ask, bear, token, with_cookies};

fn name(bearer: Option<&Bearer>) -> String {
    bearer.map_or("nobody", |bearer| bearer.claims.subject().unwrap()).to_owned()
}

fn routes() -> Router {
    Router::new()
        .route("/strict", get(async |bearer: Option<Bearer>| name(bearer.as_ref())))
        .route("/lenient", get(async |Lenient(bearer): Lenient| name(bearer.as_ref())))
        .route(
            "/outcome",
            get(async |outcome: Outcome| match outcome {
                Outcome::Anonymous => "nobody".to_owned(),
                Outcome::Authenticated(bearer) => name(Some(&bearer)),
                Outcome::Refused(denial) => format!("refused: {denial}"),
            }),
        )
}

fn guard() -> Guard {
    with_cookies().public("/strict").public("/lenient").public("/outcome").build().unwrap()
}

fn told(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), &answer.text)
}

#[tokio::test]
async fn a_bad_token_is_an_error_or_nobody_or_told() {
    let guard = guard();
    let routers = [routes().layer(guard.layer()), routes().layer(guard.public_layer())];
    for app in routers {
        for path in ["/strict", "/lenient", "/outcome"] {
            let line = format!("GET {path}");
            assert_eq!(told(&ask(&app, &line, &[]).await), (200, "nobody"), "{path}");
            assert_eq!(told(&bear(&app, &line, &token()).await), (200, "alice"), "{path}");
            let basic = ask(&app, &line, &[("authorization", "Basic YTpi")]).await;
            assert_eq!(told(&basic), (200, "nobody"), "{path}");
        }
        let strict = bear(&app, "GET /strict", "rubbish").await;
        assert_eq!(strict.status, 401);
        assert_eq!(strict.challenge(), Some("Bearer error=\"invalid_token\""));
        assert!(matches!(strict.denial, Some(Denial::Invalid(_))));
        assert_eq!(told(&bear(&app, "GET /lenient", "rubbish").await), (200, "nobody"));
        let outcome = bear(&app, "GET /outcome", "rubbish").await;
        assert_eq!(told(&outcome), (200, "refused: the token has not three segments"));
    }
}

#[tokio::test]
async fn lower_case_bearer_is_not_silently_nobody() {
    let app = routes().layer(guard().layer());
    let value = format!("bearer {}", token());
    let answer = ask(&app, "GET /strict", &[("authorization", &value)]).await;
    assert_eq!(told(&answer), (200, "alice"));
    assert_eq!(ask(&app, "GET /strict", &[("authorization", "bearer")]).await.status, 401);
}

#[tokio::test]
async fn what_begins_with_the_scheme_and_is_no_token_is_not_silently_nobody() {
    let app = routes().layer(guard().public_layer());
    let good = token();
    for between in ["\t", ":", ",", ", ", "=", "\"", "\u{a0}"] {
        let value = format!("Bearer{between}{good}");
        let headers = [("authorization", value.as_str())];
        assert_eq!(ask(&app, "GET /strict", &headers).await.status, 401, "{value:?}");
        assert_eq!(told(&ask(&app, "GET /lenient", &headers).await), (200, "nobody"));
        let outcome = ask(&app, "GET /outcome", &headers).await;
        let refused = "refused: the header Authorization carries no well-formed token";
        assert_eq!(told(&outcome), (200, refused), "{value:?}");
    }
    // Nor is what begins with no scheme at all.
    let headers = [("authorization", ":x")];
    assert_eq!(ask(&app, "GET /strict", &headers).await.status, 401);
    // What goes on in the scheme's own characters is another scheme.
    for other in [format!("Bearer{good}"), "Bearer-2 x".to_owned(), "Digest:x".to_owned()] {
        let headers = [("authorization", other.as_str())];
        for path in ["/strict", "/lenient", "/outcome"] {
            let answer = ask(&app, &format!("GET {path}"), &headers).await;
            assert_eq!(told(&answer), (200, "nobody"), "{other}");
        }
    }
}

#[tokio::test]
async fn a_cookie_counts_for_an_unsafe_request_only_if_the_page_meant_it() {
    let app = Router::new()
        .route("/strict", axum::routing::post(async |bearer: Option<Bearer>| name(bearer.as_ref())))
        .layer(guard().layer());
    let cookie = format!("__Host-countersign_access={}", token());
    let answer = ask(&app, "POST /strict", &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, 403);
}
