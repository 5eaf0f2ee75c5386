//! Cookies, and what protects them.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, post};
use countersign::axum::Bearer;
use countersign::layer::{
    ConfigError, Cookie, Cookies, CsrfFault, Denial, Guard, Location, SameSite,
};
use http::{HeaderMap, Request};

use crate::guard::kit::{APP, Answer, CSRF_KEY, app, ask, builder, csrf_token, send, token};

const ACCESS_TTL: Duration = Duration::from_mins(15);
const REFRESH_TTL: Duration = Duration::from_hours(24);

fn cookies() -> Cookies {
    Cookies::builder(APP, &CSRF_KEY).names("a", "r", "c").build().unwrap()
}

fn log_in(cookies: &Cookies) -> Response {
    let (access, refresh) = ((&*token(), ACCESS_TTL), ("r1", REFRESH_TTL));
    (cookies.set_session("s1", access, refresh).unwrap(), "in").into_response()
}

/// As an application does: the refresh token and its CSRF token, then a new session's cookies.
fn refresh(guard: &Guard, cookies: &Cookies, headers: &HeaderMap) -> Response {
    let checked = match cookies.find(Cookie::Refresh, headers) {
        Ok(Some("r1")) => cookies.check_csrf(headers, "s1").map_err(Denial::from),
        Ok(_) => Err(Denial::Missing(Vec::new())),
        Err(denial) => Err(denial),
    };
    match checked {
        Ok(()) => log_in(cookies),
        Err(denial) => guard.answer(&denial).map(Body::from),
    }
}

/// A site that logs in, says who asks, and refreshes.
fn site(cookies: &Cookies) -> Router {
    let guard =
        builder().cookies(cookies.clone()).public("/login").public("/refresh").build().unwrap();
    let layer = guard.layer();
    let (own, others) = (cookies.clone(), cookies.clone());
    Router::new()
        .route("/login", post(async move || log_in(&own)))
        .route("/refresh", post(async move |headers: HeaderMap| refresh(&guard, &others, &headers)))
        .route("/me", any(async |bearer: Bearer| bearer.claims.subject().unwrap().to_owned()))
        .layer(layer)
}

fn set_cookies(answer: &Answer) -> Vec<&str> {
    let headers = answer.headers.get_all("set-cookie").iter();
    headers.map(|value| value.to_str().unwrap()).collect()
}

/// What a browser sends back of them.
fn sent_back(answer: &Answer) -> String {
    let pairs = set_cookies(answer).into_iter().map(|cookie| cookie.split(';').next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

/// `JWT_ACCESS_COOKIE_NAME`, `JWT_REFRESH_COOKIE_NAME`, `JWT_ACCESS_CSRF_COOKIE_NAME`,
/// `JWT_REFRESH_CSRF_COOKIE_NAME`
#[tokio::test]
async fn three_cookies_have_the_names_that_the_application_gives_them() {
    let site = site(&cookies());
    let answer = ask(&site, "POST /login", &[]).await;
    let names: Vec<_> = set_cookies(&answer).iter().map(|cookie| &cookie[..10]).collect();
    assert_eq!(
        names,
        ["__Host-a=e", "__Host-r=r", &format!("__Host-c={}", &csrf_token("s1")[..1])]
    );
    let (jar, csrf) = (sent_back(&answer), csrf_token("s1"));
    assert!(ask(&site, "GET /me", &[("cookie", &jar)]).await.is_alice());
    // One CSRF token is the session's, for both kinds of token.
    for path in ["/me", "/refresh"] {
        let headers = [("cookie", &*jar), ("origin", APP), ("x-csrf-token", &csrf)];
        assert_eq!(ask(&site, &format!("POST {path}"), &headers).await.status, 200, "{path}");
    }
    let other = jar.replace("__Host-a=", "access_token_cookie=");
    assert_eq!(ask(&site, "GET /me", &[("cookie", &other)]).await.status, 401);
}

/// `JWT_ACCESS_COOKIE_PATH`, `JWT_REFRESH_COOKIE_PATH`, `JWT_ACCESS_CSRF_COOKIE_PATH`,
/// `JWT_REFRESH_CSRF_COOKIE_PATH`, `JWT_COOKIE_DOMAIN`, `JWT_SESSION_COOKIE`
#[tokio::test]
async fn every_cookie_is_for_the_whole_site_and_no_other_and_lives_as_long_as_its_token() {
    let answer = ask(&site(&cookies()), "POST /login", &[]).await;
    for (cookie, max_age) in set_cookies(&answer).into_iter().zip([900, 86_400, 86_400]) {
        let attributes: Vec<_> = cookie.split("; ").skip(1).collect();
        assert!(attributes.contains(&"Path=/"), "{cookie}");
        assert!(attributes.contains(&&*format!("Max-Age={max_age}")), "{cookie}");
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}

/// `JWT_COOKIE_SECURE`, `JWT_COOKIE_SAMESITE`
#[tokio::test]
async fn cookies_are_secure_and_of_the_same_site() {
    let strict = Cookies::builder(APP, &CSRF_KEY).same_site(SameSite::Strict).build().unwrap();
    let local = Cookies::builder("http://localhost:8000", &CSRF_KEY).build().unwrap();
    for (cookies, same_site, secure) in
        [(cookies(), "Lax", true), (strict, "Strict", true), (local, "Lax", false)]
    {
        let answer = ask(&site(&cookies), "POST /login", &[]).await;
        assert_eq!(set_cookies(&answer).len(), 3);
        for cookie in set_cookies(&answer) {
            assert!(cookie.contains(&format!("; SameSite={same_site};")), "{cookie}");
            assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
            assert_eq!(cookie.starts_with("__Host-"), secure, "{cookie}");
        }
    }
    let plain = Cookies::builder("http://app.example.org", &CSRF_KEY).build();
    assert_eq!(
        plain.unwrap_err(),
        ConfigError::InsecureOrigin("http://app.example.org".to_owned())
    );
}

/// `JWT_COOKIE_CSRF_PROTECT`
#[tokio::test]
async fn only_who_says_so_aloud_reads_a_cookie_without_protection() {
    let places = || builder().locations([Location::cookie("t")]);
    assert_eq!(places().build().unwrap_err(), ConfigError::UnprotectedCookie("t".to_owned()));
    let open = app(&places().without_csrf_protection().build().unwrap());
    let cookie = format!("t={}", token());
    assert!(ask(&open, "POST /me", &[("cookie", &cookie)]).await.is_alice());

    let cookie = format!("__Host-a={}", token());
    let answer = ask(&site(&cookies()), "POST /me", &[("cookie", &cookie), ("origin", APP)]).await;
    assert_eq!(answer.denial, Some(Denial::Csrf(CsrfFault::MissingHeader)));
}

/// `JWT_CSRF_METHODS`
#[tokio::test]
async fn every_method_but_the_safe_ones_needs_the_csrf_token() {
    let (site, cookie) = (site(&cookies()), format!("__Host-a={}", token()));
    for method in ["GET", "HEAD", "OPTIONS"] {
        let answer = ask(&site, &format!("{method} /me"), &[("cookie", &cookie)]).await;
        assert_eq!(answer.status, 200, "{method}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
        let headers = [("cookie", &*cookie), ("origin", APP)];
        let answer = ask(&site, &format!("{method} /me"), &headers).await;
        assert_eq!(answer.denial, Some(Denial::Csrf(CsrfFault::MissingHeader)), "{method}");
    }
}

/// `JWT_ACCESS_CSRF_HEADER_NAME`, `JWT_REFRESH_CSRF_HEADER_NAME`
#[tokio::test]
async fn the_csrf_token_comes_in_one_header_whatever_it_is_for() {
    let (site, csrf) = (site(&cookies()), csrf_token("s1"));
    let jar = format!("__Host-a={}; __Host-r=r1", token());
    for path in ["/me", "/refresh"] {
        for (name, status) in
            [("X-CSRF-TOKEN", 200), ("x-csrf-token", 200), ("X-XSRF-TOKEN", 403), ("csrf", 403)]
        {
            let headers = [("cookie", &*jar), ("origin", APP), (name, &csrf)];
            let answer = ask(&site, &format!("POST {path}"), &headers).await;
            assert_eq!(answer.status, status, "{path} {name}");
        }
    }
}

/// `JWT_CSRF_CHECK_FORM`, `JWT_ACCESS_CSRF_FIELD_NAME`, `JWT_REFRESH_CSRF_FIELD_NAME`
#[tokio::test]
async fn a_forms_field_does_not_stand_for_the_header() {
    let (site, jar) = (site(&cookies()), format!("__Host-a={}; __Host-r=r1", token()));
    for path in ["/me", "/refresh"] {
        let form = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", &jar)
            .header("origin", APP)
            .body(format!("csrf_token={}", csrf_token("s1")).into())
            .unwrap();
        let answer = send(&site, form).await;
        assert_eq!(answer.denial, Some(Denial::Csrf(CsrfFault::MissingHeader)), "{path}");
    }
}

/// `JWT_CSRF_IN_COOKIES`
#[tokio::test]
async fn the_csrf_token_may_be_handed_over_without_a_cookie() {
    let own = cookies();
    let log_in = async move || {
        let access = own.set(Cookie::Access, &token(), ACCESS_TTL).unwrap();
        let refresh = own.set(Cookie::Refresh, "r1", REFRESH_TTL).unwrap();
        (access.and(refresh), own.csrf_token("s1"))
    };
    let site = site(&cookies()).merge(Router::new().route("/quiet", post(log_in)));
    let answer = ask(&site, "POST /quiet", &[]).await;
    assert_eq!(set_cookies(&answer).len(), 2);
    let jar = sent_back(&answer);
    let headers = [("cookie", &*jar), ("origin", APP), ("x-csrf-token", &answer.text)];
    assert!(ask(&site, "POST /me", &headers).await.is_alice());
}
