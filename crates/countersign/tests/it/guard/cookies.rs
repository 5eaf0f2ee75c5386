//! Group K: cookies, and requests that a page did not mean.

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use countersign::layer::{
    Ambiguity, ConfigError, Cookie, CookieError, Cookies, CsrfFault, Denial, SameSite, Silence,
};
use http::HeaderMap;
use serde_json::json;

use crate::guard::kit::{
    APP, Answer, CSRF_KEY, app, ask, bear, csrf_token, request, send, token, token_with,
    with_cookies,
};

fn router() -> Router {
    app(&with_cookies().build().unwrap())
}

fn cookie() -> String {
    format!("__Host-countersign_access={}", token())
}

/// A request that carries the cookie and these headers.
async fn browse(line: &str, headers: &[(&str, &str)]) -> Answer {
    let cookie = cookie();
    let headers: Vec<_> = [("cookie", cookie.as_str())].iter().chain(headers).copied().collect();
    ask(&router(), line, &headers).await
}

#[tokio::test]
async fn k1_two_cookies_of_our_name_are_refused() {
    let twice = format!("{}; {}", cookie(), cookie());
    let answer = ask(&router(), "GET /me", &[("cookie", &twice)]).await;
    assert_eq!(answer.denial, Some(Denial::Ambiguous(Ambiguity::TwoCookies)));
    assert_eq!(answer.status, 400);
    let (one, two) = (cookie(), "__Host-countersign_access=tossed".to_owned());
    let apart = [("cookie", one.as_str()), ("cookie", two.as_str())];
    assert_eq!(ask(&router(), "GET /me", &apart).await.status, 400);
}

#[tokio::test]
async fn k2_k3_k5_a_cookie_that_is_not_quite_ours_is_none() {
    let token = token();
    let others: [Vec<u8>; 8] = [
        format!("__host-countersign_access={token}").into(),
        format!("countersign_access={token}").into(),
        [b"\xe2\x80\x80".as_slice(), cookie().as_bytes()].concat(),
        format!("__Host-countersign_access=\"{token}\"").into(),
        format!("$Version=1; __Host-countersign_access=\"{token}; $Path=/\"").into(),
        [cookie().as_bytes(), "é".as_bytes()].concat(),
        b"__Host-countersign_access=".to_vec(),
        b"__Host-countersign_access".to_vec(),
    ];
    for other in others {
        let answer = send(&router(), request("GET /me", &[("cookie", &other)])).await;
        assert_eq!(answer.status, 401, "{:?}", String::from_utf8_lossy(&other));
    }
    let among = format!("a=b;{} ; c", cookie());
    assert!(ask(&router(), "GET /me", &[("cookie", &among)]).await.is_alice());
}

#[tokio::test]
async fn safe_requests_need_the_cookie_alone() {
    for line in ["GET /me", "OPTIONS /me"] {
        assert!(browse(line, &[("sec-fetch-site", "cross-site")]).await.is_alice(), "{line}");
    }
    assert_eq!(browse("HEAD /me", &[]).await.status, 200);
}

#[tokio::test]
async fn k6_to_k9_an_unsafe_request_needs_the_sessions_csrf_token() {
    let origin = ("origin", APP);
    let (own, other) = (csrf_token("s1"), csrf_token("s2"));
    let answer = browse("POST /me", &[origin]).await;
    assert_eq!(answer.denial, Some(Denial::Csrf(CsrfFault::MissingHeader)));
    assert_eq!(answer.json()["error_description"], "The header X-CSRF-Token is missing.");
    assert_eq!((answer.json()["error"].as_str(), answer.challenge()), (Some("csrf_missing"), None));
    for wrong in [other.as_str(), "", "x", &own[1..], &format!("{own}="), &token()] {
        let answer = browse("POST /me", &[origin, ("x-csrf-token", wrong)]).await;
        assert_eq!(answer.denial, Some(Denial::Csrf(CsrfFault::Mismatch)), "{wrong}");
        assert_eq!(answer.status, 403);
    }
    let odd = [("x-csrf-token", &b"\xff\xfe"[..]), ("origin", APP.as_bytes())];
    let cookie = cookie();
    let headers: Vec<_> = [("cookie", cookie.as_bytes())].into_iter().chain(odd).collect();
    assert_eq!(send(&router(), request("POST /me", &headers)).await.status, 403);

    let query = format!("POST /me?csrf_token={own}");
    assert_eq!(browse(&query, &[origin]).await.status, 403);
    let naive = [origin, ("cookie", "__Host-countersign_csrf=x"), ("x-csrf-token", "x")];
    assert_eq!(browse("POST /me", &naive).await.status, 403);
    let twice = [origin, ("x-csrf-token", &own), ("x-csrf-token", &own)];
    assert_eq!(browse("POST /me", &twice).await.status, 403);
    for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "FOO"] {
        let line = format!("{method} /me");
        assert_eq!(browse(&line, &[origin]).await.status, 403, "{method}");
        assert!(browse(&line, &[origin, ("x-csrf-token", &own)]).await.is_alice(), "{method}");
    }
}

#[tokio::test]
async fn k10_to_k12_it_must_come_from_a_page_of_ours() {
    let own = csrf_token("s1");
    let good: [&[(&str, &str)]; 7] = [
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-origin"), ("origin", APP)],
        &[("origin", APP)],
        &[("referer", "https://app.example.org/page?x")],
        &[("referer", "https://app.example.org")],
        &[("sec-fetch-site", "same-site"), ("origin", APP)],
    ];
    for headers in good {
        let headers = [headers, &[("x-csrf-token", own.as_str())]].concat();
        assert!(browse("POST /me", &headers).await.is_alice(), "{headers:?}");
    }
    let bad: [&[(&str, &str)]; 17] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", APP)],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "")],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", "https://app.example.org.evil.example")],
        &[("origin", "https://app.example.org:444")],
        &[("origin", "http://app.example.org")],
        &[("origin", APP), ("origin", APP)],
        &[("referer", "https://evil.example/https://app.example.org/")],
        &[("referer", "https://app.example.org@evil.example/")],
        &[("referer", "https://app.example.org.evil.example/")],
        &[],
    ];
    for headers in bad {
        let headers = [headers, &[("x-csrf-token", own.as_str())]].concat();
        let answer = browse("POST /me", &headers).await;
        let fault = if headers.len() == 1 { CsrfFault::NoOrigin } else { CsrfFault::ForeignSite };
        assert_eq!(answer.denial, Some(Denial::Csrf(fault)), "{headers:?}");
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (403, &json!("csrf_origin")));
    }
    assert!(bear(&router(), "POST /me", &token()).await.is_alice(), "Bearer needs none of it");
}

#[tokio::test]
async fn a_websocket_handshake_by_cookie_must_come_from_a_page_of_ours() {
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert!(browse("GET /me", &[key, ("origin", APP)]).await.is_alice());
    assert_eq!(browse("GET /me", &[key, ("origin", "https://evil.example")]).await.status, 403);
    assert_eq!(browse("GET /me", &[key]).await.status, 403);
}

#[tokio::test]
async fn without_a_session_the_token_itself_is_what_csrf_is_bound_to() {
    let profile = countersign::Profile { required: &[], ..countersign::Profile::ACCESS };
    let keys = countersign::KeyRing::new(vec![crate::guard::kit::KEY.verifying_key()]);
    let cookies = Cookies::builder(APP, &CSRF_KEY).build().unwrap();
    let builder = countersign::layer::Guard::builder(countersign::Verifier::new(profile, keys));
    let clock = countersign::Clock::manual(crate::guard::kit::NOW);
    let app = app(&builder.cookies(cookies).clock(clock).build().unwrap());
    let send = async |token: &str, csrf: &str| {
        let cookie = format!("__Host-countersign_access={token}");
        let headers = [("cookie", cookie.as_str()), ("origin", APP), ("x-csrf-token", csrf)];
        ask(&app, "POST /me", &headers).await.status.as_u16()
    };
    let without_session = token_with(&json!({ "sid": null }));
    assert_eq!(send(&without_session, &csrf_token("t1")).await, 200);
    assert_eq!(send(&without_session, &csrf_token("t2")).await, 403);
    let with_neither = token_with(&json!({ "sid": null, "jti": null }));
    assert_eq!(send(&with_neither, &csrf_token("")).await, 403, "it is bound to nothing");
}

fn set(cookies: &Cookies) -> Vec<String> {
    let (access, refresh) = (Duration::from_mins(15), Duration::from_hours(24));
    let mut headers = HeaderMap::new();
    cookies.set_session("s1", ("a.b.c", access), ("r", refresh)).unwrap().append_to(&mut headers);
    cookies.clear().append_to(&mut headers);
    headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[test]
fn k18_cookies_have_safe_attributes_and_are_cleared_with_the_same() {
    let csrf = csrf_token("s1");
    let secure = Cookies::builder(APP, &CSRF_KEY).build().unwrap();
    let end = "; Secure; HttpOnly";
    assert_eq!(
        set(&secure),
        [
            format!("__Host-countersign_access=a.b.c; Path=/; SameSite=Lax; Max-Age=900{end}"),
            format!("__Host-countersign_refresh=r; Path=/; SameSite=Lax; Max-Age=86400{end}"),
            format!("__Host-countersign_csrf={csrf}; Path=/; SameSite=Lax; Max-Age=86400; Secure"),
            format!("__Host-countersign_access=; Path=/; SameSite=Lax; Max-Age=0{end}"),
            format!("__Host-countersign_refresh=; Path=/; SameSite=Lax; Max-Age=0{end}"),
            "__Host-countersign_csrf=; Path=/; SameSite=Lax; Max-Age=0; Secure".to_owned(),
        ]
    );
    let local = Cookies::builder("http://localhost:8080", &CSRF_KEY).name("x");
    let local = local.same_site(SameSite::Strict).build().unwrap();
    assert_eq!(set(&local)[0], "x_access=a.b.c; Path=/; SameSite=Strict; Max-Age=900; HttpOnly");
    assert_eq!(local.name(Cookie::Csrf), "x_csrf");
}

#[test]
fn a_value_that_would_break_out_of_its_cookie_is_not_set() {
    let cookies = Cookies::builder(APP, &CSRF_KEY).build().unwrap();
    let set = |value: &str| cookies.set(Cookie::Access, value, Duration::from_secs(1)).map(drop);
    for bad in ["", "a;b", "a b", "a\r\nSet-Cookie: x", "a,b", "\"a\"", "é"] {
        assert_eq!(set(bad), Err(CookieError::Value), "{bad:?}");
    }
    assert_eq!(set(&"x".repeat(4_096)), Err(CookieError::TooLong));
    set(&"x".repeat(3_900)).unwrap();
}

#[test]
fn cookies_that_cannot_be_safe_are_not_built() {
    let build = |origin: &str| Cookies::builder(origin, &CSRF_KEY).build().map(drop);
    for good in [
        "https://a.example",
        "https://a.example:8443",
        "http://localhost",
        "http://app.localhost:3000",
        "https://my_app.example",
        "http://127.0.0.1:80800",
        "http://[::1]:3000",
    ] {
        build(good).unwrap();
    }
    for bad in [
        "",
        "a.example",
        "https://",
        "https://A.example",
        "https://a.example/",
        "https://a.example?x",
        "https://a@b.example",
        "https://a.example:443",
        "https://é.example",
        "://x",
    ] {
        assert_eq!(build(bad), Err(ConfigError::Origin(bad.to_owned())));
    }
    for bad in [
        "http://a.example",
        "capacitor://localhost",
        "http://localhost.a.example",
        "http://alocalhost",
        "http://127.0.0.1.a.example",
    ] {
        assert_eq!(build(bad), Err(ConfigError::InsecureOrigin(bad.to_owned())));
    }
    let builder = || Cookies::builder(APP, &CSRF_KEY);
    let error = |builder: countersign::layer::CookiesBuilder| builder.build().unwrap_err();
    assert_eq!(error(Cookies::builder(APP, &[0; 31])), ConfigError::CsrfKey);
    assert_eq!(error(builder().previous_csrf_key(b"short")), ConfigError::CsrfKey);
    assert_eq!(error(builder().name("a b")), ConfigError::CookieName("a b_access".into()));
    assert_eq!(error(builder().names("a", "b", "a")), ConfigError::CookieName("a".into()));
    assert_eq!(error(builder().also_from(["x"])), ConfigError::Origin("x".into()));
    builder()
        .also_from(["capacitor://localhost", "app://Main"])
        .names("a", "b", "c")
        .build()
        .unwrap();
}

#[test]
fn k15_a_login_may_be_silent_but_not_foreign() {
    let cookies = Cookies::builder(APP, &CSRF_KEY).also_from(["https://two.example.org"]);
    let cookies = cookies.build().unwrap();
    let check = |name: &'static str, value: &str| {
        let headers =
            HeaderMap::from_iter([(http::HeaderName::from_static(name), value.parse().unwrap())]);
        cookies.check_origin(&headers, Silence::IsFine)
    };
    assert_eq!(cookies.check_origin(&HeaderMap::new(), Silence::IsFine), Ok(()));
    assert_eq!(check("origin", "https://two.example.org"), Ok(()));
    assert_eq!(check("origin", "https://evil.example"), Err(CsrfFault::ForeignSite));
    assert_eq!(check("sec-fetch-site", "cross-site"), Err(CsrfFault::ForeignSite));
}

#[tokio::test]
async fn cookies_are_part_of_a_response() {
    let cookies = Cookies::builder(APP, &CSRF_KEY).build().unwrap();
    let log_out = {
        let cookies = cookies.clone();
        async move || (cookies.clear(), "bye")
    };
    let app = Router::new().route("/logout", post(log_out));
    let answer = ask(&app, "POST /logout", &[]).await;
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 3);
}

#[test]
fn a_change_of_the_csrf_key_keeps_pages_that_are_open() {
    let mut headers = HeaderMap::new();
    headers.insert("origin", APP.parse().unwrap());
    headers.insert("x-csrf-token", csrf_token("s1").parse().unwrap());
    let changed = Cookies::builder(APP, &[8; 32]).previous_csrf_key(&CSRF_KEY).build().unwrap();
    assert_eq!(changed.check_csrf(&headers, "s1"), Ok(()));
    let forgotten = Cookies::builder(APP, &[8; 32]).build().unwrap();
    assert_eq!(forgotten.check_csrf(&headers, "s1"), Err(CsrfFault::Mismatch));
}
