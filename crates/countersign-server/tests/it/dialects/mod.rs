//! What all five dialects promise alike, on one server that speaks them all.

mod bodies;
mod start;
mod tokens;
mod trouble;

use std::ops::Deref;

use countersign_server::config::{DialectConfig, ListUsers, Origins};
use countersign_server::db::Kind;
use countersign_server::password::Password;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::forms::{URL_ENCODED, url_encoded};
use crate::server::{Answer, PASSWORD, TestApp};

const JOE: &str = "joe@x.org";
const CANNOT_VERIFY: &str = "Could not verify";
const WENT_WRONG: &str = r#"{"message":"Something went wrong"}"#;
const NOT_OURS: &str = r#"{"msg":"Signature verification failed"}"#;
const MALFORMED: &str = r#"{"message":"Malformed request body"}"#;
const UNSUPPORTED: &str = r#"{"message":"Unsupported content type"}"#;
const BAD_BODY: &str = r#"{"code":400,"msg":"请求体格式错误","data":null}"#;

/// A status, and a body: JSON, or else a text.
type Told = (u16, &'static str);

/// A route that takes `identifier` and a password.
#[derive(Clone, Copy, Debug)]
struct Entrance {
    path: &'static str,
    /// Whom nobody knows yet; `None` where joe logs in.
    newcomer: Option<&'static str>,
    malformed: Told,
    unsupported: Told,
}

/// A dialect, and its words for what may happen in all of them.
#[derive(Clone, Copy, Debug)]
struct Wire {
    name: &'static str,
    prefix: &'static str,
    /// What the member with the identifier is called.
    identifier: &'static str,
    entrances: &'static [Entrance],
    /// What an access token opens.
    protected: &'static [(&'static str, &'static str)],
    /// To a token of another dialect.
    not_ours: Told,
    /// To what this node cannot do now.
    later: Told,
    /// Of 32 bytes, in hexadecimal: HKDF-SHA-256 of the tests' master secret, with the salt
    /// `countersign/1` and the dialect's label.
    derived_secret: &'static str,
}

const AUTH_TOKEN: Wire = Wire {
    name: "auth-token",
    prefix: "",
    identifier: "email",
    entrances: &[
        Entrance {
            path: "/auth/register",
            newcomer: Some("ann@x.org"),
            malformed: (400, r#"{"status":"fail","message":"Malformed request body."}"#),
            unsupported: (415, r#"{"status":"fail","message":"Unsupported content type."}"#),
        },
        Entrance {
            path: "/auth/login",
            newcomer: None,
            malformed: (400, r#"{"status":"fail","message":"Malformed request body."}"#),
            unsupported: (415, r#"{"status":"fail","message":"Unsupported content type."}"#),
        },
    ],
    protected: &[("GET", "/auth/status"), ("POST", "/auth/logout")],
    not_ours: (401, r#"{"status":"fail","message":"Invalid token. Please log in again."}"#),
    later: (503, r#"{"status":"fail","message":"Try again"}"#),
    derived_secret: "9ef0e0aaa096f54f66c3bdeebb96a3086215e6b945a393679eb24ac68b486f42",
};

const ACCESS_REFRESH: Wire = Wire {
    name: "access-refresh",
    prefix: "/a",
    identifier: "username",
    entrances: &[
        Entrance {
            path: "/registration",
            newcomer: Some("ann"),
            malformed: (400, MALFORMED),
            unsupported: (415, UNSUPPORTED),
        },
        Entrance {
            path: "/login",
            newcomer: None,
            malformed: (400, MALFORMED),
            unsupported: (415, UNSUPPORTED),
        },
    ],
    protected: &[("GET", "/secret"), ("GET", "/users"), ("POST", "/logout/access")],
    not_ours: (422, NOT_OURS),
    later: (503, WENT_WRONG),
    derived_secret: "7dd4be3dcf8c70abf9f755d82767487b932ad4802b75674c6f52750c7618d850",
};

const X_ACCESS_TOKEN: Wire = Wire {
    name: "x-access-token",
    prefix: "/x",
    identifier: "email",
    entrances: &[
        Entrance {
            path: "/signup",
            newcomer: Some("ann@x.org"),
            malformed: (400, "Malformed request body."),
            unsupported: (415, "Unsupported content type."),
        },
        Entrance {
            path: "/login",
            newcomer: None,
            malformed: (401, CANNOT_VERIFY),
            unsupported: (401, CANNOT_VERIFY),
        },
    ],
    protected: &[("GET", "/user")],
    not_ours: (401, r#"{"message":"Token is invalid !!"}"#),
    later: (503, CANNOT_VERIFY),
    derived_secret: "1bd9d1d448ebe2d4beb1b203d69ba7c75d06a3bded68ae5c26cf5b5d7eccad3d",
};

const CODE_ENVELOPE: Wire = Wire {
    name: "code-envelope",
    prefix: "/c",
    identifier: "username",
    entrances: &[Entrance {
        path: "/login",
        newcomer: None,
        malformed: (400, MALFORMED),
        unsupported: (415, UNSUPPORTED),
    }],
    protected: &[("GET", "/users"), ("POST", "/logout")],
    not_ours: (422, NOT_OURS),
    later: (503, r#"{"code":503,"message":"try again"}"#),
    derived_secret: "89064465508bac200650f41e145f4945dbb04976474218561cb42ee673ab25fd",
};

const PASSPORT: Wire = Wire {
    name: "passport",
    prefix: "",
    identifier: "mobile",
    entrances: &[
        Entrance {
            path: "/passport/register",
            newcomer: Some("13812345678"),
            malformed: (200, BAD_BODY),
            unsupported: (200, BAD_BODY),
        },
        Entrance {
            path: "/passport/login",
            newcomer: None,
            malformed: (200, BAD_BODY),
            unsupported: (200, BAD_BODY),
        },
    ],
    protected: &[("GET", "/passport/identify"), ("POST", "/passport/logout")],
    not_ours: (200, r#"{"code":401,"msg":"无效Token","data":null}"#),
    later: (200, r#"{"code":1001,"msg":"redis查询token失败","data":null}"#),
    derived_secret: "8d9e4f753de4ab773aca20ed9bbd105521c643bb91d07bcd89eb78ef135dd590",
};

const WIRES: [Wire; 5] = [AUTH_TOKEN, ACCESS_REFRESH, X_ACCESS_TOKEN, CODE_ENVELOPE, PASSPORT];

impl Wire {
    fn config(&self) -> DialectConfig {
        DialectConfig {
            name: self.name.into(),
            prefix: self.prefix.into(),
            list_users: ListUsers::Any,
            ..DialectConfig::default()
        }
    }

    fn takes_json(&self) -> bool {
        self.name != X_ACCESS_TOKEN.name
    }

    fn takes_forms(&self) -> bool {
        ![AUTH_TOKEN.name, CODE_ENVELOPE.name].contains(&self.name)
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// What this dialect's clients send for a password.
    fn password(&self) -> String {
        let typed = Password::parse(PASSWORD.to_owned()).expect("a password");
        match self.name {
            "code-envelope" => typed.client_sha256().expose().to_owned(),
            _ => PASSWORD.to_owned(),
        }
    }
}

/// A server with all five; their secrets are derived, and pages of any origin may call it.
struct AllFive(TestApp);

impl Deref for AllFive {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

impl AllFive {
    async fn on_database(kind: Kind) -> Option<Self> {
        let server = TestApp::with(kind, |config| {
            config.dialects = WIRES.iter().map(Wire::config).collect();
            config.cors.origins = Origins::Any;
        });
        server.await.map(Self)
    }

    /// Sends whoever it is with a password, as this dialect's clients do.
    async fn enter(&self, wire: &Wire, entrance: &Entrance) -> Answer {
        let (who, password) = (entrance.newcomer.unwrap_or(JOE), wire.password());
        let request = self.request(Method::POST, &wire.at(entrance.path));
        if wire.takes_json() {
            let body = json!({ wire.identifier: who, "password": password });
            return Answer::of(request.json(&body)).await;
        }
        let fields = [("name", "Joe"), (wire.identifier, who), ("password", &password)];
        let body = url_encoded(&fields);
        Answer::of(request.header(CONTENT_TYPE, URL_ENCODED).body(body)).await
    }

    /// Logs joe in, and gives the access token.
    async fn log_in_through(&self, wire: &Wire) -> String {
        let mut entrances = wire.entrances.iter();
        let login = entrances.find(|entrance| entrance.newcomer.is_none()).expect("a login");
        let answer = self.enter(wire, login).await;
        let body = answer.json();
        let found = ["/auth_token", "/access_token", "/token", "/data/token"];
        let token = found.iter().find_map(|name| body.pointer(name)?.as_str());
        token.unwrap_or_else(|| panic!("{}: no token: {answer:?}", wire.name)).to_owned()
    }

    /// Registers joe in one dialect and logs him in through each, in their order.
    async fn joe(&self) -> Vec<(Wire, String)> {
        let body = json!({ "email": JOE, "password": PASSWORD });
        assert_eq!(self.post("/auth/register", body).await.status, 201);
        let mut tokens = Vec::new();
        for wire in WIRES {
            tokens.push((wire, self.log_in_through(&wire).await));
        }
        tokens
    }
}

impl Wire {
    fn with_token(
        &self,
        server: &TestApp,
        (method, path): (&str, &str),
        token: &str,
    ) -> RequestBuilder {
        let request = server.request(method.parse().expect("a method"), &self.at(path));
        match self.name {
            "x-access-token" => request.header("x-access-token", token),
            "passport" => request.header(AUTHORIZATION, format!("JWT {token}")),
            _ => request.bearer_auth(token),
        }
    }

    /// Whether the dialect takes the token.
    async fn takes(&self, server: &TestApp, token: &str) -> bool {
        let answer = Answer::of(self.with_token(server, self.protected[0], token)).await;
        let code = answer.json()["code"].clone();
        answer.status == 200 && (code.is_null() || code == 200)
    }
}

#[track_caller]
fn assert_told(case: &str, answer: &Answer, (status, body): Told) {
    let read = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    let (told, expected) = (read(&answer.text), read(body));
    assert_eq!((answer.status.as_u16(), told), (status, expected), "{case}: {answer:?}");
}

/// As [`assert_told`], of an answer that says when to come back.
#[track_caller]
fn assert_later(case: &str, answer: &Answer, wire: &Wire) {
    assert_told(case, answer, wire.later);
    let seconds =
        answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    assert!(seconds.is_some_and(|seconds: u32| seconds > 0), "{case}: {answer:?}");
}
