//! The library's examples for other worlds, each a real program: whom they let in, and whom not.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use countersign_server::clock::{Clock, Time};
use countersign_server::db::Kind;
use countersign_server::operations::Caller;
use countersign_server::tables::api_key::Right;
use reqwest::{Client, Method};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::plain_http;
use crate::database::TestDatabase;
use crate::free::free_address;
use crate::nginx::{self, NGINX};
use crate::packages::{PYTHON, can_fetch, install_python};
use crate::server::{Session, TestApp, test_config};
use crate::tools::{NODE, install_node};
use crate::with_forgeries;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../countersign/examples");

/// The server whose tokens an application takes, and with what it may ask there.
pub(crate) struct Source {
    pub(crate) issuer: String,
    pub(crate) url: String,
    pub(crate) api_key: String,
}

/// Tokens of a server whose clock stands at the system's.
struct Issued {
    server: TestApp,
    source: Source,
    good: Session,
    admin: Session,
    expired: String,
}

impl Issued {
    async fn new() -> Self {
        const HOUR: Duration = Duration::from_hours(1);
        let database = TestDatabase::on_database(Kind::Sqlite).await.expect("SQLite is built in");
        let data_dir = Arc::new(tempfile::tempdir().expect("there is room for a folder"));
        let now = Clock::System.now();
        let clock = Clock::manual(Time(now.0 - 3_600_000));
        let server = TestApp::start(database, data_dir, test_config(), clock).await;
        let expired = server.register("alice").await.access;
        let admin = server.register("root").await;
        server.advance(HOUR).await;
        let caller = Caller::command(server.app.clock.now());
        let roles = vec!["admin".to_owned()];
        server.app.set_roles(&caller, &admin.user_id, roles).await.expect("the user is there");
        let (good, admin) = (server.log_in("alice").await, server.log_in("root").await);
        let made = server.app.create_api_key(&caller, "an API", &[Right::Introspect], None).await;
        let source = Source {
            issuer: server.app.config.public_url.as_str().to_owned(),
            url: format!("http://{}", server.address),
            api_key: made.expect("it can be made").1.expose_secret().to_owned(),
        };
        Self { server, source, good, admin, expired }
    }
}

/// An example at work, in a copy of its folder; ended when dropped.
pub(crate) struct Example {
    folder: TempDir,
    programs: Vec<Child>,
    address: String,
    client: Client,
}

impl Example {
    /// Flask's, with what it needs from `PyPI`.
    pub(crate) async fn flask(source: &Source) -> Self {
        let flask = Self::copy("flask", |folder| {
            install_python(folder, &["-r", "requirements.txt"]);
        });
        let mut flask = flask.await;
        let address = flask.address.clone();
        flask.start(&address, source, &["venv/bin/python", "app.py"]);
        flask.is_up().await;
        flask
    }

    /// Express's, with what it needs from npm.
    async fn express(source: &Source) -> Self {
        let mut express = Self::copy("express", |folder| install_node(folder, &[])).await;
        let address = express.address.clone();
        express.start(&address, source, &["node", "app.mjs"]);
        express.is_up().await;
        express
    }

    /// An application behind nginx, at addresses that are free.
    pub(crate) async fn nginx(source: &Source) -> Self {
        let mut nginx = Self::copy("nginx", |_| {}).await;
        let (address, application) = (nginx.address.clone(), free_address().to_string());
        let file = nginx.folder.path().join("nginx.conf");
        let config = fs::read_to_string(&file).expect("the example has a configuration");
        let config = config
            .replace("127.0.0.1:3000", &address)
            .replace("http://127.0.0.1:8080", &source.url)
            .replace("127.0.0.1:9000", &application);
        fs::write(&file, config).expect("there is room for a file");
        nginx.start(&application, source, &["python3", "app.py"]);
        // One process, which is the one that is ended.
        nginx.start(&address, source, &[&NGINX[..], &["-g", "master_process off;"]].concat());
        nginx.is_up().await;
        nginx
    }

    /// The library's own, which is followed by push; `program` is what cargo made of it.
    pub(crate) async fn remote(source: &Source, program: &Path) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let mut remote = Self::at_work_in(folder);
        let address = remote.address.clone();
        remote.start(&address, source, &[program.to_str().expect("a path in UTF-8")]);
        remote.answers("/me", |answer| answer.0 == 401).await;
        remote
    }

    /// Copies the example, and has `install` fetch what it needs.
    async fn copy(name: &str, install: impl FnOnce(&Path) + Send + 'static) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        for file in fs::read_dir(Path::new(EXAMPLES).join(name)).expect("the example is there") {
            let file = file.expect("it can be read");
            fs::copy(file.path(), folder.path().join(file.file_name())).expect("there is room");
        }
        let folder = tokio::task::spawn_blocking(move || {
            install(folder.path());
            folder
        });
        Self::at_work_in(folder.await.expect("the packages can be installed"))
    }

    fn at_work_in(folder: TempDir) -> Self {
        let client = plain_http().build().expect("a client can be made");
        Self { folder, programs: Vec::new(), address: free_address().to_string(), client }
    }

    /// Starts a program that listens at `address`, with the server's tokens.
    fn start(&mut self, address: &str, source: &Source, command: &[&str]) {
        let log = File::create(self.folder.path().join("log")).expect("there is room for a file");
        let (_, port) = address.split_once(':').expect("an address has a port");
        let program = Command::new(command[0])
            .args(&command[1..])
            .current_dir(self.folder.path())
            .env("PORT", port)
            .env("LISTEN", address)
            .env("ISSUER", &source.issuer)
            .env("SERVER", &source.url)
            .env("COUNTERSIGN_URL", &source.url)
            .env("COUNTERSIGN_API_KEY", &source.api_key)
            .env("JWKS", format!("{}/.well-known/jwks.json", source.url))
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.programs.push(program.expect("the program starts"));
    }

    async fn is_up(&self) {
        self.answers("/healthz", |answer| answer.1 == "well").await;
    }

    /// Waits until whoever has no token is answered so.
    async fn answers(&self, path: &str, as_wanted: impl Fn(&(u16, String, bool)) -> bool) {
        for _ in 0..300 {
            if self.get(path, None).await.as_ref().is_some_and(&as_wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = fs::read_to_string(self.folder.path().join("log"));
        panic!("the example does not answer: {}", log.unwrap_or_default());
    }

    /// Status, text, and whether there is a challenge.
    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Option<(u16, String, bool)> {
        // Whoever says who they are is not heard.
        let request = self.client.get(format!("http://{}{path}", self.address));
        let request = request.header("x-auth-user", "mallory");
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.ok()?;
        let challenged = answer.headers().contains_key("www-authenticate");
        Some((answer.status().as_u16(), answer.text().await.ok()?, challenged))
    }

    async fn lets_in_whom_it_should(&self, issued: &Issued) {
        let told = async |path: &str, token: Option<&str>| {
            self.get(path, token).await.expect("it answers")
        };
        let good = issued.good.access.as_str();
        let me = told("/me", Some(good)).await;
        assert_eq!((me.0, &me.1), (200, &issued.good.user_id));
        for token in [None, Some("rubbish"), Some(&*issued.expired)] {
            let answer = told("/me", token).await;
            assert_eq!((answer.0, answer.2), (401, true), "{token:?}");
        }
        let forgeries = with_forgeries(good);
        for (what, forged) in forgeries.as_object().expect("tokens") {
            let status = if what == "good" { 200 } else { 401 };
            assert_eq!(told("/me", forged.as_str()).await.0, status, "{what}");
        }
        assert_eq!(told("/admin", None).await.0, 401);
        assert_eq!(told("/admin", Some(good)).await.0, 403);
        let admin = told("/admin", Some(&issued.admin.access)).await;
        assert_eq!((admin.0, admin.1.as_str()), (200, "hello, admin"));
        assert_eq!(told("/nowhere", None).await.0, 401, "denied by default");
        assert_eq!(told("/nowhere", Some(good)).await.0, 404);
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        for program in &mut self.programs {
            program.kill().expect("it can be killed");
            program.wait().expect("it ends");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flask_lets_in_whom_it_should() {
    if !can_fetch(&PYTHON) {
        return;
    }
    let issued = Issued::new().await;
    let flask = Example::flask(&issued.source).await;
    flask.lets_in_whom_it_should(&issued).await;
    // What the server does not say is no yes.
    let Issued { server, good, .. } = issued;
    let key = server.app.api_keys().await.expect("the database answers").remove(0);
    let caller = Caller::command(server.app.clock.now());
    server.app.revoke_api_key(&caller, &key.id).await.expect("it is there");
    let answer = flask.get("/me", Some(&good.access)).await.expect("it answers");
    assert_eq!(answer.0, 503, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn express_lets_in_whom_it_should() {
    if !can_fetch(&NODE) {
        return;
    }
    let issued = Issued::new().await;
    let express = Example::express(&issued.source).await;
    express.lets_in_whom_it_should(&issued).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_lets_in_whom_it_should_and_nobody_who_logged_out() {
    if !can_fetch(&PYTHON) || !nginx::is_installed() {
        return;
    }
    let issued = Issued::new().await;
    let nginx = Example::nginx(&issued.source).await;
    nginx.lets_in_whom_it_should(&issued).await;

    let token = issued.good.access.as_str();
    let answer = issued.server.send(Method::POST, "/v1/logout", token, Value::Null).await;
    assert_eq!(answer.status, 204);
    let answer = nginx.get("/me", Some(token)).await.expect("it answers");
    assert_eq!(answer.0, 401, "at once");
}
