//! Tokens in cookies, and who may call from a page: group K, R6 and R17, and CORS.

use countersign_server::config::{Config, Origins, PublicUrl};
use countersign_server::db::Kind;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::client::Answer as RawAnswer;
use crate::client::{one, post_json};
use crate::kit::{Tables, assert_sober, raw};
use crate::server::{Answer, Answered, PASSWORD, TestApp};

const APP: &str = "https://app.example.org";

/// A server in cookie mode, on this machine over plain HTTP.
struct CookieApp(TestApp);

impl CookieApp {
    async fn on_database(kind: Kind) -> Option<Self> {
        Self::with(kind, |_| {}).await
    }

    async fn with(kind: Kind, change: impl FnOnce(&mut Config)) -> Option<Self> {
        let set = |config: &mut Config| {
            config.cookies.enabled = true;
            config.cors.origins = Origins::Listed(vec![APP.to_owned()]);
            change(config);
        };
        Some(Self(TestApp::with(kind, set).await?))
    }

    fn origin(&self) -> String {
        self.0.app.config.public_url.origin()
    }

    async fn register(&self, name: &str) -> Jar {
        let body = json!({ "email": format!("{name}@example.org"), "password": PASSWORD });
        let answer = self.0.post("/v1/register", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Jar::of(&answer.headers)
    }

    async fn log_in(&self, name: &str) -> Jar {
        Jar::of(&self.0.log_in_answer(name, PASSWORD).await.headers)
    }

    /// A request with these header lines and without a body.
    async fn send(&self, line: &str, headers: &[&str]) -> RawAnswer {
        let lines: Vec<String> = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let answer = raw(&self.0, line, lines.concat()).await;
        assert!(answer.status < 500, "{answer:?}");
        let (method, path) = line.split_once(' ').expect("a method and a path");
        Answered {
            method: &method.parse().expect("a method"),
            path: path.split_once('?').map_or(path, |(path, _)| path),
            status: answer.status,
            media_type: answer.header("content-type"),
            body: &answer.text(),
        }
        .keeps_the_contract();
        answer
    }

    /// A request as a page of ours sends it.
    async fn page_sends(&self, line: &str, jar: &Jar) -> RawAnswer {
        let origin = format!("Origin: {}", self.origin());
        self.send(line, &[&jar.header(), &jar.csrf_header(), &origin]).await
    }

    async fn me(&self, cookies: &str) -> u16 {
        self.send("GET /v1/me", &[cookies]).await.status
    }
}

/// The values of the three cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Jar {
    access: String,
    refresh: String,
    csrf: String,
}

impl Jar {
    fn of(headers: &HeaderMap) -> Self {
        Self::read(&set_cookies(headers), "countersign_")
    }

    fn read(set: &[String], prefix: &str) -> Self {
        let value = |name: &str| {
            let start = format!("{prefix}{name}=");
            let value = set.iter().find_map(|cookie| cookie.strip_prefix(&start));
            let value = value.unwrap_or_else(|| panic!("no {start} in {set:?}"));
            value.split(';').next().expect("a value").to_owned()
        };
        Self { access: value("access"), refresh: value("refresh"), csrf: value("csrf") }
    }

    fn header(&self) -> String {
        let Self { access, refresh, csrf } = self;
        format!(
            "Cookie: countersign_access={access}; countersign_refresh={refresh}; \
             countersign_csrf={csrf}"
        )
    }

    fn access_header(&self) -> String {
        format!("Cookie: countersign_access={}", self.access)
    }

    fn refresh_header(&self) -> String {
        format!("Cookie: countersign_refresh={}", self.refresh)
    }

    fn csrf_header(&self) -> String {
        format!("X-CSRF-Token: {}", self.csrf)
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.access)
    }
}

fn set_cookies(headers: &HeaderMap) -> Vec<String> {
    let cookies = headers.get_all("set-cookie").iter();
    cookies.map(|cookie| cookie.to_str().expect("text").to_owned()).collect()
}

fn set_cookies_of(answer: &RawAnswer) -> Vec<String> {
    let lines = answer.head.lines().filter_map(|line| line.split_once(": "));
    let set = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    set.map(|(_, value)| value.to_owned()).collect()
}

fn assert_code(case: &str, answer: &RawAnswer, status: u16, code: &str) {
    assert_sober(case, answer);
    let told = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    assert_eq!((answer.status, told.as_str()), (status, code), "{case}: {answer:?}");
}

on_each_database! {
    async fn the_tokens_are_in_the_cookies_and_nowhere_else(server: CookieApp) {
        let body = json!({ "email": "alice@example.org", "password": PASSWORD });
        let registered = server.0.post("/v1/register", body).await;
        let logged_in = server.0.log_in_answer("alice", PASSWORD).await;
        let jar = Jar::of(&logged_in.headers);
        let refreshed = server.page_sends("POST /v1/refresh", &jar).await;
        assert_eq!(refreshed.status, 200, "{refreshed:?}");
        for text in [&registered.text, &logged_in.text, &refreshed.text()] {
            assert!(!text.contains("access_token") && !text.contains("refresh_token"), "{text}");
            assert!(text.contains("session_id") && text.contains("expires_in"), "{text}");
        }
        for secret in [&jar.access, &jar.refresh, &jar.csrf] {
            assert!(!logged_in.text.contains(secret.as_str()));
        }
        let fresh = Jar::read(&set_cookies_of(&refreshed), "countersign_");
        assert_ne!(fresh.refresh, jar.refresh);
        assert_eq!(fresh.csrf, jar.csrf);
        assert_eq!(server.me(&fresh.access_header()).await, 200);
    }

    async fn k1_two_cookies_of_one_name_are_refused_and_neither_is_used(server: CookieApp) {
        let (jar, other) = (server.register("alice").await, server.register("bob").await);
        let before = Tables::of(&server.0.app).await;
        for (first, second) in [(&jar, &other), (&jar, &jar)] {
            let access = format!(
                "Cookie: countersign_access={}; countersign_access={}", first.access, second.access
            );
            let refresh = format!(
                "Cookie: countersign_refresh={}; countersign_refresh={}", first.refresh, second.refresh
            );
            let (one, two) = (first.access_header(), second.access_header());
            let origin = format!("Origin: {}", server.origin());
            assert_code("one line", &server.send("GET /v1/me", &[&access]).await, 400, "invalid_request");
            assert_code("two lines", &server.send("GET /v1/me", &[&one, &two]).await, 400, "invalid_request");
            let csrf = first.csrf_header();
            for line in ["POST /v1/refresh", "POST /v1/logout"] {
                let answer = server.send(line, &[&refresh, &csrf, &origin]).await;
                assert_code(line, &answer, 400, "invalid_request");
            }
        }
        assert_eq!(Tables::of(&server.0.app).await, before);
        assert_eq!(server.me(&jar.header()).await, 200);
    }

    async fn k2_k3_k5_a_cookie_of_nearly_our_name_is_not_ours(server: CookieApp) {
        let jar = server.register("alice").await;
        let Jar { access, refresh, .. } = &jar;
        for (case, cookies) in [
            ("k2_case", format!("Countersign_Access={access}")),
            ("k2_upper", format!("COUNTERSIGN_ACCESS={access}")),
            ("k2_prefix", format!("__Host-countersign_access={access}")),
            ("k2_u2000", format!("\u{2000}countersign_access={access}")),
            ("k2_u2000_behind", format!("countersign_access\u{2000}={access}")),
            ("k2_nbsp", format!("\u{a0}countersign_access={access}")),
            ("k2_no_value", "countersign_access".to_owned()),
            ("k2_nameless", format!("=countersign_access={access}")),
            ("k3_quoted", format!("countersign_access=\"{access}\"")),
            ("k3_version", format!("$Version=1; $countersign_access={access}")),
            ("k3_sandwich", format!("$Version=1; x=\"a; countersign_access=\"{access}\"; b\"")),
            ("k3_comma", format!("a=b, countersign_access={access}")),
            ("k5_utf8", format!("countersign_access={access}é")),
            ("k5_tab", format!("countersign_access={}\t{}", &access[..9], &access[9..])),
            ("another token", format!("countersign_access={refresh}")),
            ("another cookie", format!("countersign_refresh={access}")),
            ("empty", "countersign_access=".to_owned()),
        ] {
            let answer = server.send("GET /v1/me", &[&format!("Cookie: {cookies}")]).await;
            assert_sober(case, &answer);
            assert_eq!(answer.status, 401, "{case}: {answer:?}");
        }
        for bytes in [&b"\xff\xfe"[..], b"\x01", b"\0", b"\x7f"] {
            let headers = [b"Cookie: countersign_access=", access.as_bytes(), bytes, b"\r\n"].concat();
            let answer = raw(&server.0, "GET /v1/me", headers).await;
            assert!([400, 401].contains(&answer.status), "k5 {bytes:?}: {answer:?}");
        }
        assert_eq!(server.me(&jar.header()).await, 200);
    }

    async fn k4_too_many_cookies_are_refused_with_their_head(server: CookieApp) {
        let jar = server.register("alice").await;
        let many = "; c=x".repeat(200);
        let large = format!("; c={}", "x".repeat(16 * 1024));
        let medium = format!("; c={}", "x".repeat(9 * 1024));
        for more in [&many, &large, &medium] {
            assert_eq!(server.me(&(jar.header() + more)).await, 431);
        }
        assert_eq!(server.me(&(jar.header() + "; a=b; c=d")).await, 200);
    }

    async fn t7_two_different_tokens_in_header_and_cookie_are_refused(server: CookieApp) {
        let (jar, other) = (server.register("alice").await, server.register("bob").await);
        let answer = server.send("GET /v1/me", &[&jar.access_header(), &other.bearer()]).await;
        assert_code("t7", &answer, 400, "invalid_request");
        let answer = server.send("GET /v1/me", &[&jar.access_header(), "Authorization: Bearer"]).await;
        assert_code("t7_empty", &answer, 400, "invalid_request");
        let answer = server.send("GET /v1/me", &[&jar.access_header(), &jar.bearer()]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = server.send("POST /v1/logout", &[&jar.header(), &other.bearer()]).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert_eq!((server.me(&jar.header()).await, server.me(&other.header()).await), (200, 200));
    }
}

const UNSAFE: [&str; 5] = [
    "PATCH /v1/me",
    "POST /v1/refresh",
    "POST /v1/logout",
    "DELETE /v1/sessions/0197a2b1-0000-7000-8000-000000000000",
    "POST /v1/me/password",
];

on_each_database! {
    async fn k6_to_k9_an_unsafe_request_needs_the_sessions_own_csrf_token(server: CookieApp) {
        let (jar, other) = (server.register("alice").await, server.register("bob").await);
        let second = server.log_in("alice").await;
        let before = Tables::of(&server.0.app).await;
        let origin = format!("Origin: {}", server.origin());
        let header = jar.header();
        let naive = format!("{}; countersign_csrf=made-up", jar.access_header());
        for line in UNSAFE {
            let in_query = format!("{line}?x-csrf-token={0}&csrf={0}", jar.csrf);
            let missing = server.send(line, &[&header, &origin]).await;
            assert_code("k6", &missing, 403, "csrf_missing");
            let query = server.send(&in_query, &[&header, &origin]).await;
            assert_code("k9", &query, 403, "csrf_missing");
            for (case, token) in [
                ("k7_another_users", other.csrf.as_str()),
                ("k7_another_session", &second.csrf),
                ("k7_empty", ""),
                ("k7_short", &jar.csrf[..42]),
                ("k7_long", &format!("{}A", jar.csrf)),
                ("k7_case", &jar.csrf.to_uppercase()),
                ("k7_the_access_token", &jar.access),
            ] {
                let token = format!("X-CSRF-Token: {token}");
                let answer = server.send(line, &[&header, &origin, &token]).await;
                assert_code(case, &answer, 403, "csrf_mismatch");
            }
            if line != "POST /v1/refresh" {
                let answer = server.send(line, &[&naive, &origin, "X-CSRF-Token: made-up"]).await;
                assert_code("k8", &answer, 403, "csrf_mismatch");
            }
        }
        assert_eq!(Tables::of(&server.0.app).await, before);
        assert_eq!(server.page_sends("PATCH /v1/me", &jar).await.status, 200);
    }

    async fn k10_to_k12_an_unsafe_request_must_come_from_a_page_of_ours(server: CookieApp) {
        let jar = server.register("alice").await;
        let before = Tables::of(&server.0.app).await;
        let ours = server.origin();
        let origin = format!("Origin: {ours}");
        let listed = format!("Origin: {APP}");
        let (cross, same, site) =
            ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: same-site");
        let foreign: &[&[&str]] = &[
            &[cross],
            &[cross, &origin],
            &["Sec-Fetch-Site: CROSS-SITE"],
            &[cross, same],
            &[site],
            &["Sec-Fetch-Site: nonsense"],
            &["Origin: https://evil.example"],
            &["Origin: https://evil.example", same],
            &["Origin: null"],
            &["Origin:"],
            &["Origin: https://app.example.org.evil.example"],
            &["Origin: https://evil.app.example.org"],
            &["Origin: https://app.example.org:444"],
            &["Origin: http://app.example.org"],
            &["Origin: https://APP.example.org"],
            &["Origin: https://app.example.org/"],
            &[&origin, "Origin: https://evil.example"],
            &[&origin, &origin],
            &["Referer: https://evil.example/"],
            &["Referer: https://evil.example/http://localhost:8080/"],
            &["Referer: https://app.example.org@evil.example/"],
            &["Referer: x"],
            &["Referer: about:blank"],
            &[],
        ];
        let (cookies, token) = (jar.header(), jar.csrf_header());
        for line in UNSAFE {
            for from in foreign {
                let headers = [&[&*cookies, &*token], *from].concat();
                let answer = server.send(line, &headers).await;
                assert_code(&format!("{line} {from:?}"), &answer, 403, "csrf_origin");
            }
        }
        assert_eq!(Tables::of(&server.0.app).await, before);
        let referer = format!("Referer: {ours}/page?x=1");
        let own: &[&[&str]] = &[
            &[&origin], &[&origin, same], &[same], &["Sec-Fetch-Site: none"], &[&listed],
            &[&listed, site], &[&referer], &["Referer: https://app.example.org/page"],
        ];
        for from in own {
            let headers = [&[&*cookies, &*token], *from].concat();
            let answer = server.send("PATCH /v1/me", &headers).await;
            assert_eq!(answer.status, 200, "{from:?}: {answer:?}");
        }
    }

    async fn k12_a_bearer_needs_no_csrf_token_and_no_origin(server: CookieApp) {
        let jar = server.register("alice").await;
        for headers in [
            vec![jar.bearer()],
            vec![jar.bearer(), "Origin: https://evil.example".to_owned()],
            vec![jar.bearer(), "Sec-Fetch-Site: cross-site".to_owned()],
            vec![jar.bearer(), jar.access_header()],
        ] {
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let answer = server.send("PATCH /v1/me", &headers).await;
            assert_eq!(answer.status, 200, "{headers:?}: {answer:?}");
        }
        let refreshed = server.0.refresh_answer(&jar.refresh).await;
        assert_eq!(refreshed.status, 200, "{refreshed:?}");
        let out = server.send("POST /v1/logout", &[&jar.bearer()]).await;
        assert_eq!(out.status, 204, "{out:?}");
        assert_eq!(server.me(&jar.header()).await, 401);
    }

    async fn k13_k14_what_changes_things_has_its_own_method_and_no_other(server: CookieApp) {
        let jar = server.register("alice").await;
        let before = Tables::of(&server.0.app).await;
        for path in ["/v1/logout", "/v1/refresh"] {
            let answer = server.page_sends(&format!("GET {path}"), &jar).await;
            assert_code("k13", &answer, 405, "method_not_allowed");
            let head = server.0.request(Method::HEAD, path);
            assert_eq!(Answer::of(head.header("cookie", &jar.header()[8..])).await.status, 405);
        }
        let answer = server.page_sends("GET /v1/sessions/0197a2b1-0000-7000-8000-000000000000", &jar);
        assert_code("k13", &answer.await, 405, "method_not_allowed");
        for over in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
            let headers = [&*jar.header(), &format!("{over}: DELETE")];
            let answer = server.send("GET /v1/me?_method=DELETE&method=delete", &headers).await;
            assert_eq!(answer.status, 200, "k14");
        }
        assert_eq!(Tables::of(&server.0.app).await, before);
    }

    async fn k15_a_foreign_page_logs_nobody_in(server: CookieApp) {
        server.register("alice").await;
        let before = Tables::of(&server.0.app).await;
        let login = json!({ "identifier": "alice@example.org", "password": PASSWORD });
        let register = json!({ "email": "eve@example.org", "password": PASSWORD });
        for (path, body) in [("/v1/login", &login), ("/v1/register", &register)] {
            for (name, value) in [
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
                ("origin", "https://evil.example"),
                ("origin", "null"),
                ("referer", "https://evil.example/"),
            ] {
                let request = server.0.request(Method::POST, path).json(body).header(name, value);
                let answer = Answer::of(request).await;
                assert_eq!(answer.code(), (403, "csrf_origin".into()), "{path} {name} {value}");
                assert!(set_cookies(&answer.headers).is_empty());
            }
        }
        assert_eq!(Tables::of(&server.0.app).await, before);
        for (name, value) in [("origin", APP), ("sec-fetch-site", "same-origin")] {
            let request = server.0.request(Method::POST, "/v1/login").json(&login).header(name, value);
            assert_eq!(Answer::of(request).await.status, 200, "{name} {value}");
        }
    }

    async fn k16_a_login_begins_a_session_of_its_own_and_ends_the_one_whose_cookies_came(server: CookieApp) {
        let planted = server.register("mallory").await;
        server.register("alice").await;
        let body = json!({ "identifier": "alice@example.org", "password": PASSWORD });
        let mut bytes = post_json("/v1/login", body.to_string().as_bytes());
        let at = bytes.windows(2).position(|two| two == b"\r\n").expect("a line") + 2;
        bytes.splice(at..at, format!("{}\r\n", planted.header()).into_bytes());
        let answer = one(server.0.address, &bytes).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let jar = Jar::read(&set_cookies_of(&answer), "countersign_");
        assert!(jar.access != planted.access && jar.refresh != planted.refresh);
        assert_ne!(jar.csrf, planted.csrf);
        let me = server.send("GET /v1/me", &[&jar.access_header()]).await.json();
        assert_eq!(me["identifiers"][0]["value"], "alice@example.org");
        let replaced = server.send("GET /v1/me", &[&planted.access_header()]).await;
        assert_code("k16", &replaced, 401, "invalid_token");
    }

    async fn k19_a_refused_request_clears_no_cookie(server: CookieApp) {
        let jar = server.register("alice").await;
        let winner = server.page_sends("POST /v1/refresh", &jar).await;
        let winner = Jar::read(&set_cookies_of(&winner), "countersign_");
        server.0.advance(std::time::Duration::from_mins(20)).await;
        let late = server.send("GET /v1/me", &[&jar.header()]).await;
        assert_code("k19", &late, 401, "invalid_token");
        let fresh = server.page_sends("POST /v1/refresh", &winner).await;
        assert_eq!(fresh.status, 200, "{fresh:?}");
        let garbage = Jar { refresh: "x".repeat(76), ..jar };
        let refused = server.page_sends("POST /v1/refresh", &garbage).await;
        assert_code("k19", &refused, 401, "invalid_grant");
    }

    async fn r6_one_sessions_token_is_not_refreshed_with_anothers_cookie(server: CookieApp) {
        let (alice, bob) = (server.register("alice").await, server.register("bob").await);
        let before = Tables::of(&server.0.app).await;
        let body = json!({ "refresh_token": alice.refresh }).to_string();
        let origin = server.origin();
        let request = server.0.request(Method::POST, "/v1/refresh").body(body);
        let request = request.header("content-type", "application/json").header("origin", &origin);
        let request = request.header("cookie", &bob.refresh_header()[8..]);
        let answer = Answer::of(request.header("x-csrf-token", &bob.csrf)).await;
        assert_eq!(answer.code(), (401, "invalid_grant".into()), "{answer:?}");
        let origin = format!("Origin: {origin}");
        let headers = [&*alice.refresh_header(), &bob.csrf_header(), &origin];
        let answer = server.send("POST /v1/refresh", &headers).await;
        assert_code("r6", &answer, 403, "csrf_mismatch");
        assert_eq!(Tables::of(&server.0.app).await, before);
    }

    async fn r17_the_refresh_cookie_ends_the_session_when_the_access_token_has_expired(
        server: CookieApp
    ) {
        let (jar, alone) = (server.register("alice").await, server.log_in("alice").await);
        server.0.advance(std::time::Duration::from_hours(1)).await;
        assert_eq!(server.me(&jar.header()).await, 401);
        let out = server.page_sends("POST /v1/logout", &jar).await;
        assert_eq!(out.status, 204, "{out:?}");
        let refused = server.page_sends("POST /v1/refresh", &jar).await;
        assert_eq!(refused.json()["reason"], "logout", "{refused:?}");
        let origin = format!("Origin: {}", server.origin());
        let headers = [&*alone.refresh_header(), &alone.csrf_header(), &origin];
        assert_eq!(server.send("POST /v1/logout", &headers).await.status, 204);
        assert_eq!(server.page_sends("POST /v1/refresh", &alone).await.json()["reason"], "logout");
    }

    async fn a_logout_takes_the_cookies_back_and_logging_out_the_others_does_not(
        server: CookieApp
    ) {
        let (jar, other) = (server.register("alice").await, server.log_in("alice").await);
        let json = json!({ "scope": "others" });
        let request = server.0.request(Method::POST, "/v1/logout").json(&json);
        let request = request.header("cookie", &jar.header()[8..]).header("origin", server.origin());
        let answer = Answer::of(request.header("x-csrf-token", &jar.csrf)).await;
        assert_eq!((answer.status.as_u16(), set_cookies(&answer.headers)), (204, Vec::new()));
        assert_eq!((server.me(&jar.header()).await, server.me(&other.header()).await), (200, 401));
        let answer = server.page_sends("POST /v1/logout", &jar).await;
        assert_eq!(set_cookies_of(&answer), [
            "countersign_access=; Path=/; SameSite=Lax; Max-Age=0; HttpOnly",
            "countersign_refresh=; Path=/; SameSite=Lax; Max-Age=0; HttpOnly",
            "countersign_csrf=; Path=/; SameSite=Lax; Max-Age=0",
        ]);
        assert_eq!(answer.header("clear-site-data"), Some("\"storage\""));
        assert_eq!(server.me(&jar.header()).await, 401);
    }
}

/// The attributes, without name and value, of a cookie that is set with this life.
fn attributes(max_age: u64, readable: bool) -> String {
    let http_only = if readable { "" } else { "; HttpOnly" };
    format!("Path=/; SameSite=Lax; Max-Age={max_age}; Secure{http_only}")
}

fn assert_https_cookies(set: &[String], ages: [u64; 3]) {
    let names = ["access", "refresh", "csrf"].map(|name| format!("__Host-countersign_{name}"));
    assert_eq!(set.len(), 3, "{set:?}");
    for ((cookie, name), age) in set.iter().zip(names).zip(ages) {
        let (pair, rest) = cookie.split_once("; ").expect("attributes");
        assert_eq!(pair.split('=').next(), Some(&*name));
        assert_eq!(rest, attributes(age, name.ends_with("csrf")), "{name}");
        assert!(cookie.len() < 4096, "{name}");
    }
}

/// A server that clients know by an `https` URL.
struct HttpsApp(CookieApp);

impl HttpsApp {
    async fn on_database(kind: Kind) -> Option<Self> {
        let change = |config: &mut Config| {
            config.public_url = PublicUrl::parse("https://accounts.example.org").expect("a URL");
        };
        Some(Self(CookieApp::with(kind, change).await?))
    }
}

on_each_database! {
    async fn k18_behind_https_every_cookie_is_bound_to_its_host(server: HttpsApp) {
        let server = server.0;
        let (access, refresh) = (15 * 60, 30 * 24 * 60 * 60);
        let body = json!({ "email": "alice@example.org", "password": PASSWORD });
        let registered = server.0.post("/v1/register", body).await;
        assert_https_cookies(&set_cookies(&registered.headers), [access, refresh, refresh]);
        let logged_in = server.0.log_in_answer("alice", PASSWORD).await;
        assert_https_cookies(&set_cookies(&logged_in.headers), [access, refresh, refresh]);

        let jar = Jar::read(&set_cookies(&logged_in.headers), "__Host-countersign_");
        let cookies = jar.header().replace("countersign_", "__Host-countersign_");
        let headers = [&*cookies, &jar.csrf_header(), "Origin: https://accounts.example.org"];
        let refreshed = server.send("POST /v1/refresh", &headers).await;
        assert_https_cookies(&set_cookies_of(&refreshed), [access, refresh, refresh]);
        assert_eq!(server.me(&cookies).await, 200);
        for (case, wrong) in [
            ("k2_no_prefix", jar.header()),
            ("k2_case", cookies.replace("__Host-", "__host-")),
            ("k2_secure", cookies.replace("__Host-", "__Secure-")),
            ("k2_u2000", cookies.replace("__Host-", "\u{2000}__Host-")),
        ] {
            assert_eq!(server.me(&wrong).await, 401, "{case}");
        }
        let out = server.send("POST /v1/logout", &headers).await;
        assert_eq!(out.status, 204, "{out:?}");
        assert_https_cookies(&set_cookies_of(&out), [0, 0, 0]);
    }

    async fn deleting_the_account_takes_the_cookies_back(server: HttpsApp) {
        let server = server.0;
        let body = json!({ "email": "alice@example.org", "password": PASSWORD });
        let registered = server.0.post("/v1/register", body).await;
        let jar = Jar::read(&set_cookies(&registered.headers), "__Host-countersign_");
        let body = json!({ "password": PASSWORD });
        let deleted = server.0.send(Method::DELETE, "/v1/me", &jar.access, body).await;
        assert_eq!(deleted.status, 204, "{deleted:?}");
        assert_https_cookies(&set_cookies(&deleted.headers), [0, 0, 0]);
        assert_eq!(deleted.headers["clear-site-data"], "\"storage\"");
    }
}

fn cors(answer: &RawAnswer) -> (Option<&str>, Option<&str>) {
    let allowed = answer.header("access-control-allow-origin");
    (allowed, answer.header("access-control-allow-credentials"))
}

on_each_database! {
    async fn k17_a_listed_origins_page_may_call_and_another_may_not(server: CookieApp) {
        let preflight = ["Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: content-type,x-csrf-token"];
        for line in ["OPTIONS /v1/login", "GET /v1/me", "GET /nowhere", "GET /v1/login"] {
            let listed = server.send(line, &[&format!("Origin: {APP}"), preflight[0], preflight[1]]).await;
            assert_sober(line, &listed);
            assert_eq!(cors(&listed), (Some(APP), Some("true")), "{line}");
            assert!(listed.header("vary").is_some_and(|vary| vary.contains("origin")), "{line}");
            for origin in [
                "https://evil.example",
                "null",
                "https://app.example.org.evil.example",
                "https://app.example.org:444",
                "http://app.example.org",
                "*",
            ] {
                let origin = format!("Origin: {origin}");
                let answer = server.send(line, &[&origin, preflight[0], preflight[1]]).await;
                assert_sober(line, &answer);
                assert_eq!(cors(&answer).0, None, "{line} {origin}");
            }
        }
    }

    async fn k17_a_preflight_tells_what_a_page_may_send_and_read(server: CookieApp) {
        let origin = format!("Origin: {APP}");
        let preflight = server.send("OPTIONS /v1/me", &[&origin, "Access-Control-Request-Method: PATCH"]).await;
        assert_eq!((preflight.status, preflight.text().as_str()), (200, ""));
        let list = |answer: &RawAnswer, name: &str| {
            let value = answer.header(name).unwrap_or_default().to_ascii_lowercase();
            let mut list: Vec<String> = value.split(',').map(|item| item.trim().to_owned()).collect();
            list.sort();
            list
        };
        let headers = list(&preflight, "access-control-allow-headers");
        assert_eq!(headers, ["authorization", "content-type", "x-access-token", "x-csrf-token"]);
        let methods = list(&preflight, "access-control-allow-methods");
        assert_eq!(methods, ["delete", "get", "patch", "post"]);
        assert_eq!(preflight.header("access-control-max-age"), Some("600"));
        let answer = server.send("GET /v1/me", &[&origin]).await;
        let exposed = list(&answer, "access-control-expose-headers");
        assert_eq!(exposed, ["retry-after", "www-authenticate"]);
    }
}

on_each_database! {
    async fn k17_a_page_can_read_why_its_request_was_refused(server: CookieApp) {
        let session = server.register("alice").await;
        let origin = format!("Origin: {APP}");
        let long = format!("X-Long: {}", "a".repeat(20_000));
        let many = "a=b; ".repeat(101);
        let many = format!("Cookie: {many}");
        let large = format!("Content-Length: {}", 64 * 1024 + 1);
        let target = format!("GET /{}", "a".repeat(9_000));
        for (line, extra, status) in [
            ("POST /v1/login", &*large, 413),
            (&*target, "X-A: b", 414),
            ("POST /v1/login", "X-A: b", 400),
            ("GET /v1/me", "Expect: a-miracle", 417),
            ("GET /v1/me", &*long, 431),
            ("GET /v1/me", &*many, 431),
            ("GET /v1/me", "X-A: b", 401),
            ("GET /nowhere", "X-A: b", 404),
            ("PUT /v1/me", "X-A: b", 405),
        ] {
            let answer = server.send(line, &[&origin, extra]).await;
            assert_eq!((answer.status, cors(&answer)), (status, (Some(APP), Some("true"))), "{extra:.40}");
            assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{line}");
            assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{line}");
        }
        assert_eq!(server.me(&session.header()).await, 200);
    }
}

/// A server that any page may call, with or without cookie mode.
async fn any_origin(kind: Kind, cookies: bool) -> Option<CookieApp> {
    let change = |config: &mut Config| {
        config.cors.origins = Origins::Any;
        config.cookies.enabled = cookies;
    };
    CookieApp::with(kind, change).await
}

#[tokio::test(flavor = "multi_thread")]
async fn k17_where_any_page_may_call_none_may_bring_cookies() {
    for cookies in [false, true] {
        let server = any_origin(Kind::Sqlite, cookies).await.expect("SQLite is always there");
        for line in ["OPTIONS /v1/me", "GET /v1/me"] {
            let answer = server.send(line, &["Origin: https://evil.example"]).await;
            assert_eq!(cors(&answer), (Some("*"), None), "{line} {cookies}");
        }
        if cookies {
            let jar = server.register("alice").await;
            let headers = [&*jar.header(), &jar.csrf_header(), "Origin: https://evil.example"];
            let answer = server.send("PATCH /v1/me", &headers).await;
            assert_code("k17", &answer, 403, "csrf_origin");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_cookie_mode_a_logout_leaves_what_pages_have_stored() {
    let server = CookieApp::with(Kind::Sqlite, |config| config.cookies.enabled = false).await;
    let server = server.expect("SQLite is always there").0;
    let session = server.register("alice").await;
    let answer = server.send(Method::POST, "/v1/logout", &session.access, Value::Null).await;
    assert_eq!(answer.status, 204);
    assert!(!answer.headers.contains_key("clear-site-data"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn k17_without_cookie_mode_a_listed_page_gets_no_credentials() {
    let server = CookieApp::with(Kind::Sqlite, |config| config.cookies.enabled = false).await;
    let server = server.expect("SQLite is always there");
    let answer = server.send("GET /v1/me", &[&format!("Origin: {APP}")]).await;
    assert_eq!(cors(&answer), (Some(APP), None));
}
