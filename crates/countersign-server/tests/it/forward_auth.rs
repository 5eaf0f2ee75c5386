//! What a proxy is told of the requests that it asks about, and a real nginx that asks.

use std::process::{Child, Command};
use std::time::Duration;

use axum::Router;
use countersign_server::config::{Config, Origins};
use countersign_server::db::Kind;
use countersign_server::http::server::{self, Limits};
use countersign_server::operations::Caller;
use countersign_server::sql;
use http::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::client::plain_http;
use crate::free::free_address;
use crate::nginx::{self, NGINX};
use crate::redis_server::until;
use crate::server::{Answer, PASSWORD, Session, TestApp};

sql! {
    SESSIONS_AWAY = "ALTER TABLE sessions RENAME TO sessions_away";
    USERS_AWAY = "ALTER TABLE users RENAME TO users_away";
}

const PATH: &str = "/forward-auth";

async fn ask(server: &TestApp, query: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = server.request(Method::GET, &format!("{PATH}{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request).await
}

async fn ask_with(server: &TestApp, query: &str, token: &str) -> Answer {
    ask(server, query, &[("authorization", &format!("Bearer {token}"))]).await
}

/// The three headers, empty where one is missing.
fn identity(answer: &Answer) -> [String; 3] {
    ["x-auth-user", "x-auth-roles", "x-auth-session"].map(|name| {
        let values = answer.headers.get_all(name).iter();
        values.map(|value| value.to_str().expect("ASCII")).collect::<Vec<_>>().join("+")
    })
}

/// Gives the user these roles, and the session that has them.
async fn with_roles(server: &TestApp, session: &Session, roles: &[&str]) -> Session {
    let caller = Caller::command(server.app.clock.now());
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    server.app.set_roles(&caller, &session.user_id, roles).await.expect("the user is there");
    server.refresh(session).await
}

async fn log_out(server: &TestApp, session: &Session) {
    let answer = server.send(Method::POST, "/v1/logout", &session.access, Value::Null).await;
    assert_eq!(answer.status, 204);
}

/// A server in cookie mode that trusts whoever is on this machine, and a browser's cookies.
struct Browser {
    server: TestApp,
    cookies: String,
    csrf: String,
}

impl Browser {
    async fn on_database(kind: Kind) -> Option<Self> {
        Self::with(kind, |config| {
            config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        })
        .await
    }

    async fn with(kind: Kind, change: impl FnOnce(&mut Config)) -> Option<Self> {
        let server = TestApp::with(kind, |config| {
            config.cookies.enabled = true;
            config.cors.origins = Origins::Listed(vec!["https://app.example.org".to_owned()]);
            change(config);
        });
        let server = server.await?;
        let body = json!({ "email": "alice@example.org", "password": PASSWORD });
        let answer = server.post("/v1/register", body).await;
        let set = answer.headers.get_all("set-cookie").iter();
        let pair = |cookie: &str| cookie.split(';').next().expect("a pair").to_owned();
        let set: Vec<String> = set.map(|cookie| pair(cookie.to_str().expect("ASCII"))).collect();
        let csrf = set.iter().find_map(|pair| pair.strip_prefix("countersign_csrf="));
        let csrf = csrf.expect("the cookie is set").to_owned();
        Some(Self { server, cookies: set.join("; "), csrf })
    }

    async fn ask(&self, headers: &[(&str, &str)]) -> (u16, String) {
        let cookies = [("cookie", &*self.cookies)];
        ask(&self.server, "", &[&cookies, headers].concat()).await.code()
    }
}

fn told(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

on_each_database! {
    async fn a_good_token_is_let_through_with_who_it_is(server: TestApp) {
        let session = server.register("alice").await;
        let answer = ask_with(&server, "", &session.access).await;
        assert_eq!((answer.status.as_u16(), &*answer.text), (200, ""));
        assert_eq!(identity(&answer), [&*session.user_id, "", &session.id]);
        for name in ["x-auth-user", "x-auth-roles", "x-auth-session"] {
            assert_eq!(answer.headers.get_all(name).iter().count(), 1, "{name}");
        }
        assert_eq!(answer.headers["cache-control"], "no-store");

        let session = with_roles(&server, &session, &["editor", "billing:read"]).await;
        let roles = identity(&ask_with(&server, "", &session.access).await)[1].clone();
        assert_eq!(roles, "editor,billing:read");
    }

    async fn nothing_else_is_let_through(server: TestApp) {
        let session = server.register("alice").await;
        let nobody = ask(&server, "", &[]).await;
        assert_eq!(nobody.code(), told(401, "token_missing"));
        assert_eq!(nobody.headers["www-authenticate"], "Bearer");
        let forged = format!("{}AAAA", &session.access[..session.access.len() - 4]);
        for bad in ["x", &forged, &session.refresh] {
            let answer = ask_with(&server, "", bad).await;
            assert_eq!(answer.code(), told(401, "invalid_token"), "{bad}");
            assert_eq!(identity(&answer), ["", "", ""]);
        }
        let bearer = format!("Bearer {}", session.access);
        let twice = [("authorization", &*bearer), ("authorization", &*bearer)];
        let twice = ask(&server, "", &twice).await;
        assert_eq!(twice.code(), told(401, "token_missing"), "nginx knows no 400");
        for named in ["x-auth-user", "x-auth-roles", "x-auth-session", "x-access-token"] {
            let answer = ask(&server, "", &[(named, &session.user_id)]).await;
            assert_eq!(answer.code(), told(401, "token_missing"), "{named}");
        }
        server.advance(Duration::from_mins(15)).await;
        assert_eq!(ask_with(&server, "", &session.access).await.status, 401);
        let fresh = server.refresh(&session).await;
        assert_eq!(ask_with(&server, "", &fresh.access).await.status, 200);
        log_out(&server, &fresh).await;
        let over = ask_with(&server, "", &fresh.access).await;
        assert_eq!((over.status.as_u16(), over.reason()), (401, "logout".into()));
    }

    async fn every_role_of_the_query_is_demanded(server: TestApp) {
        let session = server.register("alice").await;
        let plain = ask_with(&server, "?role=editor", &session.access).await;
        assert_eq!(plain.code(), told(403, "role_missing"));
        assert_eq!(identity(&plain), ["", "", ""]);
        let session = with_roles(&server, &session, &["editor", "billing"]).await;
        for (query, status) in [
            ("?role=editor", 200),
            ("?role=editor&role=billing", 200),
            ("?role=%65ditor", 200),
            ("?", 200),
            ("?role=editor&role=admin", 403),
            ("?role=Editor", 403),
            ("?role=editor,billing", 403),
            ("?role=edit", 403),
            ("?roles=admin", 400),
            ("?role=", 400),
            ("?role", 400),
            ("?role=editor&x=1", 400),
        ] {
            let answer = ask_with(&server, query, &session.access).await;
            assert_eq!(answer.status, status, "{query}: {answer:?}");
        }
        let misspelt = ask_with(&server, "?roles=admin", &session.access).await;
        assert_eq!(misspelt.code(), told(400, "unknown_parameter"));
        assert_eq!(misspelt.json()["field"], "roles");
        let header = [("authorization", &*format!("Bearer {}", session.access)), ("x-auth-roles", "admin")];
        assert_eq!(ask(&server, "?role=admin", &header).await.status, 403);
        let demoted = with_roles(&server, &session, &[]).await;
        let stale = ask_with(&server, "?role=editor", &session.access).await;
        assert_eq!(stale.reason(), "claims_changed");
        assert_eq!(ask_with(&server, "?role=editor", &demoted.access).await.status, 403);
    }

    async fn a_cookie_counts_for_what_a_trusted_proxy_says_is_a_get_or_a_head(browser: Browser) {
        let read = [("x-forwarded-method", "GET"), ("x-original-method", "HEAD")];
        for header in read {
            assert_eq!(browser.ask(&[header]).await.0, 200, "{header:?}");
        }
        assert_eq!(browser.ask(&read).await.0, 200);
        for headers in [
            &[][..],
            &[("x-forwarded-method", "POST")],
            &[("x-original-method", "DELETE")],
            &[("x-forwarded-method", "get")],
            &[("x-forwarded-method", "")],
            &[("x-forwarded-method", "OPTIONS")],
            &[("x-forwarded-method", "GET"), ("x-original-method", "POST")],
            &[("x-forwarded-method", "GET"), ("x-forwarded-method", "POST")],
        ] {
            let refused = browser.ask(headers).await;
            assert_eq!(refused, told(403, "csrf_origin"), "{headers:?}");
        }
        let bearer = browser.cookies.split("; ").find_map(|it| it.strip_prefix("countersign_access="));
        let answer = ask_with(&browser.server, "", bearer.expect("the cookie is set")).await;
        assert_eq!(answer.status, 200, "what a page cannot send by accident needs no more");
    }

    async fn a_cookie_counts_for_the_rest_when_a_page_of_ours_sends_it(browser: Browser) {
        let ours = ("origin", "https://app.example.org");
        let csrf = ("x-csrf-token", &*browser.csrf);
        let post = ("x-original-method", "POST");
        assert_eq!(browser.ask(&[post, ours, csrf]).await.0, 200);
        assert_eq!(browser.ask(&[ours, csrf]).await.0, 200);
        let evil = ("origin", "https://evil.example.org");
        assert_eq!(browser.ask(&[post, ours]).await, told(403, "csrf_missing"));
        assert_eq!(browser.ask(&[post, evil, csrf]).await, told(403, "csrf_origin"));
        assert_eq!(
            browser.ask(&[post, ours, ("x-csrf-token", "x")]).await,
            told(403, "csrf_mismatch")
        );
        let get = ("x-original-method", "GET");
        let socket = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(browser.ask(&[get, socket]).await, told(403, "csrf_origin"));
        assert_eq!(browser.ask(&[get, socket, evil]).await, told(403, "csrf_origin"));
        assert_eq!(browser.ask(&[get, socket, ours]).await.0, 200);
    }

    async fn no_database_is_read(server: TestApp) {
        let session = server.register("alice").await;
        for away in [SESSIONS_AWAY, USERS_AWAY] {
            let moved = server.app.db.write("away", move |tx| {
                Box::pin(async move { tx.execute(away, &[]).await.map(drop) })
            });
            moved.await.expect("the table can be moved");
        }
        assert_eq!(ask_with(&server, "", &session.access).await.status, 200);
    }

    async fn a_node_that_is_out_of_touch_lets_nobody_through(server: TestApp) {
        let session = server.register("alice").await;
        let other = server.beside().await;
        other.app.clock.advance(Duration::from_secs(6));
        assert_eq!(ask_with(&other, "", &session.access).await.code(), told(503, "unavailable"));
    }

    async fn nginx_lets_through_whom_it_was_told_to_and_overwrites_what_clients_claim(server: TestApp) {
        let Some(nginx) = Nginx::before(&server).await else { return };
        let session = server.register("alice").await;
        let seen = nginx.get("/page", &session.access).await;
        assert_eq!(seen, (200, json!({ "x-auth-user": [session.user_id], "x-auth-session": [session.id] })));
        assert_eq!(nginx.get("/admin/page", &session.access).await.0, 403);
        assert_eq!(nginx.get("/page", "x").await.0, 401);
        assert_eq!(nginx.get("/countersign", &session.access).await.0, 404, "it is internal");

        let session = with_roles(&server, &session, &["admin", "editor"]).await;
        let seen = nginx.get("/admin/page", &session.access).await;
        assert_eq!((seen.0, &seen.1["x-auth-roles"]), (200, &json!(["admin,editor"])));

        log_out(&server, &session).await;
        assert_eq!(nginx.get("/page", &session.access).await.0, 401);
        assert_eq!(nginx.get("/admin/page", &session.access).await.0, 401);
    }
}

#[tokio::test]
async fn a_proxy_that_nobody_trusts_tells_no_method() {
    let browser = Browser::with(Kind::Sqlite, |_| {}).await.expect("SQLite is always there");
    let refused = browser.ask(&[("x-forwarded-method", "GET")]).await;
    assert_eq!(refused, told(403, "csrf_origin"));
}

#[tokio::test]
async fn nginx_tells_the_method_of_the_original_request() {
    let browser = Browser::on_database(Kind::Sqlite).await.expect("SQLite is always there");
    let Some(nginx) = Nginx::before(&browser.server).await else { return };
    let send = |method, headers: &'static [(&str, &str)]| {
        let request = nginx.request(method, "/page").header("cookie", &browser.cookies);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    assert_eq!(Answer::of(send(Method::GET, &[])).await.status, 200);
    let said = &[("x-original-method", "GET"), ("x-forwarded-method", "GET")];
    assert_eq!(Answer::of(send(Method::POST, said)).await.status, 403);
    let page = send(Method::POST, &[("origin", "https://app.example.org")]);
    let page = page.header("x-csrf-token", &browser.csrf).body("a body");
    assert_eq!(Answer::of(page).await.status, 200);
}

#[tokio::test]
async fn a_browser_with_many_cookies_and_fields_gets_through_nginx() {
    let browser = Browser::on_database(Kind::Sqlite).await.expect("SQLite is always there");
    let Some(nginx) = Nginx::before(&browser.server).await else { return };
    // As many as Chrome keeps for a domain.
    let others: Vec<_> = (0..180).map(|number| format!("_ga_{number}=GS1.1.{number}; ")).collect();
    let others = others.concat();
    let cookies = format!("{others}{}", browser.cookies);
    let mut request = nginx.request(Method::GET, "/page").header("cookie", cookies);
    for number in 0..100 {
        request = request.header(format!("x-field-{number}"), "a".repeat(60));
    }
    let request = request.header("host", "app.example.org");
    assert_eq!(Answer::of(request).await.status, 200);
}

#[tokio::test]
async fn whatever_the_proxy_asks_with_but_get_and_head_it_is_no_permission() {
    let browser = Browser::on_database(Kind::Sqlite).await.expect("SQLite is always there");
    let server = &browser.server;
    for method in ["OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = server.request(method.clone(), "/forward-auth?role=admin");
        let request = request.header("cookie", &browser.cookies).header("x-auth-user", "root");
        let request = request.header("origin", "https://app.example.org");
        let answer = Answer::of(request.header("access-control-request-method", "GET")).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(identity(&answer), ["", "", ""], "{method}");
    }
}

/// A real nginx with the configuration of `docs/forward-auth.md`, before an application that tells
/// which headers of ours reached it.
struct Nginx {
    process: Child,
    port: u16,
    client: reqwest::Client,
    stop: CancellationToken,
    _folder: TempDir,
}

impl Nginx {
    /// `None` where it is not installed (it says so).
    async fn before(server: &TestApp) -> Option<Self> {
        if !nginx::is_installed() {
            return None;
        }
        let stop = CancellationToken::new();
        let application = application(stop.clone()).await;
        let port = free_address().port();
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let documented = include_str!("../../../../docs/forward-auth.md");
        let locations =
            documented.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next());
        let locations = locations.expect("the document has the configuration");
        let locations = locations.replace("127.0.0.1:8080", &server.address.to_string());
        let locations = locations.replace("127.0.0.1:9000", &application);
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = temporary.map(|name| format!("{name}_temp_path {name};")).join(" ");
        let config = format!(
            "daemon off; master_process off; pid pid; error_log error.log;\n\
             events {{}}\n\
             http {{ access_log off; {temporary}\n\
             server {{ listen 127.0.0.1:{port};\n{locations}}} }}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), config).expect("there is room for a file");
        let process = Command::new(NGINX[0])
            .args(&NGINX[1..])
            .current_dir(folder.path())
            .spawn()
            .expect("nginx starts");
        let client = plain_http().build().expect("a client can be made");
        let this = Self { process, port, client, stop, _folder: folder };
        until("nginx", async || this.request(Method::GET, "/").send().await.is_ok()).await;
        Some(this)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://127.0.0.1:{}{path}", self.port))
    }

    /// The answer to one who claims to be somebody else: the status, and what the application saw.
    async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        let request = self.request(Method::GET, path).bearer_auth(token);
        let request = request.header("X-Auth-User", "root").header("X-Auth-Roles", "admin");
        let answer = Answer::of(request.header("X-Auth-Session", "mine")).await;
        (answer.status.as_u16(), answer.json())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.stop.cancel();
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
    }
}

/// Answers every request with the headers of ours that reached it.
async fn application(stop: CancellationToken) -> String {
    let tell = async |headers: HeaderMap| {
        let mut seen = json!({});
        for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("x-auth"))
        {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let values = &mut seen[name.as_str()];
            match values.as_array_mut() {
                Some(values) => values.push(json!(value)),
                None => *values = json!([value]),
            }
        }
        axum::Json(seen)
    };
    let router = Router::new().fallback(tell);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address").to_string();
    let limits = Limits { max_headers: 200, max_cookies: 1_000, ..Limits::default() };
    tokio::spawn(async move {
        let served = server::serve(listener, router, limits, stop.cancelled_owned());
        served.await.expect("it serves");
    });
    address
}
