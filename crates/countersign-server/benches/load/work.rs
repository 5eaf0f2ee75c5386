//! What clients ask for, and what they need for it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::program::{PASSWORD, Place, Server, Session, until};

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// HTTP alone.
    Health,
    /// A check of a token, in memory.
    ForwardAuth,
    /// A check of an API key and of a token, in memory.
    Introspect,
    /// A check, and a read of the user.
    Me,
    /// A write.
    Refresh,
    /// A hash, and a write.
    Login,
}

impl Work {
    pub(crate) const ALL: [Self; 6] =
        [Self::Health, Self::ForwardAuth, Self::Introspect, Self::Me, Self::Refresh, Self::Login];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Health => "`GET /healthz`: HTTP alone",
            Self::ForwardAuth => "`GET /forward-auth`: a check, in memory",
            Self::Introspect => "`POST /v1/introspect`: two checks, in memory",
            Self::Me => "`GET /v1/me`: a check and a read",
            Self::Refresh => "`POST /v1/refresh`: a write",
            Self::Login => "`POST /v1/login`: a hash and a write",
        }
    }
}

/// Users who are logged in, each a client of its own.
pub(crate) struct Clients {
    pub(crate) all: Vec<Arc<Client>>,
}

/// One user.
pub(crate) struct Client {
    name: String,
    key: String,
    session: Mutex<Session>,
}

impl Clients {
    pub(crate) async fn new(place: &Place, server: &Server, count: usize) -> Self {
        let made = place.json(&["apikey", "create", "load", "--right", "introspect"]);
        let key = made["key"].as_str().expect("a key").to_owned();
        // The server hears of it within a second.
        until(async || {
            let asked = server.request(Method::POST, "/v1/introspect").bearer_auth(&key);
            let answer = asked.send().await.expect("it answers");
            (answer.status() != StatusCode::UNAUTHORIZED).then_some(())
        })
        .await;
        let mut all = Vec::new();
        for number in 0..count {
            let name = format!("load-{number}");
            let session = Mutex::new(server.register(&name).await);
            all.push(Arc::new(Client { name, key: key.clone(), session }));
        }
        Self { all }
    }
}

impl Client {
    pub(crate) async fn request(&self, work: Work, address: &str) -> Request<Full<Bytes>> {
        let session = self.session.lock().await;
        let bearer = format!("Bearer {}", session.access);
        let (method, path, authorization, kind, body) = match work {
            Work::Health => (Method::GET, "/healthz", String::new(), "", String::new()),
            Work::ForwardAuth => (Method::GET, "/forward-auth", bearer, "", String::new()),
            Work::Me => (Method::GET, "/v1/me", bearer, "", String::new()),
            Work::Introspect => {
                let key = format!("Bearer {}", self.key);
                let body = format!("token={}", session.access);
                (Method::POST, "/v1/introspect", key, "application/x-www-form-urlencoded", body)
            }
            Work::Refresh => {
                let body = json!({ "refresh_token": session.refresh }).to_string();
                (Method::POST, "/v1/refresh", String::new(), "application/json", body)
            }
            Work::Login => {
                let identifier = format!("{}@example.org", self.name);
                let body = json!({ "identifier": identifier, "password": PASSWORD }).to_string();
                (Method::POST, "/v1/login", String::new(), "application/json", body)
            }
        };
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, address);
        if !authorization.is_empty() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if !kind.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        request.body(Full::new(body.into())).expect("a request")
    }

    /// Reads an answer; what was handed out is used next.
    pub(crate) async fn read(&self, work: Work, status: u16, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        assert_eq!(status, 200, "{work:?}: {text}");
        match work {
            Work::Refresh => {
                let answer: Value = serde_json::from_slice(body).expect("JSON");
                *self.session.lock().await = Session::read(&answer);
            }
            Work::Introspect => assert!(text.contains("\"active\":true"), "{text}"),
            _ => {}
        }
    }
}
