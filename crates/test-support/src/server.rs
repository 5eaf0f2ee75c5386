//! A server of its own for each test, on each of the three databases, over real connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use countersign_server::app::{App, Setup};
use countersign_server::clock::{Clock, Time};
use countersign_server::config::Config;
use countersign_server::db::Kind;
use countersign_server::entropy::Entropy;
use countersign_server::http::router::router;
use countersign_server::http::{dialects, server};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::client::plain_http;
pub use crate::contract::Answered;
use crate::database::TestDatabase;

/// 2026-01-02T03:04:05Z, when every test begins.
pub const START: Time = Time(1_767_323_045_000);
/// What every test's server derives its secrets from.
pub const MASTER_SECRET: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
pub const PASSWORD: &str = "correct horse battery staple";

/// A running server and a client of it. The clock stands still until [`TestApp::advance`].
pub struct TestApp {
    pub app: App,
    pub address: SocketAddr,
    pub client: Client,
    pub data_dir: Arc<TempDir>,
    /// Taken when the server is started anew.
    database: Option<TestDatabase>,
    stop: CancellationToken,
}

/// What the native API answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let (method, url) = (request.method().clone(), request.url().clone());
        let response = client.execute(request).await.expect("the server answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the answer is whole");
        Answered {
            method: &method,
            path: url.path(),
            status: status.as_u16(),
            media_type: headers.get("content-type").and_then(|value| value.to_str().ok()),
            body: &text,
        }
        .keeps_the_contract();
        Self { status, headers, text }
    }

    /// The body as JSON; null where there is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Status and `code`, what most tests are about.
    pub fn code(&self) -> (u16, String) {
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), code)
    }

    /// The reason given, empty where none is.
    pub fn reason(&self) -> String {
        self.json()["reason"].as_str().unwrap_or_default().to_owned()
    }
}

/// A session as a client holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub access: String,
    pub refresh: String,
    pub id: String,
    pub user_id: String,
}

impl Session {
    /// Reads the `session` of an answer.
    pub fn read(session: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            access: text(&session["access_token"]),
            refresh: text(&session["refresh_token"]),
            id: text(&session["session_id"]),
            user_id: text(&session["user"]["id"]),
        }
    }
}

/// A configuration whose hashes are cheap, and which counts no failures unless a test is about it.
pub fn test_config() -> Config {
    let mut config = Config::default();
    config.passwords.memory_kib = 64;
    config.passwords.iterations = 1;
    config.passwords.lanes = 2;
    config.passwords.queue = 10_000;
    config.limits.enabled = false;
    config
}

impl TestApp {
    pub async fn on_database(kind: Kind) -> Option<Self> {
        Self::with(kind, |_| {}).await
    }

    /// A server whose configuration `change` has changed.
    pub async fn with(kind: Kind, change: impl FnOnce(&mut Config)) -> Option<Self> {
        let database = TestDatabase::on_database(kind).await?;
        let data_dir = Arc::new(tempfile::tempdir().expect("there is room for a folder"));
        let mut config = test_config();
        change(&mut config);
        Some(Self::start(database, data_dir, config, Clock::manual(START)).await)
    }

    /// A server on this database, which may hold data already.
    pub async fn start(
        database: TestDatabase,
        data_dir: Arc<TempDir>,
        mut config: Config,
        clock: Clock,
    ) -> Self {
        config.data_dir = data_dir.path().to_owned();
        config.database.url = Some(database.url.clone().into());
        let mut this = Self::build(data_dir, config, clock).await;
        this.database = Some(database);
        this.run(this.app.clone(), |app| async move { app.attend().await });
        this
    }

    /// Another node on the same database. It learns nothing unless it is made to look.
    pub async fn beside(&self) -> Self {
        Self::build(self.data_dir.clone(), self.app.config.clone(), self.app.clock.clone()).await
    }

    /// As [`TestApp::beside`], on a machine whose clock stands at `now`.
    pub async fn beside_at(&self, now: Time) -> Self {
        let clock = self.app.clock.beside(now);
        Self::build(self.data_dir.clone(), self.app.config.clone(), clock).await
    }

    /// As [`TestApp::beside`], by way of another URL.
    pub async fn beside_by(&self, url: &str) -> Self {
        let mut config = self.app.config.clone();
        config.database.url = Some(url.to_owned().into());
        Self::build(self.data_dir.clone(), config, self.app.clock.clone()).await
    }

    /// The URL of the database.
    pub fn database_url(&self) -> &str {
        &self.database.as_ref().expect("a server has its database").url
    }

    async fn build(data_dir: Arc<TempDir>, config: Config, clock: Clock) -> Self {
        let setup = Setup {
            dialects_access_ttl: dialects::longest_access_ttl(&config),
            mirrored: dialects::mirror::mirrored(&config),
            shapes: dialects::shapes(&config),
            dialects_want_client_sha256: dialects::want_client_sha256(&config),
            config,
            master_secret: Some(MASTER_SECRET.to_owned().into()),
            clock,
            entropy: Entropy::System,
            command: false,
        };
        let (app, _) = Box::pin(App::build(setup)).await.expect("the app starts");
        let router = router(&app).expect("no route is claimed twice");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("the listener has an address");
        let stop = CancellationToken::new();
        let stopping = stop.clone().cancelled_owned();
        let limits = server::Limits::of(&app.config);
        tokio::spawn(async move {
            let served = server::serve(listener, router, limits, stopping);
            served.await.expect("the server serves");
        });
        let client = plain_http().build().expect("a client can be made");
        Self { app, address, client, data_dir, database: None, stop }
    }

    /// Does something of the app's beside answering, until this server is dropped.
    pub fn run<W: Future<Output = ()> + Send + 'static>(
        &self,
        app: App,
        work: impl FnOnce(App) -> W,
    ) {
        let (stop, work) = (self.stop.clone(), work(app));
        tokio::spawn(async move { stop.run_until_cancelled(work).await });
    }

    /// The same database and folder under a server that starts anew.
    pub async fn restart(self) -> Self {
        let config = self.app.config.clone();
        self.restart_with(config).await
    }

    /// As [`TestApp::restart`], with another configuration.
    pub async fn restart_with(self, config: Config) -> Self {
        let clock = self.app.clock.clone();
        self.start_anew(config, clock).await
    }

    /// As [`TestApp::restart`], by another clock.
    pub async fn restart_at(self, clock: Clock) -> Self {
        let config = self.app.config.clone();
        self.start_anew(config, clock).await
    }

    async fn start_anew(mut self, config: Config, clock: Clock) -> Self {
        self.stop.cancel();
        let database = self.database.take().expect("a server has its database");
        Self::start(database, self.data_dir.clone(), config, clock).await
    }

    /// Lets time pass, and the server notice.
    pub async fn advance(&self, by: Duration) {
        // The server is out of touch after the first part, and has settled after the second.
        let settling = by.min(Duration::from_secs(1));
        for part in [by.saturating_sub(settling), settling] {
            self.app.clock.advance(part);
            self.app.catch_up().await.expect("the database answers");
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    /// A request with an access token, and with a body unless it is null.
    pub async fn send(&self, method: Method, path: &str, access: &str, body: Value) -> Answer {
        let mut request = self.request(method, path).bearer_auth(access);
        if !body.is_null() {
            request = request.json(&body);
        }
        Answer::of(request).await
    }

    pub async fn get(&self, path: &str, access: &str) -> Answer {
        self.send(Method::GET, path, access, Value::Null).await
    }

    /// Registers `NAME@example.org` and gives the session that begins with it.
    pub async fn register(&self, name: &str) -> Session {
        let body = json!({ "email": format!("{name}@example.org"), "password": PASSWORD });
        let answer = self.post("/v1/register", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Session::read(&answer.json()["session"])
    }

    pub async fn log_in_answer(&self, name: &str, password: &str) -> Answer {
        let identifier = format!("{name}@example.org");
        self.post("/v1/login", json!({ "identifier": identifier, "password": password })).await
    }

    pub async fn log_in(&self, name: &str) -> Session {
        let answer = self.log_in_answer(name, PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Session::read(&answer.json())
    }

    pub async fn refresh_answer(&self, refresh: &str) -> Answer {
        self.post("/v1/refresh", json!({ "refresh_token": refresh })).await
    }

    pub async fn refresh(&self, session: &Session) -> Session {
        let answer = self.refresh_answer(&session.refresh).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Session::read(&answer.json())
    }

    /// The status of a check of this access token.
    pub async fn check(&self, access: &str) -> u16 {
        self.get("/v1/me", access).await.status.as_u16()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
