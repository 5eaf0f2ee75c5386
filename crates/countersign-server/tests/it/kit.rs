//! What the tests of tokens, cookies and bodies share: a signer with the server's own key, requests
//! written byte by byte, and what the tables hold.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign_server::app::App;
use countersign_server::secrets::MasterSecret;
use countersign_server::sql;
use serde_json::{Value, json};

use crate::client::{Answer as RawAnswer, one};
use crate::server::{MASTER_SECRET, START, Session, TestApp};

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// HTTP Basic with this password, as the clients of OAuth's send it.
pub(crate) fn basic(password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("a-client:{password}")))
}

/// The server's own active key, opened from its row with the server's own master secret.
pub(crate) struct Signer {
    pub(crate) kid: String,
    pub(crate) pair: EcdsaKeyPair,
}

impl Signer {
    pub(crate) async fn of(app: &App) -> Self {
        let rows = app.signing_keys().await.expect("the database answers");
        let row = rows.iter().find(|row| row.activates_at <= START).expect("there is a key");
        let master = MasterSecret::from_base64(MASTER_SECRET).expect("it is one");
        let private = master.open(row.kid.as_bytes(), &row.sealed).expect("it is the one");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private);
        Self { kid: row.kid.clone(), pair: pair.expect("a key for ES256") }
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": self.kid })
    }

    pub(crate) fn signature(&self, message: &str) -> String {
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes());
        encode(signature.expect("a signature"))
    }

    /// A token of this header and payload, whatever they are, rightly signed.
    pub(crate) fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let message = format!("{}.{}", encode(header), encode(payload));
        format!("{message}.{}", self.signature(&message))
    }

    /// A token of this payload under the header that the server writes.
    pub(crate) fn sign_claims(&self, payload: impl AsRef<[u8]>) -> String {
        self.sign(self.header().to_string(), payload)
    }
}

/// What a good token says, as an object.
pub(crate) fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a token has three segments");
    serde_json::from_slice(&decode(payload)).expect("claims are JSON")
}

/// The claims with these members in the place of theirs; `null` takes one out.
pub(crate) fn with(claims: &Value, changes: Value) -> String {
    let mut claims = claims.clone();
    let members = claims.as_object_mut().expect("claims are an object");
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    for (name, value) in changes {
        members.remove(&name);
        if !value.is_null() {
            members.insert(name, value);
        }
    }
    claims.to_string()
}

sql! {
    USERS = "SELECT id, name, roles, epoch, disabled_at FROM users ORDER BY id";
    SESSIONS = "SELECT id, user_id, generation, ended_at, end_reason FROM sessions ORDER BY id";
    REVOCATIONS = "SELECT subject FROM revocations ORDER BY subject";
    IDENTIFIERS = "SELECT normalised FROM identifiers ORDER BY normalised";
}

type UserRow = (String, Option<String>, String, i64, Option<i64>);
type SessionRow = (String, String, i64, Option<i64>, Option<String>);

/// What no refused request changes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tables {
    pub(crate) users: Vec<UserRow>,
    pub(crate) sessions: Vec<SessionRow>,
    pub(crate) revocations: Vec<String>,
    pub(crate) identifiers: Vec<String>,
}

impl Tables {
    pub(crate) async fn of(app: &App) -> Self {
        let read = "the database answers";
        Self {
            users: app.db.list(USERS, &[]).await.expect(read),
            sessions: app.db.list(SESSIONS, &[]).await.expect(read),
            revocations: app.db.list(REVOCATIONS, &[]).await.expect(read),
            identifiers: app.db.list(IDENTIFIERS, &[]).await.expect(read),
        }
    }
}

/// A registered user's good session, and how things were before anything hostile came.
pub(crate) struct Before {
    pub(crate) session: Session,
    tables: Tables,
}

impl Before {
    pub(crate) async fn of(server: &TestApp, session: Session) -> Self {
        Self { session, tables: Tables::of(&server.app).await }
    }

    /// INV: nothing was changed, and the good go on.
    pub(crate) async fn is_now(&self, server: &TestApp) {
        assert_eq!(Tables::of(&server.app).await, self.tables);
        if !self.session.access.is_empty() {
            assert_eq!(server.check(&self.session.access).await, 200);
        }
    }
}

/// The answer to a request of this method and path with these header lines, written as they are.
pub(crate) async fn raw(server: &TestApp, line: &str, headers: impl AsRef<[u8]>) -> RawAnswer {
    let mut bytes =
        format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").into_bytes();
    bytes.extend_from_slice(headers.as_ref());
    bytes.extend_from_slice(b"\r\n");
    one(server.address, &bytes).await
}

/// What is true of every answer, and of what is refused.
pub(crate) fn assert_sober(case: &str, answer: &RawAnswer) {
    assert!(answer.status < 500, "{case}: {answer:?}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{case}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    if answer.status >= 400 {
        assert_eq!(answer.header("set-cookie"), None, "{case}");
        let text = answer.text();
        for leak in ["SELECT", "struct ", "serde", "sqlx", "panicked", "countersign_server::"] {
            assert!(!text.contains(leak), "{case}: {text}");
        }
    }
}
