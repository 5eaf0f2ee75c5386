//! The real binary on a data folder of its own.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::plain_http;

/// The path of the binary under test, which cargo gives the tests and benches of its own package.
pub fn binary() -> &'static str {
    static BINARY: LazyLock<String> = LazyLock::new(|| {
        std::env::var("CARGO_BIN_EXE_countersign")
            .expect("cargo runs the test and names the binary")
    });
    &BINARY
}

pub const PASSWORD: &str = "correct horse battery staple";
/// Nothing that is awaited takes so long, unless it never happens.
const FOREVER: Duration = Duration::from_secs(30);

/// A folder in which the program has not run yet.
pub struct Place {
    pub folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Default for Place {
    /// Limits are off, since a test makes many users from one address.
    fn default() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        Self { folder, environment: Vec::new() }.set("COUNTERSIGN_LIMITS__ENABLED", "false")
    }
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// What it wrote with `--json`, having succeeded.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Place {
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a variable for all that runs here.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.data_dir().join("countersign.db")).expect("it is there")
    }

    /// `program` with what runs here sees of the environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.environment.iter().cloned()).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end, with `input` on its standard input.
    pub fn run(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(binary());
        command.arg("--data-dir").arg(self.data_dir()).args(arguments);
        finish(command, input)
    }

    /// Runs a command that succeeds, and gives its JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat(), &format!("{PASSWORD}\n")).json()
    }

    /// Starts the server and waits until it listens.
    pub async fn serve(&self) -> Server {
        self.serve_with(&[]).await
    }

    /// As [`Place::serve`], with these arguments too.
    pub async fn serve_with(&self, arguments: &[&str]) -> Server {
        let mut command = self.command(binary());
        command.arg("--data-dir").arg(self.data_dir()).args(["serve", "--listen", "127.0.0.1:0"]);
        command.args(arguments);
        Server::start(command).await
    }

    /// Every e-mail address that somebody is registered with.
    pub fn registered(&self) -> Vec<String> {
        let users = self.json(&["user", "list", "--limit", "10000"]);
        let users = users["users"].as_array().expect("a list").clone();
        let first = |user: &Value| user["identifiers"][0]["value"].as_str().map(str::to_owned);
        users.iter().filter_map(first).collect()
    }
}

/// Hands over a database's URL as a user must: in the flag, or in the variable where it holds a
/// password.
pub fn give_url(command: &mut Command, (flag, variable): (&str, &str), url: &str) {
    let parsed = url::Url::parse(url).expect("a URL");
    match parsed.password() {
        None => command.args([flag, url]),
        Some(_) => command.env(variable, url),
    };
}

/// Runs `command` to its end, with `input` on its standard input.
pub fn finish(mut command: Command, input: &str) -> Ran {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
    // A command that does not read its input has closed it.
    let _unread = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes text");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A running server, killed when it is dropped.
pub struct Server {
    pub child: Child,
    pub stdout: Text,
    pub stderr: Text,
    pub api: Api,
}

/// The native API at an address.
#[derive(Clone)]
pub struct Api {
    pub address: String,
    pub client: Client,
}

impl Deref for Server {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// What a process has written so far.
#[derive(Clone, Default)]
pub struct Text(Arc<Mutex<String>>);

impl Text {
    fn collect(source: impl Read + Send + 'static) -> Self {
        let this = Self::default();
        let text = this.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                let mut text = text.0.lock().expect("nobody panics with it");
                text.push_str(&line);
                text.push('\n');
            }
        });
        this
    }

    pub fn get(&self) -> String {
        self.0.lock().expect("nobody panics with it").clone()
    }

    /// Waits for a line that begins so, and gives the rest of it.
    pub async fn line(&self, start: &str) -> String {
        let find =
            || self.get().lines().find_map(|line| line.strip_prefix(start).map(str::to_owned));
        until(async || find()).await
    }
}

/// Waits until `look` finds something.
pub async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(FOREVER, looking).await.expect("what is awaited happens")
}

/// A session as a client holds it.
#[derive(Clone)]
pub struct Session {
    pub access: String,
    pub refresh: String,
    pub id: String,
    pub user_id: String,
}

impl Session {
    pub fn read(session: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self {
            access: text(&session["access_token"]),
            refresh: text(&session["refresh_token"]),
            id: text(&session["session_id"]),
            user_id: text(&session["user"]["id"]),
        }
    }
}

impl Server {
    pub async fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let stdout = Text::collect(child.stdout.take().expect("a pipe"));
        let stderr = Text::collect(child.stderr.take().expect("a pipe"));
        let address = stdout.line("Countersign listens on http://").await;
        let client = plain_http().build().expect("a client can be made");
        Self { child, stdout, stderr, api: Api { address, client } }
    }

    /// Puts the server under load; the tasks end when it is gone.
    pub fn load(&self, tasks: usize) -> Vec<tokio::task::JoinHandle<Vec<String>>> {
        let (client, address) = (&self.client, &self.address);
        let start =
            |by| tokio::spawn(Self::register_until_gone(client.clone(), address.clone(), by));
        (0..tasks).map(start).collect()
    }

    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// As `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Waits for the end, and gives the exit code.
    pub async fn end(mut self) -> Option<i32> {
        let ended = loop {
            if let Some(ended) = self.child.try_wait().expect("it is ours") {
                break ended;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        ended.code()
    }

    /// Registers one user after another until the server is gone; gives what it acknowledged.
    pub async fn register_until_gone(client: Client, address: String, by: usize) -> Vec<String> {
        let mut acknowledged = Vec::new();
        for number in 0.. {
            let email = format!("load-{by}-{number}@example.org");
            let body = json!({ "email": email, "password": PASSWORD });
            let request = client.post(format!("http://{address}/v1/register")).json(&body);
            match answer(request).await {
                Ok((201, _)) => acknowledged.push(email),
                Ok((503, _)) => {}
                Ok(other) => panic!("{other:?}"),
                Err(_) => break,
            }
        }
        acknowledged
    }
}

impl Api {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// Posts JSON; the status and the answer.
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.request(Method::POST, path).json(&body)).await.expect("the server answers")
    }

    pub async fn register(&self, name: &str) -> Session {
        let body = json!({ "email": format!("{name}@example.org"), "password": PASSWORD });
        let (status, answer) = self.post("/v1/register", body).await;
        assert_eq!(status, 201, "{answer}");
        Session::read(&answer["session"])
    }

    pub async fn log_in_answer(&self, name: &str, password: &str) -> (u16, Value) {
        let identifier = format!("{name}@example.org");
        self.post("/v1/login", json!({ "identifier": identifier, "password": password })).await
    }

    pub async fn log_in(&self, name: &str) -> Session {
        let (status, answer) = self.log_in_answer(name, PASSWORD).await;
        assert_eq!(status, 200, "{answer}");
        Session::read(&answer)
    }

    pub async fn refresh(&self, session: &Session) -> Session {
        let (status, answer) =
            self.post("/v1/refresh", json!({ "refresh_token": session.refresh })).await;
        assert_eq!(status, 200, "{answer}");
        Session::read(&answer)
    }

    pub async fn log_out(&self, session: &Session) {
        let request = self.request(Method::POST, "/v1/logout").bearer_auth(&session.access);
        assert_eq!(answer(request).await.expect("the server answers").0, 204);
    }

    /// Whom the session's access token is good for: the status and the answer.
    pub async fn me(&self, session: &Session) -> (u16, Value) {
        let request = self.request(Method::GET, "/v1/me").bearer_auth(&session.access);
        answer(request).await.expect("the server answers")
    }

    /// Waits until the access token is refused, and says why it is.
    pub async fn refused(&self, session: &Session) -> String {
        let look = async || {
            let (status, answer) = self.me(session).await;
            (status == 401).then(|| answer["reason"].as_str().unwrap_or_default().to_owned())
        };
        until(look).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

pub async fn answer(request: RequestBuilder) -> reqwest::Result<(u16, Value)> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}
